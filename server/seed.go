package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Seed is what a server adds at its start where it is not there yet. What is there is left as it is. It is for
// demonstrations, tests and first installations: its secrets are known to whoever wrote it.
type Seed struct {
	People        []SeedPerson
	Organisations []identity.Organisation
	Members       []SeedMember
	Projects      []identity.Project
	Clients       []authority.Client
	ReadyTokens   []SeedToken
	APIKeys       []SeedKey
	Factors       []SeedFactor
	Domains       []identity.Domain
	Bindings      []SeedBinding
}

// SeedPerson is a person and the password, which is kept as a hash.
type SeedPerson struct {
	identity.Person
	Clear secret.String // the password as the person types it
}

// SeedMember is a person's place in an organisation.
type SeedMember struct {
	OrganisationID string
	PersonID       string
	Role           identity.Role
	Joined         time.Time
}

// SeedToken is a ready token of a known value.
type SeedToken struct {
	Token    secret.String // any text; it is kept as a hash
	ClientID string
	PersonID string
	Level    authority.Level // how long it lives, from the start that added it
	Scope    oauth.Scope
}

// SeedKey is an API key of a known value.
type SeedKey struct {
	Key      secret.String // any text; it is kept as a hash
	PersonID string
	Name     string
	IssuedBy string // an administrator's id; "": the person
}

// SeedFactor is an authenticator app whose secret is known.
type SeedFactor struct {
	PersonID string
	Secret   secret.String // in base32
}

// SeedBinding is a binding and our secret at its provider, which is kept sealed.
type SeedBinding struct {
	identity.Binding
	Clear secret.String // zero: we are a public client there
	// Moves makes the issuer of a binding that is there already follow the seed: a provider for development may have another
	// port at every start.
	Moves bool
}

// seed adds what is missing. The order is that of what refers to what: people before their places, clients before their
// tokens. It may run at several replicas at once, which is why "taken" is no error.
func (s *Server) seed(ctx context.Context, seed *Seed) error {
	if seed == nil {
		return nil
	}
	for _, add := range []func(context.Context, *Seed) error{
		s.seedPeople, s.seedOrganisations, s.seedProjects, s.seedClients, s.seedTokens, s.seedKeys, s.seedFactors,
		s.seedDomains,
	} {
		if err := add(ctx, seed); err != nil {
			return fmt.Errorf("server: seed: %w", err)
		}
	}
	return nil
}

func (s *Server) seedPeople(ctx context.Context, seed *Seed) error {
	for _, p := range seed.People {
		// Looked for first: a password hash costs more than all the rest of a start.
		_, err := s.config.Store.Person(ctx, p.ID)
		if !errors.Is(err, identity.ErrUnknown) {
			if err != nil {
				return err
			}
			continue
		}
		if p.Password, err = s.hasher.Hash(ctx, p.Clear); err != nil {
			return err
		}
		if err := s.config.Store.AddPerson(ctx, p.Person); err != nil && !errors.Is(err, identity.ErrTaken) {
			return err
		}
	}
	return nil
}

func (s *Server) seedOrganisations(ctx context.Context, seed *Seed) error {
	for _, organisation := range seed.Organisations {
		// Members come with a new organisation alone: who was taken out of one must not come back at the next start.
		err := s.config.Store.AddOrganisation(ctx, organisation)
		if err != nil && !errors.Is(err, identity.ErrTaken) {
			return err
		}
		if err != nil {
			continue // somebody may have changed who belongs to it
		}
		for _, m := range seed.Members {
			if m.OrganisationID != organisation.ID {
				continue
			}
			if err := s.config.Store.SetMember(ctx, m.OrganisationID, m.PersonID, m.Role, m.Joined); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) seedProjects(ctx context.Context, seed *Seed) error {
	for _, project := range seed.Projects {
		if err := s.config.Store.AddProject(ctx, project); err != nil && !errors.Is(err, identity.ErrTaken) {
			return fmt.Errorf("the project %s: %w", project.ID, err)
		}
	}
	return nil
}

// A client that is there keeps what an administrator has changed, its secret too.
func (s *Server) seedClients(ctx context.Context, seed *Seed) error {
	for _, client := range seed.Clients {
		if client.Introspects && client.Audience == "" {
			client.Audience = s.config.Issuer // it checks the tokens that are for nobody in particular
		}
		_, err := s.authority.Registry.Client(ctx, client.ID)
		if errors.Is(err, authority.ErrUnknown) {
			err = s.authority.Registry.Add(ctx, client, "server") // checks it as it checks everybody's
		}
		if err != nil && !errors.Is(err, authority.ErrTaken) {
			return fmt.Errorf("the client %s: %w", client.ID, err)
		}
	}
	return nil
}

// They live from the start that added them, since Level is a time and no date.
func (s *Server) seedTokens(ctx context.Context, seed *Seed) error {
	for _, token := range seed.ReadyTokens {
		// One that has expired or was revoked is not made again under the same value: IssueReady then says that it is taken. One
		// that was renewed is, once its grace is over: nothing has ended it, and the examples of a development server go on.
		if _, err := s.authority.Tokens.Check(ctx, token.Token.Reveal()); err == nil {
			continue
		}
		client, err := s.authority.Registry.Client(ctx, token.ClientID)
		if err != nil {
			return err
		}
		_, _, err = s.authority.Sessions.IssueReady(ctx, login.ReadyAsk{
			Client: client, PersonID: token.PersonID, Scope: token.Scope, Level: token.Level, How: "token", Token: token.Token,
			Origin: authority.Origin{Machine: "seed"},
		}, s.config.Issuer)
		if err != nil && !errors.Is(err, authority.ErrTaken) {
			return err
		}
	}
	return nil
}
