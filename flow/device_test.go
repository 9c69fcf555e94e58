package flow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// script is a UI that remembers what it was shown and answers what it was told to.
type script struct {
	prompts []Prompt
	opened  []string
	secret  string
	open    func(page string) error
	wait    context.Context // of the last ShowCode
}

func (s *script) ShowCode(ctx context.Context, prompt Prompt) error {
	s.prompts, s.wait = append(s.prompts, prompt), ctx
	return nil
}

func (s *script) OpenPage(_ context.Context, page string) error {
	s.opened = append(s.opened, page)
	if s.open != nil {
		return s.open(page)
	}
	return nil
}

func (s *script) AskSecret(context.Context, string) (secret.String, error) {
	return secret.New(s.secret), nil
}

// step is one scripted answer to a poll.
type step struct {
	err    error
	waited bool
	takes  time.Duration
}

// wire plays steps, repeats the last one, and notes when it was asked.
type wire struct {
	device oauth.DeviceAuthorization
	begin  error
	steps  []step
	start  time.Time
	asked  []time.Duration // since Begin
}

func (w *wire) Begin(context.Context) (oauth.DeviceAuthorization, error) {
	w.start = time.Now()
	return w.device, w.begin
}

func (w *wire) Poll(ctx context.Context, _ secret.String) (cred.Credential, bool, error) {
	s := w.steps[min(len(w.asked), len(w.steps)-1)]
	w.asked = append(w.asked, time.Since(w.start))
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return cred.Credential{}, false, ctx.Err()
	}
	if s.err != nil {
		return cred.Credential{}, s.waited, s.err
	}
	return cred.Credential{Access: secret.New("at")}, false, nil
}

var (
	pending  = step{err: oauth.Errorf(oauth.AuthorizationPending, "")}
	slower   = step{err: oauth.Errorf(oauth.SlowDown, "")}
	down     = step{err: &oauth.TemporaryError{Err: errors.New("connection refused")}}
	approved = step{}
)

func seconds(ns ...int) []time.Duration {
	var list []time.Duration
	for _, n := range ns {
		list = append(list, time.Duration(n)*time.Second)
	}
	return list
}

func TestDeviceLoop_PLX12(t *testing.T) {
	t.Parallel()
	held := step{err: pending.err, waited: true, takes: 25 * time.Second}
	pretended := step{err: pending.err, waited: true, takes: time.Second}
	busy := step{err: &oauth.TemporaryError{Err: errors.New("503"), RetryAfter: 40 * time.Second}}
	for _, test := range []struct {
		name  string
		steps []step
		want  []time.Duration
	}{
		{"PLX-12 pending waits the interval", []step{pending, pending, approved}, seconds(0, 5, 10)},
		{"PLX-12 slow_down adds five seconds for good", []step{pending, slower, pending, slower, pending, approved}, seconds(0, 5, 15, 25, 40, 55)},
		{"PLX-12 failures back off and go on", []step{down, down, down, down, pending, approved}, seconds(0, 10, 30, 60, 90, 95)},
		{"Retry-After is honoured", []step{busy, approved}, seconds(0, 40)},
		{"after a full wait the next poll comes at once", []step{held, held, approved}, seconds(0, 25, 50)},
		{"a wait that is only pretended keeps the interval", []step{pretended, pretended, approved}, seconds(0, 5, 10)},
		{"without Preference-Applied the interval counts from the answer", []step{{err: pending.err, takes: 25 * time.Second}, approved}, seconds(0, 30)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{steps: test.steps, device: oauth.DeviceAuthorization{ExpiresIn: 600, Interval: 5}}
				ui := &script{}
				made, err := Device{Wire: w}.Login(t.Context(), ui)
				if err != nil || made.Access.Reveal() != "at" {
					t.Fatalf("Login = %v, %v", made, err)
				}
				if diff := cmp.Diff(test.want, w.asked); diff != "" {
					t.Error(diff)
				}
				if ui.wait.Err() == nil {
					t.Error("what ShowCode shows was not told that the wait is over")
				}
			})
		})
	}
}

