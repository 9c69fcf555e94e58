package pilot_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

const (
	protocol = "/realms/pilot/protocol/openid-connect"
	formType = "application/x-www-form-urlencoded"
)

// wire is an authority as a client in the field sees it: requests are made by hand, from the contract's words.
type wire struct {
	t    *testing.T
	auth *authtest.Authority
	log  *lines
}

// lines is the server's log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T, change ...func(cli *authority.Client)) *wire {
	t.Helper()
	log, more := new(lines), *seed.Dev("")
	for i := range more.Clients {
		if more.Clients[i].ID == "cli" && len(change) > 0 {
			change[0](&more.Clients[i])
		}
	}
	return &wire{t, authtest.With(t, authtest.Options{
		Open:   stores.New(t).Open,
		People: []authtest.Person{{Username: "somebody"}}, More: more, Contracts: contracts.All(),
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}), log}
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
	response, err := http.DefaultTransport.RoundTrip(request) // no redirect is followed
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if err := json.Unmarshal(text, &a.body); err != nil && len(text) > 0 {
		w.t.Fatalf("%s %s answers no JSON object: %s", method, path, text)
	}
	return a
}

func (w *wire) post(path string, pairs ...string) answer {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return w.do("POST", path, formType, values.Encode())
}

func (w *wire) get(path string) answer {
	w.t.Helper()
	return w.do("GET", path, "", "")
}

// refused checks an error of the token endpoint.
func (w *wire) refused(what string, a answer, status int, code string) {
	w.t.Helper()
	if a.status != status || a.body["error"] != code || a.body["access_token"] != nil {
		w.t.Errorf("%s: %d %s, want %d %s", what, a.status, a.text, status, code)
	}
}

// claims reads a JWT as these clients do: without a look at its signature.
func (w *wire) claims(token any) map[string]any {
	w.t.Helper()
	text, _ := token.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		w.t.Fatalf("%v is no JWT", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		w.t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		w.t.Fatal(err)
	}
	return claims
}

