package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// The two people of every test.
const (
	john, johnsPassword = "johndoe", "MySecretPassword"
	ada, adasPassword   = "ada", "lovelace-1815-engine"
)

// house is a console over a real store, as `server` puts it together.
type house struct {
	*httptest.Server
	t         *testing.T
	console   *Console
	authority *law.Authority
	store     stores.Store
	log       *syncBuffer

	mu  sync.Mutex
	now time.Time
}

func (h *house) clock() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *house) pass(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.now = h.now.Add(d) }

type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.text.String() }

// cli is the client of every test.
var cli = authority.Client{
	ID: "doorward", Name: "Doorward CLI", Redirects: []string{"http://127.0.0.1/callback"},
	Grants: []oauth.GrantType{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken},
	Scope:  oauth.ParseScope("openid profile email offline_access warehouse:read"),
	Access: 10 * time.Minute, Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour,
}

func build(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), log: &syncBuffer{}}
	ctx := context.Background()
	store := stores.Open(t, h.clock, nil)
	mux := http.NewServeMux()
	h.store, h.Server = store, httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	t.Cleanup(h.Close)
	h.authority = law.New(law.Config{
		Issuer: h.URL, Store: store, People: store, Attempts: store, Master: keys.NewMaster(), Now: h.clock,
	})
	if err := h.authority.Load(ctx); err != nil {
		t.Fatal(err)
	}
	hasher := &identity.Hasher{Memory: 8, Passes: 1, AtOnce: 2, Waiting: 1000}
	h.console = &Console{
		Authority: h.authority, People: store, Invitations: store, Issuer: h.URL, Now: h.clock,
		Doorkeeper: &identity.Doorkeeper{People: store, Attempts: store, Hasher: hasher, Now: h.clock},
		Presence:   &identity.Presence{SignIns: store, People: store, Now: h.clock},
		Log:        slog.New(slog.NewTextHandler(h.log, nil)),
	}
	for pattern, handler := range h.console.Routes() {
		mux.Handle(pattern, handler)
	}
	h.add(identity.Person{ID: "usr_1234567890", Username: john, Email: "user@example.com", Name: "John Doe"}, johnsPassword)
	h.add(identity.Person{ID: "usr_ada", Username: ada, Email: "ada@example.com", Name: "Ada Lovelace"}, adasPassword)
	if err := h.authority.Registry.Add(ctx, cli, "admin"); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) add(person identity.Person, password string) {
	h.t.Helper()
	encoded, err := h.console.Doorkeeper.Hasher.Hash(context.Background(), secret.New(password))
	person.Password, person.Created = encoded, h.now
	if err == nil {
		err = h.store.AddPerson(context.Background(), person)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// browser is a person at a browser of their own, signed in where a name is given.
func (h *house) browser(name, password string) *visitor.Visitor {
	h.t.Helper()
	jar, _ := cookiejar.New(nil)
	v := &visitor.Visitor{Base: h.URL, HTTP: &http.Client{Jar: jar}}
	if name == "" {
		return v
	}
	if err := v.SignIn(h.t.Context(), name, secret.New(password)); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// device begins a device login of a machine.
func (h *house) device(machine string) login.DeviceBegun {
	h.t.Helper()
	begun, err := h.authority.Devices.Begin(context.Background(), cli, login.DeviceAsk{
		Scope: cli.Scope, Origin: authority.Origin{Address: "203.0.113.9", Machine: machine},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return begun
}

// state is where the request of a user code stands.
func (h *house) state(userCode string) authority.DeviceRequest {
	h.t.Helper()
	request, err := h.store.DeviceRequestByUserCode(context.Background(), usercode.Normalize(userCode), h.clock())
	if err != nil {
		h.t.Fatal(err)
	}
	return request
}

// sealed is a login in this browser, as the authorization endpoint hands it over.
func (h *house) sealed(change func(*authority.AuthorizationRequest)) string {
	request := authority.AuthorizationRequest{
		ClientID: cli.ID, RedirectURI: "http://127.0.0.1:4242/callback", State: "st4te", Scope: oauth.ParseScope("openid email"),
		Challenge: oauth.NewVerifier().Challenge(), MaxAge: -1, Origin: authority.Origin{Address: "127.0.0.1", Machine: "laptop"},
	}
	if change != nil {
		change(&request)
	}
	return h.authority.Logins.Seal(request)
}

func approvePath(sealed string) string { return PathApprove + "?request=" + url.QueryEscape(sealed) }

// answer is a plain HTTP answer, not followed.
type answer struct {
	*http.Response
	Body string
}

// send asks as a program would that knows the cookies of a browser. A form makes it a POST.
func (h *house) send(v *visitor.Visitor, method, path string, form url.Values, header http.Header) answer {
	h.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if v != nil {
		client.Jar = v.HTTP.Jar
	}
	response, err := client.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{response, string(text)}
}

// hidden collects the hidden fields of a page, as its form would send them.
func hidden(body, action string) url.Values {
	values := url.Values{}
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for form := range root.Descendants() {
		if form.Data != "form" || attribute(form, "action") != action {
			continue
		}
		for n := range form.Descendants() {
			if n.Data == "input" && attribute(n, "type") == "hidden" {
				values.Add(attribute(n, "name"), attribute(n, "value"))
			}
		}
	}
	return values
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
