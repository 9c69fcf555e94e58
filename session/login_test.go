package session

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// revoker remembers what it was asked to end.
type revoker struct {
	mu   sync.Mutex
	gone []string
	fail error
	look func()
}

func (r *revoker) revoke(_ context.Context, c cred.Credential) error {
	if r.look != nil {
		r.look()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = append(r.gone, c.Refresh.Reveal()+c.APIKey.Reveal())
	return r.fail
}

func (r *revoker) wantGone(t *testing.T, want ...string) {
	t.Helper()
	if len(r.gone) != len(want) {
		t.Fatalf("revoked %q, want %q", r.gone, want)
	}
	for i := range want {
		if r.gone[i] != want[i] {
			t.Fatalf("revoked %q, want %q", r.gone, want)
		}
	}
}

func TestLoginReplacesThenRevokes(t *testing.T) {
	t.Parallel()
	b := newBench(t, life)
	r := &revoker{look: func() {
		if got := b.stored(t).Refresh.Reveal(); got != "n" {
			t.Errorf("at the revocation %q was stored, not the new login", got)
		}
	}}
	c, err := b.Login(t.Context(), b.obtain("n"), r.revoke)
	if err != nil || c.Refresh.Reveal() != "n" || !c.Renewed.Equal(start) {
		t.Fatalf("Login: %+v, %v", c, err)
	}
	r.wantGone(t, "r")
	b.wantToken(t, "access of n")
}

func TestLoginThatDoesNotEndWell(t *testing.T) {
	t.Parallel()
	t.Run("failed: the earlier login stays (OCT-15)", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		before, r := b.bytes(t), &revoker{}
		failure := errors.New("denied")
		_, err := b.Login(t.Context(), func(context.Context) (cred.Credential, error) { return cred.Credential{}, failure }, r.revoke)
		if !errors.Is(err, failure) || b.bytes(t) != before {
			t.Errorf("Login: %v", err)
		}
		r.wantGone(t)
	})
	t.Run("interrupted after the approval: the earlier stays, the new one ends", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		before, r := b.bytes(t), &revoker{}
		ctx, cancel := context.WithCancel(t.Context())
		obtain := b.obtain("n")
		_, err := b.Login(ctx, func(ctx context.Context) (cred.Credential, error) { cancel(); return obtain(ctx) }, r.revoke)
		if !errors.Is(err, context.Canceled) || b.bytes(t) != before {
			t.Errorf("Login: %v", err)
		}
		r.wantGone(t, "n")
	})
	t.Run("not saved: the earlier stays, the new one ends", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		before, r := b.bytes(t), &revoker{}
		b.Store = &full{Store: b.file, disk: &cred.WriteError{Err: syscall.ENOSPC}}
		if _, err := b.Login(t.Context(), b.obtain("n"), r.revoke); !errors.Is(err, syscall.ENOSPC) || b.bytes(t) != before {
			t.Errorf("Login: %v", err)
		}
		r.wantGone(t, "n")
		b.wantToken(t, "access of r")
	})
	t.Run("a revocation that fails is a warning", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		r := &revoker{fail: errors.New("unreachable")}
		if _, err := b.Login(t.Context(), b.obtain("n"), r.revoke); err != nil {
			t.Fatal(err)
		}
		var warning *RevokeError
		if len(*b.warnings) != 1 || !errors.As((*b.warnings)[0], &warning) || warning.Account != "ada@example.com" {
			t.Errorf("warnings: %v", *b.warnings)
		}
	})
	t.Run("SEC-235 a newer file: nobody is sent to the browser", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		if err := os.WriteFile(b.file.Path, []byte(`{"version":2}`), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := b.Login(t.Context(), func(context.Context) (cred.Credential, error) {
			t.Error("obtain was called")
			return cred.Credential{}, nil
		}, nil)
		if !errors.Is(err, cred.ErrNewer) {
			t.Errorf("Login: %v", err)
		}
	})
	t.Run("SEC-232 a damaged file is repaired", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		if err := os.WriteFile(b.file.Path, []byte(`{"vers`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Login(t.Context(), b.obtain("n"), nil); err != nil {
			t.Fatal(err)
		}
		b.wantToken(t, "access of n")
	})
}