// left is how long a token still lives, by its exp and the server's clock.
func (w *wire) left(claims map[string]any) time.Duration {
	exp, _ := claims["exp"].(float64)
	return time.Unix(int64(exp), 0).Sub(w.auth.Clock.Now()).Round(time.Minute)
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// login is a whole login of John with a code.
func (w *wire) login() answer {
	w.t.Helper()
	begun := w.post(protocol+"/auth/device", "client_id", "cli")
	link, _ := begun.body["verification_uri_complete"].(string)
	code, _ := begun.body["device_code"].(string)
	v := w.auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	if _, err := v.ApproveDevice(w.t.Context(), link); err != nil {
		w.t.Fatal(err)
	}
	return w.do("POST", protocol+"/token", formType, url.Values{
		"grant_type": {deviceGrant}, "client_id": {"cli"}, "device_code": {code},
	}.Encode(), "Prefer", "wait=10")
}

func TestDeviceAuthorization_PIL15(t *testing.T) {
	t.Parallel()
	w := start(t)
	begun := w.post(protocol+"/auth/device", "client_id", "cli")
	if begun.status != 200 || begun.body["interval"] != 5.0 || begun.body["expires_in"] != 600.0 || begun.body["device_code"] == nil ||
		begun.body["verification_uri"] != w.auth.Issuer+"/device" ||
		begun.body["verification_uri_complete"] != w.auth.Issuer+"/device?code="+begun.body["user_code"].(string) {
		t.Errorf("%d %s", begun.status, begun.text)
	}
	for name, a := range map[string]answer{
		"no client":      w.post(protocol + "/auth/device"),
		"another client": w.post(protocol+"/auth/device", "client_id", "nobody"),
		"JSON":           w.do("POST", protocol+"/auth/device", "application/json", `{"client_id":"cli"}`),
		"GET":            w.get(protocol + "/auth/device"),
	} {
		if a.status < 400 || a.body["error"] == nil {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}

func TestToken_PIL16(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.login()
	if a.status != 200 || a.body["token_type"] != "Bearer" || a.body["expires_in"] != 600.0 || a.body["refresh_expires_in"] != 3600.0 ||
		a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.text)
	}
	access, refresh := w.claims(a.body["access_token"]), w.claims(a.body["refresh_token"])
	if access["preferred_username"] != "johndoe" || access["azp"] != "cli" || access["aud"] == nil || w.left(access) != 10*time.Minute {
		t.Errorf("the access token: %v", access)
	}
	if w.left(refresh) != time.Hour || refresh["sid"] != access["sid"] || refresh["sid"] == nil {
		t.Errorf("the refresh token: %v", refresh)
	}
	t.Run("PIL-16 it is good at the authority", func(t *testing.T) {
		who := w.do("GET", "/userinfo", "", "", "Authorization", "Bearer "+a.body["access_token"].(string))
		if who.status != 200 || who.body["preferred_username"] != "johndoe" {
			t.Errorf("%d %s", who.status, who.text)
		}
		if who := w.do("GET", "/userinfo", "", "", "Authorization", "Bearer "+a.body["refresh_token"].(string)); who.status != 401 {
			t.Errorf("the refresh token is taken for an access token: %d %s", who.status, who.text)
		}
	})
	t.Run("PIL-16 a refresh", func(t *testing.T) {
		w.auth.Advance(50 * time.Minute)
		next := w.post(protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", a.body["refresh_token"].(string))
		if next.status != 200 || next.body["refresh_token"] == a.body["refresh_token"] {
			t.Fatalf("%d %s", next.status, next.text)
		}
		access, refresh := w.claims(next.body["access_token"]), w.claims(next.body["refresh_token"])
		if access["preferred_username"] != "johndoe" || access["azp"] != "cli" || w.left(refresh) != time.Hour {
			t.Errorf("%v %v", access, refresh)
		}
		a = next
	})
	t.Run("PIL-16 a forged one", func(t *testing.T) {
		token := a.body["refresh_token"].(string)
		parts := strings.Split(token, ".")
		for name, forged := range map[string]string{
			"cut": token[:len(token)-2], "without a signature": parts[0] + "." + parts[1] + ".", "an access token": a.body["access_token"].(string),
			"empty": "", "nothing": "x", "dots": "ey..",
		} {
			got := w.post(protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", forged)
			if got.status != 400 || got.body["error"] == nil {
				t.Errorf("%s: %d %s", name, got.status, got.text)
			}
		}
	})
	t.Run("PIL-18 after the idle time", func(t *testing.T) {
		w.auth.Advance(time.Hour + time.Second)
		got := w.post(protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", a.body["refresh_token"].(string))
		w.refused("idle", got, 400, "invalid_grant")
	})
}

// TestAbsoluteEnd_PIL16: no refresh token promises more than the session has left.
func TestAbsoluteEnd_PIL16(t *testing.T) {
	t.Parallel()
	w := start(t, func(cli *authority.Client) { cli.Absolute = 90 * time.Minute })
	token := w.login().body["refresh_token"].(string)
	w.auth.Advance(50 * time.Minute)
	next := w.post(protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", token)
	if left := w.left(w.claims(next.body["refresh_token"])); left != 40*time.Minute {
		t.Errorf("%s: %s", left, next.text)
	}
}

func TestTokenErrors_PIL16(t *testing.T) {
	t.Parallel()
	w := start(t)
	begun := w.post(protocol+"/auth/device", "client_id", "cli")
	code := begun.body["device_code"].(string)
	w.refused("pending", w.post(protocol+"/token", "grant_type", deviceGrant, "client_id", "cli", "device_code", code), 400, "authorization_pending")
	w.refused("too soon", w.post(protocol+"/token", "grant_type", deviceGrant, "client_id", "cli", "device_code", code), 400, "slow_down")
	v := w.auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	if _, err := v.DenyDevice(t.Context(), begun.body["verification_uri_complete"].(string)); err != nil {
		t.Fatal(err)
	}
	w.refused("denied", w.do("POST", protocol+"/token", formType,
		url.Values{"grant_type": {deviceGrant}, "client_id": {"cli"}, "device_code": {code}}.Encode(), "Prefer", "wait=10"), 400, "access_denied")
	for name, test := range map[string]struct {
		answer answer
		status int
		code   string
	}{
		"a wrong code":      {w.post(protocol+"/token", "grant_type", deviceGrant, "client_id", "cli", "device_code", "x"), 400, "invalid_grant"},
		"no code":           {w.post(protocol+"/token", "grant_type", deviceGrant, "client_id", "cli"), 400, "invalid_request"},
		"no grant":          {w.post(protocol+"/token", "client_id", "cli"), 400, "unsupported_grant_type"},
		"a password":        {w.post(protocol+"/token", "grant_type", "password", "client_id", "cli", "username", "johndoe", "password", "MySecretPassword"), 400, "unsupported_grant_type"},
		"no client":         {w.post(protocol+"/token", "grant_type", deviceGrant), 401, "invalid_client"},
		"a foreign client":  {w.post(protocol+"/token", "grant_type", deviceGrant, "client_id", "octopipe", "device_code", code), 401, "invalid_client"},
		"an unknown client": {w.post(protocol+"/token", "grant_type", deviceGrant, "client_id", "nobody"), 401, "invalid_client"},
		"twice":             {w.do("POST", protocol+"/token", formType, "client_id=cli&client_id=cli"), 400, "invalid_request"},
		"too long":          {w.do("POST", protocol+"/token", formType, "client_id="+strings.Repeat("x", 1<<17)), 413, "invalid_request"},
		"XML":               {w.do("POST", protocol+"/token", "text/xml", "<x/>"), 415, "invalid_request"},
		"GET":               {w.get(protocol + "/token"), 405, "invalid_request"},
		"elsewhere":         {w.get("/realms/pilot/nothing"), 404, "not_found"},
		"another realm":     {w.get("/realms/other/api-key/x"), 404, "not_found"},
	} {
		w.refused(name, test.answer, test.status, test.code)
	}
}

func TestAPIKey_PIL17_PIL05(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, path := range []string{"/realms/pilot/api-key/", "/realms/pilot/api-key/v1/"} {
		a := w.get(path + seed.AdaKey)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.text)
		}
		access, refresh := w.claims(a.body["access_token"]), w.claims(a.body["refresh_token"])
		audience, _ := access["aud"].([]any)
		if !slices.Contains(audience, any("api-key")) || access["azp"] != "cli" || access["preferred_username"] != "ada" {
			t.Errorf("%s: %v", path, access)
		}
		if w.left(refresh) != time.Hour {
			t.Errorf("%s: %v", path, refresh)
		}
		next := w.post(protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", a.body["refresh_token"].(string))
		audience, _ = w.claims(next.body["access_token"])["aud"].([]any)
		if next.status != 200 || !slices.Contains(audience, any("api-key")) {
			t.Errorf("%s: a refresh: %d %s", path, next.status, next.text)
		}
		if who := w.do("GET", "/userinfo", "", "", "Authorization", "Bearer "+a.body["access_token"].(string)); who.body["preferred_username"] != "ada" {
			t.Errorf("PIL-05 it acts as %s", who.text)
		}
		for _, key := range []string{"wrong", "", seed.AdaKey + "x", "v1", strings.Repeat("x", 3000)} {
			got := w.get(path + key)
			if diff := cmp.Diff(`{"error":"invalid_grant"}`, got.text); got.status != 404 || diff != "" {
				t.Errorf("%s with the key %.20q: %d %s", path, key, got.status, got.text)
			}
		}
	}
	t.Run("PIL-17 no log shows the path", func(t *testing.T) {
		w.get("/realms/pilot/api-key/canary5f1e")
		w.get("/realms/pilot/api-key/v1/canary5f1e?canary5f1e")
		w.do("POST", "/realms/pilot/api-key/canary5f1e", "", "")
		w.get("/realms/pilot/api-key/canary5f1e/")
		w.get("/realms/pilot/api-key/canary%35f1e")
		text := w.log.String()
		if !strings.Contains(text, "/realms/pilot/api-key/{key}") || !strings.Contains(text, "/realms/pilot/api-key/v1/{key}") {
			t.Fatalf("the log does not have the requests:\n%s", text)
		}
		for _, secret := range []string{"canary5f1e", "canary%35f1e", seed.AdaKey, "eyJ"} {
			if strings.Contains(text, secret) {
				t.Errorf("the log has %s:\n%s", secret, text)
			}
		}
	})
}

func TestRevoke_PIL13(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, end := range map[string]func(token string) answer{
		"of the realm":  func(token string) answer { return w.post(protocol+"/revoke", "client_id", "cli", "token", token) },
		"the authority": func(token string) answer { return w.post("/revoke", "client_id", "cli", "token", token) },
	} {
		a := w.login()
		token := a.body["refresh_token"].(string)
		if w.post("/revoke", "client_id", "octopipe", "token", token).status != 200 {
			t.Error("another client's revocation is an error")
		}
		if who := w.do("GET", "/userinfo", "", "", "Authorization", "Bearer "+a.body["access_token"].(string)); who.status != 200 {
			t.Errorf("%s: another client ended it: %d", name, who.status)
		}
		if got := end(token); got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
		w.refused(name, w.post(protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", token), 400, "invalid_grant")
	}
}
