package rio_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/server"
)

// wire is an authority as a client in the field sees it: requests are made by hand, from the contract's words.
type wire struct {
	t     *testing.T
	auth  *authtest.Authority
	rooms server.Rooms
	store server.Store
}

func start(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t}
	look := func(rooms server.Rooms) (machines, entries map[string]http.Handler) { w.rooms = rooms; return nil, nil }
	place := stores.New(t)
	w.auth = authtest.With(t, authtest.Options{
		Open: func(ctx context.Context, now func() time.Time, log *slog.Logger) (server.Store, error) {
			var err error
			w.store, err = place.Open(ctx, now, log)
			return w.store, err
		},
		People: []authtest.Person{{Username: "grace", ID: "usr_grace", Name: "Grace"}}, More: *seed.Dev(""),
		Contracts: append(contracts.All(), look),
	})
	return w
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (w *wire) do(method, path, contentType, body string, header ...string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.auth.Issuer+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if err := json.Unmarshal(text, &a.body); err != nil {
		w.t.Fatalf("RIO-24 %s %s answers no JSON object: %s", method, path, text)
	}
	return a
}

func (w *wire) post(path, body string, header ...string) answer {
	w.t.Helper()
	return w.do("POST", path, "application/json", body, header...)
}

func (w *wire) get(path, token string, header ...string) answer {
	w.t.Helper()
	return w.do("GET", path, "", "", append(header, "Authorization", "Bearer "+token)...)
}

// want checks an answer as a whole: JSON is compared as JSON.
func (a answer) want(t *testing.T, status int, body string) {
	t.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, a.body); a.status != status || diff != "" {
		t.Errorf("status %d, want %d (-want +got)\n%s", a.status, status, diff)
	}
}

// refused checks a failure: an object whose error is a sentence.
func (a answer) refused(t *testing.T, status int) {
	t.Helper()
	if text, ok := a.body["error"].(string); a.status != status || !ok || text == "" {
		t.Errorf("RIO-24 status %d, want %d: %s", a.status, status, a.text)
	}
}

const johns = `{"email":"user@example.com","password":"MySecretPassword"}`

func (w *wire) token(level string) string {
	w.t.Helper()
	got := w.post("/user/login"+level, johns)
	data, _ := got.body["data"].(map[string]any)
	token, _ := data["token"].(string)
	if got.status != 200 || token == "" || len(data) != 1 || len(got.body) != 1 {
		w.t.Fatalf("status %d, %s", got.status, got.text)
	}
	return token
}

// standing is what the introspection says of a token.
func (w *wire) standing(token string) map[string]any {
	w.t.Helper()
	return w.do("POST", "/introspect", "application/x-www-form-urlencoded", url.Values{
		"token": {token}, "client_id": {"dev-service"}, "client_secret": {seed.ServiceSecret},
	}.Encode()).body
}

// device goes through a device login of a client, as its own programs do.
func (w *wire) device(client, scope string) answer {
	w.t.Helper()
	const form = "application/x-www-form-urlencoded"
	begun := w.do("POST", "/device_authorization", form, url.Values{"client_id": {client}, "scope": {scope}}.Encode()).body
	code, _ := begun["device_code"].(string)
	poll := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code}, "client_id": {client},
	}.Encode()
	pending := w.do("POST", "/token", form, poll)
	if pending.status != 400 || pending.body["error"] != "authorization_pending" {
		w.t.Fatalf("RIO-16 %d %s", pending.status, pending.text)
	}
	john := w.auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	if _, err := john.ApproveDevice(w.t.Context(), begun["verification_uri_complete"].(string)); err != nil {
		w.t.Fatal(err)
	}
	return w.do("POST", "/token", form, poll)
}

