package server_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/server"
)

func TestContracts(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *server.Config) { c.Contracts = contracts.All() })
	t.Run("PIP-21 an entry is the authorization endpoint", func(t *testing.T) {
		query := url.Values{
			"response_type": {"code"}, "client_id": {"pipeops_public_client"}, "redirect_uri": {"http://localhost:5123/callback"},
			"scope": {"openid email"}, "state": {"s"}, "code_challenge": {string(oauth.NewVerifier().Challenge())},
			"code_challenge_method": {"S256"}, "oauth": {"true"},
		}
		got := r.do(t, "GET", "/auth/signin?"+query.Encode(), "", "Sec-Fetch-Site", "cross-site")
		if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/approve?request=") {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	})
	t.Run("PIP-22 a machine is answered in its own words", func(t *testing.T) {
		got := r.do(t, "POST", "/oauth/token", `{"grant_type":"refresh_token","client_id":"pipeops_public_client","refresh_token":"x"}`,
			"Content-Type", "application/json", "Authorization", "Bearer old", "Origin", "https://evil.example")
		if body := got.json(t); got.status != 400 || body["error"] != "invalid_grant" || body["message"] == nil {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("RIO-22 a path whose contract ends it in a slash has that one spelling", func(t *testing.T) {
		for path, status := range map[string]int{
			"/v2/users/me/": 401, "/v2/projects/": 401, "/v2/users/me": 404, "/v2/users/me//": 404, "/v2/users//me/": 404,
			"/v2/users/me/.": 404, "/v2/users/%6de/": 404, "/v2/": 404, "/user/info/": 404, "/user/info": 401, "/nothing/": 404,
		} {
			if got := r.do(t, "GET", path, "", "Accept", "application/json"); got.status != status || got.json(t)["error"] == nil {
				t.Errorf("SEC-332 %s: %d %s %v", path, got.status, got.body, got.header["Location"])
			}
		}
	})
	t.Run("a handler that panics in the middle of its answer", func(t *testing.T) {
		r := start(t, func(c *server.Config) {
			c.Contracts = []server.Contract{func(server.Rooms) (machines, entries map[string]http.Handler) {
				return map[string]http.Handler{"GET /half": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, `{"half":`)
					panic("canary5f1e")
				})}, nil
			}}
		})
		response, err := http.Get(r.url + "/half")
		if err == nil {
			_ = response.Body.Close()
			t.Errorf("it looks whole: %s", response.Status)
		}
		if text := r.log.String(); !strings.Contains(text, "panicked") || strings.Contains(text, "canary") {
			t.Errorf("the log:\n%s", text)
		}
	})
	t.Run("every route is on the list", func(t *testing.T) {
		for _, pattern := range []string{"/token", "/authorize", "/auth/signin", "/oauth/token", "GET /device", "GET /healthz"} {
			if !slices.Contains(r.Patterns(), pattern) {
				t.Errorf("%s is not in %q", pattern, r.Patterns())
			}
		}
	})
}

// TestPagesAreGuarded_SEC201 goes through the list: whatever a browser can change, another site cannot.
func TestPagesAreGuarded_SEC201(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	guarded := 0
	for _, pattern := range r.Patterns() {
		path, post := strings.CutPrefix(pattern, "POST ")
		if !post {
			continue
		}
		guarded++
		path = strings.NewReplacer("{link}", "x", "{id}", "x").Replace(path)
		for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
			got := r.do(t, "POST", path, "", append(header, "Content-Type", formType, "Accept", "text/html")...)
			if got.status != 403 || got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %v: %d %s", pattern, header, got.status, got.body)
			}
		}
	}
	if guarded < 5 {
		t.Errorf("only %d patterns change something", guarded)
	}
}
