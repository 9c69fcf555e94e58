package script

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/server"
)

// Wire stands before an authority, whose address it is for the program. It notes what passes, and may change it.
type Wire struct {
	// URL is its address, and the Issuer of the authority.
	URL string
	// Ask, where it is set, is shown each request before it goes on: it may change it, and may let it wait.
	Ask func(r *http.Request)
	// Answer, where it is set, may change an answer before it goes back, as httputil.ReverseProxy's ModifyResponse.
	Answer func(r *http.Response) error

	site   *httptest.Server
	onward httputil.ReverseProxy

	mu    sync.Mutex
	asked []string
	page  bool
	gate  chan struct{} // what waits goes on with its closing; nil: nothing waits
}

// NewWire returns one that leads nowhere yet: see Lead.
func NewWire() *Wire {
	w := &Wire{}
	w.site = httptest.NewUnstartedServer(w)
	w.URL = "http://" + w.site.Listener.Addr().String()
	return w
}

// Lead starts an authority behind the wire, and passes on what is asked. Where it has stopped, nobody answers.
func (w *Wire) Lead(t testing.TB, options authtest.Options) *authtest.Authority {
	options.Issuer = w.URL
	to := authtest.With(t, options)
	w.onward = httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", to.Address()
			if w.Ask != nil {
				w.Ask(r.Out)
			}
		},
		ModifyResponse: w.Answer,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	w.site.Start()
	t.Cleanup(w.site.Close)
	return to
}

// ServeHTTP takes a request.
func (w *Wire) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked = append(w.asked, r.Method+" "+r.URL.RequestURI())
	page, gate := w.page, w.gate
	w.mu.Unlock()
	if gate != nil && strings.HasSuffix(r.URL.Path, "/token") {
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	}
	if page {
		to.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(to, "<!doctype html><title>Welcome to the hotel</title>")
		return
	}
	w.onward.ServeHTTP(to, r)
}

// Hold lets what is asked of a token endpoint, at a path that ends in /token, wait from now on: nobody polls past it.
func (w *Wire) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gate == nil {
		w.gate = make(chan struct{})
	}
}

// Release lets go on what waits.
func (w *Wire) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gate != nil {
		close(w.gate)
		w.gate = nil
	}
}

// Page lets a web page answer everything from now on, as a hotel's network does.
func (w *Wire) Page() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.page = true
}

// Asked returns what was asked since it was called last: lines like "POST /token".
func (w *Wire) Asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

// Look is a contract that speaks nothing: it hands out the rooms of the server, for a look at what it knows.
func Look(into *server.Rooms) server.Contract {
	return func(rooms server.Rooms) (machines, entries map[string]http.Handler) {
		*into = rooms
		return nil, nil
	}
}
