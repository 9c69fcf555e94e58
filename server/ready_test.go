package server_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

// TestReadyTokenOfALogin goes through a device login of the client whose logins end in a ready token.
func TestReadyTokenOfALogin(t *testing.T) {
	t.Parallel()
	clock := &server.Clock{}
	r := start(t, func(c *server.Config) { c.Seed, c.Clock = seed.Dev(""), clock })
	begun := r.post(t, "/device_authorization", "client_id", "rio-cli", "scope", "openid email").json(t)
	poll := []string{
		"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", "rio-cli", "device_code", begun["device_code"].(string),
	}
	t.Run("RIO-16 every failure has an error", func(t *testing.T) {
		for _, got := range []answer{
			r.post(t, "/token", poll...), r.post(t, "/token", "client_id", "rio-cli"), r.post(t, "/token"),
			r.post(t, "/device_authorization", "client_id", "rio"), r.do(t, "GET", "/token", ""), r.do(t, "POST", "/nothing", ""),
		} {
			if got.status < 400 || got.json(t)["error"] == nil || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
	})
	john := &visitor.Visitor{Base: r.Issuer(), Name: seed.John, Password: secret.New(seed.JohnPassword)}
	if _, err := john.ApproveDevice(t.Context(), begun["verification_uri_complete"].(string)); err != nil {
		t.Fatal(err)
	}
	login := r.post(t, "/token", poll...).json(t)
	idToken, _ := login["id_token"].(string)
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		t.Fatalf("the answer is %v", login)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, err)
	var claims map[string]any
	must(t, json.Unmarshal(payload, &claims))
	token, _ := claims["rio_token"].(string)
	t.Run("RIO-17 the ID token holds e-mail and ready token", func(t *testing.T) {
		if claims["email"] != "user@example.com" || token == "" || login["refresh_token"] != nil {
			t.Errorf("claims %v, refresh token %v", claims, login["refresh_token"])
		}
	})
	introspect := func() map[string]any {
		return r.post(t, "/introspect", "token", token, "client_id", "dev-service", "client_secret", seed.ServiceSecret).json(t)
	}
	t.Run("RIO-13 its level is 1 and its life seven days", func(t *testing.T) {
		got := introspect()
		if got["active"] != true || got["level"] != 1.0 || got["exp"].(float64)-got["iat"].(float64) != (7*24*time.Hour).Seconds() {
			t.Errorf("%v", got)
		}
		clock.Advance(7*24*time.Hour + time.Second)
		if got := introspect(); got["active"] != false {
			t.Errorf("after seven days: %v", got)
		}
	})
}
