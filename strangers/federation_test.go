package strangers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/federation"
)

// TestFederateWithOIDCProvider lets somebody else's server say who a person is.
func TestFederateWithOIDCProvider_SEC182_PLX16(t *testing.T) {
	t.Parallel()
	needsNode(t)
	provider := script(t, "oidc-provider.mjs", map[string]string{"cert": trusted.Cert, "key": trusted.Key})
	issuer := facts[struct{ Issuer string }](t, provider.event("ready")).Issuer
	came := make(chan url.Values, 1)
	site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r.URL.Query() }))
	t.Cleanup(site.Close)
	for name, anew := range map[string]bool{"any sign-in": false, "a new one": true} {
		p := &federation.OIDC{
			Upstreams: &federation.Upstreams{AllowPrivate: true, Roots: trusted.pool}, Issuer: issuer, ClientID: "doorward",
		}
		var trip []byte
		address, err := p.Begin(t.Context(), federation.Ask{
			Callback: site.URL + "/callback", Anew: anew, Seal: func(opaque []byte) string { trip = opaque; return "state" },
		})
		must(t, err)
		walk(t, address, issuer)
		back := <-came
		who, err := p.Complete(t.Context(), federation.Return{Trip: trip, Values: back})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if who.AuthTime.IsZero() && anew {
			t.Error("it does not say when the new sign-in was")
		}
		want := federation.Identity{
			Issuer: issuer, Subject: "stranger", Email: "stranger@strangers.example", EmailVerified: true, Username: "stranger", Name: "Stranger stranger",
			AuthTime: who.AuthTime,
		}
		if diff := cmp.Diff(want, who); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		// The same answer once more: the provider knows its code.
		if _, err := p.Complete(t.Context(), federation.Return{Trip: trip, Values: back}); err == nil {
			t.Error("a code was good twice")
		}
	}
}
