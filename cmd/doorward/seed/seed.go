// Package seed is the data that `doorward serve` starts with: the program's own client always, and with --dev the
// people, organisations, clients and tokens that examples are written for. It is data; the server adds it.
//
// What comes in is an issuer; what goes out is a server.Seed, or a part of one. The law it keeps: everything that is known
// to the world, passwords and tokens above all, is in Dev and Upstream, which --dev alone adds; Base holds no secret.
package seed

import (
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
)

// The accounts and secrets of --dev, for the banner that prints them.
const (
	John          = "johndoe"
	JohnPassword  = "MySecretPassword"
	Ada           = "ada"
	AdaPassword   = "lovelace-1815-engine"
	ServiceSecret = "dev-service-secret" // of the client dev-service
	ReadyToken    = "your-token-here"    // John's, level 2
	// It has no prefix and no checksum, as imported keys have none: it goes by its hash alone.
	JohnKey = "ABCDEFG1234567" // John's API key
	AdaKey  = "pP3devKeyOfAda01234567"
	AdaTOTP = "JBSWY3DPEHPK3PXP" // the secret of Ada's authenticator
)

const (
	johnID   = "usr_1234567890"
	adaID    = "usr_ada1815120"
	acmeID   = "org-acmecorp"
	globexID = "org-globex"

	day = 24 * time.Hour
)

// everything is what a program asks for that wants to know its person.
func everything() oauth.Scope {
	return oauth.Scope{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail}
}

// Base is what every server needs: the client of `doorward auth login`, so that nothing has to be registered first. The
// client is public: a program that everybody has cannot keep a secret (RFC 8252 section 8.5). PKCE and redirect URI stand
// for it.
func Base() *server.Seed {
	return &server.Seed{Clients: []authority.Client{{
		ID: "doorward", Name: "Doorward", Redirects: loopback("/callback"),
		// No passwords and no API keys: nobody's program needs to have typed one into it.
		Grants:   []oauth.GrantType{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken},
		Scope:    append(everything(), oauth.ScopeOfflineAccess),
		Default:  everything(),
		Absolute: 30 * day, Idle: 14 * day,
	}}}
}

// Dev is Base with all that --dev adds. issuer is whom the service's tokens are for; "" leaves that to the server.
func Dev(issuer string) *server.Seed {
	seed := Base()
	// Fixed, so that every start writes the same rows and what is printed in examples stays true.
	begun := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	seed.People = []server.SeedPerson{
		{Clear: secret.New(JohnPassword), Person: identity.Person{
			ID: johnID, Username: John, Email: "user@example.com", EmailVerified: true, Name: "John Doe", Administrator: true,
			PasswordChanged: begun, Created: begun,
		}},
		{Clear: secret.New(AdaPassword), Person: identity.Person{
			ID: adaID, Username: Ada, Email: "ada@example.com", EmailVerified: true, Name: "Ada Lovelace",
			PasswordChanged: begun, Created: begun,
		}},
	}
	seed.Organisations = []identity.Organisation{
		{ID: acmeID, Name: "Acme Corp", Short: "acmec", Creator: johnID, Created: begun},
		{ID: globexID, Name: "Globex", Short: "globe", Creator: johnID, Created: begun.Add(time.Hour)},
	}
	seed.Members = []server.SeedMember{
		{OrganisationID: acmeID, PersonID: johnID, Role: identity.RoleAdmin, Joined: begun},
		{OrganisationID: globexID, PersonID: johnID, Role: identity.RoleMember, Joined: begun.Add(time.Hour)},
		{OrganisationID: acmeID, PersonID: adaID, Role: identity.RoleMember, Joined: begun.Add(2 * time.Hour)},
	}
	seed.Projects = []identity.Project{
		{ID: "project-warehouse", OrganisationID: acmeID, Name: "warehouse", Creator: johnID, Created: begun.Add(3 * time.Hour)},
		{ID: "project-acme-demo", OrganisationID: acmeID, Name: "demo", Creator: johnID, Created: begun.Add(3 * time.Hour)},
		{ID: "project-globex-demo", OrganisationID: globexID, Name: "demo", Creator: johnID, Created: begun.Add(3 * time.Hour)},
	}
	seed.Clients = append(seed.Clients, products()...)
	seed.Clients = append(seed.Clients, authority.Client{
		ID: "dev-service", Name: "Development service", SecretHash: authority.HashClientSecret(secret.New(ServiceSecret)),
		Grants: []oauth.GrantType{oauth.GrantClientCredentials}, Scope: oauth.Scope{"read", "write"}, Default: oauth.Scope{"read"},
		Audience: issuer, Introspects: true,
	})
	seed.ReadyTokens = []server.SeedToken{{
		Token: secret.New(ReadyToken), ClientID: "pipeops_public_client", PersonID: johnID, Level: authority.LevelHigh, Scope: everything(),
	}}
	seed.APIKeys = []server.SeedKey{
		{Key: secret.New(JohnKey), PersonID: johnID, Name: "Development key"},
		{Key: secret.New(AdaKey), PersonID: adaID, Name: "Development key", IssuedBy: johnID},
	}
	// Ada has a second factor, so that the examples show a login with one; John logs in without.
	seed.Factors = []server.SeedFactor{{PersonID: adaID, Secret: secret.New(AdaTOTP)}}
	return seed
}

// products are the clients of the five command lines, with the lives that each of them promises.
func products() []authority.Client {
	device := []oauth.GrantType{oauth.GrantDeviceCode, oauth.GrantRefreshToken}
	browser := append([]oauth.GrantType{oauth.GrantAuthorizationCode}, device...)
	return []authority.Client{
		{
			ID: "octopipe", Name: "Octopipe CLI", Redirects: loopback("/callback"),
			Grants: append([]oauth.GrantType{oauth.GrantPassword, oauth.GrantAPIKey}, browser...), // passwords: a legacy of its own
			Scope:  everything(), Default: everything(), Access: 10 * time.Minute,
		},
		{
			ID: "pipeops_public_client", Name: "PipeOps CLI", Redirects: []string{"http://localhost/callback", "http://127.0.0.1/callback"},
			Grants: browser, Scope: everything(), Default: everything(), Access: time.Hour, Idle: 14 * day, Absolute: 30 * day,
			TokenPrefix: "sat_",
		},
		{
			ID: "rio-cli", Name: "Rio CLI", Grants: []oauth.GrantType{oauth.GrantDeviceCode, oauth.GrantPassword},
			// A login with a code is of the medium level, 7 days; ?type= of the password login chooses one.
			Scope: everything(), Default: oauth.Scope{oauth.ScopeOpenID, oauth.ScopeEmail},
			Access: 10 * time.Minute, Absolute: authority.LevelMedium.Life(), ReadyClaim: "rio_token", // its logins end in a ready token
		},
		{
			ID: "cli", Name: "Pilot CLI", Grants: append([]oauth.GrantType{oauth.GrantAPIKey}, device...), Scope: everything(), Default: everything(),
			Access: 10 * time.Minute, Idle: time.Hour, Absolute: 30 * day,
		},
		{
			ID: "plexctl", Name: "plexctl", Grants: device[:1], Scope: everything(), Default: everything(),
			Refreshing: authority.RefreshNever, Access: time.Hour, Absolute: time.Hour,
		},
	}
}

// loopback is a redirect URI on this machine in its three spellings; the port may be any (RFC 8252 section 7.3).
func loopback(path string) []string {
	return []string{"http://127.0.0.1" + path, "http://[::1]" + path, "http://localhost" + path}
}
