package e2e

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/visitor"
)

// TestSecondLoginReplaces_SEC322: the session that a login replaces is ended at the server, and not before the new one is
// on the disk.
func TestSecondLoginReplaces_SEC322(t *testing.T) {
	t.Parallel()
	s, p := through(t, "/revoke")
	m := newMachine(t, s)
	m.login()
	first := m.stored()
	atRevocation := make(chan cred.Credential, 2)
	p.between(func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		held, _ := (&cred.File{Path: m.file()}).Get(r.Context(), m.key())
		select {
		case atRevocation <- held:
		default:
		}
		forward.ServeHTTP(w, r)
	})
	m.login()
	second := m.stored()
	select {
	case held := <-atRevocation:
		if held.Refresh != second.Refresh {
			t.Error("the earlier session was revoked before the new one was saved")
		}
	default:
		t.Error("nothing was revoked")
	}
	living := sessions(t, s, "johndoe")
	if holds(living, familyOf(first.Refresh.Reveal())) || !holds(living, familyOf(second.Refresh.Reveal())) {
		t.Errorf("the sessions are %+v, want the second of the two logins", living)
	}
	w := newWire(t, s, "doorward")
	if got := must(w.rotate(t.Context(), first.Refresh.Reveal()))(t); got.text("error") != "invalid_grant" {
		t.Errorf("the replaced refresh token answers %s", got.said())
	}
	if err := w.works(t.Context(), first.Access.Reveal()); err == nil {
		t.Error("the replaced access token still works")
	}
	m.token()
}

// TestFailedLoginKeepsTheEarlier: whatever ends a login before it is done, the earlier one is as it was.
func TestFailedLoginKeepsTheEarlier(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, end := range []struct {
		name string
		args []string
		code int
		end  func(*testing.T, *started)
	}{
		{"interrupted with a code", []string{"--device"}, 130, func(t *testing.T, login *started) {
			login.link("/device?")
			interrupt(t, login)
		}},
		{"interrupted in the browser", []string{"--browser"}, 130, func(t *testing.T, login *started) {
			login.link("/authorize?")
			interrupt(t, login)
		}},
		{"denied with a code", []string{"--device"}, 5, func(t *testing.T, login *started) {
			must(john(s).DenyDevice(t.Context(), login.link("/device?")))(t)
		}},
		{"denied in the browser", []string{"--browser"}, 5, func(t *testing.T, login *started) {
			person := john(s)
			back := must(person.Refuse(t.Context(), login.link("/authorize?")))(t)
			if _, err := person.Arrive(t.Context(), back); !errors.Is(err, visitor.ErrRefused) {
				t.Errorf("the browser ends at a page that says %v, want a refusal", err)
			}
		}},
	} {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, s)
			m.login()
			before := m.stored()
			login := m.start(t, "doorward", append([]string{"auth", "login"}, end.args...)...)
			end.end(t, login)
			got := login.wait()
			if got.Code != end.code {
				t.Errorf("it ends with %d, want %d: %s", got.Code, end.code, got.Stderr)
			}
			if !strings.Contains(got.Stderr, "An earlier login is as it was.") {
				t.Errorf("it does not say what was kept: %s", got.Stderr)
			}
			if after := m.stored(); after.Refresh != before.Refresh || after.Access != before.Access {
				t.Error("the stored login was changed")
			}
			if got := m.auth("status"); got.Code != 0 {
				t.Errorf("status ends with %d: %s", got.Code, got.Stderr)
			}
			if got := m.auth("refresh"); got.Code != 0 {
				t.Errorf("refresh ends with %d: %s", got.Code, got.Stderr)
			}
		})
	}
}

func interrupt(t *testing.T, running *started) {
	t.Helper()
	if err := running.Cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// TestLoginWhileAnotherRefreshes_SEC322: a login in one terminal and a refresh in another both end logged in.
func TestLoginWhileAnotherRefreshes_SEC322(t *testing.T) {
	t.Parallel()
	s, p := through(t, "/token")
	m := newMachine(t, s)
	m.login()
	m.expire()
	hanging, released := make(chan struct{}), make(chan struct{})
	p.between(func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		p.between(nil)
		close(hanging)
		<-released
		forward.ServeHTTP(w, r)
	})
	refresh := m.start(t, "doorward", "auth", "token")
	<-hanging
	login := m.start(t, "doorward", "auth", "login", "--device")
	close(released) // the login asks the store for its lock first, which the refresh holds
	must(john(s).ApproveDevice(t.Context(), login.link("/device?")))(t)
	for name, running := range map[string]*started{"the refresh": refresh, "the login": login} {
		if got := running.wait(); got.Code != 0 {
			t.Errorf("%s ends with %d: %s", name, got.Code, got.Stderr)
		}
	}
	m.token()
	if living := sessions(t, s, "johndoe"); len(living) != 2 || !holds(living, familyOf(m.stored().Refresh.Reveal())) {
		t.Errorf("the sessions are %+v, want the seeded token's and the stored one", living)
	}
}
