package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

var key = cred.Key{Issuer: "https://id.example", Client: "doorward"}

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const life = 10 * time.Minute

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// server is an authorization server of the strict kind: a refresh token works once, any other is invalid_grant.
type server struct {
	client *clock // what the client's machine shows, by which Expires is made

	mu      sync.Mutex
	current string
	calls   int
	fail    error  // instead of an answer
	during  func() // while the request is on its way
}

func (s *server) Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	s.mu.Lock()
	s.calls++
	fail, during := s.fail, s.during
	s.mu.Unlock()
	if during != nil {
		during()
	}
	if err := ctx.Err(); err != nil {
		return cred.Credential{}, err
	}
	if fail != nil {
		return cred.Credential{}, fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old.Refresh.Reveal() != s.current {
		return cred.Credential{}, oauth.Errorf(oauth.InvalidGrant, "no such token")
	}
	s.current += "+"
	fresh := old
	fresh.Access, fresh.Refresh = secret.New("access of "+s.current), secret.New(s.current)
	fresh.Expires = s.client.now().Add(life)
	return fresh, nil
}

func (s *server) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *server) answer(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// bench is one login on one machine.
type bench struct {
	*Session
	clock    *clock
	server   *server
	file     *cred.File
	warnings *[]error
}

// newBench is logged in with a token that lives for the rest of left.
func newBench(t *testing.T, left time.Duration) bench {
	t.Helper()
	c := &clock{at: start}
	b := bench{
		clock: c, server: &server{client: c, current: "r"}, warnings: new([]error),
		file: &cred.File{Path: filepath.Join(t.TempDir(), "login.json")},
	}
	b.Session = b.process()
	b.store(t, cred.Credential{
		Kind: cred.KindOAuth, Access: secret.New("access of r"), Refresh: secret.New("r"), Account: "ada@example.com", Name: "Ada",
		Renewed: start.Add(left - life), Expires: start.Add(left),
	})
	return b
}

// process is a session as another process of the same person would have it.
func (b bench) process() *Session {
	return &Session{
		Store: &cred.File{Path: b.file.Path}, Key: key, Refresher: b.server, Now: b.clock.now,
		Rand: func() float64 { return 0 },
		Warn: func(err error) { *b.warnings = append(*b.warnings, err) },
	}
}

func (b bench) store(t *testing.T, c cred.Credential) {
	t.Helper()
	if _, err := b.file.Update(t.Context(), key, func(cred.Credential, bool) (cred.Credential, error) { return c, nil }); err != nil {
		t.Fatal(err)
	}
}

func (b bench) stored(t *testing.T) cred.Credential {
	t.Helper()
	c, err := b.file.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b bench) bytes(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(b.file.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (b bench) wantToken(t *testing.T, want string) {
	t.Helper()
	c, err := b.Token(t.Context())
	if err != nil || c.Access.Reveal() != want {
		t.Fatalf("Token: %q, %v; want %q", c.Access.Reveal(), err, want)
	}
}

func temporary(err error) bool {
	var t *oauth.TemporaryError
	return errors.As(err, &t)
}

func TestTokenFromTheCache(t *testing.T) {
	t.Parallel()
	b := newBench(t, 5*time.Minute)
	if err := os.Remove(b.file.Path + ".lock"); err != nil {
		t.Fatal(err)
	}
	b.wantToken(t, "access of r")
	if _, err := os.Stat(b.file.Path + ".lock"); err == nil || b.server.asked() != 0 {
		t.Fatalf("lock file: %v, requests: %d; want none of them", err, b.server.asked())
	}
}

func TestTokenNearItsEndIsRenewedAndSaved(t *testing.T) {
	t.Parallel()
	b := newBench(t, 30*time.Second)
	b.wantToken(t, "access of r+")
	got := b.stored(t)
	if got.Refresh.Reveal() != "r+" || !got.Renewed.Equal(start) || !got.Expires.Equal(start.Add(life)) || got.Account != "ada@example.com" {
		t.Fatalf("stored: %+v", got)
	}
	b.wantToken(t, "access of r+")
	if b.server.asked() != 1 {
		t.Fatalf("%d requests", b.server.asked())
	}
}

func TestNobodyIsLoggedIn(t *testing.T) {
	t.Parallel()
	s := &Session{Store: &cred.File{Path: filepath.Join(t.TempDir(), "x.json")}, Key: key}
	if _, err := s.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
		t.Errorf("Token: %v", err)
	}
	if _, err := s.Refresh(t.Context()); !errors.Is(err, ErrLoginRequired) {
		t.Errorf("Refresh: %v", err)
	}
	if err := s.Logout(t.Context(), nil); !errors.Is(err, ErrLoginRequired) {
		t.Errorf("Logout: %v", err)
	}
	if status, err := s.Status(t.Context(), nil); !errors.Is(err, ErrLoginRequired) || status.Verified {
		t.Errorf("Status: %v", err)
	}
}

func TestDamagedStoreIsNeverNotLoggedIn_SEC232(t *testing.T) {
	t.Parallel()
	b := newBench(t, life)
	if err := os.WriteFile(b.file.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *cred.DamagedError
	if _, err := b.Token(t.Context()); !errors.As(err, &damaged) || errors.Is(err, ErrLoginRequired) {
		t.Errorf("Token: %v", err)
	}
	if err := b.Logout(t.Context(), nil); !errors.As(err, &damaged) {
		t.Errorf("Logout: %v", err)
	}
}

func TestWhenATokenIsRenewed(t *testing.T) {
	t.Parallel()
	at := func(life, left time.Duration) cred.Credential {
		return cred.Credential{Access: secret.New("a"), Refresh: secret.New("r"), Renewed: start.Add(left - life), Expires: start.Add(left)}
	}
	plain, static, unknown := at(time.Hour, -time.Second), at(time.Hour, time.Second), at(0, 30*time.Second)
	plain.Expires, static.Refresh, unknown.Renewed = time.Time{}, secret.String{}, time.Time{}
	early, spread := Session{Early: 5 * time.Minute}, Session{Rand: func() float64 { return 0.999 }}
	tests := map[string]struct {
		s    *Session
		c    cred.Credential
		want bool // still fresh
	}{
		"an hour, 61 s left":                         {&Session{}, at(time.Hour, 61*time.Second), true},
		"an hour, 59 s left":                         {&Session{}, at(time.Hour, 59*time.Second), false},
		"a minute, 7 s left":                         {&Session{}, at(time.Minute, 7*time.Second), true},
		"a minute, 5 s left":                         {&Session{}, at(time.Minute, 5*time.Second), false},
		"spread: an hour, 80 s left":                 {&spread, at(time.Hour, 80*time.Second), false},
		"spread: an hour, 91 s left":                 {&spread, at(time.Hour, 91*time.Second), true},
		"Early: an hour, 4 min left":                 {&early, at(time.Hour, 4*time.Minute), false},
		"Early longer than the life is half of it":   {&early, at(4*time.Minute, 3*time.Minute), true},
		"no end known":                               {&Session{}, plain, true},
		"static, 1 s left: nothing to renew it with": {&Session{}, static, true},
		"nobody knows since when, 30 s left":         {&Session{}, unknown, false},
		"MaxAge reached (PIL-07)":                    {&Session{MaxAge: time.Minute}, at(time.Hour, 59*time.Minute), false},
		"MaxAge not reached (PIL-07)":                {&Session{MaxAge: time.Minute}, at(time.Hour, time.Hour-59*time.Second), true},
		"renewed tomorrow: the clock was set back":   {&Session{}, at(time.Hour, 25*time.Hour), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.s.Now, test.s.Refresher = func() time.Time { return start }, &server{}
			if test.s.Rand == nil {
				test.s.Rand = func() float64 { return 0 }
			}
			if got := test.s.fresh(test.c); got != test.want {
				t.Errorf("fresh: %v, want %v", got, test.want)
			}
		})
	}
}

func TestFiftyAtTheMomentOfExpiry_SEC311(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]time.Duration{"SEC-311 near its end": 30 * time.Second, "SEC-311 past its end": -time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, left)
			var wg sync.WaitGroup
			for range 50 {
				s := b.process()
				wg.Go(func() {
					if c, err := s.Token(t.Context()); err != nil || c.Access.Reveal() != "access of r+" {
						t.Errorf("Token: %q, %v", c.Access.Reveal(), err)
					}
				})
			}
			wg.Wait()
			if b.server.asked() != 1 {
				t.Errorf("%d requests, want one", b.server.asked())
			}
		})
	}
	t.Run("SEC-311 forced by all", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		seen := b.stored(t) // by all of them, before the first asks
		var wg sync.WaitGroup
		for range 20 {
			s := b.process()
			wg.Go(func() {
				if _, err := s.renew(t.Context(), renewal{seen: seen, forced: true}); err != nil {
					t.Errorf("Refresh: %v", err)
				}
			})
		}
		wg.Wait()
		if b.server.asked() != 1 {
			t.Errorf("%d requests, want one", b.server.asked())
		}
	})
}

