package authcmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/choice"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// server is an authorization server with one person, who approves at once unless decide says otherwise.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []string         // path and grant, in order
	revoked  []string         // tokens
	issued   int              // token answers so far
	decide   *oauth.ErrorCode // what a poll and a refresh answer; nil: tokens
	down     bool             // every answer is 503
	complete string           // verification_uri_complete; "": on this server
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", s.metadata)
	mux.HandleFunc("POST /device_authorization", s.device)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("GET /userinfo", s.userinfo)
	mux.HandleFunc("GET /authorize", s.authorize)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.URL.Path+" "+r.PostForm.Get("grant_type")))
		down := s.down
		s.mu.Unlock()
		if down {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func answer(w http.ResponseWriter, status int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object)
}

func (s *server) metadata(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, oauth.Metadata{
		Issuer: s.URL, AuthorizationEndpoint: s.URL + "/authorize", TokenEndpoint: s.URL + "/token",
		DeviceAuthorizationEndpoint: s.URL + "/device_authorization", UserinfoEndpoint: s.URL + "/userinfo", RevocationEndpoint: s.URL + "/revoke",
	})
}

func (s *server) device(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	complete := s.complete
	s.mu.Unlock()
	if complete == "" {
		complete = s.URL + "/device?code=WDJB-MJHT"
	}
	answer(w, 200, map[string]any{
		"device_code": "the-device-code", "user_code": "WDJB-MJHT", "verification_uri": s.URL + "/device",
		"verification_uri_complete": complete, "expires_in": 600, "interval": 1,
	})
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.decide != nil {
		answer(w, 400, map[string]string{"error": string(*s.decide)})
		return
	}
	s.issued++
	answer(w, 200, map[string]any{
		"access_token": fmt.Sprintf("access-%d", s.issued), "refresh_token": fmt.Sprintf("refresh-%d", s.issued), "token_type": "Bearer",
		"expires_in": 600, "refresh_expires_in": 30 * 24 * 3600, "idle_expires_in": 14 * 24 * 3600,
	})
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = append(s.revoked, r.PostForm.Get("token"))
}

func (s *server) userinfo(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer access-") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answer(w, 401, map[string]string{"error": "invalid_token"})
		return
	}
	answer(w, 200, map[string]string{"sub": "usr_1", "email": "user@example.com", "name": "John \x1b]52;c;eA==\x07Doe"})
}

// authorize sends the browser straight back with a code.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"the-code"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *server) count(request string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r == request {
			n++
		}
	}
	return n
}

func (s *server) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *server) gone() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.revoked...)
}

// machine is a computer on which a program of the standard group is installed.
type machine struct {
	t      *testing.T
	server *server
	folder string
	env    map[string]string
	in     string
	now    time.Time
	words  authcmd.Words
	tune   func(*authcmd.Program)
}

func install(t *testing.T, s *server) *machine {
	t.Helper()
	return &machine{t: t, server: s, folder: t.TempDir(), env: map[string]string{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

type outcome struct {
	code     int
	out, err string
}

func (m *machine) run(args ...string) outcome { return m.runContext(m.t.Context(), args...) }

func (m *machine) runContext(ctx context.Context, args ...string) outcome {
	m.t.Helper()
	var out, err safeBuffer
	code := m.main(ctx, &terminal.Terminal{In: strings.NewReader(m.in), Out: &out, Err: &err, Env: func(n string) string { return m.env[n] }}, args)
	return outcome{code, out.String(), err.String()}
}

// safeBuffer takes what several goroutines print.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var _ io.Writer = (*safeBuffer)(nil)

// main is the whole of a front end's main: what cmd/… does.
func (m *machine) main(ctx context.Context, term *terminal.Terminal, args []string) int {
	words := m.words
	words.Name = "acmectl"
	words.Machine = "build-7"
	p := &authcmd.Program{Terminal: term, Words: words, Now: func() time.Time { return m.now }}
	if m.tune != nil {
		m.tune(p)
	}
	group := &authcmd.Group{Program: p, Flags: authcmd.Flags{
		Default: authcmd.Target{Issuer: m.server.URL, ClientID: "acme"}, Variable: "ACME",
		Choice: choice.File{Path: filepath.Join(m.folder, "choice.json")},
	}}
	group.Open = func(_ context.Context, target authcmd.Target) (authcmd.Flows, error) {
		c := &client.Client{Issuer: target.Issuer, ID: target.ClientID, Secret: target.Secret, Now: p.Now}
		look := flow.OAuth{Client: c}
		p.Session = &session.Session{Store: &cred.File{Path: filepath.Join(m.folder, "credentials.json")}, Key: target.Key(), Refresher: look, Now: p.Now}
		p.Identify, p.Revoke = look.Identify, look.Revoke
		scope := oauth.Scope(target.Scope)
		return authcmd.Flows{
			Browser: flow.Browser{Client: c, Scope: scope},
			Device:  flow.Device{Wire: &flow.OAuthWire{Client: c, Scope: scope}, Issuer: target.Issuer},
		}, nil
	}
	root := &cobra.Command{Use: "acmectl", Version: "1.2.3"}
	group.AddGlobals(root.PersistentFlags())
	root.AddCommand(group.Command())
	return p.Main(ctx, root, args)
}

// visit is a browser that follows redirects to the end.
func visit(t *testing.T, address string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
}
