package pipeops_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

// wire is an authority as a client in the field sees it: requests are made by hand, from the contract's words.
type wire struct {
	t    *testing.T
	auth *authtest.Authority
}

func start(t *testing.T) *wire {
	t.Helper()
	return &wire{t, authtest.With(t, authtest.Options{
		Open:   stores.New(t).Open,
		People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
	})}
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
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
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(text, &a.body); err != nil {
		w.t.Fatalf("%s %s answers no JSON object: %s", method, path, text)
	}
	return a
}

const verifier = "0123456789-0123456789-0123456789-0123456789-abc"

// signIn gets a code the way these clients do: GET /auth/signin in a browser.
func (w *wire) signIn() (code, redirect string) {
	w.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	redirect = "http://localhost:4321/callback"
	query := url.Values{
		"response_type": {"code"}, "client_id": {"pipeops_public_client"}, "redirect_uri": {redirect}, "scope": {"openid profile email"},
		"state": {"xyz"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "oauth": {"true"},
	}
	v := w.auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	callback, err := v.Authorize(w.t.Context(), w.auth.Issuer+"/auth/signin?"+query.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	parsed, err := url.Parse(callback)
	if err != nil || parsed.Query().Get("state") != "xyz" || !strings.HasPrefix(callback, redirect) {
		w.t.Fatalf("callback %q, %v", callback, err)
	}
	return parsed.Query().Get("code"), redirect
}

func object(members map[string]any) string {
	text, _ := json.Marshal(members)
	return string(text)
}

func (w *wire) redeem() answer {
	w.t.Helper()
	code, redirect := w.signIn()
	return w.do("POST", "/oauth/token", "application/json", object(map[string]any{
		"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "client_id": "pipeops_public_client",
		"code_verifier": verifier, "token_format": "jwt",
	}))
}

func TestSignIn_PIP21_Token_PIP22_PIP23(t *testing.T) {
	t.Parallel()
	w := start(t)
	first := w.redeem()
	access, _ := first.body["access_token"].(string)
	refresh, _ := first.body["refresh_token"].(string)
	if first.status != 200 || strings.Count(access, ".") != 2 || refresh == "" || first.body["token_type"] != "Bearer" {
		t.Fatalf("status %d, %v", first.status, first.body)
	}
	if first.body["expires_in"] != float64(3600) {
		t.Errorf("PIP-23: expires_in is %v, want 3600", first.body["expires_in"])
	}
	// A refresh carries the old token as a bearer, expired or not, and it is ignored.
	for _, form := range []bool{false, true} {
		kind, body := "application/json", object(map[string]any{
			"grant_type": "refresh_token", "refresh_token": refresh, "client_id": "pipeops_public_client",
		})
		if form {
			kind, body = "application/x-www-form-urlencoded", url.Values{
				"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"pipeops_public_client"},
			}.Encode()
		}
		next := w.do("POST", "/oauth/token", kind, body, "Authorization", "Bearer expired.or.not")
		if next.status != 200 || next.body["refresh_token"] == refresh {
			t.Fatalf("form %v: status %d, %v", form, next.status, next.body)
		}
		refresh, _ = next.body["refresh_token"].(string)
	}
}

func TestProfile_PIP24(t *testing.T) {
	t.Parallel()
	w := start(t)
	access, _ := w.redeem().body["access_token"].(string)
	got := w.do("GET", "/profile/data", "", "", "Authorization", "Bearer "+access)
	data, _ := got.body["data"].(map[string]any)
	user, _ := data["user"].(map[string]any)
	want := map[string]any{
		"id": "1234567890", "uuid": "usr_1234567890", "email": "user@example.com", "first_name": "John", "last_name": "Doe",
		"full_name": "John Doe", "avatar_url": "", "email_verified": true, "is_subscription_active": true, "created_at": "2024-01-01T00:00:00Z",
	}
	if got.status != 200 || got.body["success"] != true || got.body["message"] == "" || len(user) != len(want) {
		t.Fatalf("status %d, %v", got.status, got.body)
	}
	for name, value := range want {
		if user[name] != value {
			t.Errorf("%s is %v, want %v", name, user[name], value)
		}
	}
	for name, header := range map[string]string{"none": "", "rubbish": "Bearer rubbish", "basic": "Basic eDp5", "two": "Bearer a b"} {
		if bad := w.do("GET", "/profile/data", "", "", "Authorization", header); bad.status != 401 || bad.body["message"] == "" {
			t.Errorf("token %s: status %d, %v", name, bad.status, bad.body)
		}
	}
}

func TestErrors_PIP25_SEC333_CarryMessageAndAStatusOfText(t *testing.T) {
	t.Parallel()
	w := start(t)
	long := strings.Repeat("a", 1<<20)
	bad := map[string]struct {
		kind, body string
		status     int
	}{
		"unknown client":         {"application/json", `{"grant_type":"refresh_token","client_id":"nobody"}`, 401},
		"no grant":               {"application/json", `{"client_id":"pipeops_public_client"}`, 400},
		"another grant":          {"application/json", `{"grant_type":"password","client_id":"pipeops_public_client"}`, 400},
		"a wrong token":          {"application/json", `{"grant_type":"refresh_token","client_id":"pipeops_public_client","refresh_token":"x"}`, 400},
		"a code of nobody":       {"application/json", `{"grant_type":"authorization_code","client_id":"pipeops_public_client","code":"x","code_verifier":"` + verifier + `"}`, 400},
		"SEC-333 a number":       {"application/json", `{"grant_type":"refresh_token","client_id":5}`, 400},
		"SEC-333 a list":         {"application/json", `{"grant_type":["refresh_token"],"client_id":"pipeops_public_client"}`, 400},
		"an array":               {"application/json", `[]`, 400},
		"nothing":                {"application/json", ``, 400},
		"two objects":            {"application/json", `{}{}`, 400},
		"a name twice":           {"application/json", `{"client_id":"pipeops_public_client","client_id":"doorward"}`, 400},
		"bytes that are no text": {"application/json", "{\"client_id\":\"\xff\"}", 400},
		"a NUL":                  {"application/json", `{"client_id":"a\u0000"}`, 400},
		"SEC-325 deep":           {"application/json", `{"a":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, 401},
		"SEC-323 a megabyte":     {"application/json", `{"client_id":"` + long + `"}`, 413},
		"SEC-327 multipart":      {"multipart/form-data; boundary=x", "--x--", 415},
		"SEC-036 a form twice":   {"application/x-www-form-urlencoded", "client_id=a&client_id=b", 400},
	}
	for name, b := range bad {
		got := w.do("POST", "/oauth/token", b.kind, b.body)
		message, _ := got.body["message"].(string)
		_, isText := got.body["status"].(string)
		if got.status != b.status || got.body["error"] == nil || message == "" || !isText {
			t.Errorf("%s: status %d (want %d), %v", name, got.status, b.status, got.body)
		}
	}
	if got := w.do("GET", "/oauth/token", "", ""); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET: status %d, %v", got.status, got.header)
	}
	if got := w.do("GET", "/oauth/nothing", "", ""); got.status != 404 || got.body["message"] == "" {
		t.Errorf("an unknown path: status %d, %v", got.status, got.body)
	}
}
