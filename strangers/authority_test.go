package strangers

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/sqlite"
	"github.com/doorward/doorward/visitor"
)

// John's id, as --dev has it.
const johnID = "usr_1234567890"

// authority is our server with the accounts of --dev, on a store of its own, over TLS.
type authority struct {
	Issuer string
	HTTP   *http.Client // trusts it
}

// begin starts an authority and ends it with the test.
func begin(t *testing.T) *authority {
	t.Helper()
	listener := listen(t)
	issuer := issuerAt(listener)
	serve(t, server.Config{Issuer: issuer, Listener: listener, TLSCert: trusted.Cert, TLSKey: trusted.Key})
	return &authority{issuer, trusted.client(t)}
}

// tamper is what a proxy between the authority and everybody else changes.
type tamper struct {
	request  func(*http.Request)
	response func(*http.Response) error
}

// beginBehind starts an authority that is reached through a proxy which tampers with what passes.
func beginBehind(t *testing.T, v vouched, change tamper) *authority {
	t.Helper()
	front, back := listen(t), listen(t)
	issuer := issuerAt(front)
	serve(t, server.Config{Issuer: issuer, Listener: back})
	transport := &http.Transport{DisableCompression: true}
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: back.Addr().String()})
			r.Out.Host = r.In.Host
			if change.request != nil {
				change.request(r.Out)
			}
		},
		ModifyResponse: change.response, Transport: transport,
	})
	_ = proxy.Listener.Close()
	proxy.Listener = front
	proxy.TLS = v.server(t)
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // a program that hangs up is what some tests are about
	proxy.StartTLS()
	t.Cleanup(func() {
		proxy.Close()
		transport.CloseIdleConnections()
	})
	return &authority{issuer, v.client(t)}
}

// serve runs a server with the rest of what it needs.
func serve(t *testing.T, config server.Config) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), "store.db")})
	must(t, err)
	config.Store, config.Master, config.Seed = store, keys.NewMaster(), seed.Dev(config.Issuer)
	running, err := server.New(ctx, config)
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- running.Run(ctx) }()
	<-running.Ready()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return listener
}

func issuerAt(listener net.Listener) string {
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "https://localhost:" + port
}

// john is a browser with John before it.
func (a *authority) john(t *testing.T) *visitor.Visitor {
	t.Helper()
	return &visitor.Visitor{Base: a.Issuer, HTTP: trusted.client(t), Name: seed.John, Password: secret.New(seed.JohnPassword)}
}

// approve takes the login in the browser from its address to the program that waits for its end.
func (a *authority) approve(t *testing.T, address string) {
	t.Helper()
	john := a.john(t)
	callback, err := john.Authorize(t.Context(), address)
	must(t, err)
	// What page the program shows is its own affair, and a program that refuses the login shows an error.
	if page, err := john.Arrive(t.Context(), callback); page == nil {
		t.Fatal(err)
	}
}

// post sends a form as the client with this id and secret in the Authorization header.
func (a *authority) post(t *testing.T, path, id, password string, pairs ...string) (status int, answer map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Issuer+path, strings.NewReader(form.Encode()))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password))
	response, err := a.HTTP.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	if len(body) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%s answers %d with %q, which is no JSON object: %v", path, response.StatusCode, body, err)
		}
	}
	return response.StatusCode, answer
}