func TestDeviceLogin_RIO15_RIO16_RIO17(t *testing.T) {
	t.Parallel()
	w := start(t)
	found := w.do("GET", "/.well-known/openid-configuration", "", "").body
	device, _ := found["device_authorization_endpoint"].(string)
	tokens, _ := found["token_endpoint"].(string)
	if !strings.HasPrefix(device, w.auth.Issuer) || !strings.HasPrefix(tokens, w.auth.Issuer) {
		t.Fatalf("RIO-15 %v", found)
	}
	if device != w.auth.Issuer+"/device_authorization" || tokens != w.auth.Issuer+"/token" {
		t.Fatalf("RIO-15 %v", found)
	}
	login := w.device("rio-cli", "openid email")
	parts := strings.Split(login.body["id_token"].(string), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Email string `json:"email"`
		Token string `json:"rio_token"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Email != "user@example.com" {
		t.Fatalf("RIO-17 %s, %v", payload, err)
	}
	w.get("/user/info", claims.Token).want(t, 200, `{"data":{"email":"user@example.com"}}`)
}

func TestLogin_RIO18(t *testing.T) {
	t.Parallel()
	w := start(t)
	t.Run("RIO-13 the level decides the life", func(t *testing.T) {
		for query, want := range map[string]struct{ level, days float64 }{
			"": {0, 1}, "?type=low": {0, 1}, "?type=med": {1, 7}, "?type=high": {2, 30},
		} {
			got := w.standing(w.token(query))
			if got["level"] != want.level || got["exp"].(float64)-got["iat"].(float64) != want.days*86400 || got["client_id"] != "rio-cli" {
				t.Errorf("%q: %v", query, got)
			}
		}
		token := w.token("?type=med")
		w.auth.Advance(7*24*time.Hour + time.Second)
		w.get("/user/info", token).refused(t, 401)
	})
	for name, test := range map[string]struct {
		path, body string
		status     int
	}{
		"RIO-18 wrong password":   {"/user/login", `{"email":"user@example.com","password":"x"}`, 401},
		"RIO-18 unknown email":    {"/user/login", `{"email":"nobody@example.com","password":"MySecretPassword"}`, 401},
		"no password":             {"/user/login", `{"email":"user@example.com"}`, 400},
		"SEC-333 a number":        {"/user/login", `{"email":7,"password":"x"}`, 400},
		"another level":           {"/user/login?type=root", johns, 400},
		"an array":                {"/user/login", `[]`, 400},
		"nothing":                 {"/user/login", ``, 400},
		"control characters":      {"/user/login", `{"email":"a\u0000","password":"x"}`, 400},
		"SEC-323 a megabyte":      {"/user/login", `{"email":"` + strings.Repeat("a", 1<<20) + `"}`, 413},
		"SEC-164 a long password": {"/user/login", `{"email":"user@example.com","password":"` + strings.Repeat("a", 2000) + `"}`, 401},
	} {
		t.Run(name, func(t *testing.T) { w.post(test.path, test.body).refused(t, test.status) })
	}
	t.Run("a picture", func(t *testing.T) { w.do("POST", "/user/login", "image/png", johns).refused(t, 415) })
	t.Run("GET", func(t *testing.T) {
		got := w.do("GET", "/user/login", "", "")
		if got.refused(t, 405); got.header.Get("Allow") != "POST" {
			t.Errorf("%v", got.header)
		}
	})
	t.Run("RIO-18 a second factor", func(t *testing.T) {
		grace := `{"email":"grace@example.com","password":"grace-has-a-password"}`
		if got := w.post("/user/login", grace); got.status != 200 {
			t.Fatalf("without one: %d %s", got.status, got.text)
		}
		err := w.store.AddFactor(t.Context(), identity.Factor{ID: "f1", PersonID: "usr_grace", Kind: identity.FactorTOTP, LastStep: 1, Created: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		w.post("/user/login", grace).refused(t, 403)
		w.post("/user/login", `{"email":"grace@example.com","password":"x"}`).refused(t, 401)
	})
}

func TestLockout_RIO18_SEC161(t *testing.T) {
	t.Parallel()
	w := start(t)
	for range 5 {
		w.post("/user/login", `{"email":"USER@example.com","password":"x"}`).refused(t, 401)
	}
	w.post("/user/login", johns).refused(t, 401) // right, and too late
	w.auth.Advance(16 * time.Minute)
	w.token("")
}

func TestRenewal_RIO19(t *testing.T) {
	t.Parallel()
	w := start(t)
	old := w.token("?type=high")
	before := w.standing(old)
	w.auth.Advance(24 * time.Hour)
	renew := func(token string) answer { return w.post("/refreshtoken", `{"token":"`+token+`"}`) }
	got := renew(old)
	data, _ := got.body["data"].(map[string]any)
	next, _ := data["token"].(string)
	if got.status != 200 || next == "" || next == old || data["Token"] != next || len(data) != 2 {
		t.Fatalf("%d %s", got.status, got.text)
	}
	after := w.standing(next)
	if after["level"] != 2.0 || after["sid"] == nil || after["sid"] != before["sid"] || after["exp"].(float64)-before["exp"].(float64) != 86400 {
		t.Errorf("RIO-09 of the same level and session, for as long again: %v and %v", before, after)
	}
	t.Run("RIO-09 the old one is good for the grace window only", func(t *testing.T) {
		w.get("/user/info", old).want(t, 200, `{"data":{"email":"user@example.com"}}`)
		if again := renew(old).body["data"].(map[string]any)["token"]; again != next {
			t.Error("a lost answer gives another successor")
		}
		w.auth.Advance(6 * time.Minute)
		w.get("/user/info", old).refused(t, 401)
		renew(old).want(t, 401, `{"error":"token has expired, run rio auth login"}`)
		w.get("/user/info", next).want(t, 200, `{"data":{"email":"user@example.com"}}`)
	})
	t.Run("ended ones", func(t *testing.T) {
		w.auth.Advance(31 * 24 * time.Hour)
		for _, token := range []string{next, "nonsense", "", strings.Repeat("a", 10_000)} {
			renew(token).want(t, 401, `{"error":"token has expired, run rio auth login"}`)
		}
		w.post("/refreshtoken", `[]`).refused(t, 400)
	})
	t.Run("one that another application gave out", func(t *testing.T) {
		if got := renew(seed.ReadyToken); got.status != 401 { // it has ended by now
			t.Errorf("%d %s", got.status, got.text)
		}
	})
}

func TestLogout_RIO20(t *testing.T) {
	t.Parallel()
	w := start(t)
	token, other := w.token(""), w.token("")
	w.do("POST", "/user/logout", "", "", "Authorization", "Bearer "+token).want(t, 200, `{}`)
	w.get("/user/info", token).refused(t, 401)
	w.post("/refreshtoken", `{"token":"`+token+`"}`).refused(t, 401)
	w.get("/user/info", other).want(t, 200, `{"data":{"email":"user@example.com"}}`)
	for name, header := range map[string]string{"ended": "Bearer " + token, "none": "", "rubbish": "Bearer x", "basic": "Basic eDp5"} {
		t.Run("RIO-20 "+name, func(t *testing.T) { w.post("/user/logout", "", "Authorization", header).refused(t, 401) })
	}
	if got := w.standing(other); got["active"] != true {
		t.Errorf("%v", got)
	}
	t.Run("an access token of another application ends nothing", func(t *testing.T) {
		access, _ := w.device("doorward", "openid email").body["access_token"].(string)
		w.get("/user/info", access).want(t, 200, `{"data":{"email":"user@example.com"}}`)
		w.post("/user/logout", "", "Authorization", "Bearer "+access).refused(t, 401)
		w.get("/user/info", access).want(t, 200, `{"data":{"email":"user@example.com"}}`)
		w.post("/refreshtoken", `{"token":"`+access+`"}`).refused(t, 401)
	})
	t.Run("a token that was brought along", func(t *testing.T) {
		if got := w.post("/refreshtoken", `{"token":"`+seed.ReadyToken+`"}`); got.status != 200 {
			t.Errorf("it is renewed as any: %d %s", got.status, got.text)
		}
		w.post("/user/logout", "", "Authorization", "Bearer "+seed.ReadyToken).want(t, 200, `{}`)
		w.get("/user/info", seed.ReadyToken).refused(t, 401)
	})
}

func TestInfo_RIO21(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.get("/user/info", seed.ReadyToken).want(t, 200, `{"data":{"email":"user@example.com"}}`)
	service := w.do("POST", "/token", "application/x-www-form-urlencoded", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"dev-service"}, "client_secret": {seed.ServiceSecret},
	}.Encode()).body["access_token"].(string)
	for _, path := range []string{"/user/info", "/v2/users/me/", "/v2/projects/"} {
		for name, token := range map[string]string{"rubbish": "x", "a service's": service, "two": "a b", "long": strings.Repeat("a", 20_000)} {
			got := w.get(path, token)
			if got.refused(t, 401); got.header.Get("WWW-Authenticate") == "" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("RIO-21 %s with %s: %v", path, name, got.header)
			}
		}
		w.do("GET", path, "", "").refused(t, 401)
		w.do("POST", path, "", "").refused(t, 405)
	}
}

func TestMe_RIO22(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.get("/v2/users/me/", w.token("")).want(t, 200, `{"kind":"User","metadata":{"guid":"usr_1234567890","name":"John Doe"},"spec":{
		"firstName":"John","lastName":"Doe","emailID":"user@example.com",
		"organizations":[
			{"guid":"org-acmecorp","name":"Acme Corp","shortGUID":"acmec","creator":"usr_1234567890","roleNames":["admin"]},
			{"guid":"org-globex","name":"Globex","shortGUID":"globe","creator":"usr_1234567890","roleNames":["member"]}],
		"projects":[
			{"guid":"project-acme-demo","name":"demo","organizationGUID":"org-acmecorp","organizationCreator":"usr_1234567890","creator":"usr_1234567890","roleNames":["admin"]},
			{"guid":"project-globex-demo","name":"demo","organizationGUID":"org-globex","organizationCreator":"usr_1234567890","creator":"usr_1234567890","roleNames":["member"]},
			{"guid":"project-warehouse","name":"warehouse","organizationGUID":"org-acmecorp","organizationCreator":"usr_1234567890","creator":"usr_1234567890","roleNames":["admin"]}]}}`)
	t.Run("RIO-22 every key is there for somebody who has nothing", func(t *testing.T) {
		got := w.post("/user/login", `{"email":"grace","password":"grace-has-a-password"}`)
		token, _ := got.body["data"].(map[string]any)["token"].(string)
		w.get("/v2/users/me/", token).want(t, 200, `{"kind":"User","metadata":{"guid":"usr_grace","name":"Grace"},"spec":{
			"firstName":"Grace","lastName":"","emailID":"grace@example.com","organizations":[],"projects":[]}}`)
		w.get("/v2/projects/", token).want(t, 200, `{"metadata":{"continue":null},"items":[]}`)
	})
}

func TestProjects_RIO23_RIO24(t *testing.T) {
	t.Parallel()
	w := start(t)
	token := w.token("")
	item := func(guid, name, organization string) string {
		return `{"apiVersion":"api.rapyuta.io/v2","kind":"Project","metadata":{"guid":"project-` + guid + `","name":"` + name +
			`","organizationGUID":"org-` + organization + `"},"spec":{},"status":{}}`
	}
	acme, globex, house := item("acme-demo", "demo", "acmecorp"), item("globex-demo", "demo", "globex"), item("warehouse", "warehouse", "acmecorp")
	for name, test := range map[string]struct {
		query, header string
		next          string
		items         []string
	}{
		"all":                          {"", "", "null", []string{acme, globex, house}},
		"an organisation":              {"?organizations=org-acmecorp&continue=0&limit=50", "", "null", []string{acme, house}},
		"two organisations":            {"?organizations=org-acmecorp&organizations=org-globex", "", "null", []string{acme, globex, house}},
		"a name":                       {"?name=demo", "", "null", []string{acme, globex}},
		"both":                         {"?organizations=org-globex&name=demo&continue=0&limit=50", "", "null", []string{globex}},
		"exactly":                      {"?name=dem", "", "null", nil},
		"the header":                   {"", "org-globex", "null", []string{globex}},
		"the header is not asked":      {"?organizations=org-acmecorp", "org-globex", "null", []string{acme, house}},
		"nor where a name is asked":    {"?name=warehouse", "org-globex", "null", []string{house}},
		"a foreign organisation":       {"?organizations=org-foreign", "", "null", nil},
		"a foreign header":             {"", "org-foreign", "null", nil},
		"a page":                       {"?limit=2", "", "2", []string{acme, globex}},
		"the last page":                {"?limit=2&continue=2", "", "null", []string{house}},
		"a page that ends at the end":  {"?limit=3", "", "null", []string{acme, globex, house}},
		"behind the end":               {"?limit=2&continue=7", "", "null", nil},
		"a limit larger than anything": {"?limit=" + strconv.Itoa(1<<62) + "&continue=1", "", "null", []string{globex, house}},
	} {
		t.Run("RIO-23 "+name, func(t *testing.T) {
			got := w.get("/v2/projects/"+test.query, token, "organizationguid", test.header)
			got.want(t, 200, `{"metadata":{"continue":`+test.next+`},"items":[`+strings.Join(test.items, ",")+`]}`)
		})
	}
	for _, query := range []string{"?limit=0", "?limit=-1", "?limit=x", "?continue=-1", "?continue=1.5", "?limit=99999999999999999999", "?name=%zz"} {
		t.Run("RIO-24 "+query, func(t *testing.T) { w.get("/v2/projects/"+query, token).refused(t, 400) })
	}
	t.Run("RIO-24 an unknown path", func(t *testing.T) {
		w.get("/v2/nothing/", token).refused(t, 404)
		w.do("GET", "/v2/users/", "", "").refused(t, 404)
	})
}

func TestWithoutTheClient_RIO24(t *testing.T) {
	t.Parallel()
	w := start(t)
	token := w.token("")
	if err := w.rooms.Authority.Registry.Remove(t.Context(), "rio-cli", "test"); err != nil {
		t.Fatal(err)
	}
	w.post("/user/login", johns).refused(t, 403)
	w.get("/user/info", token).refused(t, 401)
	w.post("/refreshtoken", `{"token":"`+token+`"}`).want(t, 401, `{"error":"token has expired, run rio auth login"}`)
}

// A token says no more than what it was given for.
func TestScope_RIO21(t *testing.T) {
	t.Parallel()
	w := start(t)
	client, err := w.rooms.Authority.Registry.Client(t.Context(), "rio-cli")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := w.rooms.Authority.Sessions.IssueReady(t.Context(), login.ReadyAsk{
		Client: client, PersonID: "usr_grace", Scope: oauth.Scope{oauth.ScopeOpenID}, Level: authority.LevelLow, How: "test",
	}, w.auth.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/user/info", "/v2/users/me/", "/v2/projects/"} {
		w.get(path, token.Reveal()).refused(t, 403)
	}
}
