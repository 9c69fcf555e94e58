package endpoint_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/identity"
)

// introspect asks as a confidential client.
func (h *house) introspect(client, password, token string) answer {
	h.t.Helper()
	return h.do("POST", "/introspect", form("token", token).Encode(), "Content-Type", formType,
		"Authorization", basicHeader(client, password))
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	h := open(t)
	const right = "s:cret+%/é"
	login := h.login("cli", "usr_john")
	token := login["access_token"].(string)
	t.Run("a token of a person", func(t *testing.T) {
		got := h.introspect("service", right, token).json(t)
		for name, value := range map[string]any{
			"active": true, "sub": "usr_john", "username": "johndoe", "scope": "openid profile email", "client_id": "cli",
			"aud": issuer, "iss": issuer, "sid": login["sid"], "token_type": "Bearer",
		} {
			if got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		if got["exp"].(float64)-got["iat"].(float64) != 600 || got["jti"] == nil {
			t.Errorf("%v", got)
		}
	})
	t.Run("SEC-129 without authentication", func(t *testing.T) {
		h.post("/introspect", "token", token).is(t, 401, "invalid_client")
		h.post("/introspect", "token", token, "client_id", "service").is(t, 401, "invalid_client")
		h.post("/introspect", "token", token, "client_id", "cli").is(t, 401, "invalid_client")
		h.introspect("service", "wrong", token).is(t, 401, "invalid_client")
	})
	t.Run("SEC-129 a client that may not", func(t *testing.T) { h.introspect("blind", "b", token).is(t, 403, "unauthorized_client") })
	t.Run("SEC-130 a token meant for another service", func(t *testing.T) {
		if got := h.introspect("stranger", "y", token); got.status != 200 || got.body != `{"active":false}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	for name, garbage := range map[string]string{
		"garbage": "abc", "three parts": "a.b.c", "a refresh token": login["refresh_token"].(string), "an ID token": login["id_token"].(string),
		"10 kB": strings.Repeat("x", 10<<10), "a changed signature": token[:len(token)-4] + "AAAA",
	} {
		t.Run("SEC-131 "+name, func(t *testing.T) {
			if got := h.introspect("service", right, garbage); got.status != 200 || got.body != `{"active":false}` {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	t.Run("SEC-131 NUL, not UTF-8, empty, 10 MB", func(t *testing.T) {
		for _, garbage := range []string{"a\x00b", "\xff", ""} {
			h.introspect("service", right, garbage).is(t, 400, "invalid_request")
		}
		h.introspect("service", right, strings.Repeat("x", 10<<20)).is(t, 413, "invalid_request")
	})
	t.Run("a disabled person", func(t *testing.T) {
		token := h.login("cli", "usr_ada")["access_token"].(string)
		_, err := h.people.ChangePerson(t.Context(), "usr_ada", func(p *identity.Person) error { p.Disabled = true; return nil })
		must(t, err)
		if got := h.introspect("service", right, token); got.body != `{"active":false}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("a service's own token", func(t *testing.T) {
		own := h.do("POST", "/token", "grant_type=client_credentials", "Content-Type", formType, "Authorization", basicHeader("service", right))
		got := h.introspect("service", right, own.json(t)["access_token"].(string)).json(t)
		if got["active"] != true || got["sub"] != "service" || got["username"] != nil || got["sid"] != nil {
			t.Errorf("%v", got)
		}
	})
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	h := open(t)
	const right = "s:cret+%/é"
	active := func(token string) bool { return h.introspect("service", right, token).json(t)["active"] == true }
	login := h.login("cli", "usr_john")
	access, refresh := login["access_token"].(string), login["refresh_token"].(string)
	t.Run("SEC-132 another client's token", func(t *testing.T) {
		for _, token := range []string{access, refresh} {
			if got := h.post("/revoke", "client_id", "other", "token", token); got.status != 200 || got.body != "" {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		if !active(access) {
			t.Error("a stranger ended the session")
		}
	})
	t.Run("SEC-134 an unknown token", func(t *testing.T) {
		if got := h.post("/revoke", "client_id", "cli", "token", "unknown", "token_type_hint", "whatever"); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("no token", func(t *testing.T) { h.post("/revoke", "client_id", "cli").is(t, 400, "invalid_request") })
	t.Run("no client", func(t *testing.T) { h.post("/revoke", "token", refresh).is(t, 401, "invalid_client") })
	t.Run("one's own", func(t *testing.T) {
		if got := h.post("/revoke", "client_id", "cli", "token", refresh, "token_type_hint", "refresh_token"); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		if active(access) {
			t.Error("the access token lives on")
		}
		h.post("/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", refresh).is(t, 400, "invalid_grant")
		h.do("GET", "/userinfo", "", "Authorization", "Bearer "+access).is(t, 401, "invalid_token")
	})
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	h := open(t)
	token := h.login("cli", "usr_john")["access_token"].(string)
	t.Run("claims by scope", func(t *testing.T) {
		for _, method := range []string{"GET", "POST"} {
			got := h.do(method, "/userinfo", "", "Authorization", "Bearer "+token).json(t)
			if ends, _ := got["session_exp"].(float64); ends < float64(h.now().Add(239*time.Hour).Unix()) {
				t.Errorf("session_exp is %v, want ten days on", got["session_exp"])
			}
			delete(got, "session_exp")
			want := map[string]any{
				"sub": "usr_john", "email": "john@example.com", "email_verified": true, "name": "John Doe", "preferred_username": "johndoe",
				"organization": "Acme Corp", "role": "admin", "created_at": "2024-01-01T00:00:00Z",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		narrow := h.post("/token", "grant_type", "refresh_token", "client_id", "cli", "scope", "openid",
			"refresh_token", h.login("cli", "usr_john")["refresh_token"].(string)).json(t)
		got := h.do("GET", "/userinfo", "", "Authorization", "Bearer "+narrow["access_token"].(string)).json(t)
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"session_exp", "sub"}) || got["sub"] != "usr_john" {
			t.Errorf("openid alone opens %v", names)
		}
	})
	t.Run("SEC-139 the token in the address or the body", func(t *testing.T) {
		h.do("GET", "/userinfo?access_token="+token, "").is(t, 400, "invalid_request")
		h.do("GET", "/userinfo?access_token="+token, "", "Authorization", "Bearer "+token).is(t, 400, "invalid_request")
		got := h.do("POST", "/userinfo", "access_token="+token, "Content-Type", formType)
		got.is(t, 401, "invalid_token")
	})
	t.Run("challenges", func(t *testing.T) {
		if got := h.do("GET", "/userinfo", "").header.Get("WWW-Authenticate"); got != `Bearer realm="`+issuer+`"` {
			t.Errorf("without a token: %q", got)
		}
		got := h.do("GET", "/userinfo", "", "Authorization", "Bearer abc")
		got.is(t, 401, "invalid_token")
		if challenge := got.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("with a wrong one: %q", challenge)
		}
	})
	t.Run("without openid", func(t *testing.T) {
		service := h.do("POST", "/token", "grant_type=client_credentials", "Content-Type", formType, "Authorization", basicHeader("stranger", "y"))
		got := h.do("GET", "/userinfo", "", "Authorization", "Bearer "+service.json(t)["access_token"].(string))
		got.is(t, 403, "insufficient_scope")
	})
	t.Run("SEC-033 DELETE", func(t *testing.T) { h.do("DELETE", "/userinfo", "").is(t, 405, "invalid_request") })
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	h := open(t)
	forged := []string{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "Forwarded", "host=evil.example"}
	t.Run("SEC-211 from the configured issuer", func(t *testing.T) {
		plain := h.do("GET", "/.well-known/openid-configuration", "", forged...)
		if strings.Contains(plain.body, "evil") || plain.body != h.do("GET", "/.well-known/oauth-authorization-server", "").body {
			t.Errorf("%s", plain.body)
		}
		got := plain.json(t)
		for name, path := range map[string]string{
			"issuer": "", "authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks",
			"device_authorization_endpoint": "/device_authorization", "userinfo_endpoint": "/userinfo",
			"revocation_endpoint": "/revoke", "introspection_endpoint": "/introspect",
		} {
			if got[name] != issuer+path {
				t.Errorf("%s is %v", name, got[name])
			}
		}
		if got["request_uri_parameter_supported"] != false || got["authorization_response_iss_parameter_supported"] != true {
			t.Errorf("SEC-020 SEC-025: %v", got)
		}
		if diff := cmp.Diff([]any{"S256"}, got["code_challenge_methods_supported"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("keys are kept by tag", func(t *testing.T) {
		first := h.do("GET", "/jwks", "")
		tag := first.header.Get("ETag")
		if len(first.json(t)["keys"].([]any)) < 2 || tag == "" || !strings.Contains(first.header.Get("Cache-Control"), "max-age") {
			t.Errorf("%v %s", first.header, first.body)
		}
		if again := h.do("GET", "/jwks", "", "If-None-Match", tag); again.status != 304 || again.body != "" {
			t.Errorf("again: %d %s", again.status, again.body)
		}
		if strings.Contains(first.body, `"d"`) {
			t.Error("a private key")
		}
	})
}
