package e2e

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between clients and a server, under the name by which the server is known. Tests decide what becomes of the
// requests to one path.
type proxy struct {
	URL      string
	requests atomic.Int64 // to the path

	forward *httputil.ReverseProxy
	path    string
	mu      sync.Mutex
	meddle  func(w http.ResponseWriter, r *http.Request, forward http.Handler)
}

// through starts a server behind a proxy. What comes to path is counted and handed to whatever between was told.
func through(t *testing.T, path string, extra ...string) (*server, *proxy) {
	t.Helper()
	s := newServer(t, extra...)
	target, err := url.Parse("http://" + s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	p := &proxy{URL: "http://localhost:" + port, path: path, forward: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	front := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = front.Serve(listener) }()
	t.Cleanup(func() { _ = front.Close() })
	s.Issue = p.URL
	s.Start()
	return s, p
}

// between sets what becomes of the next requests to the path; nil lets them pass.
func (p *proxy) between(meddle func(w http.ResponseWriter, r *http.Request, forward http.Handler)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meddle = meddle
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != p.path {
		p.forward.ServeHTTP(w, r)
		return
	}
	p.requests.Add(1)
	p.mu.Lock()
	meddle := p.meddle
	p.mu.Unlock()
	if meddle == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	meddle(w, r, p.forward)
}
