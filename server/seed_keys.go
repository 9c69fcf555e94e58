package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/identity"
)

// seedKeys adds keys by their values: Issue keeps the keyed hash and records each in the audit, like every other.
func (s *Server) seedKeys(ctx context.Context, seed *Seed) error {
	for _, key := range seed.APIKeys {
		_, _, err := s.authority.Keys.Issue(ctx, apikey.Ask{
			PersonID: key.PersonID, Name: key.Name, IssuedBy: key.IssuedBy, Key: key.Key,
		})
		// One that was revoked stays revoked: its value is taken for good.
		if err != nil && !errors.Is(err, authority.ErrTaken) {
			return fmt.Errorf("the API key %s: %w", key.Name, err)
		}
	}
	return nil
}

// seedFactors leaves whoever has a second factor with the one they have.
func (s *Server) seedFactors(ctx context.Context, seed *Seed) error {
	for _, factor := range seed.Factors {
		there, err := s.config.Store.Factors(ctx, factor.PersonID)
		if err == nil && len(there) == 0 {
			_, _, err = s.totp.Enrol(ctx, factor.PersonID, "", factor.Secret)
		}
		if err != nil {
			return fmt.Errorf("the second factor of %s: %w", factor.PersonID, err)
		}
	}
	return nil
}

// BindingPurpose is what the secrets of bindings are sealed for with the master key, by whoever adds one; the binding's id is the
// additional data.
const BindingPurpose = "binding secret"

// seedDomains adds Domains first, since bindings are theirs. A binding that is there keeps its secret and its rules; only
// an issuer that Moves follows, and only for development.
func (s *Server) seedDomains(ctx context.Context, seed *Seed) error {
	for _, domain := range seed.Domains {
		if err := s.config.Store.AddDomain(ctx, domain); err != nil && !errors.Is(err, identity.ErrTaken) {
			return fmt.Errorf("the domain %s: %w", domain.ID, err)
		}
	}
	for _, b := range seed.Bindings {
		if !b.Clear.IsZero() {
			// For this binding's id: a row that is copied over another does not open.
			b.Secret = s.config.Master.Seal(BindingPurpose, []byte(b.Clear.Reveal()), []byte(b.ID))
		}
		err := s.config.Store.AddBinding(ctx, b.Binding)
		if errors.Is(err, identity.ErrTaken) {
			if err = nil; b.Moves {
				_, err = s.config.Store.ChangeBinding(ctx, b.ID, func(there *identity.Binding) error {
					if there.Issuer == b.Issuer {
						return authority.ErrNoChange
					}
					there.Issuer = b.Issuer
					return nil
				})
			}
		}
		if err != nil {
			return fmt.Errorf("the binding %s: %w", b.ID, err)
		}
	}
	return nil
}
