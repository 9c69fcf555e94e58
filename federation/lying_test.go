package federation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/doorward/doorward/federation"
	"github.com/doorward/doorward/secret"
)

const clientID = "doorward-at-upstream"

// liar is an upstream provider that says whatever a test wants.
type liar struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey
	now time.Time

	mu       sync.Mutex
	metadata map[string]any
	handle   http.HandlerFunc                   // answers in the place of everything, where given
	token    func(claims map[string]any) string // makes the ID token of the usual claims; nil: signs them
	redeemed atomic.Int64                       // token requests
	asked    atomic.Int64                       // discoveries
	form     url.Values                         // of the last token request
	nonce    string
	userinfo string // whom userinfo is about
}

func lie(t *testing.T) *liar {
	t.Helper()
	l := &liar{t: t, now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	var err error
	if l.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	l.metadata = map[string]any{
		"issuer": l.URL, "authorization_endpoint": l.URL + "/authorize", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/jwks",
		"id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"}, "authorization_response_iss_parameter_supported": true,
	}
	return l
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handle != nil {
		l.handle(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		l.asked.Add(1)
		_ = json.NewEncoder(w).Encode(l.metadata)
	case "/jwks":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: l.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	case "/userinfo":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"sub": l.userinfo, "email": "named@example.com", "email_verified": "true", "name": "Named Elsewhere", "preferred_username": "named",
			"acr": "urn:hardware", "amr": []string{"hwk"}, "iss": "https://evil.example",
		})
	case "/token":
		l.redeemed.Add(1)
		_ = r.ParseForm()
		l.form = r.PostForm
		claims := map[string]any{
			"iss": l.URL, "sub": "operator-1", "aud": clientID, "exp": l.now.Add(time.Minute).Unix(), "iat": l.now.Unix(), "nonce": l.nonce,
			"email": "op@example.com", "email_verified": true, "name": "Op Erator", "preferred_username": "op", "acr": "urn:mfa",
			"amr": []string{"pwd", "otp"}, "auth_time": l.now.Unix(),
		}
		make := l.token
		if make == nil {
			make = l.signed
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": make(claims)})
	}
}

// signed signs with the provider's own key.
func (l *liar) signed(claims map[string]any) string { return sign(l.t, jose.ES256, l.key, "k", claims) }

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, _ := json.Marshal(claims)
	signed, err := signer.Sign(text)
	if err != nil {
		t.Error(err)
		return ""
	}
	compact, _ := signed.CompactSerialize()
	return compact
}

func unsigned(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

// upstreams trusts this machine, and has the liar's clock.
func (l *liar) upstreams() *federation.Upstreams {
	return &federation.Upstreams{AllowPrivate: true, Now: func() time.Time { l.mu.Lock(); defer l.mu.Unlock(); return l.now }}
}

func (l *liar) provider() *federation.OIDC {
	return &federation.OIDC{Upstreams: l.upstreams(), Issuer: l.URL, ClientID: clientID}
}

// trip is one round trip that has begun.
type trip struct {
	address *url.URL
	sealed  []byte
}

func (l *liar) begin(p federation.Provider, anew bool) trip {
	l.t.Helper()
	var begun trip
	address, err := p.Begin(l.t.Context(), federation.Ask{
		Callback: "https://id.example/federation/b/callback", Anew: anew,
		Seal: func(trip []byte) string { begun.sealed = trip; return "the-state" },
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if begun.address, err = url.Parse(address); err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.nonce = begun.address.Query().Get("nonce")
	l.mu.Unlock()
	return begun
}

func (l *liar) complete(p federation.Provider, begun trip, values url.Values) (federation.Identity, error) {
	if values == nil {
		values = url.Values{"code": {"c"}, "iss": {l.URL}, "state": {"the-state"}}
	}
	return p.Complete(l.t.Context(), federation.Return{Trip: begun.sealed, Values: values})
}

func (l *liar) set(change func()) { l.mu.Lock(); defer l.mu.Unlock(); change() }

// long is a body of n bytes.
func long(n int) string { return `{"issuer":"` + strings.Repeat("x", n) + `"}` }

var hidden = secret.New("client-secret-of-ours")
