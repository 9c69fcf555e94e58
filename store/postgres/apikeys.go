package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// apiKeys: a key is its hash. The last column is what each minute of use changes. A revoked key stays as long as its person,
// and no sweep takes it: a seed that still holds it would make it live again.
func apiKeys() table[authority.APIKey] {
	return table[authority.APIKey]{
		columns: "id, person_id, name, hash, hint, scope, issued_by, created, expires, revoked, last_used",
		often:   1,
		fields: func(k *authority.APIKey) []any {
			return []any{
				&k.ID, &k.PersonID, &k.Name,
				digest{&k.Hash},
				&k.Hint, list(&k.Scope), &k.IssuedBy,
				moment{&k.Created},
				moment{&k.Expires},
				moment{&k.Revoked},
				moment{&k.LastUsed},
			}
		},
	}
}

// AddAPIKey implements authority.APIKeys; ErrUnknown where there is no such person. A key lives while it is not revoked and
// has not expired when the new one is made. The person's row is locked meanwhile: of many who add the last key
// that is allowed, one does.
func (s *Store) AddAPIKey(ctx context.Context, key authority.APIKey, most int, after authority.After) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		tx.Queue("SELECT FROM people WHERE id = $1 FOR UPDATE", key.PersonID)
		var lives int
		if err := tx.Get(`SELECT count(*) FROM api_keys WHERE person_id = $1 AND revoked IS NULL
			AND (expires IS NULL OR expires > $2)`, []any{key.PersonID, cut(key.Created)}, &lives); err != nil {
			return err
		}
		if lives >= most {
			return authority.ErrTooMany
		}
		if err := s.nouns.apiKeys.add(tx, &key); err != nil {
			return err
		}
		return s.after(tx, after)
	})
}

// APIKey implements authority.APIKeys. One that is over is found, too: that is for the law to judge, by its own clock.
func (s *Store) APIKey(ctx context.Context, id string) (authority.APIKey, error) {
	return s.nouns.apiKeys.find(ctx, s, " WHERE id = $1", id)
}

// APIKeyByHash implements authority.APIKeys, from a unique index, as FamilyByToken does.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (authority.APIKey, error) {
	return s.nouns.apiKeys.find(ctx, s, " WHERE hash = $1", hash[:])
}

// ChangeAPIKey implements authority.APIKeys. A new hash that is another key's is ErrTaken.
func (s *Store) ChangeAPIKey(
	ctx context.Context, id string, change func(*authority.APIKey) (authority.After, error),
) (authority.APIKey, error) {
	return changeRow(ctx, s, &s.nouns.apiKeys, id, change)
}

// APIKeysOf implements authority.APIKeys. Expired ones are listed: their person wants to know why a script stopped.
func (s *Store) APIKeysOf(ctx context.Context, personID string) ([]authority.APIKey, error) {
	return s.nouns.apiKeys.list(ctx, s, " WHERE person_id = $1 AND revoked IS NULL ORDER BY created DESC, id DESC", personID)
}

// FamiliesOfKey implements authority.APIKeys, the first begun first; families that no key began are not listed for the empty id.
func (s *Store) FamiliesOfKey(ctx context.Context, keyID string) ([]authority.Family, error) {
	return s.nouns.families.list(ctx, s, " WHERE api_key_id = $1 AND api_key_id <> '' AND ended IS NULL ORDER BY id", keyID)
}
