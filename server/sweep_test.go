package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

// sweep walks through the product and collects every secret that it meets.
type sweep struct {
	*running
	t       *testing.T
	john    *visitor.Visitor
	jar     *cookiejar.Jar
	secrets map[string]string // by kind
}

func (s *sweep) keep(kind, value string) string {
	s.t.Helper()
	if len(value) < 6 {
		s.t.Fatalf("no %s: %q", kind, value)
	}
	s.secrets[kind] = value
	return value
}

func (s *sweep) token(kind string, pairs ...string) map[string]any {
	s.t.Helper()
	body := s.post(s.t, "/token", append(pairs, "client_id", "doorward")...).json(s.t)
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		value, _ := body[name].(string)
		s.keep(kind+" "+name, value)
	}
	return body
}

// browser logs in with a code, refreshes twice, and then plays the first refresh token and the code again.
func (s *sweep) browser() {
	s.t.Helper()
	v := oauth.NewVerifier()
	s.keep("verifier", v.Reveal())
	query := url.Values{
		"client_id": {"doorward"}, "redirect_uri": {"http://127.0.0.1:1/callback"}, "response_type": {"code"},
		"state": {s.keep("state", "canary-state")}, "nonce": {s.keep("nonce", "canary-nonce")},
		"code_challenge": {string(v.Challenge())}, "code_challenge_method": {"S256"},
	}
	handed := s.do(s.t, "GET", "/authorize?"+query.Encode(), "")
	_, sealed, _ := strings.Cut(handed.header.Get("Location"), "request=")
	s.keep("sealed request", sealed)
	back, err := s.john.Authorize(s.t.Context(), "/authorize?"+query.Encode())
	must(s.t, err)
	at, err := url.Parse(back)
	must(s.t, err)
	redeem := []string{
		"grant_type", "authorization_code", "code", s.keep("code", at.Query().Get("code")), "redirect_uri", "http://127.0.0.1:1/callback",
		"code_verifier", v.Reveal(),
	}
	body := s.token("browser", redeem...)
	second := s.token("refreshed", "grant_type", "refresh_token", "refresh_token", body["refresh_token"].(string))
	s.token("refreshed again", "grant_type", "refresh_token", "refresh_token", second["refresh_token"].(string))
	s.post(s.t, "/token", "grant_type", "refresh_token", "refresh_token", body["refresh_token"].(string), "client_id", "doorward") // a replay
	redeem[len(redeem)-1] = s.keep("wrong verifier", oauth.NewVerifier().Reveal())
	s.post(s.t, "/token", append(redeem, "client_id", "doorward")...)
	s.do(s.t, "GET", "/userinfo", "", "Authorization", "Bearer "+body["access_token"].(string))
	s.post(s.t, "/revoke", "client_id", "doorward", "token", body["refresh_token"].(string))
}

