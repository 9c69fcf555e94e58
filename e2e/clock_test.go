package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestPaceUnderJumps_SEC309: a clock that jumps neither holds a terminal back for good nor lets it flood, and what has expired
// stays so.
func TestPaceUnderJumps_SEC309(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	b := must(in.wire().begin(t.Context()))(t)
	in.says(b, "authorization_pending")
	for _, jump := range []time.Duration{-time.Hour, time.Minute, -24 * time.Hour, 24 * time.Hour, 58 * time.Minute} {
		in.clock.Advance(jump)
		in.clock.Advance(5 * time.Second) // the terminal keeps its interval
		in.says(b, "authorization_pending")
		in.says(b, "slow_down")           // and is told when it does not
		in.clock.Advance(5 * time.Second) // which costs it five seconds more, each time
		for interval := 10 * time.Second; ; interval += 5 * time.Second {
			in.clock.Advance(interval - 5*time.Second)
			if got := must(in.wire().poll(t.Context(), b))(t); got.text("error") == "authorization_pending" {
				break
			}
			if interval > time.Minute {
				t.Fatalf("after a jump of %v the terminal is held back for good", jump)
			}
		}
	}
}

// TestLoginUnderJumps_SEC309 moves the server's clock under a real login that waits: forward, then back, and then beyond the
// end of the code.
func TestLoginUnderJumps_SEC309(t *testing.T) {
	t.Parallel()
	s, p := through(t, "/token")
	w := newWire(t, s, "doorward")
	jump := func(by string) {
		t.Helper()
		if got := must(w.post(t.Context(), "/dev/clock", url.Values{"advance": {by}}))(t); got.Status != http.StatusOK {
			t.Fatalf("the clock answers %s", got.said())
		}
	}
	m := newMachine(t, s)
	login := m.start(t, "doorward", "auth", "login", "--device")
	link := login.link("/device?")
	jump("8m")
	jump("-1h")
	jump("54m")
	must(john(s).ApproveDevice(t.Context(), link))(t)
	if got := login.wait(); got.Code != 0 {
		t.Errorf("the login ends with %d: %s", got.Code, got.Stderr)
	}
	if n := p.requests.Load(); n > 5 {
		t.Errorf("the terminal asked %d times, as if there were no interval", n)
	}
	m.token()

	late := must(w.begin(t.Context()))(t)
	jump("11m")
	if got := must(w.poll(t.Context(), late))(t); got.text("error") != "expired_token" {
		t.Errorf("a code that has expired answers %s", got.said())
	}
	if _, err := john(s).ApproveDevice(t.Context(), late.Link); err == nil || !strings.Contains(err.Error(), "no login waiting") {
		t.Errorf("a code that has expired was offered for approval: %v", err)
	}
}
