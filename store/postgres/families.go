package postgres

import (
	"context"
	"time"

	"github.com/doorward/doorward/authority"
)

// families: one row per machine for its whole life. The last eight columns are what a refresh changes. No index holds any of
// them, but for the hashes of ready tokens, so that a rotation writes one page of the table and nothing else.
func families() table[authority.Family] {
	return table[authority.Family]{
		columns: "id, kind, client_id, person_id, scope, audience, address, agent, machine, how, methods, auth_time, level, " +
			"issued_by, api_key_id, binding, acr, created, ends, ended, end_reason, " +
			"last_used, last_address, key_id, salt, generation, current, previous, rotated",
		often: 8,
		fields: func(f *authority.Family) []any {
			return []any{
				&f.ID, (*string)(&f.Kind), &f.ClientID, &f.PersonID, list(&f.Scope), list(&f.Audience), &f.Origin.Address,
				&f.Origin.Agent, &f.Origin.Machine, &f.How, list(&f.Methods),
				moment{&f.AuthTime},
				(*int)(&f.Level), &f.IssuedBy,
				&f.APIKeyID, &f.Binding, &f.ACR,
				moment{&f.Created},
				moment{&f.Ends},
				moment{&f.Ended},
				&f.EndReason,
				moment{&f.LastUsed},
				&f.LastAddress, &f.KeyID, &f.Salt, &f.Generation,
				digest{&f.Current},
				digest{&f.Previous},
				moment{&f.Rotated},
			}
		},
	}
}

// AddFamily implements authority.Families. Two ready tokens of one hash are ErrTaken, too: a token must be one family's.
func (s *Store) AddFamily(ctx context.Context, family authority.Family, after authority.After) error {
	return addRow(ctx, s, &s.nouns.families, family, after)
}

// Family implements authority.Families. An ended one is found as long as it is kept (30 days), with what ended it.
func (s *Store) Family(ctx context.Context, id string) (authority.Family, error) {
	return s.nouns.families.find(ctx, s, " WHERE id = $1", id)
}

// FamilyByToken implements authority.Families. An ended one is found, too, and so is one whose hash before this is; where
// nothing was renewed there is none before. The hash is of a secret of 256 bits, so that an index may compare it: there is
// nothing to learn from how long that takes.
func (s *Store) FamilyByToken(ctx context.Context, hash [32]byte) (authority.Family, error) {
	return s.nouns.families.find(ctx, s, " WHERE token = $1 OR token_before = $1 ORDER BY token = $1 DESC LIMIT 1", hash[:])
}

// ChangeFamily implements authority.Families. Changes of one family come one after the other, each on what the one before
// left: that is the compare-and-swap of a rotation (PIP-07).
func (s *Store) ChangeFamily(
	ctx context.Context, id string, change func(*authority.Family) (authority.After, error),
) (authority.Family, error) {
	return changeRow(ctx, s, &s.nouns.families, id, change)
}

// FamiliesOf implements authority.Families. Families of nobody (service clients) are not listed for the empty id.
func (s *Store) FamiliesOf(ctx context.Context, personID string, now time.Time) ([]authority.Family, error) {
	return s.nouns.families.list(ctx, s, ` WHERE person_id = $1 AND person_id <> '' AND ended IS NULL
		AND (ends IS NULL OR ends > $2) ORDER BY last_used DESC, id`, personID, cut(now))
}
