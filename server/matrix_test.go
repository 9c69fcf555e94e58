package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

const (
	johnsID = "usr_1234567890"
	adasID  = "usr_ada1815120" // has a second factor
)

// matrix is a server with every contract, every route of which is tried with somebody's password.
type matrix struct {
	*running
	t     *testing.T
	clock *server.Clock
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{t: t, clock: new(server.Clock)}
	m.running = start(t, func(c *server.Config) { c.Seed, c.Clock, c.Contracts = seed.Dev(""), m.clock, contracts.All() })
	return m
}

// held counts what the person's programs hold.
func (m *matrix) held(personID string) int {
	m.t.Helper()
	families, err := m.store.FamiliesOf(m.t.Context(), personID, m.clock.Now())
	must(m.t, err)
	return len(families)
}

var place = regexp.MustCompile(`\{[^/]*\}`)

// try sends a name and a password to a route, under every name and in every form that a route could take them, and returns
// whether anything of it signed somebody in.
func (m *matrix) try(pattern, personID, name, password string) bool {
	m.t.Helper()
	method, path, found := strings.Cut(pattern, " ")
	methods := []string{method}
	if !found {
		methods, path = []string{"GET", "POST"}, pattern
	}
	path = place.ReplaceAllStringFunc(path, func(what string) string {
		if what == "{$}" {
			return ""
		}
		return "x"
	})
	before, signedIn := m.held(personID), false
	for _, method := range methods {
		for _, client := range []string{"octopipe", "rio-cli", "cli"} {
			for _, sent := range sayings(client, name, password) {
				target, body := path, sent.body
				if method == "GET" {
					target, body = path+"?"+sent.query, ""
				}
				got := m.do(m.t, method, target, body, "Content-Type", sent.kind, "Accept", "*/*")
				for _, cookie := range got.header["Set-Cookie"] {
					signedIn = signedIn || !strings.Contains(cookie, "-form-") && !strings.Contains(cookie, "Max-Age=0")
				}
				signedIn = signedIn || strings.Contains(got.body, "Signed in as")
			}
			basic := (&http.Request{Header: http.Header{}})
			basic.SetBasicAuth(name, password)
			m.do(m.t, method, path, "grant_type=client_credentials", "Content-Type", formType, "Authorization", basic.Header.Get("Authorization"))
		}
	}
	return signedIn || m.held(personID) != before
}

type saying struct{ kind, query, body string }

// sayings are a password in all the words of requests.
func sayings(client, name, password string) []saying {
	words := map[string]string{"grant_type": "password", "client_id": client, "scope": "openid", "password": password}
	for _, field := range []string{"username", "email", "name", "login", "user"} {
		words[field] = name
	}
	form := url.Values{}
	for field, value := range words {
		form.Set(field, value)
	}
	object, _ := json.Marshal(words)
	short, _ := json.Marshal(map[string]string{"email": name, "password": password})
	return []saying{
		{formType, form.Encode(), form.Encode()}, {"application/json", form.Encode(), string(object)}, {"application/json", form.Encode(), string(short)},
	}
}

// effective are the routes by which a password alone gets in.
func (m *matrix) effective(personID, name, password string) []string {
	m.t.Helper()
	var in []string
	for _, pattern := range m.Patterns() {
		if strings.Contains(pattern, "/dev/clock") {
			continue // it moves the time under the test
		}
		if m.try(pattern, personID, name, password) {
			in = append(in, pattern)
		}
	}
	return in
}

// page signs somebody in on the pages; it returns the last page.
func (m *matrix) page(v *visitor.Visitor) (*visitor.Page, error) {
	m.t.Helper()
	page, err := v.Open(m.t.Context(), "/sign-in")
	must(m.t, err)
	must(m.t, page.Fill("Email or username", v.Name))
	must(m.t, page.Fill("Password", v.Password.Reveal()))
	return page.Press(m.t.Context(), "Sign in")
}

// TestLockedPersonEverywhere_SEC155: after five wrong passwords the right one gets in nowhere, whichever route takes it. The
// same tries got in before.
func TestLockedPersonEverywhere_SEC155(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	open := m.effective(johnsID, "user@example.com", seed.JohnPassword)
	if !slices.Contains(open, "/token") {
		t.Fatalf("the tries are worth nothing: a password gets in by %q", open)
	}
	t.Logf("a password alone gets in by %q", open)
	john := &visitor.Visitor{Base: m.Issuer(), Name: seed.John, Password: secret.New("wrong")}
	for range 5 {
		if page, _ := m.page(john); page == nil || !page.HasField("Password") {
			t.Fatal("a wrong password was taken")
		}
	}
	for _, name := range []string{"johndoe", "JohnDoe ", "user@example.com", "USER@example.com"} {
		if still := m.effective(johnsID, name, seed.JohnPassword); len(still) > 0 {
			t.Errorf("%q, locked, gets in by %q", name, still)
		}
	}
	john.Password = secret.New(seed.JohnPassword)
	if page, _ := m.page(john); page == nil || !page.Says("too many wrong attempts") {
		t.Error("the page lets a locked person in")
	}
	m.clock.Advance(16 * time.Minute)
	if again := m.effective(johnsID, seed.John, seed.JohnPassword); !slices.Equal(again, open) {
		t.Errorf("after the wait: %q, want %q", again, open)
	}
}