func TestLoginRevokesOnlyWhatWasMadeHere(t *testing.T) {
	t.Parallel()
	old := map[string]cred.Credential{
		"a token that was brought along": {Kind: cred.KindStatic, Access: secret.New("from CI")},
		"the same session again":         {Kind: cred.KindOAuth, Access: secret.New("a"), Refresh: secret.New("x"), SessionID: "s1"},
		"a login that has ended":         {Kind: cred.KindOAuth, Account: "ada"},
	}
	for name, c := range old {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, life)
			b.store(t, c)
			r := &revoker{}
			obtain := b.obtain("n")
			_, err := b.Login(t.Context(), func(ctx context.Context) (cred.Credential, error) {
				fresh, err := obtain(ctx)
				fresh.SessionID = "s1"
				return fresh, err
			}, r.revoke)
			if err != nil {
				t.Fatal(err)
			}
			r.wantGone(t)
		})
	}
}

func TestLoginWhileAnotherRefreshes_SEC322_SEC234(t *testing.T) {
	t.Parallel()
	t.Run("SEC-322 the refresh is saved while the person is in the browser", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, 30*time.Second)
		other, obtain, r := b.process(), b.obtain("n"), &revoker{}
		_, err := b.Login(t.Context(), func(ctx context.Context) (cred.Credential, error) {
			if _, err := other.Token(ctx); err != nil { // obtain holds no lock
				t.Errorf("Token: %v", err)
			}
			return obtain(ctx)
		}, r.revoke)
		if err != nil {
			t.Fatal(err)
		}
		r.wantGone(t, "r+") // what was replaced is what was there in the end
		for _, s := range []*Session{b.Session, other} {
			if c, err := s.Token(t.Context()); err != nil || c.Access.Reveal() != "access of n" {
				t.Errorf("Token: %q, %v", c.Access.Reveal(), err)
			}
		}
	})
	t.Run("SEC-322 the login is saved while a refresh is under way", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, 30*time.Second)
		other := b.process()
		var wg sync.WaitGroup
		b.server.during = func() {
			b.server.during = nil
			wg.Go(func() { // it waits for the lock that the refresh holds
				if _, err := b.process().Login(t.Context(), b.obtain("n"), nil); err != nil {
					t.Errorf("Login: %v", err)
				}
			})
		}
		if _, err := other.Token(t.Context()); err != nil {
			t.Errorf("Token: %v", err)
		}
		wg.Wait()
		for _, s := range []*Session{b.Session, other} {
			if c, err := s.Token(t.Context()); err != nil || c.Access.Reveal() != "access of n" {
				t.Errorf("Token: %q, %v", c.Access.Reveal(), err)
			}
		}
	})
}

func TestLogout(t *testing.T) {
	t.Parallel()
	t.Run("ended at the server and removed", func(t *testing.T) {
		t.Parallel()
		b, r := newBench(t, life), &revoker{}
		if err := b.Logout(t.Context(), r.revoke); err != nil {
			t.Fatal(err)
		}
		r.wantGone(t, "r")
		if _, err := b.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("Token: %v", err)
		}
	})
	t.Run("removed with the server out of reach, with a warning", func(t *testing.T) {
		t.Parallel()
		b, r := newBench(t, life), &revoker{fail: errors.New("no network")}
		var warning *RevokeError
		if err := b.Logout(t.Context(), r.revoke); !errors.As(err, &warning) {
			t.Fatalf("Logout: %v", err)
		}
		if _, err := b.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("Token: %v", err)
		}
	})
	t.Run("removed although interrupted", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		ctx, cancel := context.WithCancel(t.Context())
		r := &revoker{look: cancel}
		if err := b.Logout(ctx, r.revoke); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("Token: %v", err)
		}
	})
	t.Run("another profile stays", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		work := b.process()
		work.Key.Profile = "work"
		if _, err := work.Login(t.Context(), b.obtain("w"), nil); err != nil {
			t.Fatal(err)
		}
		if err := b.Logout(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := work.Token(t.Context()); err != nil {
			t.Errorf("Token: %v", err)
		}
	})
}

