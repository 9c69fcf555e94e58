package ready_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow/ready"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// serve is a server that approves at once; claims are those of its ID token beside the usual ones.
func serve(t *testing.T, claims map[string]any) *client.Client {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	challenge := ""
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, r *http.Request) {
		challenge = r.FormValue("code_challenge")
		if r.FormValue("scope") != "openid email" || r.FormValue("client_id") != "acme" {
			t.Errorf("%v", r.Form)
		}
		fmt.Fprintf(w, `{"device_code":"d","user_code":"U","verification_uri":"%s/page","expires_in":600}`, server.URL)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if v, err := oauth.ParseVerifier(r.FormValue("code_verifier")); err != nil || string(v.Challenge()) != challenge || r.FormValue("device_code") != "d" {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error":"authorization_pending"}`)
			return
		}
		all := map[string]any{"iss": server.URL, "sub": "u1", "aud": "acme", "exp": 4102444800, "email": "a@example.com"}
		for name, value := range claims {
			all[name] = value
		}
		payload, _ := json.Marshal(all)
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`))
		fmt.Fprintf(w, `{"access_token":"a","token_type":"Bearer","expires_in":600,"id_token":"%s.%s.c2ln"}`,
			header, base64.RawURLEncoding.EncodeToString(payload))
	})
	return &client.Client{ID: "acme", Metadata: oauth.Metadata{
		Issuer: server.URL, DeviceAuthorizationEndpoint: server.URL + "/device", TokenEndpoint: server.URL + "/token",
	}}
}

func TestLoginEndsInAReadyToken_RIO17(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claims map[string]any
		token  string
		err    bool
	}{
		"the claim":        {map[string]any{"acme_token": "ready"}, "ready", false},
		"no claim":         {nil, "", true},
		"no text":          {map[string]any{"acme_token": 7}, "", true},
		"empty":            {map[string]any{"acme_token": ""}, "", true},
		"for another":      {map[string]any{"acme_token": "ready", "aud": "other"}, "", true},
		"of another":       {map[string]any{"acme_token": "ready", "iss": "https://evil.example"}, "", true},
		"of yesterday":     {map[string]any{"acme_token": "ready", "exp": 1}, "", true},
		"of nobody at all": {map[string]any{"acme_token": "ready", "sub": ""}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire := &ready.Wire{Client: serve(t, test.claims), Scope: oauth.ParseScope("openid email"), Claim: "acme_token"}
			device, err := wire.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			made, _, err := wire.Poll(t.Context(), device.DeviceCode)
			if (err != nil) != test.err || made.Access != secret.New(test.token) {
				t.Fatalf("%+v, %v", made, err)
			}
			if err == nil && (made.Account != "a@example.com" || made.Subject != "u1" || made.Kind != cred.KindOAuth || !made.Refresh.IsZero()) {
				t.Errorf("%+v", made)
			}
			if name == "no claim" && !errors.Is(err, ready.ErrNoToken) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("pending", func(t *testing.T) {
		t.Parallel()
		wire := &ready.Wire{Client: serve(t, nil)}
		if _, _, err := wire.Poll(t.Context(), secret.New("d")); !errors.Is(err, oauth.AuthorizationPending) {
			t.Errorf("%v", err)
		}
	})
}
