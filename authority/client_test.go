package authority

import (
	"testing"

	"github.com/doorward/doorward/oauth"
)

func TestRedirects_SEC003_SEC005_SEC002(t *testing.T) {
	t.Parallel()
	client := Client{Redirects: []string{"http://127.0.0.1/callback", "http://[::1]/callback", "https://app.example/cb", "http://localhost/old"}}
	allowed := []string{
		"http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://[::1]:8765/callback",
		"https://app.example/cb", "http://localhost:3000/old",
	}
	for _, uri := range allowed {
		if !client.RedirectAllowed(uri) {
			t.Errorf("refused: %s", uri)
		}
	}
	refused := []string{
		// SEC-003
		"http://127.0.0.1:80/callback/", "http://127.0.0.1:80/callback?x=1", "http://127.0.0.1:80/Callback", "http://127.0.0.1:80/callback#f",
		// SEC-005
		"http://127.0.0.1@evil.example/callback", "http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1.evil.example/callback",
		"http://127.1/callback", "http://2130706433/callback", "http://0x7f000001/callback", "http://[::ffff:127.0.0.1]/callback",
		"http://127.0.0.1:0/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:+80/callback", "http://127.0.0.1:080/callback",
		"http://127.0.0.1:/callback", "http://user@127.0.0.1/callback", "https://127.0.0.1/callback", "HTTP://127.0.0.1/callback",
		"http://localhost/callback", "http://127.0.0.1/old", "http://evil.example/callback", "", "http://127.0.0.1", "javascript:alert(1)",
		// another port is for loopback hosts only
		"https://app.example:444/cb", "https://app.example/cb/", "https://app.example/cb?x", "https://APP.example/cb",
	}
	for _, suffix := range []string{
		"/../x", "/..%2Fx", "/%2e%2e%2Fx", "/%252e%252e%252Fx", "/..%252Fx", "/;/../../x", "/%0A%0D/../../x", "/.%00./x", "/..\\x", "/..%5Cx",
		"/%5c..%5cx", "/./x", "/%2e/x", "//x", "/%2f%2fx", "/..;/x", "/%09/x", "/x/..", "/%c0%ae%c0%ae/x", "/\u2025/x",
	} {
		refused = append(refused, "https://app.example/cb"+suffix, "http://127.0.0.1:80/callback"+suffix)
	}
	for _, uri := range refused {
		if client.RedirectAllowed(uri) {
			t.Errorf("allowed: %q", uri)
		}
	}
}

func TestRegistration_SEC007(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"https://app.example/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:3000/cb", "com.example.app:/cb"} {
		if err := CheckRedirect(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	for _, uri := range []string{
		"http://host.example/cb", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "/cb", "", "https://", "https://a.example/#f",
		"https://user:pass@a.example/", "http://127.0.0.1.evil.example/cb", "vbscript:x", "https:// a.example/",
	} {
		if CheckRedirect(uri) == nil {
			t.Errorf("registered: %q", uri)
		}
	}
}

func TestScopeAndAudience_SEC120(t *testing.T) {
	t.Parallel()
	client := Client{
		ID: "a", Scope: oauth.ParseScope("openid email"), Default: oauth.Scope{"openid"}, Audience: "https://api.example",
		Resources: []string{"https://other.example"},
	}
	if scope, err := client.GrantScope(nil); err != nil || scope.String() != "openid" {
		t.Errorf("default: %v, %v", scope, err)
	}
	if _, err := client.GrantScope(oauth.Scope{"openid", "admin"}); err == nil {
		t.Error("a wider scope was granted")
	}
	if audience, err := client.GrantAudience("https://id.example", nil); err != nil || audience[0] != "https://api.example" {
		t.Errorf("audience: %v, %v", audience, err)
	}
	if _, err := client.GrantAudience("https://id.example", []string{"https://other.example", "https://evil.example"}); err == nil {
		t.Error("a foreign resource was granted")
	}
}
