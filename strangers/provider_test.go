package strangers

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// granted is what oidc-provider tells of an answer of its token endpoint.
type granted struct {
	GrantType string `json:"grant_type"`
	Verifier  bool   `json:"verifier"` // it took a code_verifier; it knows none of device logins
	Error     string `json:"error"`
}

// TestOIDCProvider logs our program in at somebody else's server, in both ways, and goes through all its verbs.
func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	needsNode(t)
	for _, test := range []struct{ way, path, grant string }{
		{"--browser", "/auth?", "authorization_code"},
		{"--device", "/device", "urn:ietf:params:oauth:grant-type:device_code"},
	} {
		t.Run(strings.TrimPrefix(test.way, "--"), func(t *testing.T) {
			t.Parallel()
			provider := script(t, "oidc-provider.mjs", map[string]string{"cert": trusted.Cert, "key": trusted.Key})
			issuer := facts[struct{ Issuer string }](t, provider.event("ready")).Issuer
			program := newOurs(t, issuer, trusted.CA)
			login := program.begin("login", test.way, "--scope", "openid,profile,email,offline_access")
			address, ok := login.link(test.path)
			if !ok {
				t.Fatalf("no address; the program said:\n%s", login.everything())
			}
			walk(t, address, issuer)
			got := login.result()
			if got.Code != 0 || got.Answer["account"] != "stranger@strangers.example" || got.Answer["renewable"] != true {
				t.Fatalf("login ends with %d:\n%s", got.Code, got.Text)
			}
			next := func(events ...string) granted { return facts[granted](t, provider.event(events...)) }
			// Whatever the provider refused before was the device code, pending.
			for {
				seen := next("granted", "refused")
				if seen.Error == "authorization_pending" {
					continue
				}
				if diff := cmp.Diff(granted{test.grant, test.way == "--browser", ""}, seen); diff != "" {
					t.Error(diff)
				}
				break
			}
			live(t, program)
			if diff := cmp.Diff([]granted{{"refresh_token", false, ""}, {}}, []granted{next("granted", "refused"), next("revoked")}); diff != "" {
				t.Error("the provider saw:", diff)
			}
		})
	}
}

// live uses a login for everything that it is good for, and ends it.
func live(t *testing.T, program *ours) {
	t.Helper()
	good := func(verb string, want map[string]any) result {
		t.Helper()
		got := program.run(verb)
		picked := map[string]any{}
		for name := range want {
			picked[name] = got.Answer[name]
		}
		if diff := cmp.Diff(want, picked); diff != "" || got.Code != 0 {
			t.Fatalf("%s ends with %d: %s\n%s", verb, got.Code, diff, got.Text)
		}
		return got
	}
	me := map[string]any{"logged_in": true, "account": "stranger@strangers.example", "subject": "stranger", "client_id": "doorward"}
	good("status", me)
	good("me", map[string]any{"account": "stranger@strangers.example", "name": "Stranger stranger"})
	first := good("token", map[string]any{"token_type": "Bearer"}).Answer["token"]
	if again := good("token", map[string]any{"token_type": "Bearer"}).Answer["token"]; again != first || first == "" {
		t.Errorf("the token is %q and then %q", first, again)
	}
	good("refresh", me)
	second := good("token", map[string]any{"token_type": "Bearer"}).Answer["token"]
	if second == first {
		t.Error("the refresh brought the same token")
	}
	good("status", me) // the server takes the new one
	good("logout", map[string]any{"logged_in": false, "revoked": true})
	for _, verb := range []string{"status", "token", "refresh"} {
		if got := program.run(verb); got.Code != 4 {
			t.Errorf("after logout, %s ends with %d:\n%s", verb, got.Code, got.Text)
		}
	}
}

// walk goes through oidc-provider's pages as a person would who says yes to everything, from address to the program's
// callback or the page that says it is done. Its fields have no labels for a visitor to find them by.
func walk(t *testing.T, address, issuer string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := trusted.client(t)
	browser.Jar = jar
	response, err := browser.Get(address)
	for range 10 {
		must(t, err)
		page, bad := html.Parse(response.Body)
		_ = response.Body.Close()
		must(t, bad)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s", response.Request.URL.Path, response.Status)
		}
		if !strings.HasPrefix(response.Request.URL.String(), issuer) {
			return // at the program's callback
		}
		action, values, form := firstForm(page)
		if !form {
			return
		}
		target, bad := response.Request.URL.Parse(action)
		must(t, bad)
		response, err = browser.PostForm(target.String(), values)
	}
	t.Fatal(errors.Join(err, fmt.Errorf("the pages of %s have no end", issuer)))
}

// firstForm reads a page's first form, filled in by somebody called stranger.
func firstForm(page *html.Node) (action string, values url.Values, found bool) {
	values = url.Values{}
	for n := range page.Descendants() {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		switch {
		case n.DataAtom == atom.Form && !found:
			action, found = attributes["action"], true
		case n.DataAtom == atom.Input && attributes["type"] == "hidden":
			values.Set(attributes["name"], attributes["value"])
		case n.DataAtom == atom.Input && attributes["value"] == "":
			values.Set(attributes["name"], "stranger")
		}
	}
	return action, values, found
}