func TestForcedRefresh(t *testing.T) {
	t.Parallel()
	b := newBench(t, life)
	for _, want := range []string{"access of r+", "access of r++"} {
		if c, err := b.Refresh(t.Context()); err != nil || c.Access.Reveal() != want {
			t.Fatalf("Refresh: %q, %v; want %q", c.Access.Reveal(), err, want)
		}
	}
	b.server.answer(&oauth.TemporaryError{Err: errors.New("down")})
	if _, err := b.Refresh(t.Context()); !temporary(err) {
		t.Fatalf("Refresh: %v; the old token is no answer to it", err)
	}
}

func TestInvalidGrant_SEC315(t *testing.T) {
	t.Parallel()
	newer := cred.Credential{Kind: cred.KindOAuth, Access: secret.New("newer"), Refresh: secret.New("n"), Renewed: start, Expires: start.Add(life)}
	// foreign writes the file as a program does that does not know the lock.
	foreign := func(t *testing.T, b bench, c cred.Credential) {
		data, err := cred.Standard{}.Encode(nil, map[cred.Key]cred.Credential{key: c})
		if err == nil {
			err = os.WriteFile(b.file.Path, data, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
	t.Run("SEC-315 a newer token is adopted and never deleted", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, -time.Second)
		b.server.current = "n"
		b.server.during = func() { foreign(t, b, newer) }
		b.wantToken(t, "newer")
		if got := b.stored(t); got.Refresh.Reveal() != "n" || b.server.asked() != 1 {
			t.Errorf("stored %q after %d requests", got.Refresh.Reveal(), b.server.asked())
		}
	})
	t.Run("SEC-315 a newer token near its end is renewed", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, -time.Second)
		b.server.current = "n"
		old := newer
		old.Renewed, old.Expires = start.Add(-life), start
		b.server.during = func() { foreign(t, b, old) }
		b.wantToken(t, "access of n+")
		if got := b.stored(t); got.Refresh.Reveal() != "n+" {
			t.Errorf("stored %q", got.Refresh.Reveal())
		}
	})
	t.Run("the login has ended: whose it was stays, no token does", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, 30*time.Second)
		b.server.current = "other"
		if _, err := b.Token(t.Context()); !errors.Is(err, ErrExpired) {
			t.Fatalf("Token: %v", err)
		}
		got := b.stored(t)
		if !ended(got) || got.Account != "ada@example.com" || got.Name != "Ada" {
			t.Errorf("stored: %+v", got)
		}
		status, err := b.Status(t.Context(), nil)
		if !errors.Is(err, ErrExpired) || status.Credential.Account != "ada@example.com" {
			t.Errorf("Status: %+v, %v", status, err)
		}
		if b.server.asked() != 1 {
			t.Errorf("a login that has ended was asked for %d times", b.server.asked())
		}
		if err := b.Logout(t.Context(), func(context.Context, cred.Credential) error { return errors.New("called") }); err != nil {
			t.Errorf("Logout: %v", err)
		}
	})
	t.Run("an error about the client keeps the login", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, -time.Second)
		before := b.bytes(t)
		b.server.answer(oauth.Errorf(oauth.InvalidClient, "who?"))
		if _, err := b.Token(t.Context()); !errors.Is(err, oauth.InvalidClient) || b.bytes(t) != before {
			t.Errorf("Token: %v", err)
		}
	})
}

