package federation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/federation"
)

func TestRoundTrip_SEC188_SEC196_SEC197(t *testing.T) {
	t.Parallel()
	l := lie(t)
	p := l.provider()
	p.ACR, p.AMR = []string{"urn:mfa", "urn:hw"}, []string{"otp"}
	begun := l.begin(p, false)
	asked := begun.address.Query()
	for name, want := range map[string]string{
		"client_id": clientID, "response_type": "code", "code_challenge_method": "S256", "state": "the-state", "scope": "openid profile email",
		"acr_values": "urn:mfa urn:hw", "redirect_uri": "https://id.example/federation/b/callback", "prompt": "", "max_age": "",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"nonce", "code_challenge"} { // 256 bits each
		if raw, err := base64.RawURLEncoding.DecodeString(asked.Get(name)); err != nil || len(raw) != 32 {
			t.Errorf("SEC-196: %s has %d bytes", name, len(raw))
		}
	}
	if again := l.begin(p, false).address.Query(); again.Get("nonce") == asked.Get("nonce") || again.Get("code_challenge") == asked.Get("code_challenge") {
		t.Error("SEC-196: two trips share what must be random")
	}
	l.set(func() {
		l.nonce = asked.Get("nonce")
		l.token = func(claims map[string]any) string { // SEC-197: what is reserved is not even read
			maps.Copy(claims, map[string]any{"roles": []string{"admin"}, "cnf": map[string]any{"jkt": "x"}, "administrator": true, "person_id": "usr_1234567890"})
			return l.signed(claims)
		}
	})
	who, err := l.complete(p, begun, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := federation.Identity{
		Issuer: l.URL, Subject: "operator-1", Email: "op@example.com", EmailVerified: true, Username: "op", Name: "Op Erator",
		ACR: "urn:mfa", AMR: []string{"pwd", "otp"}, AuthTime: l.now,
	}
	if diff := cmp.Diff(want, who); diff != "" {
		t.Error(diff)
	}
	if l.form.Get("code_verifier") == "" || l.form.Get("client_secret") != "" || l.form.Get("client_id") != clientID {
		t.Error("token request of a public client:", l.form)
	}
}

func TestIDTokens_SEC182(t *testing.T) {
	t.Parallel()
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	set := func(name string, value any) func(*liar, map[string]any) string {
		return func(l *liar, claims map[string]any) string {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			return l.signed(claims)
		}
	}
	for name, token := range map[string]func(*liar, map[string]any) string{
		"alg none":             func(_ *liar, c map[string]any) string { return unsigned(c) },
		"signed by a stranger": func(l *liar, c map[string]any) string { return sign(l.t, jose.ES256, stranger, "k", c) },
		"signed with the public key": func(l *liar, c map[string]any) string {
			return sign(l.t, jose.HS256, []byte(strings.Repeat("k", 32)), "k", c)
		},
		"one byte changed":       func(l *liar, c map[string]any) string { s := l.signed(c); return s[:len(s)-8] + "AAAAAAAA" },
		"not a token":            func(*liar, map[string]any) string { return "x.y.z" },
		"none at all":            func(*liar, map[string]any) string { return "" },
		"wrong iss":              set("iss", "https://evil.example"),
		"iss with a slash":       func(l *liar, c map[string]any) string { c["iss"] = l.URL + "/"; return l.signed(c) },
		"wrong aud":              set("aud", "somebody-else"),
		"second aud without azp": set("aud", []string{clientID, "somebody-else"}),
		"no aud":                 set("aud", nil),
		"no exp":                 set("exp", nil),
		"expired":                set("exp", time.Date(2026, 3, 4, 11, 59, 0, 0, time.UTC).Unix()),
		"no iat":                 set("iat", nil),
		"iat far ahead":          set("iat", time.Date(2026, 3, 4, 13, 0, 0, 0, time.UTC).Unix()),
		"wrong nonce":            set("nonce", "another"),
		"no nonce":               set("nonce", nil),
		"no sub":                 set("sub", nil),
		"an endless sub":         set("sub", strings.Repeat("s", 300)),
		"another azp":            set("azp", "somebody-else"),
		"hash of another token":  set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"second aud with another azp": func(l *liar, c map[string]any) string {
			c["aud"], c["azp"] = []string{clientID, "x"}, "x"
			return l.signed(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lie(t)
			l.token = func(claims map[string]any) string { return token(l, claims) }
			p := l.provider()
			if who, err := l.complete(p, l.begin(p, false), nil); !errors.Is(err, federation.ErrAnswer) || who.Subject != "" {
				t.Errorf("%+v, %v", who, err)
			}
		})
	}
	t.Run("second aud with our azp", func(t *testing.T) {
		t.Parallel()
		l := lie(t)
		l.token = func(c map[string]any) string {
			c["aud"], c["azp"] = []string{clientID, "x"}, clientID
			return l.signed(c)
		}
		p := l.provider()
		if _, err := l.complete(p, l.begin(p, false), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestIssuerLetterByLetter_SEC183(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) string{
		"slash": func(s string) string { return s + "/" },
		"case":  func(s string) string { return strings.ToUpper(s) },
		"port":  func(s string) string { return s[:strings.LastIndex(s, ":")] },
		"other": func(string) string { return "https://evil.example" },
		"empty": func(string) string { return "" },
	} {
		l := lie(t)
		l.metadata["issuer"] = change(l.URL)
		_, err := l.provider().Begin(t.Context(), federation.Ask{Seal: func([]byte) string { t.Error(name, "was used"); return "" }})
		if !errors.Is(err, federation.ErrUnavailable) {
			t.Error(name, err)
		}
	}
}

func TestAnswersOfOthers_SEC184_SEC185(t *testing.T) {
	t.Parallel()
	l := lie(t)
	p := l.provider()
	begun := l.begin(p, false)
	for name, values := range map[string]url.Values{
		"another iss":      {"code": {"c"}, "iss": {"https://evil.example"}},
		"iss with a slash": {"code": {"c"}, "iss": {l.URL + "/"}},
		"no iss, promised": {"code": {"c"}},
		"empty iss":        {"code": {"c"}, "iss": {""}},
		"two of them":      {"code": {"c"}, "iss": {l.URL, "https://evil.example"}},
		"two codes":        {"code": {"c", "d"}, "iss": {l.URL}},
		"no code":          {"iss": {l.URL}},
		"another's error":  {"error": {"access_denied"}, "iss": {"https://evil.example"}},
	} {
		if _, err := l.complete(p, begun, values); !errors.Is(err, federation.ErrAnswer) {
			t.Error(name, err)
		}
	}
	if l.redeemed.Load() != 0 {
		t.Error("a token request was made before the answer was known to be genuine")
	}
	other := lie(t) // SEC-185: the trip of one provider at another
	q := other.provider()
	if _, err := other.complete(q, begun, url.Values{"code": {"c"}, "iss": {other.URL}}); !errors.Is(err, federation.ErrAnswer) || other.redeemed.Load() != 0 {
		t.Error(err)
	}
	for _, forged := range []string{"", "{}", "null", "x", `{"i":"` + other.URL + `"}`} {
		if _, err := p.Complete(t.Context(), federation.Return{Trip: []byte(forged), Values: url.Values{"code": {"c"}, "iss": {l.URL}}}); !errors.Is(err, federation.ErrAnswer) {
			t.Error(forged, err)
		}
	}
}

func TestRefusals_PLX16(t *testing.T) {
	t.Parallel()
	l := lie(t)
	p := l.provider()
	answer := func(code string) url.Values { return url.Values{"error": {code}, "iss": {l.URL}} }
	var refused *federation.RefusedError
	if _, err := l.complete(p, l.begin(p, false), answer("access_denied")); !errors.As(err, &refused) || refused.Code != "access_denied" || !errors.Is(err, federation.ErrRefused) {
		t.Error(err)
	}
	if _, err := l.complete(p, l.begin(p, false), answer("server_error")); !errors.Is(err, federation.ErrUnavailable) {
		t.Error("a fault of theirs is no refusal:", err)
	}
	for name, strong := range map[string]func(*federation.OIDC){
		"acr": func(p *federation.OIDC) { p.ACR = []string{"urn:hw"} }, "amr": func(p *federation.OIDC) { p.AMR = []string{"otp", "hwk"} },
	} {
		p := l.provider()
		strong(p)
		if _, err := l.complete(p, l.begin(p, false), nil); !errors.Is(err, federation.ErrRefused) {
			t.Error(name, err)
		}
	}
}

func TestSignInAnew_PLX16(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		auth any
		fine bool
	}{"now": {0, true}, "an hour ago": {-3600, false}, "unsaid": {nil, false}} {
		l := lie(t)
		l.token = func(claims map[string]any) string {
			if delete(claims, "auth_time"); c.auth != nil {
				claims["auth_time"] = l.now.Unix() + int64(c.auth.(int))
			}
			return l.signed(claims)
		}
		p := l.provider()
		begun := l.begin(p, true)
		if q := begun.address.Query(); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
			t.Error(q)
		}
		if _, err := l.complete(p, begun, nil); (err == nil) != c.fine || !c.fine && !errors.Is(err, federation.ErrRefused) {
			t.Error(name, err)
		}
	}
}

func TestTripsEnd_SEC190(t *testing.T) {
	t.Parallel()
	l := lie(t)
	p := l.provider()
	begun := l.begin(p, false)
	l.set(func() { l.now = l.now.Add(31 * time.Minute) })
	if _, err := l.complete(p, begun, nil); !errors.Is(err, federation.ErrAnswer) || l.redeemed.Load() != 0 {
		t.Error(err)
	}
}

func TestClientSecret_SEC199(t *testing.T) {
	t.Parallel()
	l := lie(t)
	var header http.Header
	p := l.provider()
	p.Secret = hidden
	begun := l.begin(p, false)
	if strings.Contains(begun.address.String()+string(begun.sealed), hidden.Reveal()) {
		t.Error("our secret travels through the browser")
	}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { header = r.Header.Clone() })
	l.set(func() { l.handle = inner })
	_, _ = l.complete(p, begun, nil)
	if id, password, ok := (&http.Request{Header: header}).BasicAuth(); !ok || id != clientID || password != hidden.Reveal() {
		t.Error("not in the header", id)
	}
}

func TestNamesOfUserinfo_SEC197(t *testing.T) {
	t.Parallel()
	for about, want := range map[string]federation.Identity{
		"operator-1": {Email: "named@example.com", EmailVerified: true, Username: "named", Name: "Named Elsewhere"},
		"operator-2": {}, // another one's names
		"":           {},
	} {
		l := lie(t)
		l.userinfo, l.metadata["userinfo_endpoint"] = about, l.URL+"/userinfo"
		l.token = func(claims map[string]any) string {
			maps.DeleteFunc(claims, func(name string, _ any) bool {
				return name == "email" || name == "email_verified" || name == "name" || name == "preferred_username"
			})
			return l.signed(claims)
		}
		p := l.provider()
		who, err := l.complete(p, l.begin(p, false), nil)
		want.Issuer, want.Subject, want.ACR, want.AMR, want.AuthTime = l.URL, "operator-1", "urn:mfa", []string{"pwd", "otp"}, l.now
		if diff := cmp.Diff(want, who); diff != "" || err != nil {
			t.Error(about, err, diff)
		}
	}
}
