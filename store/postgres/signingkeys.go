package postgres

import (
	"context"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// signingKeys: the private part is sealed with a master key that is not in this file.
func signingKeys() table[authority.SigningKey] {
	return table[authority.SigningKey]{
		columns: "id, alg, sealed, created, signs, retires",
		fields: func(k *authority.SigningKey) []any {
			return []any{&k.ID, (*string)(&k.Alg), &k.Sealed, moment{&k.Created}, moment{&k.Signs}, moment{&k.Retires}}
		},
	}
}

// ListSigningKeys implements authority.SigningKeys; the first to sign comes first.
func (s *Store) ListSigningKeys(ctx context.Context) ([]authority.SigningKey, error) {
	return s.nouns.keys.list(ctx, s, " ORDER BY signs, id")
}

// AddSigningKey implements authority.SigningKeys; an id that is in use is ErrTaken. The look and the insertion are as
// if nobody else were there, so that of two that rotate at once one gets ErrConflict and takes the other's key.
func (s *Store) AddSigningKey(ctx context.Context, key authority.SigningKey, notAfter time.Time) error {
	return s.engine.ChangeAlone(ctx, func(tx *engine.Tx) error {
		var others int
		if err := tx.Get("SELECT count(*) FROM signing_keys WHERE alg = $1 AND signs >= $2",
			[]any{string(key.Alg), cut(notAfter)}, &others); err != nil {
			return err
		}
		if others > 0 {
			return authority.ErrConflict
		}
		return s.nouns.keys.add(tx, &key)
	})
}

// ChangeSigningKey implements authority.SigningKeys.
func (s *Store) ChangeSigningKey(ctx context.Context, id string, change func(*authority.SigningKey) error) error {
	_, err := changeRow(ctx, s, &s.nouns.keys, id, func(k *authority.SigningKey) (authority.After, error) {
		return authority.After{}, change(k)
	})
	return err
}

// RemoveSigningKey implements authority.SigningKeys; ErrUnknown where it is gone already.
func (s *Store) RemoveSigningKey(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM signing_keys WHERE id = $1", id, authority.ErrUnknown, authority.After{})
}
