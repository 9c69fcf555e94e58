package endpoint_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/oauth"
)

func TestTokenReading(t *testing.T) {
	t.Parallel()
	h := open(t)
	valid := form("grant_type", "refresh_token", "client_id", "cli", "refresh_token", "r").Encode()
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		t.Run("SEC-033 "+method, func(t *testing.T) {
			got := h.do(method, "/token", valid, "Content-Type", formType)
			got.is(t, 405, "invalid_request")
			if got.header.Get("Allow") != "POST" {
				t.Errorf("Allow is %q", got.header.Get("Allow"))
			}
		})
	}
	t.Run("SEC-033 HEAD", func(t *testing.T) {
		if got := h.do("HEAD", "/token", ""); got.status != 405 {
			t.Errorf("status %d", got.status)
		}
	})
	t.Run("SEC-034 in the query", func(t *testing.T) {
		h.do("POST", "/token?"+valid, "", "Content-Type", formType).is(t, 400, "invalid_request")
		h.do("POST", "/token?x=1", valid, "Content-Type", formType).is(t, 400, "invalid_request")
	})
	for _, media := range []string{
		"application/json", "multipart/form-data; boundary=x", "text/plain", "", "application/x-www-form-urlencodedx", "a/b; c",
	} {
		t.Run("SEC-035 SEC-327 "+media, func(t *testing.T) {
			h.do("POST", "/token", valid, "Content-Type", media).is(t, 415, "invalid_request")
		})
	}
	t.Run("a charset is fine", func(t *testing.T) {
		h.do("POST", "/token", valid, "Content-Type", formType+"; charset=UTF-8").is(t, 400, "invalid_grant")
	})
	for _, name := range []string{"grant_type", "client_id", "refresh_token", "unknown"} {
		t.Run("SEC-036 twice "+name, func(t *testing.T) {
			body := valid + "&" + name + "=1&" + name + "="
			h.do("POST", "/token", body, "Content-Type", formType).is(t, 400, "invalid_request")
		})
	}
	for name, text := range map[string]string{
		"not UTF-8": "\xff", "NUL": "\x00", "lone surrogate": "\xed\xa0\x80", "over-long form": "\xc0\xae",
	} {
		for _, parameter := range []string{"grant_type", "client_id", "refresh_token", "code", "scope", "username", "unknown"} {
			t.Run("SEC-324 "+name+" in "+parameter, func(t *testing.T) {
				values := form("grant_type", "refresh_token", "client_id", "cli")
				values.Set(parameter, "a"+text)
				h.do("POST", "/token", values.Encode(), "Content-Type", formType).is(t, 400, "invalid_request")
			})
		}
	}
	for _, parameter := range []string{"grant_type", "client_id", "refresh_token", "code", "code_verifier", "scope", "resource", "machine"} {
		t.Run("SEC-054 script in "+parameter, func(t *testing.T) {
			for _, kind := range []string{"refresh_token", "authorization_code", deviceGT} {
				values := form("grant_type", kind, "client_id", "cli")
				values.Set(parameter, "<script>alert(1)</script>")
				got := h.do("POST", "/token", values.Encode(), "Content-Type", formType)
				if strings.Contains(got.body, "<script") || got.header.Get("Content-Type") != "application/json" || got.status >= 500 {
					t.Errorf("%d %s", got.status, got.body)
				}
			}
		})
	}
	t.Run("SEC-323 a large body", func(t *testing.T) {
		h.do("POST", "/token", valid+"&x="+strings.Repeat("y", 1<<20), "Content-Type", formType).is(t, 413, "invalid_request")
	})
	t.Run("many parameters", func(t *testing.T) {
		h.do("POST", "/token", valid+strings.Repeat("&x=", 200), "Content-Type", formType).is(t, 400, "invalid_request")
	})
	t.Run("SEC-048 password", func(t *testing.T) {
		h.post("/token", "grant_type", "password", "client_id", "cli", "username", "johndoe", "password", "x").is(t, 400, "unsupported_grant_type")
	})
	t.Run("no grant_type", func(t *testing.T) { h.post("/token", "client_id", "cli").is(t, 400, "invalid_request") })
	t.Run("nobody may keep it", func(t *testing.T) {
		if got := h.post("/token", "client_id", "cli").header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control %q", got)
		}
	})
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	h := open(t)
	const right = "s:cret+%/é"
	service := func(header string, pairs ...string) answer {
		headers := []string{"Content-Type", formType}
		if header != "" {
			headers = append(headers, "Authorization", header)
		}
		return h.do("POST", "/token", form(append(pairs, "grant_type", "client_credentials")...).Encode(), headers...)
	}
	for name, got := range map[string]answer{
		"client_secret_basic, form-encoded":  service(basicHeader("service", right)),
		"client_secret_basic and client_id":  service(basicHeader("service", right), "client_id", "service"),
		"client_secret_post":                 service("", "client_id", "service", "client_secret", right),
		"client_secret_basic in lower case":  service(strings.Replace(basicHeader("service", right), "Basic", "basic", 1)),
		"client_secret_basic and two spaces": service(strings.Replace(basicHeader("service", right), "Basic ", "Basic  ", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if body := got.json(t); got.status != 200 || body["scope"] != "read" || body["expires_in"] != 600.0 || body["refresh_token"] != nil {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	for name, got := range map[string]answer{
		"wrong secret":      service(basicHeader("service", "x")),
		"empty secret":      service(basicHeader("service", "")),
		"none":              service("", "client_id", "service"),
		"unknown":           service(basicHeader("nobody", right)),
		"no client":         service(""),
		"bearer":            service("Bearer abc"),
		"not base64":        service("Basic ***"),
		"no colon":          service("Basic YWJj"),
		"empty":             service("Basic "),
		"bad escape":        service("Basic JTpi"),
		"SEC-324 NUL":       service(basicHeader("ser\x00vice", right)),
		"SEC-324 not UTF-8": service(basicHeader("service", "\xff")),
	} {
		t.Run(name, func(t *testing.T) {
			got.is(t, 401, "invalid_client")
			if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Basic ") {
				t.Errorf("challenge %q", challenge)
			}
		})
	}
	t.Run("two ways at once", func(t *testing.T) {
		service(basicHeader("service", right), "client_secret", right).is(t, 400, "invalid_request")
		service(basicHeader("service", right), "client_id", "cli").is(t, 400, "invalid_request")
	})
	t.Run("SEC-051 a public client with an empty secret", func(t *testing.T) {
		header := []string{"Content-Type", formType, "Authorization", "Basic Y2xpOg=="} // cli:
		h.do("POST", "/token", "grant_type=refresh_token&refresh_token=x", header...).is(t, 400, "invalid_grant")
		if got := h.do("POST", "/device_authorization", "", header...); got.status != 200 {
			t.Errorf("device_authorization: %d %s", got.status, got.body)
		}
		if got := h.do("POST", "/revoke", "token=x", header...); got.status != 200 {
			t.Errorf("revoke: %d %s", got.status, got.body)
		}
		h.do("POST", "/introspect", "token=x", header...).is(t, 401, "invalid_client")
	})
	t.Run("a public client with a secret", func(t *testing.T) {
		h.post("/token", "grant_type", "refresh_token", "client_id", "cli", "client_secret", "x").is(t, 401, "invalid_client")
	})
	t.Run("a disabled client", func(t *testing.T) {
		h.post("/token", "grant_type", "refresh_token", "client_id", "off", "refresh_token", "x").is(t, 401, "invalid_client")
	})
}

func TestLoginInABrowser(t *testing.T) {
	t.Parallel()
	h := open(t)
	t.Run("everything is in the answer", func(t *testing.T) {
		got := h.login("cli", "usr_john")
		want := map[string]any{
			"token_type": "Bearer", "expires_in": 600.0, "scope": "openid profile email", "idle_expires_in": 86400.0,
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		if ends, _ := got["refresh_expires_in"].(float64); ends < 863_900 || ends > 864_000 {
			t.Errorf("refresh_expires_in is %v, want ten days", got["refresh_expires_in"])
		}
		for _, name := range []string{"access_token", "refresh_token", "id_token", "sid"} {
			if got[name] == nil || got[name] == "" {
				t.Errorf("%s is missing", name)
			}
		}
	})
	t.Run("a refresh", func(t *testing.T) {
		first := h.login("cli", "usr_john")
		got := h.post("/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", first["refresh_token"].(string)).json(t)
		if got["refresh_token"] == first["refresh_token"] || got["sid"] != first["sid"] || got["access_token"] == nil {
			t.Errorf("refreshed to %v", got)
		}
	})
	t.Run("SEC-021 the code after 61 seconds", func(t *testing.T) {
		v := oauth.NewVerifier()
		code := h.approve(h.authorize(v), "usr_john").Query().Get("code")
		h.advance(61 * time.Second)
		h.post("/token", "grant_type", "authorization_code", "client_id", "cli", "code", code, "redirect_uri", callback,
			"code_verifier", v.Reveal()).is(t, 400, "invalid_grant")
	})
	t.Run("SEC-046 the verifier", func(t *testing.T) {
		for _, verifier := range []string{"", "short", strings.Repeat("v", 129), strings.Repeat("é", 30)} {
			v := oauth.NewVerifier()
			code := h.approve(h.authorize(v), "usr_john").Query().Get("code")
			got := h.post("/token", "grant_type", "authorization_code", "client_id", "cli", "code", code, "redirect_uri", callback,
				"code_verifier", verifier)
			got.is(t, 400, "invalid_grant")
		}
	})
	t.Run("SEC-135 the store cannot be reached", func(t *testing.T) {
		token := h.login("cli", "usr_john")["refresh_token"].(string)
		h.store.down.Store(true)
		for _, got := range []answer{
			h.post("/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", token),
			h.post("/revoke", "client_id", "cli", "token", token),
		} {
			got.is(t, 503, "temporarily_unavailable")
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
		h.store.down.Store(false)
		if got := h.post("/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", token); got.status != 200 {
			t.Errorf("afterwards: %d %s", got.status, got.body)
		}
	})
}

// begin starts a device login.
func (h *house) begin(pairs ...string) map[string]any {
	h.t.Helper()
	got := h.post("/device_authorization", append(pairs, "client_id", "cli")...)
	if got.status != http.StatusOK {
		h.t.Fatalf("device_authorization: %d %s", got.status, got.body)
	}
	return got.json(h.t)
}

func (h *house) find(begun map[string]any) authority.DeviceRequest {
	h.t.Helper()
	request, err := h.authority.Devices.Lookup(h.t.Context(), begun["user_code"].(string),
		login.Guesser{PersonID: "usr_john", Address: "192.0.2.9"})
	must(h.t, err)
	return request
}

func (h *house) poll(begun map[string]any, header ...string) answer {
	h.t.Helper()
	body := form("grant_type", deviceGT, "client_id", "cli", "device_code", begun["device_code"].(string)).Encode()
	return h.do("POST", "/token", body, append(header, "Content-Type", formType)...)
}

func TestDeviceLogin(t *testing.T) {
	t.Parallel()
	h := open(t)
	t.Run("SEC-211 the answer names the issuer", func(t *testing.T) {
		got := h.do("POST", "/device_authorization", "client_id=cli", "Content-Type", formType,
			"X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example").json(t)
		if got["verification_uri"] != issuer+"/device" || got["expires_in"] != 600.0 || got["interval"] != 5.0 ||
			got["verification_uri_complete"] != issuer+"/device?code="+got["user_code"].(string) {
			t.Errorf("%v", got)
		}
	})
	t.Run("a held poll is answered at once by the decision", func(t *testing.T) {
		begun := h.begin("machine", "build-7")
		request := h.find(begun)
		if request.Origin.Machine != "build-7" || request.Origin.Address != "192.0.2.7" {
			t.Errorf("origin %+v", request.Origin)
		}
		held := make(chan answer)
		go func() { held <- h.poll(begun, "Prefer", "respond-async, wait=25") }()
		_, err := h.authority.Devices.Approve(t.Context(), request.ID, h.approval("usr_john", request.Scope))
		must(t, err)
		got := <-held
		if got.status != 200 || got.json(t)["refresh_token"] == nil {
			t.Fatalf("%d %s", got.status, got.body)
		}
	})
	t.Run("a full wait says so", func(t *testing.T) {
		got := h.poll(h.begin(), "Prefer", "wait=1")
		got.is(t, 400, "authorization_pending")
		if applied := got.header.Get("Preference-Applied"); applied != "wait=1" {
			t.Errorf("Preference-Applied %q", applied)
		}
	})
	t.Run("without a wait", func(t *testing.T) {
		begun := h.begin()
		got := h.poll(begun)
		got.is(t, 400, "authorization_pending")
		if applied := got.header.Get("Preference-Applied"); applied != "" {
			t.Errorf("Preference-Applied %q", applied)
		}
		h.poll(begun).is(t, 400, "slow_down")
	})
	t.Run("denied", func(t *testing.T) {
		begun := h.begin()
		_, err := h.authority.Devices.Deny(t.Context(), h.find(begun).ID, "usr_john", "192.0.2.9")
		must(t, err)
		h.poll(begun).is(t, 400, "access_denied")
	})
	t.Run("SEC-010 half a challenge", func(t *testing.T) {
		h.post("/device_authorization", "client_id", "cli", "code_challenge", "x").is(t, 400, "invalid_request")
		h.post("/device_authorization", "client_id", "cli", "code_challenge_method", "S256").is(t, 400, "invalid_request")
	})
	t.Run("bound to a verifier", func(t *testing.T) {
		v := oauth.NewVerifier()
		begun := h.begin("code_challenge", string(v.Challenge()), "code_challenge_method", "S256")
		request := h.find(begun)
		_, err := h.authority.Devices.Approve(t.Context(), request.ID, h.approval("usr_john", request.Scope))
		must(t, err)
		h.poll(begun).is(t, 400, "invalid_grant")
		got := h.post("/token", "grant_type", deviceGT, "client_id", "cli", "device_code", begun["device_code"].(string),
			"code_verifier", v.Reveal())
		if got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("SEC-044 a verifier for a request that had no challenge", func(t *testing.T) {
		begun := h.begin()
		request := h.find(begun)
		_, err := h.authority.Devices.Approve(t.Context(), request.ID, h.approval("usr_john", request.Scope))
		must(t, err)
		h.post("/token", "grant_type", deviceGT, "client_id", "cli", "device_code", begun["device_code"].(string),
			"code_verifier", oauth.NewVerifier().Reveal()).is(t, 400, "invalid_grant")
	})
	t.Run("SEC-031 scope", func(t *testing.T) {
		h.post("/device_authorization", "client_id", "cli", "scope", "admin").is(t, 400, "invalid_scope")
	})
	t.Run("a client without the grant", func(t *testing.T) {
		h.do("POST", "/device_authorization", "", "Content-Type", formType, "Authorization", basicHeader("stranger", "y")).
			is(t, 400, "unauthorized_client")
	})
	t.Run("a forged code", func(t *testing.T) {
		h.poll(map[string]any{"device_code": "forged"}).is(t, 400, "invalid_grant")
	})
}
