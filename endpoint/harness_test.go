package endpoint_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/endpoint"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	issuer   = "https://id.example"
	formType = "application/x-www-form-urlencoded"
	callback = "http://127.0.0.1:4711/callback"
	deviceGT = string(oauth.GrantDeviceCode)
)

// failing is a store that cannot be reached where down is set.
type failing struct {
	authority.Store
	down atomic.Bool
}

func (f *failing) ChangeFamily(
	ctx context.Context, id string, change func(*authority.Family) (authority.After, error),
) (authority.Family, error) {
	if f.down.Load() {
		return authority.Family{}, authority.ErrUnavailable
	}
	return f.Store.ChangeFamily(ctx, id, change)
}

func (f *failing) Client(ctx context.Context, id string) (authority.Client, error) {
	if f.down.Load() && id == "unread" {
		return authority.Client{}, authority.ErrUnavailable
	}
	return f.Store.Client(ctx, id)
}

// house is an authority over a real store with its endpoints on a real server, and a clock that is moved by hand.
type house struct {
	t         *testing.T
	master    *keys.Master
	authority *law.Authority
	store     *failing
	people    stores.Store
	url       string
	ahead     atomic.Int64
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *house) advance(by time.Duration) { h.ahead.Add(int64(by)) }

// open makes a house with two people and a client of each sort.
func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, master: keys.NewMaster()}
	store := stores.Open(t, h.now, nil)
	h.people, h.store = store, &failing{Store: store}
	h.authority, h.url = h.replica(0)
	h.furnish(t.Context())
	return h
}

// replica is one more authority over the same store, with endpoints of its own and a clock that is ahead.
func (h *house) replica(ahead time.Duration) (*law.Authority, string) {
	h.t.Helper()
	now := func() time.Time { return h.now().Add(ahead) }
	a := law.New(law.Config{
		Issuer: issuer, Store: h.store, People: h.people, Attempts: h.people, Master: h.master, Now: now,
	})
	must(h.t, a.Load(h.t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); a.Run(ctx) }()
	mux := http.NewServeMux()
	point := &endpoint.Endpoint{
		Authority: a, Granter: &grant.Granter{Authority: a, Now: now},
		People: h.people, Organisations: h.people, Issuer: issuer, Now: now, Log: slog.New(slog.DiscardHandler),
		Address: func(*http.Request) string { return "192.0.2.7" },
	}
	for pattern, handler := range point.Routes() {
		mux.Handle(pattern, handler)
	}
	server := httptest.NewServer(mux)
	h.t.Cleanup(func() {
		a.Drain()
		server.Close()
		stop()
		<-ran
	})
	return a, server.URL
}

var scope = oauth.Scope{"openid", "profile", "email"}

func (h *house) furnish(ctx context.Context) {
	h.t.Helper()
	created := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, p := range []identity.Person{
		{ID: "usr_john", Username: "johndoe", Email: "john@example.com", EmailVerified: true, Name: "John Doe", Created: created},
		{ID: "usr_ada", Username: "ada", Email: "ada@example.com", Name: "Ada Lovelace", Created: created},
	} {
		must(h.t, h.people.AddPerson(ctx, p))
	}
	must(h.t, h.people.AddOrganisation(ctx, identity.Organisation{ID: "org-a", Name: "Acme Corp", Creator: "usr_john", Created: created}))
	must(h.t, h.people.SetMember(ctx, "org-a", "usr_john", identity.RoleAdmin, created))
	every := []oauth.GrantType{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken}
	service := []oauth.GrantType{oauth.GrantClientCredentials}
	for _, c := range []authority.Client{
		{
			ID: "cli", Name: "A CLI", Grants: every, Scope: scope, Default: scope, Idle: 24 * time.Hour, Absolute: 240 * time.Hour,
			Redirects: []string{"http://127.0.0.1/callback", "https://app.example/cb"},
		},
		{ID: "other", Name: "Another", Grants: every, Scope: scope, Default: scope, Redirects: []string{"http://127.0.0.1/other"}},
		{ID: "off", Name: "Disabled", Grants: every, Scope: scope, Redirects: []string{"http://127.0.0.1/callback"}, Disabled: true},
		{
			ID: "service", Name: "A service", Grants: service, SecretHash: authority.HashClientSecret(secret.New("s:cret+%/é")),
			Scope: oauth.Scope{"read", "write"}, Default: oauth.Scope{"read"}, Audience: issuer, Introspects: true,
		},
		{
			ID: "stranger", Name: "Service Y", Grants: service, SecretHash: authority.HashClientSecret(secret.New("y")),
			Scope: oauth.Scope{"read"}, Default: oauth.Scope{"read"}, Audience: "https://y.example", Introspects: true,
		},
		{
			ID: "blind", Name: "No introspection", Grants: service, SecretHash: authority.HashClientSecret(secret.New("b")),
			Scope: oauth.Scope{"read"}, Default: oauth.Scope{"read"},
		},
	} {
		must(h.t, h.authority.Registry.Add(ctx, c, "test"))
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// json reads the body as an object.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		t.Fatalf("status %d, body %q is no JSON object: %v", a.status, a.body, err)
	}
	return object
}

