package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/docs/examples/api"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/sqlite"
	"github.com/doorward/doorward/visitor"
)

// person is what an API may want to know from a token beside its subject.
type person struct {
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Session  string `json:"sid"`
}

func TestCheck(t *testing.T) {
	t.Parallel()
	issuer := begin(t, time.Now)
	checker := check(t, issuer, issuer)
	login := logIn(t, issuer)

	got, err := checker.Check(t.Context(), login["access_token"])
	must(t, err)
	var who person
	must(t, got.Claims(&who))
	if got.Subject != "usr_1234567890" || who.ClientID != "doorward" || who.Scope != "openid email" || who.Session == "" {
		t.Errorf("the token of %q says %+v", got.Subject, who)
	}
	service, err := checker.Check(t.Context(), serviceToken(t, issuer))
	must(t, err)
	if service.Subject != "dev-service" {
		t.Errorf("the service's token is of %q", service.Subject)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	issuer := begin(t, time.Now)
	late := begin(t, func() time.Time { return time.Now().Add(-time.Hour) }) // its tokens lived for ten minutes
	good, id := serviceToken(t, issuer), logIn(t, issuer)["id_token"]
	parts := strings.Split(good, ".")
	for _, test := range []struct {
		name, issuer, audience, token, because string
	}{
		{"tampered claims", issuer, issuer, parts[0] + "." + administrator(t, parts[1]) + "." + parts[2], "signature"},
		{"tampered signature", issuer, issuer, parts[0] + "." + parts[1] + "." + flip(t, parts[2]), "signature"},
		{"a foreign key", issuer, issuer, foreign(t, good), "signature"},
		{"alg none", issuer, issuer, encode(`{"alg":"none","typ":"at+jwt"}`) + "." + parts[1] + ".", "algorithm"},
		{"an ID token", issuer, issuer, id, api.ErrNotAccess.Error()},
		{"an ID token whose audience is ours", issuer, "doorward", id, api.ErrNotAccess.Error()},
		{"another audience", issuer, "https://api.example", good, "audience"},
		{"expired", late, late, serviceToken(t, late), "expired"},
		{"another authority's", issuer, issuer, serviceToken(t, late), "signature"},
		{"nothing", issuer, issuer, "", "empty"},
		{"a ready token", issuer, issuer, seed.ReadyToken, "JWS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			token, err := check(t, test.issuer, test.audience).Check(t.Context(), test.token)
			if err == nil || !strings.Contains(err.Error(), test.because) {
				t.Errorf("got %v, %v; want an error with %q in it", token, err, test.because)
			}
		})
	}
}

// TestCheckNeedsItsIssuer reads the metadata of one authority under the name of another.
func TestCheckNeedsItsIssuer(t *testing.T) {
	t.Parallel()
	issuer := begin(t, time.Now)
	if _, err := api.New(t.Context(), strings.Replace(issuer, "localhost", "127.0.0.1", 1), issuer); err == nil {
		t.Error("another name of the issuer was taken")
	}
}

// begin runs an authority with the accounts of --dev by this clock, and returns its issuer.
func begin(t *testing.T, now func() time.Time) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), "store.db"), Now: now})
	must(t, err)
	running, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Store: store, Master: keys.NewMaster(), Seed: seed.Dev(""), Now: now,
	})
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- running.Run(ctx) }()
	<-running.Ready()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return running.Issuer()
}

func check(t *testing.T, issuer, audience string) *api.Checker {
	t.Helper()
	checker, err := api.New(oidc.ClientContext(t.Context(), http.DefaultClient), issuer, audience)
	must(t, err)
	return checker
}

// serviceToken is an access token of the client that acts for itself.
func serviceToken(t *testing.T, issuer string) string {
	t.Helper()
	return post(t, issuer+"/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"dev-service"}, "client_secret": {seed.ServiceSecret},
	})["access_token"]
}

// logIn is the token answer of John's device login.
func logIn(t *testing.T, issuer string) map[string]string {
	t.Helper()
	begun := post(t, issuer+"/device_authorization", url.Values{"client_id": {"doorward"}, "scope": {"openid email"}})
	john := &visitor.Visitor{Base: issuer, Name: seed.John, Password: secret.New(seed.JohnPassword)}
	if _, err := john.ApproveDevice(t.Context(), begun["verification_uri_complete"]); err != nil {
		t.Fatal(err)
	}
	return post(t, issuer+"/token", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"doorward"}, "device_code": {begun["device_code"]},
	})
}

// post returns the texts of the answer.
func post(t *testing.T, address string, form url.Values) map[string]string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Prefer", "wait=10")
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer map[string]any
	must(t, json.NewDecoder(response.Body).Decode(&answer))
	texts := make(map[string]string)
	for name, value := range answer {
		texts[name], _ = value.(string)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s %v", address, response.Status, texts)
	}
	return texts
}

// administrator is the claims with a subject of their own choice.
func administrator(t *testing.T, claims string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(claims)
	must(t, err)
	changed := strings.Replace(string(text), "dev-service", "usr_1234567890", 1)
	if changed == string(text) {
		t.Fatal(errors.New("there was nothing to change"))
	}
	return encode(changed)
}

// flip changes one bit of the signature.
func flip(t *testing.T, signature string) string {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(signature)
	must(t, err)
	bytes[0] ^= 1
	return encode(string(bytes))
}

// foreign is the token signed by another key under the name of the authority's.
func foreign(t *testing.T, token string) string {
	t.Helper()
	genuine, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", genuine.Signatures[0].Header.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	must(t, err)
	signed, err := signer.Sign(genuine.UnsafePayloadWithoutVerification())
	must(t, err)
	text, err := signed.CompactSerialize()
	must(t, err)
	return text
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
