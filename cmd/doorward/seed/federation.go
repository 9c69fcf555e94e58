package seed

import (
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
)

// The Domains of --dev and the binding of each.
const (
	DomainID       = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0a0"
	BindingID      = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0b0" // alias dev
	OtherDomainID  = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0c0"
	OtherBindingID = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0d0"
)

const (
	upstreamClient = "doorward-dev" // of the first authority at the second
	upstreamSecret = "dev-federation-secret"
)

// Federate adds the Domains, whose operators come through the authority of upstream. One upstream stands for both Domains'
// providers; the bindings are told apart by their callbacks (SEC-185).
func Federate(seed *server.Seed, upstream string) {
	begun := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, d := range []struct{ domain, name, binding, alias string }{
		{DomainID, "Acme Corp", BindingID, "dev"}, {OtherDomainID, "Globex", OtherBindingID, "other"},
	} {
		seed.Domains = append(seed.Domains, identity.Domain{ID: d.domain, Name: d.name, Created: begun})
		seed.Bindings = append(seed.Bindings, server.SeedBinding{
			Binding: identity.Binding{
				ID: d.binding, DomainID: d.domain, Alias: d.alias, Name: "the identity provider for development", Issuer: upstream,
				ClientID: upstreamClient, Primary: true, Creates: true, Created: begun,
			},
			// The second authority listens on a free port, another one at every start.
			Clear: secret.New(upstreamSecret), Moves: true,
		})
	}
}

// Upstream is what is in the second authority, which says who the operators of the first one's Domains are: the same two
// people, and the first authority as its client.
func Upstream(issuer string) *server.Seed {
	dev := Dev("")
	client := authority.Client{
		ID: upstreamClient, Name: "Doorward", SecretHash: authority.HashClientSecret(secret.New(upstreamSecret)),
		// It is asked who somebody is and for nothing else: a refresh token that nobody uses is better not made.
		Grants: []oauth.GrantType{oauth.GrantAuthorizationCode}, Scope: everything(), Default: everything(), Refreshing: authority.RefreshNever,
	}
	for _, id := range []string{BindingID, OtherBindingID} {
		client.Redirects = append(client.Redirects, issuer+"/federation/"+id+"/callback")
	}
	return &server.Seed{People: dev.People, Factors: dev.Factors, Clients: []authority.Client{client}}
}