// device logs in with a user code, after a wrong one.
func (s *sweep) device() {
	s.t.Helper()
	begun := s.post(s.t, "/device_authorization", "client_id", "doorward", "machine", "build-7").json(s.t)
	code := s.keep("device code", begun["device_code"].(string))
	shown := s.keep("user code", begun["user_code"].(string))
	s.keep("user code, plain", strings.ReplaceAll(shown, "-", ""))
	if _, err := s.john.ApproveCode(s.t.Context(), s.keep("wrong user code", "BBBB-BBBB")); err == nil {
		s.t.Error("a wrong code was taken")
	}
	_, err := s.john.ApproveDevice(s.t.Context(), begun["verification_uri_complete"].(string))
	must(s.t, err)
	s.token("device", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", code)
}

// endings are a revocation, a denial, a sign-out and an account that locks itself.
func (s *sweep) endings() {
	s.t.Helper()
	s.post(s.t, "/revoke", "client_id", "doorward", "token", s.secrets["device refresh_token"])
	begun := s.post(s.t, "/device_authorization", "client_id", "doorward").json(s.t)
	_, err := s.john.DenyDevice(s.t.Context(), begun["verification_uri_complete"].(string))
	must(s.t, err)
	page, err := s.john.Open(s.t.Context(), "/settings/security/applications")
	must(s.t, err)
	_, err = page.Press(s.t.Context(), "Sign out")
	must(s.t, err)
	ada := &visitor.Visitor{Base: s.Issuer()}
	for range 6 {
		if err := ada.SignIn(s.t.Context(), seed.Ada, secret.New(s.secrets["wrong password"])); err == nil {
			s.t.Fatal("a wrong password was taken")
		}
	}
}

// audited checks that each thing that happened left an event that says who, what, when, from where and how.
func audited(t *testing.T, events []authority.Event) {
	t.Helper()
	found := map[authority.EventKind]authority.Event{}
	for _, event := range events {
		found[event.Kind] = event
		if event.ID == "" || event.At.IsZero() {
			t.Errorf("an event without id or time: %+v", event)
		}
	}
	for _, want := range []struct {
		kind            authority.EventKind
		person, address bool
	}{
		{authority.EventSignIn, true, true},
		{authority.EventSignInFailed, false, true},
		{authority.EventSignInLocked, false, true},
		{authority.EventSignOut, true, true},
		{authority.EventApproved, true, true},
		{authority.EventDenied, true, true},
		{authority.EventCodeGuess, true, true},
		{authority.EventReplay, true, true},
		{authority.EventCodeReplay, true, true},
		{authority.EventSessionEnded, true, true},
		{authority.EventTokenIssued, true, false},
		{authority.EventClientAdded, false, false},
	} {
		event, ok := found[want.kind]
		if !ok || want.person && event.PersonID == "" || want.address && event.Address == "" {
			t.Errorf("%s: found %v, %+v", want.kind, ok, event)
		}
	}
}

// faults provokes an inner error and a panic with secrets at hand.
func (s *sweep) faults() {
	for _, fault := range []func() error{
		func() error { return authority.ErrUnavailable },
		func() error { panic("choked on " + s.secrets["code"]) },
	} {
		s.store.fault.Store(&fault)
		s.do(s.t, "GET", "/authorize?client_id=unread&state="+s.secrets["state"], "", "Accept", "text/html")
		s.post(s.t, "/token", "grant_type", "refresh_token", "client_id", "unread", "client_secret", s.keep("wrong client secret", "canary-client"),
			"refresh_token", s.secrets["device refresh_token"])
		s.store.fault.Store(nil)
	}
}

func TestCanarySweep_SEC274(t *testing.T) {
	t.Parallel()
	var link string
	r := start(t, func(c *server.Config) {
		c.Metrics = "127.0.0.1:0"
		c.Invite = func(made string) { link = made } // before there are people
	})
	must(t, r.end())
	invited := r.log.String()
	r = startAt(t, r.place, r.master, func(c *server.Config) {
		c.Metrics, c.Seed = "127.0.0.1:0", seed.Dev("")
	})
	jar, err := cookiejar.New(nil)
	must(t, err)
	s := &sweep{running: r, t: t, jar: jar, secrets: map[string]string{}}
	s.keep("invitation", link[strings.LastIndex(link, "/")+1:])
	s.do(t, "GET", "/welcome/"+s.secrets["invitation"], "", "Accept", "text/html")
	s.john = &visitor.Visitor{Base: r.Issuer(), HTTP: &http.Client{Jar: jar}}
	if err := s.john.SignIn(t.Context(), seed.John, secret.New(s.keep("wrong password", "canary-password"))); err == nil {
		t.Fatal("a wrong password was taken")
	}
	must(t, s.john.SignIn(t.Context(), seed.John, secret.New(s.keep("password", seed.JohnPassword))))
	issuer, err := url.Parse(r.Issuer())
	must(t, err)
	for _, cookie := range jar.Cookies(issuer) {
		s.keep("cookie "+cookie.Name, cookie.Value)
	}
	s.browser()
	s.device()
	s.post(t, "/introspect", "token", s.keep("ready token", seed.ReadyToken), "client_id", "dev-service",
		"client_secret", s.keep("client secret", seed.ServiceSecret))
	s.do(t, "GET", "/userinfo?access_token="+s.secrets["device access_token"], "")
	s.do(t, "GET", "/d/"+s.secrets["device access_token"], "")
	s.endings()
	s.faults()

	events, err := r.store.ListEvents(t.Context(), authority.EventFilter{Limit: 1000})
	must(t, err)
	audit, err := json.Marshal(events)
	must(t, err)
	response, err := http.Get("http://" + r.MetricsAddr().String() + "/metrics")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	metrics, err := io.ReadAll(response.Body)
	must(t, err)
	if len(events) < 8 || len(s.secrets) < 20 {
		t.Fatalf("the sweep met %d events and %d secrets", len(events), len(s.secrets))
	}
	t.Run("SEC-278 one event for each thing that happened", func(t *testing.T) { audited(t, events) })
	for place, text := range map[string]string{
		"log": invited + r.log.String(), "audit": string(audit), "metrics": string(metrics),
	} {
		for kind, value := range s.secrets {
			if strings.Contains(text, value) || strings.Contains(text, url.QueryEscape(value)) {
				t.Errorf("the %s has the %s", place, kind)
			}
		}
	}
}

// TestLogLines_SEC275 sends what would draw on a terminal or begin a line of its own.
func TestLogLines_SEC275(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	const nasty = "a\r\nlevel=ERROR msg=forged\x1b[31m\"'"
	r.post(t, "/device_authorization", "client_id", "doorward", "machine", nasty)
	r.post(t, "/token", "client_id", nasty, "grant_type", nasty, "username", nasty)
	r.do(t, "GET", "/authorize?client_id=doorward&state="+url.QueryEscape(nasty), "")
	r.do(t, "GET", "/nothing", "", "User-Agent", `"; level=ERROR`)
	guest := &visitor.Visitor{Base: r.Issuer()}
	if err := guest.SignIn(t.Context(), nasty, secret.New("x")); err == nil {
		t.Error("it signed in")
	}
	text := r.log.String()
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\x1b\r") || strings.Contains(line, " msg=forged") && !strings.Contains(line, `\r`) {
			t.Errorf("a line that is not ours: %q", line)
		}
	}
	if strings.Count(text, "msg=request") < 5 {
		t.Errorf("the log has too little:\n%s", text)
	}
}
