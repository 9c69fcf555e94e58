package flow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	headerLimit   = 16 << 10        // of a request to the callback, in bytes
	headerTimeout = 5 * time.Second // for its header
	pageTimeout   = 2 * time.Minute // for its answer, which waits for the exchange of the code
	crowdLimit    = 128             // connections that have not sent a whole request yet
	// lingering is how long a closing listener waits for the last page to leave. Chromium opens connections that it may
	// never use, and those are not waited for (SEC-251).
	lingering = 250 * time.Millisecond
)

// callback is what the browser brought: a code, or why there is none.
type callback struct {
	code secret.String
	err  error
}

// door is the loopback listener of one login. Only a request with the right state gets through it, once.
type door struct {
	host, path, state string // what a request must match
	issuer            string // the server that may answer
	promised          bool   // that it says so itself (RFC 9207)
	name              string // of the program

	answers chan callback // at most one
	done    chan struct{} // closed when the login is over; outcome is set before
	outcome error

	mu    sync.Mutex
	taken bool // the one callback has come

	crowd   crowd
	server  *http.Server
	serving sync.WaitGroup
}

// redirect is the redirect_uri, the same for the authorization request and the exchange.
func (d *door) redirect() string { return "http://" + d.host + d.path }

// serve answers with limits on everything: others on this machine can connect too.
func (d *door) serve(listeners []net.Listener) {
	d.server = &http.Server{
		Handler:           d,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      pageTimeout,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          log.New(io.Discard, "", 0), // the terminal belongs to the login
		ConnContext:       d.crowd.enter,
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				d.crowd.leave(c)
			}
		},
	}
	d.server.SetKeepAlivesEnabled(false)
	for _, l := range listeners {
		d.serving.Go(func() { _ = d.server.Serve(l) })
	}
}

// close lets the page that is waiting say how it went, and ends the listener and all its connections.
func (d *door) close(outcome error) {
	d.mu.Lock()
	waiting := d.taken
	d.taken = true
	d.mu.Unlock()
	d.outcome = outcome
	close(d.done)
	if waiting {
		ctx, cancel := context.WithTimeout(context.Background(), lingering)
		_ = d.server.Shutdown(ctx)
		cancel()
	}
	_ = d.server.Close()
	d.serving.Wait()
}

// ServeHTTP answers the callback. Whatever is not the server's redirect in the person's own browser changes nothing.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.crowd.arrived(r)
	if status := d.refuse(r); status != 0 {
		d.page(w, status, "Nothing to see here", "This address is for the end of a sign-in only.")
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !d.admit(query) {
		d.page(w, http.StatusBadRequest, "This is not the sign-in that is waiting",
			"The program is still waiting for its own. Start again from the terminal if this goes on.")
		return
	}
	d.answers <- d.read(query)
	select {
	case <-d.done:
	case <-r.Context().Done():
		return
	}
	if d.outcome != nil {
		d.page(w, http.StatusBadRequest, "Sign-in failed", "The terminal says why. You can close this page.")
		return
	}
	d.page(w, http.StatusOK, "You are signed in", "You can close this page and go back to the terminal.")
}

// refuse returns the status for a request that no redirect of a browser makes: another host (a name that was rebound to
// this machine), a script's or another page's request, another path or method. 0 lets it through.
func (d *door) refuse(r *http.Request) int {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	switch {
	case r.Host != d.host:
		return http.StatusMisdirectedRequest
	case r.Header.Get("Origin") != "", mode != "" && mode != "navigate", dest != "" && dest != "document":
		return http.StatusForbidden
	case r.URL.Path != d.path:
		return http.StatusNotFound
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed
	}
	return 0
}

// admit takes the first request with the right state, and no other.
func (d *door) admit(query url.Values) bool {
	state := query["state"]
	if len(state) != 1 || subtle.ConstantTimeCompare([]byte(state[0]), []byte(d.state)) != 1 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.taken
	d.taken = true
	return first
}

// read judges an authorization answer (RFC 6749 section 4.1.2) whose state is right. Who answered comes first (RFC 9207
// section 2.4): a code from another server is not shown to this one.
func (d *door) read(query url.Values) callback {
	if issuer := query["iss"]; len(issuer) > 0 || d.promised {
		if len(issuer) != 1 || issuer[0] != d.issuer {
			return callback{err: &oauth.IssuerError{Asked: d.issuer, Got: oauth.Inert(query.Get("iss"))}}
		}
	}
	if code := query.Get("error"); code != "" {
		return callback{err: &oauth.Error{
			Code:        oauth.ErrorCode(oauth.Inert(code)),
			Description: oauth.Inert(query.Get("error_description")),
			URI:         oauth.Inert(query.Get("error_uri")),
		}}
	}
	if code := query["code"]; len(code) != 1 || code[0] == "" {
		return callback{err: oauth.Errorf(oauth.InvalidRequest, "the server sent the browser back without a code")}
	}
	return callback{code: secret.New(query.Get("code"))}
}

// style is that of the house's own pages: one quiet card. It stands in the page, which may load nothing.
const style = `:root{color-scheme:light dark;--page:#f4f4f1;--card:#fff;--ink:#1b1d20;--line:#d9d9d3}` +
	`@media(prefers-color-scheme:dark){:root{--page:#121416;--card:#1c1f22;--ink:#ecedee;--line:#34393e}}` +
	`*{box-sizing:border-box}` +
	`body{margin:0;padding:48px 16px;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}` +
	`header,main{max-width:26rem;margin:0 auto}header{min-height:32px;margin-bottom:16px;padding:4px;font-weight:600}` +
	`main{padding:32px;background:var(--card);border:1px solid var(--line);border-radius:12px}` +
	`h1{margin:0 0 16px;font-size:20px;line-height:1.3}p{margin:0}` +
	`@media(max-width:480px){body{padding:16px 0}header{padding:4px 16px}main{padding:24px 16px;border-width:1px 0;border-radius:0}}`

// page writes a whole page at once, so that it has left before the listener closes. It holds nothing of the request.
func (d *door) page(w http.ResponseWriter, status int, title, text string) {
	name := d.name
	if name == "" {
		name = "The program"
	}
	body := fmt.Sprintf("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"+
		"<meta name=\"viewport\" content=\"width=device-width\"><title>%[1]s – %[2]s</title><style>%[4]s</style></head>\n"+
		"<body><header>%[2]s</header><main><h1>%[1]s</h1><p>%[3]s</p></main></body></html>\n",
		html.EscapeString(title), html.EscapeString(name), html.EscapeString(text), style)
	sum := sha256.Sum256([]byte(style))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	if status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodGet)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	_ = http.NewResponseController(w).Flush()
}

// crowd bounds the connections that have not sent a whole request: the oldest makes room for the newest, so that one who
// opens a thousand keeps nobody out (SEC-250).
type crowd struct {
	mu      sync.Mutex
	waiting []net.Conn
}

type connKey struct{}

// enter counts a new connection in, and remembers it for arrived.
func (c *crowd) enter(ctx context.Context, conn net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= crowdLimit {
		_ = c.waiting[0].Close()
		c.waiting = c.waiting[1:]
	}
	c.waiting = append(c.waiting, conn)
	return context.WithValue(ctx, connKey{}, conn)
}

// leave takes a connection out; one that has left already is no matter.
func (c *crowd) leave(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, conn); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
}

// arrived takes the connection of a whole request out: from here on it is the handler's.
func (c *crowd) arrived(r *http.Request) {
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		c.leave(conn)
	}
}
