package session

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// fixed is a Source of one credential.
type fixed struct {
	c   cred.Credential
	err error
}

func (f fixed) Token(context.Context) (cred.Credential, error) { return f.c, f.err }

func bearer(token string) fixed { return fixed{c: cred.Credential{Access: secret.New(token)}} }

// web answers for every host there is and remembers what arrived where; it redirects where it is told to.
type web struct {
	mu        sync.Mutex
	redirects map[string]string
	seen      map[string]string // address → Authorization
}

func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = make(map[string]string)
	}
	address := req.URL.String()
	w.seen[address] = req.Header.Get("Authorization")
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}
	if to, found := w.redirects[address]; found {
		answer.StatusCode = http.StatusTemporaryRedirect
		answer.Header.Set("Location", to)
	}
	return answer, nil
}

func TestBearerGoesOnlyWhereItBelongs_SEC264(t *testing.T) {
	t.Parallel()
	const api, mirror = "https://api.example.com", "https://mirror.example.com"
	sent := map[string]bool{
		"https://api.example.com/v1":             true,
		"https://API.Example.com:443/v1":         true,
		"https://mirror.example.com/v1":          true,
		"http://127.0.0.1:3667/x":                true,
		"http://api.example.com/v1":              false,
		"https://api.example.com:8443/v1":        false,
		"https://api.example.com.evil.example/":  false,
		"https://sub.api.example.com/":           false,
		"https://example.com/":                   false,
		"https://evil.example/?api.example.com":  false,
		"https://api.example.com@evil.example/":  false,
		"https://ada:secret@api.example.com/":    false,
		"https:///no-host":                       false,
		"http://127.0.0.1:3668/x":                false,
		"https://api.example.com./dotted":        false,
		"http://plain.example.com/in-the-clear":  false,
		"https://plain.example.com/other-scheme": false,
	}
	for address, want := range sent {
		t.Run("SEC-264 "+address, func(t *testing.T) {
			t.Parallel()
			w := &web{}
			servers := []string{api, mirror, "http://127.0.0.1:3667", "http://plain.example.com", "https://", "https://ada@mirror.example.com", "", "%"}
			client := &http.Client{Transport: &Transport{Source: bearer("t"), Servers: servers, Base: w}}
			answer, err := client.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			for _, got := range w.seen {
				if (got == "Bearer t") != want {
					t.Errorf("Authorization %q, sent should be %v", got, want)
				}
			}
		})
	}
	chains := map[string]struct {
		hops []string
		want []bool
	}{
		"SEC-264 redirect to a stranger":          {[]string{api + "/1", "https://evil.example/"}, []bool{true, false}},
		"SEC-264 redirect to a subdomain":         {[]string{api + "/1", "https://x.api.example.com/"}, []bool{true, false}},
		"SEC-264 redirect to another known host":  {[]string{api + "/1", mirror + "/"}, []bool{true, false}},
		"SEC-264 redirect to plain http":          {[]string{api + "/1", "http://api.example.com/"}, []bool{true, false}},
		"SEC-264 redirect to another port":        {[]string{api + "/1", api + ":8443/"}, []bool{true, false}},
		"SEC-264 redirect within the host":        {[]string{api + "/1", api + "/2", api + "/3"}, []bool{true, true, true}},
		"SEC-264 back from a stranger":            {[]string{api + "/1", "https://evil.example/", api + "/delete-all"}, []bool{true, false, false}},
		"SEC-264 a stranger sends us to the host": {[]string{"https://evil.example/", api + "/delete-all"}, []bool{false, false}},
	}
	for name, chain := range chains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &web{redirects: map[string]string{}}
			for i, hop := range chain.hops[1:] {
				w.redirects[chain.hops[i]] = hop
			}
			client := &http.Client{Transport: &Transport{Source: bearer("t"), Servers: []string{api, mirror}, Base: w}}
			answer, err := client.Post(chain.hops[0], "text/plain", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			for i, hop := range chain.hops {
				got, arrived := w.seen[hop]
				if !arrived || (got == "Bearer t") != chain.want[i] {
					t.Errorf("at %s: %q (arrived: %v), sent should be %v", hop, got, arrived, chain.want[i])
				}
			}
		})
	}
}

func TestTransportOverHTTP(t *testing.T) {
	t.Parallel()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &Transport{Source: bearer("t"), Servers: []string{server.URL}, Base: server.Client().Transport}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got != "Bearer t" || req.Header.Get("Authorization") != "" {
		t.Errorf("the server got %q; the caller's request has %q", got, req.Header.Get("Authorization"))
	}
}

// closing tells whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestTransportWithoutAToken(t *testing.T) {
	t.Parallel()
	const api = "https://api.example.com"
	sources := map[string]fixed{
		"no login":              {err: ErrLoginRequired},
		"bound to a key":        {c: cred.Credential{Access: secret.New("CANARY"), TokenType: "DPoP"}},
		"a line break":          bearer("CANARY\r\nX-Evil: 1"),
		"a token beyond ASCII":  bearer("CANARYé"),
		"an error of the store": {err: cred.ErrNewer},
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, body := &web{}, &closing{Reader: strings.NewReader("x")}
			transport := &Transport{Source: source, Servers: []string{api}, Base: w}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api, body)
			if err != nil {
				t.Fatal(err)
			}
			_, err = transport.RoundTrip(req)
			if err == nil || source.err != nil && !errors.Is(err, source.err) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("err = %v", err)
			}
			if len(w.seen) > 0 || !body.closed {
				t.Errorf("sent: %v, body closed: %v", w.seen, body.closed)
			}
		})
	}
	t.Run("the caller's own Authorization stays", func(t *testing.T) {
		t.Parallel()
		w := &web{}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, api, nil)
		req.Header.Set("Authorization", "Basic x")
		answer, err := (&Transport{Source: bearer("t"), Servers: []string{api}, Base: w}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if w.seen[api] != "Basic x" {
			t.Errorf("sent %q", w.seen[api])
		}
	})
}
