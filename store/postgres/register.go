package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// Members implements identity.OrganisationRegister, in one statement.
func (s *Store) Members(ctx context.Context, organisationID string) ([]identity.Membership, error) {
	return s.memberships(ctx, "m.organisation_id = $1 ORDER BY m.joined, m.person_id", organisationID)
}

// RemoveMember implements identity.OrganisationRegister.
func (s *Store) RemoveMember(ctx context.Context, organisationID, personID string) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		touched, err := tx.Exec("DELETE FROM memberships WHERE organisation_id = $1 AND person_id = $2", organisationID, personID)
		return must(touched, err, identity.ErrUnknown)
	})
}

// RemoveOrganisation implements identity.OrganisationRegister: memberships and projects go with it, by their foreign keys.
func (s *Store) RemoveOrganisation(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM organisations WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}

// RemoveProject implements identity.OrganisationRegister.
func (s *Store) RemoveProject(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM projects WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}

// ListDomains implements identity.DomainRegister, in the order of the bytes of the name.
func (s *Store) ListDomains(ctx context.Context) ([]identity.Domain, error) {
	return s.nouns.domains.list(ctx, s, " ORDER BY name COLLATE \"C\", id")
}

// RemoveDomain implements identity.DomainRegister: its bindings go with it, by their foreign key.
func (s *Store) RemoveDomain(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM domains WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}

// RemoveBinding implements identity.DomainRegister.
func (s *Store) RemoveBinding(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM bindings WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}
