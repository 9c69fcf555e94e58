package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

// factors: the secret is sealed with a master key that is not in this file; of recovery codes it is their hashes. The last
// column is what each one-time code that was used changes.
func factors() table[identity.Factor] {
	return table[identity.Factor]{
		columns: "id, person_id, kind, name, secret, created, last_step",
		often:   1,
		fields: func(f *identity.Factor) []any {
			return []any{&f.ID, &f.PersonID, (*string)(&f.Kind), &f.Name, &f.Secret, moment{&f.Created}, &f.LastStep}
		},
	}
}

// AddFactor implements identity.Factors: ErrTaken for an id in use, ErrUnknown where there is no such person.
func (s *Store) AddFactor(ctx context.Context, factor identity.Factor) error {
	return addRow(ctx, s, &s.nouns.factors, factor, authority.After{})
}

// Factors implements identity.Factors; nobody has none.
func (s *Store) Factors(ctx context.Context, personID string) ([]identity.Factor, error) {
	return s.nouns.factors.list(ctx, s, " WHERE person_id = $1 ORDER BY created, id", personID)
}

// ChangeFactor implements identity.Factors; ErrUnknown where there is none. Changes come one after the other, so that of many
// who show one code, one is the first (SEC-170).
func (s *Store) ChangeFactor(ctx context.Context, id string, change func(*identity.Factor) error) (identity.Factor, error) {
	return changeRow(ctx, s, &s.nouns.factors, id, func(f *identity.Factor) (authority.After, error) {
		return authority.After{}, change(f)
	})
}

// RemoveFactor implements identity.Factors; ErrUnknown where it is gone already.
func (s *Store) RemoveFactor(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM factors WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}
