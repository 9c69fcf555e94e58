package server

import (
	"context"
	"net/http"
	"time"

	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/console/factor"
	"github.com/doorward/doorward/console/federated"
	"github.com/doorward/doorward/console/keys"
	"github.com/doorward/doorward/console/password"
	"github.com/doorward/doorward/federation"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/identity/recovery"
)

// inviteLife is how long the first administrator may take.
const inviteLife = 24 * time.Hour

// furnish makes the pages for people.
func (s *Server) furnish() *console.Console {
	c := &s.config
	return &console.Console{
		Authority: s.authority, Doorkeeper: s.doorkeeper, Presence: &identity.Presence{SignIns: c.Store, People: c.Store, Now: c.Now},
		Domains: c.Store, Seal: c.Master.SealText, Open: c.Master.OpenText,
		People: c.Store, Invitations: c.Store, Issuer: c.Issuer, Brand: c.Brand, Address: s.proxies.address, Now: c.Now, Log: c.Log,
	}
}

// room is some of the pages for people.
type room interface {
	Routes() map[string]http.Handler
}

// below are the pages that stand on the console: API keys, second factors, the password, sign-ins through a binding.
func (s *Server) below() []room {
	c := &s.config
	factors := &factor.Room{Console: s.console, TOTP: s.totp, Recovery: &recovery.Codes{TOTP: s.totp}}
	s.console.Second = factors
	own := []room{factors, &keys.Room{Console: s.console, People: c.Store}, &password.Room{Console: s.console}}
	return append(own, &federated.Room{
		Console: s.console, Domains: c.Store, Links: c.Store, Attempts: c.Store,
		Upstreams: &federation.Upstreams{AllowPrivate: c.PrivateProviders, Now: c.Now, Log: c.Log},
		Unseal:    func(sealed, ad []byte) ([]byte, error) { return c.Master.Open(BindingPurpose, sealed, ad) },
	})
}

// authenticator makes what checks one-time codes.
func (s *Server) authenticator() *identity.TOTP {
	const purpose = "authenticator secret"
	c := &s.config
	return &identity.TOTP{
		Factors: c.Store, Attempts: c.Store, People: c.Store, Issuer: c.Brand.Name, Now: c.Now,
		Seal: func(plaintext, ad []byte) []byte { return c.Master.Seal(purpose, plaintext, ad) },
		Open: func(sealed, ad []byte) ([]byte, error) { return c.Master.Open(purpose, sealed, ad) },
	}
}

// page shows an error to a person.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, message string) {
	s.console.Problem(w, r, status, message)
}

// invite makes the link by which the first administrator comes, where there are no people.
func (s *Server) invite(ctx context.Context) error {
	if s.config.Invite == nil {
		return nil
	}
	people, err := s.config.Store.ListPeople(ctx, "", 1)
	if err != nil || len(people) > 0 {
		return err
	}
	link, invitation := identity.NewInvitation(s.config.Now(), inviteLife)
	if err := s.config.Store.AddInvitation(ctx, invitation); err != nil {
		return err
	}
	s.config.Invite(s.config.Issuer + console.PathWelcome + link.Reveal())
	return nil
}
