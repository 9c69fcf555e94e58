package strangers

import (
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cmd/doorward/seed"
)

// job is what openid-client.mjs is asked to do.
type job struct {
	Issuer  string `json:"issuer"`
	Client  string `json:"client"`
	Flow    string `json:"flow"`              // code or device
	Unknown int    `json:"unknown,omitempty"` // parameters of no specification, in every request
	Life    bool   `json:"life,omitempty"`    // go through the whole life of the login
	Service string `json:"service,omitempty"` // dev-service's secret
}

// life is what the script saw of a login.
type life struct {
	Person   map[string]any   `json:"person"`   // userinfo
	Claims   map[string]any   `json:"claims"`   // of the ID token
	Standing []map[string]any `json:"standing"` // introspection, by a service that authenticates in two ways
	ID       string           `json:"id"`
	Access   string           `json:"access"`
	Expires  int              `json:"expires"`
	Scope    string           `json:"scope"`
	Renewed  string           `json:"renewed"` // the subject of the refreshed ID token
	Rotated  int              `json:"rotated"` // different refresh tokens in two refreshes
	Own      string           `json:"own"`     // the service's own scope
	After    struct {
		Refresh  string `json:"refresh"`
		Userinfo string `json:"userinfo"`
		Active   bool   `json:"active"`
	} `json:"after"` // the revocation
}

// TestOpenIDClient goes through the whole life of a login with openid-client: discovery, login, userinfo, introspection,
// refresh, revocation, with thirty parameters of no specification in every request.
func TestOpenIDClient_SEC017_SEC059_SEC134(t *testing.T) {
	t.Parallel()
	needsNode(t)
	house := begin(t)
	for _, flow := range []string{"code", "device"} {
		t.Run(flow, func(t *testing.T) {
			t.Parallel()
			run := script(t, "openid-client.mjs", job{
				Issuer: house.Issuer, Client: "doorward", Flow: flow, Unknown: 30, Life: true, Service: seed.ServiceSecret,
			})
			begun := run.event("open")
			if flow == "code" {
				house.approve(t, begun.URL)
			} else if _, err := house.john(t).ApproveDevice(t.Context(), begun.URL); err != nil {
				t.Fatal(err)
			}
			checkLife(t, house, flow, facts[life](t, run.event("done")))
		})
	}
}

func checkLife(t *testing.T, house *authority, flow string, got life) {
	t.Helper()
	type some = map[string]any
	pick := func(from some, names ...string) some {
		picked := some{}
		for _, name := range names {
			picked[name] = from[name]
		}
		return picked
	}
	// Three tokens of one login say the same about the person.
	who := some{"sub": johnID, "email": "user@example.com", "email_verified": true, "name": "John Doe", "preferred_username": "johndoe"}
	names := []string{"sub", "email", "email_verified", "name", "preferred_username"}
	if diff := cmp.Diff([]some{who, who}, []some{pick(got.Claims, names...), pick(got.Person, names...)}); diff != "" {
		t.Error("ID token and userinfo:", diff)
	}
	if got.Claims["iss"] != house.Issuer || got.Claims["aud"] != "doorward" || (got.Claims["nonce"] != nil) != (flow == "code") {
		t.Errorf("the ID token says %v", got.Claims)
	}
	// openid-client has no use for at_hash in these flows; whoever has one finds it right.
	provider, err := oidc.NewProvider(oidc.ClientContext(t.Context(), house.HTTP), house.Issuer)
	must(t, err)
	id, err := provider.Verifier(&oidc.Config{ClientID: "doorward"}).Verify(t.Context(), got.ID)
	must(t, err)
	if err := id.VerifyAccessToken(got.Access); err != nil {
		t.Error("at_hash:", err)
	}
	standing := some{
		"active": true, "iss": house.Issuer, "sub": johnID, "username": "johndoe", "client_id": "doorward", "aud": house.Issuer,
		"scope": got.Scope, "token_type": "Bearer", "sid": got.Claims["sid"],
	}
	for _, answer := range got.Standing {
		if diff := cmp.Diff(standing, pick(answer, "active", "iss", "sub", "username", "client_id", "aud", "scope", "token_type", "sid")); diff != "" {
			t.Error("introspection:", diff)
		}
	}
	if len(got.Standing) != 2 || got.Scope != "openid profile email offline_access" || got.Expires < 500 || got.Expires > 600 {
		t.Errorf("%d introspections, scope %q, %d s", len(got.Standing), got.Scope, got.Expires)
	}
	if got.Renewed != johnID || got.Rotated != 3 || got.Own != "read" {
		t.Errorf("refreshed for %q, %d different refresh tokens, the service's scope %q", got.Renewed, got.Rotated, got.Own)
	}
	if !strings.Contains(got.After.Refresh, "invalid_grant") || !strings.Contains(got.After.Userinfo, "invalid_token") || got.After.Active {
		t.Errorf("after the revocation: %+v", got.After)
	}
}
