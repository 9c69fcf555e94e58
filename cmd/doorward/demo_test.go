package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/terminal"
)

// spoiled is a real authority behind a proxy that spoils the pages of a path.
func spoiled(t *testing.T, path string, spoil func(*http.Response, []byte) []byte) *authtest.Authority {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	auth := authtest.With(t, authtest.Options{
		Issuer: "http://localhost:" + port, Clients: seed.Base().Clients, People: []authtest.Person{{Username: "robin"}},
	})
	behind := &url.URL{Scheme: "http", Host: auth.Address()}
	proxy := &httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0), // the demo that fails leaves its requests
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding")
		},
	}
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasPrefix(r.Request.URL.Path, path) || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		body = spoil(r, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.Header.Del("Content-Length")
		return err
	}
	front.Config.Handler = proxy
	front.Start()
	t.Cleanup(front.Close)
	return auth
}

// TestDemoFailsWithTheTemplates proves that the demo walks the pages themselves: where one of them is broken, it fails, and
// quotes it.
func TestDemoFailsWithTheTemplates(t *testing.T) {
	t.Parallel()
	whole := func(_ *http.Response, body []byte) []byte { return body }
	tests := map[string]struct {
		path  string
		spoil func(*http.Response, []byte) []byte
		says  string // "": the demo succeeds
	}{
		"nothing": {"/", whole, ""},
		"half a page": {"/device", func(_ *http.Response, body []byte) []byte {
			return body[:len(body)/2]
		}, "it was cut short"},
		"a button without its name": {"/device", func(_ *http.Response, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(">Approve<"), []byte("><"))
		}, "no button “Approve”"},
		"a field without its label": {"/", func(_ *http.Response, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(">Password<"), []byte("><"))
		}, "no button “Approve”"},
		"an error after the approval": {"/device/result", func(r *http.Response, body []byte) []byte {
			r.StatusCode = http.StatusInternalServerError
			return body
		}, "it is an error"},
		"the browser's page alone": {"/approve", func(*http.Response, []byte) []byte {
			return []byte("<html><p>template: no such field</p></html>")
		}, "template: no such field"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			auth := spoiled(t, test.path, test.spoil)
			var out, errs bytes.Buffer
			term := &terminal.Terminal{In: strings.NewReader(""), Out: &out, Err: &errs, Screen: &out, Env: func(string) string { return "" }}
			d := &demo{
				program: &authcmd.Program{Terminal: term}, terminal: term, auto: true, issuer: auth.Issuer, folder: t.TempDir(),
				person: server.SeedPerson{
					Person: identity.Person{Username: auth.Person.Username}, Clear: secret.New(auth.Person.Password),
				},
			}
			err := d.alone(t.Context())
			if test.says == "" {
				if err != nil {
					t.Errorf("%v\n%s%s", err, &out, &errs)
				}
				return
			}
			if err == nil || d.program.Explain(err).Exit != authcmd.ExitFailed {
				t.Errorf("it ended with %v, want a failure with code 1", err)
			}
			if !strings.Contains(errs.String(), test.says) {
				t.Errorf("the error does not quote the page with %q:\n%s", test.says, &errs)
			}
		})
	}
}
