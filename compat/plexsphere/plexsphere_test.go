package plexsphere_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/compat/plexsphere"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/server"
)

// house is an authority as a client in the field sees it: requests are made by hand, from the contract's words. The provider
// of its bindings is of no account here: what the pages do is decided through the rooms.
type house struct {
	t     *testing.T
	auth  *authtest.Authority
	rooms server.Rooms
}

// More Domains, beside those of --dev.
const (
	severalDomain = "0190a8b8-a0c0-7a0a-8a0a-000000000001" // two active bindings, one disabled and primary
	soleDomain    = "0190a8b8-a0c0-7a0a-8a0a-000000000002" // one active, one disabled
	emptyDomain   = "0190a8b8-a0c0-7a0a-8a0a-000000000003" // one disabled
	primaryDomain = "0190a8b8-a0c0-7a0a-8a0a-000000000004" // two active, one of them primary
)

// binding is the id of the nth binding of a Domain.
func binding(domain, n string) string { return domain[:34] + domain[35:] + n }

func start(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	look := func(rooms server.Rooms) (machines, entries map[string]http.Handler) {
		h.rooms = rooms
		return nil, nil
	}
	more := seed.Dev("")
	seed.Federate(more, "https://id.upstream.example")
	add := func(domain string, bindings ...identity.Binding) {
		more.Domains = append(more.Domains, identity.Domain{ID: domain, Name: domain})
		for _, b := range bindings {
			b.DomainID, b.Issuer, b.ClientID = domain, "https://id.upstream.example", "x"
			b.ID = binding(domain, b.Alias)
			more.Bindings = append(more.Bindings, server.SeedBinding{Binding: b})
		}
	}
	add(severalDomain, identity.Binding{Alias: "1"}, identity.Binding{Alias: "2"}, identity.Binding{Alias: "3", Primary: true, Disabled: true})
	add(soleDomain, identity.Binding{Alias: "1", Disabled: true}, identity.Binding{Alias: "2"})
	add(emptyDomain, identity.Binding{Alias: "1", Disabled: true, Primary: true})
	add(primaryDomain, identity.Binding{Alias: "1"}, identity.Binding{Alias: "2", Primary: true})
	more.Clients = append(more.Clients, authority.Client{
		ID: "narrow", Grants: more.Clients[0].Grants, Scope: []string{"openid"}, Default: []string{"openid"}, Access: 10 * time.Minute,
	}, authority.Client{
		ID: "grantless", Grants: more.Clients[0].Grants[:1], Redirects: more.Clients[0].Redirects, Scope: []string{"openid"}, Default: []string{"openid"},
	})
	h.auth = authtest.With(t, authtest.Options{
		Open:   stores.New(t).Open,
		People: []authtest.Person{{Username: "somebody"}}, More: *more, Contracts: append(contracts.All(), look),
	})
	return h
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (h *house) do(method, path, body string, header ...string) answer {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.auth.Issuer+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(text, &a.body); err != nil {
		h.t.Fatalf("%s %s answers no JSON object: %s", method, path, text)
	}
	return a
}

// problem checks an error as PLX-19 has it.
func (h *house) problem(what string, got answer, status int, code string) {
	h.t.Helper()
	number, _ := got.body["status"].(float64)
	if got.status != status || int(number) != status || number != float64(int(number)) || got.body["code"] != code {
		h.t.Errorf("PLX-19 %s: status %d (want %d), %v", what, got.status, status, got.body)
	}
	for _, name := range []string{"type", "title", "detail", "instance"} {
		if text, _ := got.body[name].(string); text == "" {
			h.t.Errorf("PLX-19 %s has no %s: %v", what, name, got.body)
		}
	}
	if kind := got.header.Get("Content-Type"); kind != "application/problem+json" {
		h.t.Errorf("PLX-19 %s comes as %s", what, kind)
	}
	if got.header.Get("Cache-Control") != "no-store" || len(got.body) != 6 {
		h.t.Errorf("PLX-19 %s: %v, %v", what, got.header, got.body)
	}
}

func object(pairs ...string) string {
	members := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		members[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(members)
	return string(text)
}

func (h *house) begin(pairs ...string) answer {
	h.t.Helper()
	return h.do("POST", "/v1/auth/device-code", object(pairs...))
}

// login begins one in the Domain of --dev.
func (h *house) login() (device, user string) {
	h.t.Helper()
	begun := h.begin("domain_id", seed.DomainID)
	device, _ = begun.body["device_code"].(string)
	user, _ = begun.body["user_code"].(string)
	if begun.status != 200 || device == "" {
		h.t.Fatalf("status %d, %v", begun.status, begun.body)
	}
	return device, user
}

func (h *house) poll(device string, more ...string) answer {
	h.t.Helper()
	return h.do("POST", "/v1/auth/device-token", object(append(more, "device_code", device)...))
}

// request finds what a person who types the code would be asked to decide.
func (h *house) request(code string) authority.DeviceRequest {
	h.t.Helper()
	request, err := h.rooms.Authority.Devices.Lookup(h.t.Context(), code, login.Guesser{PersonID: "x", Address: "192.0.2.1"})
	if err != nil {
		h.t.Fatal(err)
	}
	return request
}

func (h *house) approve(code string) {
	h.t.Helper()
	_, err := h.rooms.Authority.Devices.Approve(h.t.Context(), h.request(code).ID, authority.Approval{
		PersonID: "usr_1234567890", Methods: []string{"pwd", "otp"}, AuthTime: time.Now(), Binding: seed.BindingID, ACR: "urn:mfa",
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestDeviceCode_PLX20(t *testing.T) {
	t.Parallel()
	h := start(t)
	begun := h.begin("domain_id", seed.DomainID, "idp_binding_id", seed.BindingID, "client_id", "plexctl")
	user, _ := begun.body["user_code"].(string)
	device, _ := begun.body["device_code"].(string)
	if !regexp.MustCompile(`^[A-Z2-7]{4}-[A-Z2-7]{4}$`).MatchString(user) || device == "" {
		t.Fatalf("status %d, %v", begun.status, begun.body)
	}
	page := h.auth.Issuer + "/device/" + seed.BindingID
	want := map[string]any{
		"device_code": device, "user_code": user, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + user,
		"expires_in": 600.0, "interval": 5.0,
	}
	if diff := cmp.Diff(want, begun.body); begun.status != 200 || diff != "" {
		t.Errorf("status %d (-want +got)\n%s", begun.status, diff)
	}
	if begun.header.Get("Content-Type") != "application/json" || begun.header.Get("Cache-Control") != "no-store" {
		t.Errorf("PLX-19: %v", begun.header)
	}
	for _, typed := range []string{user, strings.ReplaceAll(user, "-", ""), strings.ToLower(user)} {
		if got := h.request(typed); got.Binding != seed.BindingID || got.ClientID != "plexctl" || got.Scope.String() != "openid profile email" {
			t.Errorf("%q is %+v", typed, got)
		}
	}
	digits := false
	for range 40 {
		_, code := h.login()
		digits = digits || strings.ContainsAny(code, "234567")
	}
	if !digits {
		t.Error("no code has a digit")
	}
}

func TestBinding_PLX20(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, test := range map[string]struct{ domain, id, alias, want string }{
		"the id":                    {severalDomain, binding(severalDomain, "2"), "", binding(severalDomain, "2")},
		"the id in capitals":        {strings.ToUpper(seed.DomainID), strings.ToUpper(seed.BindingID), "", seed.BindingID},
		"the id before the primary": {primaryDomain, binding(primaryDomain, "1"), "", binding(primaryDomain, "1")},
		"the alias":                 {severalDomain, "", "1", binding(severalDomain, "1")},
		"the primary one":           {primaryDomain, "", "", binding(primaryDomain, "2")},
		"the only active one":       {soleDomain, "", "", binding(soleDomain, "2")},
		"the dev one by alias":      {seed.DomainID, "", "dev", seed.BindingID},
	} {
		got := h.begin("domain_id", test.domain, "idp_binding_id", test.id, "idp_binding_alias", test.alias)
		if uri := got.body["verification_uri"]; got.status != 200 || uri != h.auth.Issuer+"/device/"+test.want {
			t.Errorf("%s: status %d, %v", name, got.status, got.body)
		}
	}
	for name, test := range map[string]struct {
		domain, id, alias string
		status            int
		code              string
	}{
		"of another Domain":             {seed.DomainID, seed.OtherBindingID, "", 400, "invalid_request"},
		"of nobody":                     {seed.DomainID, "0190a8b8-a0c0-7a0a-8a0a-ffffffffffff", "", 400, "invalid_request"},
		"an alias of another Domain":    {seed.DomainID, "", "other", 400, "invalid_request"},
		"id and alias":                  {seed.DomainID, seed.BindingID, "dev", 400, "invalid_request"},
		"several and none primary":      {severalDomain, "", "", 400, "invalid_request"},
		"none active":                   {emptyDomain, "", "", 404, "not_found"},
		"a disabled one":                {emptyDomain, binding(emptyDomain, "1"), "", 404, "not_found"},
		"a disabled one by alias":       {soleDomain, "", "1", 404, "not_found"},
		"a Domain that is not there":    {"0190a8b8-a0c0-7a0a-8a0a-ffffffffffff", "", "", 404, "not_found"},
		"a Domain that is no UUID":      {"acme", "", "", 400, "invalid_request"},
		"no Domain":                     {"", seed.BindingID, "", 400, "invalid_request"},
		"a binding that is no UUID":     {seed.DomainID, "dev", "", 400, "invalid_request"},
		"a Domain with something after": {seed.DomainID + "\n", "", "", 400, "invalid_request"},
	} {
		h.problem(name, h.begin("domain_id", test.domain, "idp_binding_id", test.id, "idp_binding_alias", test.alias), test.status, test.code)
	}
	same := h.begin("domain_id", seed.DomainID, "idp_binding_id", seed.OtherBindingID).body["detail"]
	if other := h.begin("domain_id", seed.DomainID, "idp_binding_id", "0190a8b8-a0c0-7a0a-8a0a-ffffffffffff").body["detail"]; same != other {
		t.Errorf("a binding of another Domain is told from none: %v, %v", same, other)
	}
}

func TestDeviceToken_PLX21(t *testing.T) {
	t.Parallel()
	h := start(t)
	device, user := h.login()
	h.problem("pending", h.poll(device), 400, "authorization_pending")
	h.problem("too fast", h.poll(device), 400, "slow_down")
	h.approve(user)
	got := h.poll(device, "client_id", "plexctl")
	token, _ := got.body["access_token"].(string)
	want := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600.0, "scope": "openid profile email"}
	if diff := cmp.Diff(want, got.body); got.status != 200 || token == "" || diff != "" {
		t.Errorf("status %d (-want +got)\n%s", got.status, diff)
	}
	device, user = h.login()
	if _, err := h.rooms.Authority.Devices.Deny(t.Context(), h.request(user).ID, "usr_1234567890", ""); err != nil {
		t.Fatal(err)
	}
	h.problem("denied", h.poll(device), 400, "access_denied")
	device, user = h.login()
	if _, err := h.rooms.Authority.Devices.Refuse(t.Context(), h.request(user).ID, seed.BindingID, ""); err != nil {
		t.Fatal(err)
	}
	h.problem("refused by the provider", h.poll(device), 403, "access_denied")
	device, _ = h.login()
	h.problem("a code of another client", h.poll(device, "client_id", "doorward"), 400, "invalid_grant")
	h.problem("a client that is not there", h.poll(device, "client_id", "nobody"), 400, "invalid_grant")
	h.problem("a client with a secret", h.poll(device, "client_id", "dev-service"), 400, "invalid_grant")
	h.problem("a code of nobody", h.poll("x"), 400, "invalid_grant")
	h.problem("no code", h.poll(""), 400, "invalid_grant")
	h.auth.Advance(11 * time.Minute)
	h.problem("expired", h.poll(device), 400, "expired_token")
}

// TestHeldPoll_PLX21: a client that would wait is answered the moment the person decides.
func TestHeldPoll_PLX21(t *testing.T) {
	t.Parallel()
	h := start(t)
	device, user := h.login()
	id := h.request(user).ID
	polled := make(chan answer)
	go func() {
		polled <- h.do("POST", "/v1/auth/device-token", object("device_code", device), "Prefer", "wait=25")
	}()
	select {
	case early := <-polled:
		t.Fatalf("it was not held: status %d, %v", early.status, early.body)
	case <-time.After(100 * time.Millisecond): // long enough for the request to arrive; a later one is answered at once
	}
	_, err := h.rooms.Authority.Devices.Approve(t.Context(), id, authority.Approval{PersonID: "usr_1234567890", AuthTime: time.Now(), Binding: seed.BindingID})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-polled; got.status != 200 || got.header.Get("Preference-Applied") != "wait=25" {
		t.Errorf("status %d, %v", got.status, got.header)
	}
	device, _ = h.login()
	if got := h.do("POST", "/v1/auth/device-token", object("device_code", device), "Prefer", "wait=1"); got.body["code"] != "authorization_pending" || got.header.Get("Preference-Applied") != "wait=1" {
		t.Errorf("status %d, %v, %v", got.status, got.header, got.body)
	}
}

// connection notes the limits of time that a handler sets.
type connection struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (c *connection) SetReadDeadline(at time.Time) error  { c.read = at; return nil }
func (c *connection) SetWriteDeadline(at time.Time) error { c.write = at; return nil }

// TestHeldPollOutlivesTheLimits_PLX21: the limits of a usual request do not cut one that is held.
func TestHeldPollOutlivesTheLimits_PLX21(t *testing.T) {
	t.Parallel()
	h := start(t)
	contract := plexsphere.Contract{Authority: h.rooms.Authority, Granter: h.rooms.Granter, Address: h.rooms.Address}
	for prefer, held := range map[string]bool{"wait=25": true, "WAIT=600": true, "": false, "wait=soon": false, "wait=-1": false, "handling=lenient": false} {
		device, user := h.login()
		h.approve(user) // nobody waits
		w := &connection{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/auth/device-token", strings.NewReader(object("device_code", device)))
		r.Header.Set("Prefer", prefer)
		before := time.Now()
		contract.Routes()["/v1/auth/device-token"].ServeHTTP(w, r)
		if w.Code != 200 || held != w.read.After(before.Add(25*time.Second)) || held != w.write.After(before.Add(25*time.Second)) ||
			w.write.After(time.Now().Add(time.Minute)) {
			t.Errorf("%q: status %d, until %s and %s", prefer, w.Code, w.read, w.write)
		}
	}
}

func TestWhoami_PLX22(t *testing.T) {
	t.Parallel()
	h := start(t)
	whoami := func(token string) answer { return h.do("GET", "/v1/auth/whoami", "", "Authorization", token) }
	device, user := h.login()
	h.approve(user)
	token, _ := h.poll(device).body["access_token"].(string)
	got := whoami("Bearer " + token)
	want := map[string]any{
		"principal_type": "user", "subject": "usr_1234567890", "domain_id": seed.DomainID, "email": "user@example.com",
		"acr": "urn:mfa", "amr": []any{"pwd", "otp"},
	}
	if diff := cmp.Diff(want, got.body); got.status != 200 || diff != "" {
		t.Errorf("status %d (-want +got)\n%s", got.status, diff)
	}

	// A person who came another way, and whose token may not say the address.
	ready := whoami("Bearer " + seed.ReadyToken)
	if ready.status != 200 || ready.body["subject"] != "usr_1234567890" || ready.body["email"] != "user@example.com" || ready.body["domain_id"] != nil {
		t.Errorf("status %d, %v", ready.status, ready.body)
	}
	begun := h.begin("domain_id", seed.DomainID, "client_id", "narrow")
	h.approve(begun.body["user_code"].(string))
	narrow, _ := h.poll(begun.body["device_code"].(string), "client_id", "narrow").body["access_token"].(string)
	if got := whoami("Bearer " + narrow); got.status != 200 || got.body["email"] != nil || got.body["principal_type"] != "user" {
		t.Errorf("status %d, %v", got.status, got.body)
	}

	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"dev-service"}, "client_secret": {seed.ServiceSecret}}
	service, _ := h.do("POST", "/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded").body["access_token"].(string)
	got = whoami("bearer " + service)
	if diff := cmp.Diff(map[string]any{"principal_type": "service", "subject": "dev-service"}, got.body); got.status != 200 || diff != "" {
		t.Errorf("status %d (-want +got)\n%s", got.status, diff)
	}

	for name, bad := range map[string]string{"none": "", "rubbish": "Bearer rubbish", "basic": "Basic eDp5", "cut": "Bearer " + token[:len(token)-1]} {
		got := whoami(bad)
		h.problem(name, got, 401, "invalid_token")
		if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %v", name, got.header)
		}
	}
	disable := func(yes bool) {
		if _, err := h.rooms.People.ChangePerson(t.Context(), "usr_1234567890", func(p *identity.Person) error { p.Disabled = yes; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	disable(true)
	h.problem("of somebody who is switched off", whoami("Bearer "+token), 401, "invalid_token")
	disable(false)
	if got := whoami("Bearer " + token); got.status != 200 {
		t.Errorf("status %d, %v", got.status, got.body)
	}
	h.auth.Advance(61 * time.Minute)
	h.problem("after its hour", whoami("Bearer "+token), 401, "invalid_token")
}

func TestProblems_PLX19(t *testing.T) {
	t.Parallel()
	h := start(t)
	deep := `{"domain_id":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`
	for name, bad := range map[string]struct {
		body, kind string
		status     int
	}{
		"nothing":                {"", "application/json", 400},
		"an array":               {"[]", "application/json", 400},
		"cut":                    {`{"domain_id":"`, "application/json", 400},
		"two objects":            {`{}{}`, "application/json", 400},
		"a name twice":           {`{"domain_id":"a","domain_id":"b"}`, "application/json", 400},
		"a number":               {`{"domain_id":7}`, "application/json", 400},
		"bytes that are no text": {"{\"domain_id\":\"\xff\"}", "application/json", 400},
		"SEC-325 deep":           {deep, "application/json", 400},
		"SEC-323 a megabyte":     {`{"domain_id":"` + strings.Repeat("a", 1<<20) + `"}`, "application/json", 413},
		"a form":                 {"domain_id=" + seed.DomainID, "application/x-www-form-urlencoded", 415},
		"SEC-327 multipart":      {"--x--", "multipart/form-data; boundary=x", 415},
	} {
		h.problem(name, h.do("POST", "/v1/auth/device-code", bad.body, "Content-Type", bad.kind), bad.status, "invalid_request")
		h.problem(name+", polled", h.do("POST", "/v1/auth/device-token", bad.body, "Content-Type", bad.kind), bad.status, "invalid_grant")
	}
	h.problem("a client that is not there", h.begin("domain_id", seed.DomainID, "client_id", "nobody"), 400, "invalid_client")
	h.problem("a client with a secret", h.begin("domain_id", seed.DomainID, "client_id", "dev-service"), 400, "invalid_client")
	h.problem("a client without the device grant", h.begin("domain_id", seed.DomainID, "client_id", "grantless"), 400, "unauthorized_client")
	for path, method := range map[string]string{"/v1/auth/device-code": "POST", "/v1/auth/device-token": "POST", "/v1/auth/whoami": "GET"} {
		got := h.do("PUT", path, `{}`)
		h.problem("PUT "+path, got, 405, "invalid_request")
		if got.header.Get("Allow") != method {
			t.Errorf("%s: %v", path, got.header)
		}
		id := got.header.Get("X-Request-Id")
		if got.body["instance"] != path+"#"+id || id == "" {
			t.Errorf("%s: %v", path, got.body)
		}
	}
	if got := h.do("GET", "/v1/auth/nothing", ""); got.status != 404 {
		t.Errorf("an unknown path: status %d, %v", got.status, got.body)
	}
}

// TestTooMany_PLX19: what one address may leave pending is bounded.
func TestTooMany_PLX19(t *testing.T) {
	t.Parallel()
	h := start(t)
	client, err := h.rooms.Authority.Registry.Client(t.Context(), "plexctl")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 1000 {
		group.Go(func() {
			_, _ = h.rooms.Authority.Devices.Begin(t.Context(), client, login.DeviceAsk{Origin: authority.Origin{Address: "127.0.0.1"}})
		})
	}
	group.Wait()
	var got answer
	for range 300 { // while many begin at once, the bound is exact to a quarter
		if got = h.begin("domain_id", seed.DomainID); got.status != 200 {
			break
		}
	}
	h.problem("too many", got, 429, "temporarily_unavailable")
	if got.header.Get("Retry-After") != "60" {
		t.Errorf("%v", got.header)
	}
}
