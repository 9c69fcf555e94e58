package federated_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/console/factor"
	"github.com/doorward/doorward/console/federated"
	"github.com/doorward/doorward/federation"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/identity/recovery"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

const (
	domainID  = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0a0"
	bindingID = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0b0"
	otherID   = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0d0"
)

// house is an authority whose operators come through a second one.
type house struct {
	*httptest.Server
	t         *testing.T
	upstream  *authtest.Authority
	authority *law.Authority
	console   *console.Console
	totp      *identity.TOTP
	store     stores.Store
	clock     func() time.Time
}

var plain = authority.Client{
	ID: "terminal", Name: "Terminal", Grants: []oauth.GrantType{oauth.GrantDeviceCode}, Scope: oauth.Scope{"openid"}, Refreshing: authority.RefreshNever,
}

func build(t *testing.T) *house {
	t.Helper()
	ctx := context.Background()
	mux := http.NewServeMux()
	h := &house{t: t, Server: httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))}
	t.Cleanup(h.Close)
	var callbacks []string
	for _, id := range []string{bindingID, otherID} {
		callbacks = append(callbacks, h.URL+"/federation/"+id+"/callback")
	}
	h.upstream = authtest.With(t, authtest.Options{
		Open:   stores.New(t).Open,
		People: []authtest.Person{{Username: "ada", Name: "Ada Lovelace"}, {Username: "grace"}},
		Clients: []authority.Client{{
			ID: "downstream", Redirects: callbacks, Grants: []oauth.GrantType{oauth.GrantAuthorizationCode}, Scope: oauth.Scope{"openid", "profile", "email"},
		}},
	})
	h.clock = h.upstream.Clock.Now
	store := stores.Open(t, h.clock, nil)
	h.store = store
	master := keys.NewMaster()
	h.authority = law.New(law.Config{Issuer: h.URL, Store: store, People: store, Attempts: store, Master: master, Now: h.clock})
	if err := h.authority.Load(ctx); err != nil {
		t.Fatal(err)
	}
	h.console = &console.Console{
		Authority: h.authority, People: store, Invitations: store, Domains: store, Issuer: h.URL, Now: h.clock,
		Doorkeeper: &identity.Doorkeeper{People: store, Attempts: store, Hasher: &identity.Hasher{Memory: 8, Passes: 1}, Now: h.clock},
		Presence:   &identity.Presence{SignIns: store, People: store, Now: h.clock},
		Seal:       master.SealText, Open: master.OpenText,
	}
	h.totp = &identity.TOTP{
		Factors: store, Attempts: store, Now: h.clock,
		Seal: func(p, ad []byte) []byte { return master.Seal("t", p, ad) }, Open: func(s, ad []byte) ([]byte, error) { return master.Open("t", s, ad) },
	}
	second := &factor.Room{Console: h.console, TOTP: h.totp, Recovery: &recovery.Codes{TOTP: h.totp}}
	h.console.Second = second
	room := &federated.Room{
		Console: h.console, Upstreams: &federation.Upstreams{AllowPrivate: true, Now: h.clock}, Domains: store, Links: store, Attempts: store,
	}
	for _, routes := range []map[string]http.Handler{h.console.Routes(), second.Routes(), room.Routes()} {
		for pattern, handler := range routes {
			mux.Handle(pattern, handler)
		}
	}
	h.must(h.authority.Registry.Add(ctx, plain, "admin"))
	h.must(store.AddDomain(ctx, identity.Domain{ID: domainID, Name: "Acme", Created: h.clock()}))
	for i, id := range []string{bindingID, otherID} {
		h.must(store.AddBinding(ctx, identity.Binding{
			ID: id, DomainID: domainID, Alias: []string{"dev", "other"}[i], Name: "Acme ID", Issuer: h.upstream.Issuer, ClientID: "downstream", Creates: true, Created: h.clock(),
		}))
	}
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// begin begins a device login for a binding.
func (h *house) begin(binding string) (login.DeviceBegun, string) {
	h.t.Helper()
	begun, err := h.authority.Devices.Begin(h.t.Context(), plain, login.DeviceAsk{
		Scope: plain.Scope, Origin: authority.Origin{Address: "203.0.113.9", Machine: "build-7"}, Binding: binding,
	})
	h.must(err)
	request, err := h.store.DeviceRequestByUserCode(h.t.Context(), usercode.Normalize(begun.UserCode), h.clock())
	h.must(err)
	return begun, request.ID
}

func (h *house) change(binding string, change func(*identity.Binding)) {
	h.t.Helper()
	_, err := h.store.ChangeBinding(h.t.Context(), binding, func(b *identity.Binding) error { change(b); return nil })
	h.must(err)
}

// browser is one that nobody is signed in with.
func (h *house) browser() *visitor.Visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor.Visitor{Base: h.URL, HTTP: &http.Client{Jar: jar}}
}

func page(binding, code string) string {
	if code == "" {
		return "/device/" + binding
	}
	return "/device/" + binding + "?user_code=" + code
}

// sent opens a page of ours and returns the address at the provider that it leads to.
func (h *house) sent(v *visitor.Visitor, path string) string {
	h.t.Helper()
	page, err := v.Open(h.t.Context(), path)
	h.must(err)
	if !page.Away || !strings.HasPrefix(page.URL.String(), h.upstream.Issuer+"/authorize?") {
		h.t.Fatalf("%s does not lead to the provider but to %s", path, page.URL)
	}
	return page.URL.String()
}

// through signs somebody in at the provider and returns the address that it sends them back to.
func (h *house) through(name, address string) string {
	h.t.Helper()
	at := &visitor.Visitor{Base: h.upstream.Issuer, Name: name, Password: secret.New(name + "-has-a-password")}
	callback, err := at.Authorize(h.t.Context(), address)
	h.must(err)
	return callback
}

// arrive goes from a page of ours through the provider to the page where the person ends.
func (h *house) arrive(v *visitor.Visitor, name, path string) *visitor.Page {
	h.t.Helper()
	page, err := v.Open(h.t.Context(), h.through(name, h.sent(v, path)))
	h.must(err)
	return page
}

// status opens an address, follows what stays here, and returns the last status and body.
func (h *house) status(v *visitor.Visitor, address string) (int, string) {
	h.t.Helper()
	client := http.Client{Jar: v.HTTP.Jar}
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, address, nil)
	h.must(err)
	response, err := client.Do(request)
	h.must(err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	h.must(err)
	return response.StatusCode, string(body)
}