// is checks status and error code of an OAuth error.
func (a answer) is(t *testing.T, status int, code string) {
	t.Helper()
	if got, _ := a.json(t)["error"].(string); a.status != status || got != code {
		t.Errorf("answer is %d %s, want %d %s", a.status, a.body, status, code)
	}
}

// do sends a request without following redirects; header is name, value pairs.
func (h *house) do(method, target, body string, header ...string) answer {
	h.t.Helper()
	return h.at(h.url, method, target, body, header...)
}

// at is do at another replica.
func (h *house) at(base, method, target, body string, header ...string) answer {
	h.t.Helper()
	request, err := http.NewRequest(method, base+target, strings.NewReader(body))
	must(h.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	must(h.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(h.t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

// post sends a form given as name, value pairs.
func (h *house) post(path string, pairs ...string) answer {
	h.t.Helper()
	return h.do("POST", path, form(pairs...).Encode(), "Content-Type", formType)
}

func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values
}

// authorize sends a valid authorization request with the changes; a value of "-" leaves the parameter out.
func (h *house) authorize(verifier oauth.Verifier, changes ...string) answer {
	h.t.Helper()
	return h.do("GET", "/authorize?"+authorization(verifier, changes...).Encode(), "")
}

func authorization(verifier oauth.Verifier, changes ...string) url.Values {
	values := form("client_id", "cli", "redirect_uri", callback, "response_type", "code", "state", "xyz", "scope", "openid email",
		"code_challenge", string(verifier.Challenge()), "code_challenge_method", "S256")
	for i := 0; i+1 < len(changes); i += 2 {
		if values.Set(changes[i], changes[i+1]); changes[i+1] == "-" {
			values.Del(changes[i])
		}
	}
	return values
}

// location is the parsed address of a redirect.
func (a answer) location(t *testing.T) *url.URL {
	t.Helper()
	if a.status != http.StatusSeeOther {
		t.Fatalf("status %d, want 303: %s", a.status, a.body)
	}
	location, err := url.Parse(a.header.Get("Location"))
	must(t, err)
	return location
}

// approve plays the person on the page that an authorization request was handed to.
func (h *house) approve(handed answer, person string) *url.URL {
	h.t.Helper()
	location := handed.location(h.t)
	if location.Path != "/approve" {
		h.t.Fatalf("handed to %s, want /approve", location)
	}
	request, err := h.authority.Logins.Open(location.Query().Get("request"))
	must(h.t, err)
	redirect, err := h.authority.Logins.Approve(h.t.Context(), request, h.approval(person, request.Scope))
	must(h.t, err)
	back, err := url.Parse(redirect)
	must(h.t, err)
	return back
}

func (h *house) approval(person string, scope oauth.Scope) authority.Approval {
	return authority.Approval{PersonID: person, Scope: scope, Methods: []string{"pwd"}, AuthTime: h.now(), At: h.now(), Address: "192.0.2.8"}
}

// login goes through a whole login in a browser and returns the token answer.
func (h *house) login(client, person string) map[string]any {
	h.t.Helper()
	verifier := oauth.NewVerifier()
	uri := callback
	if client == "other" {
		uri = "http://127.0.0.1:4711/other"
	}
	handed := h.authorize(verifier, "client_id", client, "redirect_uri", uri, "scope", "openid profile email")
	code := h.approve(handed, person).Query().Get("code")
	got := h.post("/token", "grant_type", "authorization_code", "client_id", client, "code", code, "redirect_uri", uri,
		"code_verifier", verifier.Reveal())
	if got.status != http.StatusOK {
		h.t.Fatalf("login: %d %s", got.status, got.body)
	}
	return got.json(h.t)
}

func basicHeader(id, password string) string {
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password))
	return request.Header.Get("Authorization")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