// TestSecondFactorEverywhere_SEC175: the password of somebody with a second factor gets in nowhere by itself, and a browser
// that has shown it is signed in to no page.
func TestSecondFactorEverywhere_SEC175(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	for _, name := range []string{seed.Ada, "ada@example.com"} {
		if open := m.effective(adasID, name, seed.AdaPassword); len(open) > 0 {
			t.Errorf("%s gets in without the factor by %q", name, open)
		}
	}
	jar, _ := cookiejar.New(nil)
	ada := &visitor.Visitor{Base: m.Issuer(), HTTP: &http.Client{Jar: jar}, Name: seed.Ada, Password: secret.New(seed.AdaPassword)}
	page, err := m.page(ada)
	must(t, err)
	if !page.HasField("One-time code") {
		t.Fatal("it does not ask for a code")
	}
	begun := m.post(t, "/device_authorization", "client_id", "doorward").json(t)
	client := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, pattern := range m.Patterns() {
		path, get := strings.CutPrefix(pattern, "GET ")
		if !get || strings.Contains(pattern, "/dev/") {
			continue
		}
		path = place.ReplaceAllString(strings.ReplaceAll(path, "{$}", ""), "x")
		response, err := client.Get(m.Issuer() + path + "?user_code=" + begun["user_code"].(string))
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK && response.Header.Get("Content-Type") == "text/html; charset=utf-8" {
			shown, err := ada.Open(t.Context(), path)
			if err == nil && shown.Says("Signed in as") {
				t.Errorf("%s lets in without the factor", pattern)
			}
		}
	}
	t.Run("the code signs in, and approves", func(t *testing.T) {
		w := &visitor.Visitor{Base: m.Issuer(), Name: seed.Ada, Password: secret.New(seed.AdaPassword), OneTime: func() (string, error) {
			return oneTime(t, seed.AdaTOTP, m.clock.Now()), nil
		}}
		if _, err := w.ApproveDevice(t.Context(), begun["verification_uri_complete"].(string)); err != nil {
			t.Fatal(err)
		}
		got := m.post(t, "/token", "grant_type", string(oauth.GrantDeviceCode), "client_id", "doorward", "device_code", begun["device_code"].(string))
		if methods := claimsOf(t, got.json(t)["id_token"].(string))["amr"]; !slices.Equal(texts(methods), []string{"pwd", "otp"}) {
			t.Errorf("the token says %v", methods)
		}
	})
}

// TestGrantsAndTheSecondFactor_SEC175 goes through every grant type: one that is new and not here fails.
func TestGrantsAndTheSecondFactor_SEC175_PIL06(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	rows := map[oauth.GrantType]struct {
		client string
		more   []string
		want   string // the error; "" : a session
	}{
		oauth.GrantPassword:          {"octopipe", []string{"username", seed.Ada, "password", seed.AdaPassword}, "interaction_required"},
		oauth.GrantAPIKey:            {"cli", []string{"api_key", seed.AdaKey}, ""}, // a credential of its own
		oauth.GrantAuthorizationCode: {"octopipe", []string{"code", "x", "redirect_uri", "http://127.0.0.1/callback", "code_verifier", strings.Repeat("x", 43)}, "invalid_grant"},
		oauth.GrantDeviceCode:        {"octopipe", []string{"device_code", "x"}, "invalid_grant"},
		oauth.GrantRefreshToken:      {"octopipe", []string{"refresh_token", "x"}, "invalid_grant"},
		oauth.GrantClientCredentials: {"octopipe", nil, "unauthorized_client"}, // speaks for no person
	}
	for _, kind := range append(grant.Types(), oauth.GrantPassword) {
		row, known := rows[kind]
		if !known {
			t.Errorf("%s has no row: say what it does for somebody with a second factor", kind)
			continue
		}
		before := m.held(adasID)
		got := m.post(t, "/token", append([]string{"grant_type", string(kind), "client_id", row.client}, row.more...)...).json(t)
		if said, _ := got["error"].(string); said != row.want || (m.held(adasID) > before) != (row.want == "") {
			t.Errorf("%s: %v", kind, got)
		}
	}
	families, err := m.store.FamiliesOf(t.Context(), adasID, m.clock.Now())
	must(t, err)
	if len(families) != 1 || families[0].IssuedBy != johnsID || families[0].How != "api key" {
		t.Errorf("PIL-05: both the person and who issued the key are kept: %+v", families)
	}
	events, err := m.store.ListEvents(t.Context(), authority.EventFilter{PersonID: adasID, Kind: authority.EventAPIKeyIssued})
	must(t, err)
	if len(events) != 1 || events[0].Actor != johnsID {
		t.Errorf("PIL-05: the audit: %+v", events)
	}
}
