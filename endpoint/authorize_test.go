package endpoint_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/doorward/doorward/oauth"
)

// onPage checks that an answer is an error page: no redirect, nothing of the request on it.
func onPage(t *testing.T, got answer, status int) {
	t.Helper()
	if got.status != status || got.header.Get("Location") != "" {
		t.Errorf("answer %d with Location %q, want a page with %d", got.status, got.header.Get("Location"), status)
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || strings.Contains(got.body, "evil") {
		t.Errorf("not a page, or it reflects the request: %s", got.body)
	}
}

// backWith checks that an error went back to the client as RFC 6749 section 4.1.2.1 and RFC 9207 have it.
func backWith(t *testing.T, got answer, code string) {
	t.Helper()
	location := got.location(t)
	query := location.Query()
	if location.Host != "127.0.0.1:4711" || query.Get("error") != code || query.Get("state") != "xyz" || query.Get("iss") != issuer {
		t.Errorf("went to %s, want %s there with state and iss", location, code)
	}
	if query.Get("code") != "" || query.Get("access_token") != "" || location.Fragment != "" {
		t.Errorf("an error carries a credential: %s", location)
	}
}

func TestAuthorizeRedirects(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := oauth.NewVerifier()
	refused := func(name, uri string) {
		t.Run(name, func(t *testing.T) { onPage(t, h.authorize(v, "redirect_uri", uri), 400) })
	}
	refused("SEC-001 a foreign address", "https://evil.example/cb")
	refused("SEC-008 no redirect_uri", "-")
	for _, suffix := range []string{
		"/..%2Fevil", "/%2e%2e%2Fevil", "%252Fevil", "/;/../../evil", "%0A%0D/../../evil", "/../evil", "/./evil", "//evil",
		"/%2e%2e/evil", "/..;/evil", "\\evil", "/%5cevil", "%00evil", "/%09evil", "?evil", "#evil", "@evil.example", ".evil.example",
		"/..%c0%afevil", "%20evil",
	} {
		refused("SEC-002 "+suffix, "https://app.example/cb"+suffix)
	}
	for _, uri := range []string{
		"http://127.0.0.1:80/callback/", "http://127.0.0.1:80/callback?x=1", "http://127.0.0.1:80/Callback", "http://127.0.0.1:80/callback#f",
	} {
		refused("SEC-003 "+uri, uri)
	}
	for _, uri := range []string{
		"http://127.0.0.1@evil.example/callback", "http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1.evil.example/callback",
		"http://127.1/callback", "http://2130706433/callback", "http://0x7f000001/callback", "http://[::ffff:127.0.0.1]/callback",
	} {
		refused("SEC-005 "+uri, uri)
	}
	for _, port := range []string{"", ":1", ":65535", ":4711"} {
		t.Run("SEC-003 any port "+port, func(t *testing.T) {
			if got := h.authorize(v, "redirect_uri", "http://127.0.0.1"+port+"/callback").location(t); got.Path != "/approve" {
				t.Errorf("went to %s", got)
			}
		})
	}
	t.Run("SEC-001 unknown client", func(t *testing.T) { onPage(t, h.authorize(v, "client_id", "evil"), 400) })
	t.Run("SEC-001 disabled client", func(t *testing.T) { onPage(t, h.authorize(v, "client_id", "off"), 400) })
	t.Run("SEC-001 the store cannot say", func(t *testing.T) {
		h.store.down.Store(true)
		defer h.store.down.Store(false)
		got := h.authorize(v, "client_id", "unread")
		onPage(t, got, 503)
		if got.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

func TestAuthorizeRepeated(t *testing.T) {
	t.Parallel()
	h := open(t)
	valid := authorization(oauth.NewVerifier())
	for name, extra := range map[string]string{
		"SEC-015 client_id":               "client_id=cli",
		"SEC-015 redirect_uri good, evil": "redirect_uri=https://evil.example",
		"SEC-015 scope":                   "scope=openid",
		"SEC-013 response_type":           "response_type=token",
		"SEC-324 not UTF-8":               "x=%ff",
		"SEC-324 NUL":                     "x=%00",
		"SEC-324 over-long form":          "x=%c0%ae",
		"SEC-324 lone surrogate":          "x=%ed%a0%80",
		"SEC-324 half an escape":          "x=%f",
		"SEC-332 a semicolon":             "x=1;client_id=other",
	} {
		t.Run(name, func(t *testing.T) {
			onPage(t, h.do("GET", "/authorize?"+valid.Encode()+"&"+extra, ""), 400)
			onPage(t, h.do("GET", "/authorize?"+extra+"&"+valid.Encode(), ""), 400)
		})
	}
}

func TestAuthorizeErrorsGoBack(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := oauth.NewVerifier()
	for _, c := range []struct{ name, code, parameter, value string }{
		{"SEC-009 no challenge", "invalid_request", "code_challenge", "-"},
		{"SEC-010 plain", "invalid_request", "code_challenge_method", "plain"},
		{"SEC-010 no method", "invalid_request", "code_challenge_method", "-"},
		{"SEC-011 42 characters", "invalid_request", "code_challenge", strings.Repeat("a", 42)},
		{"SEC-011 129 characters", "invalid_request", "code_challenge", strings.Repeat("a", 129)},
		{"SEC-011 padding", "invalid_request", "code_challenge", string(v.Challenge())[:42] + "="},
		{"SEC-011 plus", "invalid_request", "code_challenge", string(v.Challenge())[:42] + "+"},
		{"SEC-013 token", "unsupported_response_type", "response_type", "token"},
		{"SEC-013 id_token token", "unsupported_response_type", "response_type", "id_token token"},
		{"SEC-013 code token", "unsupported_response_type", "response_type", "code token"},
		{"SEC-013 none", "unsupported_response_type", "response_type", "none"},
		{"SEC-013 empty", "invalid_request", "response_type", ""},
		{"form_post", "invalid_request", "response_mode", "form_post"},
		{"fragment", "invalid_request", "response_mode", "fragment"},
		{"SEC-025 request", "request_not_supported", "request", "eyJhbGciOiJub25lIn0.e30."},
		{"SEC-031 scope of others", "invalid_scope", "scope", "openid admin"},
		{"SEC-031 50,000 characters", "invalid_scope", "scope", strings.Repeat("x", 50_000)},
		{"SEC-031 10,000 scopes", "invalid_scope", "scope", strings.Repeat("a ", 10_000)},
		{"SEC-031 a quote", "invalid_scope", "scope", `openid "`},
		{"foreign resource", "invalid_target", "resource", "https://y.example"},
		{"SEC-026 prompt none", "login_required", "prompt", "none"},
		{"prompt none and more", "invalid_request", "prompt", "none login"},
		{"unknown prompt", "invalid_request", "prompt", "dance"},
		{"max_age", "invalid_request", "max_age", "-1"},
		{"long nonce", "invalid_request", "nonce", strings.Repeat("n", 3000)},
		{"registration", "registration_not_supported", "registration", "{}"},
	} {
		t.Run(c.name+" SEC-020", func(t *testing.T) { backWith(t, h.authorize(v, c.parameter, c.value), c.code) })
	}
}

func TestAuthorizeNeverFetches_SEC025(t *testing.T) {
	t.Parallel()
	h := open(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	backWith(t, h.authorize(oauth.NewVerifier(), "request_uri", "http://"+listener.Addr().String()+"/r"), "request_uri_not_supported")
	must(t, listener.Close()) // a connection that waits in the queue would be accepted first
	if conn, err := listener.Accept(); err == nil {
		_ = conn.Close()
		t.Error("the address of request_uri was connected to")
	}
}

func TestAuthorizeHandsOver(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := oauth.NewVerifier()
	t.Run("SEC-017 thirty unknown parameters", func(t *testing.T) {
		extra := url.Values{}
		for i := range 30 {
			extra.Set("unknown_"+strings.Repeat("x", i), "1")
		}
		got := h.do("GET", "/authorize?"+authorization(v).Encode()+"&"+extra.Encode(), "")
		if code := h.approve(got, "usr_john").Query().Get("code"); code == "" {
			t.Error("no code")
		}
	})
	for name, state := range map[string]string{
		"1,024 printable characters": strings.Repeat("~!a\"<&", 170) + "1234",
		"line breaks":                "a\r\nSet-Cookie: evil=1",
		"2,048 bytes":                strings.Repeat("s", 2048),
		"none":                       "",
	} {
		t.Run("SEC-019 SEC-020 state: "+name, func(t *testing.T) {
			back := h.approve(h.authorize(v, "state", state), "usr_john")
			if got := back.Query(); got.Get("state") != state || got.Get("iss") != issuer || len(got.Get("code")) < 22 {
				t.Errorf("came back as %s", back)
			}
			if strings.ContainsAny(back.String(), "\r\n") {
				t.Error("a raw line break")
			}
		})
	}
	t.Run("SEC-019 a longer state", func(t *testing.T) { onPage(t, h.authorize(v, "state", strings.Repeat("s", 2049)), 400) })
	t.Run("the facts are sealed", func(t *testing.T) {
		location := h.authorize(v, "prompt", "login", "max_age", "60", "nonce", "n", "machine", "build-7\u202e<svg>\x1b", "login_hint", "ada").location(t)
		request, err := h.authority.Logins.Open(location.Query().Get("request"))
		must(t, err)
		if !request.Login || request.MaxAge != 60 || request.Nonce != "n" || request.Origin.Machine != "build-7<svg>" ||
			request.Origin.Address != "192.0.2.7" || request.Scope.String() != "openid email" || location.Query().Get("login_hint") != "ada" {
			t.Errorf("sealed: %+v, to %s", request, location)
		}
	})
	t.Run("SEC-014 a changed seal", func(t *testing.T) {
		sealed := h.authorize(v).location(t).Query().Get("request")
		if _, err := h.authority.Logins.Open(sealed[:len(sealed)-2] + "AA"); err == nil {
			t.Error("opened")
		}
	})
	t.Run("SEC-027 consent is asked for every time", func(t *testing.T) {
		h.login("cli", "usr_john")
		for _, prompt := range []string{"-", "consent"} {
			if got := h.authorize(v, "prompt", prompt).location(t); got.Path != "/approve" || got.Query().Get("code") != "" {
				t.Errorf("went to %s", got)
			}
		}
		backWith(t, h.authorize(v, "prompt", "none"), "login_required")
	})
	t.Run("SEC-024 another origin", func(t *testing.T) {
		for _, method := range []string{"OPTIONS", "GET"} {
			got := h.do(method, "/authorize?"+authorization(v).Encode(), "", "Origin", "https://evil.example",
				"Access-Control-Request-Method", "GET")
			for name := range got.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s answers %s", method, name)
				}
			}
		}
	})
	t.Run("SEC-023 a POST becomes the GET", func(t *testing.T) {
		body := authorization(v, "state", "a b&c\r\n").Encode()
		location := h.do("POST", "/authorize", body, "Content-Type", formType).location(t)
		if location.Path != "/authorize" || location.Query().Get("state") != "a b&c\r\n" {
			t.Fatalf("went to %s", location)
		}
		if got := h.do("GET", location.String(), "").location(t); got.Path != "/approve" {
			t.Errorf("then to %s", got)
		}
	})
	t.Run("SEC-015 a POST with a parameter twice", func(t *testing.T) {
		onPage(t, h.do("POST", "/authorize", authorization(v).Encode()+"&scope=x", "Content-Type", formType), 400)
		onPage(t, h.do("POST", "/authorize?scope=x", authorization(v).Encode(), "Content-Type", formType), 400)
	})
	t.Run("SEC-035 a POST of another type", func(t *testing.T) {
		onPage(t, h.do("POST", "/authorize", "{}", "Content-Type", "application/json"), 415)
	})
	t.Run("SEC-033 PUT", func(t *testing.T) {
		onPage(t, h.do("PUT", "/authorize", ""), http.StatusMethodNotAllowed)
	})
}