func TestClientClock_SEC306(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		t.Run(fmt.Sprintf("SEC-306 off by %v", offset), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, life)
			b.clock.move(offset)
			if _, err := b.Login(t.Context(), b.obtain("r"), nil); err != nil {
				t.Fatal(err)
			}
			for step := range 60 { // a minute each; the server's tokens live for ten
				if _, err := b.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				if left := b.stored(t).Expires.Sub(b.clock.now()); left < 0 || left > life {
					t.Fatalf("minute %d: a token with %v left is handed out", step, left)
				}
				b.clock.move(time.Minute)
			}
			if calls := b.server.asked(); calls < 5 || calls > 7 {
				t.Errorf("%d refreshes in an hour", calls)
			}
		})
		t.Run(fmt.Sprintf("SEC-306 set by %v on the way", offset), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, life)
			b.clock.move(offset)
			b.wantToken(t, "access of r+")
			b.wantToken(t, "access of r+")
			if b.server.asked() != 1 {
				t.Errorf("%d refreshes", b.server.asked())
			}
		})
	}
}

// obtain is a login at the server that ends with this refresh token.
func (b bench) obtain(refresh string) func(context.Context) (cred.Credential, error) {
	return func(context.Context) (cred.Credential, error) {
		b.server.mu.Lock()
		b.server.current = refresh
		b.server.mu.Unlock()
		return cred.Credential{
			Kind: cred.KindOAuth, Access: secret.New("access of " + refresh), Refresh: secret.New(refresh), Account: "new@example.com",
			Expires: b.clock.now().Add(life),
		}, nil
	}
}
