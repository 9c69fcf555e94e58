package contracts_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// bearerRoutes is every route that takes a bearer token, with the scopes without which it must refuse.
var bearerRoutes = map[string][]string{
	"/userinfo":     {"openid"},
	"/profile/data": {"profile", "email"},
	"/user/info":    {"email"},
	"/v2/users/me/": {"email"},
	"/v2/projects/": {"email"},
}

// TestScopes_SEC145 tries every route that takes a token with tokens that lack one scope each: 403, and the person's data is
// not in the answer. With all of them it is 200. The tokens come of an API key.
func TestScopes_SEC145(t *testing.T) {
	t.Parallel()
	auth := authtest.With(t, authtest.Options{
		People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
	})
	every := oauth.ParseScope("openid profile email")
	for path, needed := range bearerRoutes {
		for _, lacking := range append([]string{""}, needed...) {
			t.Run(path+" without "+lacking, func(t *testing.T) {
				t.Parallel()
				var scope oauth.Scope
				for _, value := range every {
					if value != lacking {
						scope = append(scope, value)
					}
				}
				status, body := get(t, auth, path, token(t, auth, scope))
				switch {
				case lacking == "" && status != http.StatusOK:
					t.Errorf("with every scope: %d %s", status, body)
				case lacking != "" && (status != http.StatusForbidden || strings.Contains(body, "user@example.com")):
					t.Errorf("without %s: %d %s", lacking, status, body)
				}
			})
		}
	}
}

// token exchanges the seeded API key for a token of this scope.
func token(t *testing.T, auth *authtest.Authority, scope oauth.Scope) secret.String {
	t.Helper()
	c := &client.Client{Issuer: auth.Issuer, ID: "octopipe"}
	made, err := c.APIKey(t.Context(), secret.New("ABCDEFG1234567"), scope)
	if err != nil {
		t.Fatal(err)
	}
	return made.Access
}

func get(t *testing.T, auth *authtest.Authority, path string, bearer secret.String) (int, string) {
	t.Helper()
	address, err := url.JoinPath(auth.Issuer, path)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+bearer.Reveal())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
