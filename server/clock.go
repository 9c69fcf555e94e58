package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Clock is a clock that can be moved, so that idle times, levels and expiry can be seen without waiting for them. It
// is for servers of this machine alone. The zero value is the real time. Give Now to the store too. Moved, it makes expired
// things live and living ones expire: Config refuses it wherever anybody else can reach the server.
type Clock struct {
	ahead atomic.Int64 // of the real clock
}

// Now tells the time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clock; backwards with a negative duration. It is one addition and may be called while requests run;
// each of them sees one time or the other.
func (c *Clock) Advance(by time.Duration) { c.ahead.Add(int64(by)) }

// maxAdvance bounds one step: beyond, a time.Duration would overflow soon.
const maxAdvance = 10 * 365 * 24 * time.Hour

// ServeHTTP tells the time by GET, and moves it by POST with the form parameter advance, such as 3h or -10m. Only this
// machine is answered, and only where it was asked by a loopback name: a page of another origin that points its own name
// here is not.
func (c *Clock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, ok := peerOf(r)
	if !ok || !peer.IsLoopback() || !loopbackName(hostName(r.Host)) {
		answerError(w, http.StatusForbidden, "access_denied", "this clock is moved from its own machine only")
		return
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
		by, err := time.ParseDuration(r.PostFormValue("advance"))
		if err != nil || by.Abs() > maxAdvance {
			answerError(w, http.StatusBadRequest, "invalid_request", "advance is a duration such as 3h, 90m or -10s; the clock was not moved")
			return
		}
		c.Advance(by)
	}
	answerJSON(w, http.StatusOK, fmt.Sprintf(`{"now":%q,"ahead":%q}`,
		c.Now().UTC().Format(time.RFC3339Nano), time.Duration(c.ahead.Load())))
}

// hostName is a Host header without its port. The Host is compared and not the peer alone, since a page that rebinds its
// own name to 127.0.0.1 comes from this machine (SEC-243).
func hostName(host string) string {
	if at, err := netip.ParseAddrPort(host); err == nil {
		return at.Addr().String()
	}
	for i := len(host) - 1; i >= 0; i-- {
		if host[i] == ':' {
			return host[:i]
		}
	}
	return host
}