func TestDeviceEnds_PLX11(t *testing.T) {
	t.Parallel()
	login := func(t *testing.T, device oauth.DeviceAuthorization, steps ...step) (*wire, time.Duration, error) {
		w := &wire{steps: steps, device: device}
		began := time.Now()
		_, err := Device{Wire: w}.Login(t.Context(), &script{})
		return w, time.Since(began), err
	}
	for _, test := range []struct {
		name  string
		step  step
		life  int64
		after time.Duration
	}{
		{"PLX-11 pending until the local deadline", pending, 62, 62 * time.Second},
		{"PLX-12 unreachable until the local deadline", down, 100, 100 * time.Second},
		{"PLX-11 in mid-poll", step{takes: time.Hour}, 7, 7 * time.Second},
		{"the server does not say how long", pending, 0, 10 * time.Minute},
		{"SEC-307 ten years", step{err: oauth.Errorf(oauth.ExpiredToken, "")}, 315_360_000, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, took, err := login(t, oauth.DeviceAuthorization{ExpiresIn: test.life}, test.step)
				if !errors.Is(err, ErrExpired) || took != test.after { // by the bubble's clock
					t.Errorf("after %s: %v, want ErrExpired after %s", took, err, test.after)
				}
			})
		})
	}
	t.Run("access_denied is typed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, _, err := login(t, oauth.DeviceAuthorization{ExpiresIn: 60}, pending, step{err: oauth.Errorf(oauth.AccessDenied, "no")})
			if !errors.Is(err, oauth.AccessDenied) || len(w.asked) != 2 {
				t.Errorf("after %d polls: %v", len(w.asked), err)
			}
		})
	})
	t.Run("PLX-12 the first request failing fails at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := &wire{begin: down.err}
			ui := &script{}
			_, err := Device{Wire: w}.Login(t.Context(), ui)
			if !errors.Is(err, down.err) || len(w.asked) != 0 || len(ui.prompts) != 0 {
				t.Errorf("got %v after %d polls", err, len(w.asked))
			}
		})
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err := Device{Wire: &wire{steps: []step{pending}}}.Login(ctx, &script{})
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrExpired) {
				t.Errorf("got %v, want the caller's own end", err)
			}
		})
	})
}

func TestVerificationAddress_SEC269(t *testing.T) {
	t.Parallel()
	const issuer = "https://id.example"
	for _, test := range []struct {
		uri, complete  string
		open, warn     bool
		wantedComplete bool
	}{
		{"https://id.example/device", "https://id.example/device?code=A", true, false, true},
		{"https://ID.example:8443/device", "", true, false, false},
		{"https://other.example/device", "https://other.example/device?code=A", true, false, true}, // one of Hosts
		{"https://id.example/device", "https://evil.example/?code=A", true, false, false},
		{"https://id.example/device", "javascript:alert(1)", true, false, false},
		{"https://evil.example/device", "https://id.example/device?code=A", false, true, false},
		{"https://id.example.evil.example/", "", false, true, false},
		{"https://id.example@evil.example/", "", false, true, false},
		{"http://id.example/device", "", false, true, false},
		{"file:///etc/passwd", "", false, true, false},
		{"javascript:alert(1)", "", false, true, false},
		{"-x", "", false, true, false},
		{"https://id.example/\x1b]8;;evil", "", false, true, false},
		{"https://id.example/?\u202egro", "", false, true, false},
		{"", "", false, true, false},
		{"http://localhost:3667/device", "", false, true, false}, // of this machine, and the issuer is not
	} {
		t.Run("SEC-269 "+test.uri, func(t *testing.T) {
			t.Parallel()
			ui := &script{}
			w := &wire{steps: []step{approved}, device: oauth.DeviceAuthorization{
				UserCode: "WDJB-MJHT", VerificationURI: test.uri, VerificationURIComplete: test.complete,
			}}
			d := Device{Wire: w, Issuer: issuer, Hosts: []string{"other.example"}, Open: true}
			if _, err := d.Login(t.Context(), ui); err != nil {
				t.Fatal(err)
			}
			got := ui.prompts[0]
			if (got.Warning != "") != test.warn || (len(ui.opened) == 1) != test.open || (got.URIComplete != "") != test.wantedComplete {
				t.Errorf("prompt %+v, opened %q", got, ui.opened)
			}
			if got.URI != oauth.Inert(test.uri) {
				t.Errorf("shown as %q", got.URI)
			}
		})
	}
}

// TestVerificationAddressOfThisMachine_SEC269: localhost and the loopback addresses are the same machine, and no other is.
func TestVerificationAddressOfThisMachine_SEC269(t *testing.T) {
	t.Parallel()
	for uri, trusted := range map[string]bool{
		"http://localhost:3667/device": true, "http://[::1]/device": true, "http://127.0.0.1:1/device": true,
		"https://id.example/device": false, "https://127.0.0.1.example/device": false, "https://localhost.example/device": false,
	} {
		if prompt := (Device{Issuer: "http://127.0.0.1:3667"}).prompt(oauth.DeviceAuthorization{VerificationURI: uri}); (prompt.Warning == "") != trusted {
			t.Errorf("%s: %+v", uri, prompt)
		}
	}
}