func TestStatus(t *testing.T) {
	t.Parallel()
	// whose accepts one access token, as a server does that has ended all others.
	whose := func(good string) func(context.Context, cred.Credential) (cred.Credential, error) {
		return func(_ context.Context, c cred.Credential) (cred.Credential, error) {
			if c.Access.Reveal() != good {
				return c, &oauth.Error{Code: oauth.InvalidToken, Status: 401}
			}
			c.Name = "Ada Lovelace"
			return c, nil
		}
	}
	t.Run("the server says who", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		got, err := b.Status(t.Context(), whose("access of r"))
		if err != nil || !got.Verified || got.Credential.Name != "Ada Lovelace" {
			t.Errorf("Status: %+v, %v", got, err)
		}
	})
	t.Run("a refused token is renewed once", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		if got, err := b.Status(t.Context(), whose("access of r+")); err != nil || !got.Verified {
			t.Errorf("Status: %+v, %v", got, err)
		}
	})
	t.Run("ended there", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		got, err := b.Status(t.Context(), whose("none"))
		if !errors.Is(err, ErrExpired) || got.Verified || got.Credential.Account != "ada@example.com" {
			t.Errorf("Status: %+v, %v", got, err)
		}
		if b.stored(t).Refresh.IsZero() {
			t.Error("the store was cleared by a status")
		}
	})
	t.Run("the server does not answer", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		got, err := b.Status(t.Context(), func(context.Context, cred.Credential) (cred.Credential, error) {
			return cred.Credential{}, context.DeadlineExceeded
		})
		if !temporary(err) || got.Credential.Account != "ada@example.com" {
			t.Errorf("Status: %+v, %v", got, err)
		}
	})
	t.Run("not asked", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		if got, err := b.Status(t.Context(), nil); err != nil || got.Verified || got.Credential.Account != "ada@example.com" {
			t.Errorf("Status: %+v, %v", got, err)
		}
	})
	t.Run("a static token that the server refuses", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, life)
		b.store(t, cred.Credential{Kind: cred.KindStatic, Access: secret.New("s")})
		if _, err := b.Status(t.Context(), whose("none")); !errors.Is(err, oauth.InvalidToken) || b.stored(t).Access.IsZero() {
			t.Errorf("Status: %v", err)
		}
		b.store(t, cred.Credential{Kind: cred.KindStatic, Access: secret.New("s"), SessionEnds: b.clock.now()})
		if _, err := b.Status(t.Context(), whose("none")); !errors.Is(err, ErrExpired) {
			t.Errorf("Status of one that was known to have an end: %v", err)
		}
	})
}

func TestAPIKeyIsExchangedAgain_PIL06(t *testing.T) {
	t.Parallel()
	b := newBench(t, life)
	b.store(t, cred.Credential{Kind: cred.KindAPIKey, APIKey: secret.New("k"), Expires: start.Add(-time.Hour)})
	b.server.current = "" // the exchange of this server asks for no refresh token
	if c, err := b.Token(t.Context()); err != nil || c.APIKey.Reveal() != "k" {
		t.Fatalf("Token: %v", err)
	}
	if b.stored(t).APIKey.Reveal() != "k" {
		t.Error("the key is gone")
	}
}

// TestMain is also the process that holds a lock and does not let go.
func TestMain(m *testing.M) {
	path := os.Getenv("SESSION_CHILD")
	if path == "" {
		os.Exit(m.Run())
	}
	_, _ = (&cred.File{Path: path}).Update(context.Background(), key, func(cred.Credential, bool) (cred.Credential, error) {
		_, _ = os.Stdout.WriteString("held\n")
		select {} // until it is killed
	})
}

func TestLockHolderIsKilled_SEC312(t *testing.T) {
	t.Parallel()
	b := newBench(t, -time.Second)
	b.Store = &cred.File{Path: b.file.Path, Wait: time.Second}
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), "SESSION_CHILD="+b.file.Path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	short := b.process()
	short.Store = &cred.File{Path: b.file.Path, Wait: time.Millisecond}
	if _, err := short.Token(t.Context()); !errors.Is(err, cred.ErrBusy) {
		t.Fatalf("Token beside the holder: %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	b.wantToken(t, "access of r+") // within the second that it waits
}
