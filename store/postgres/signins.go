package postgres

import (
	"context"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// signIns: the id is the hash of a cookie's value. Who reads the file, or a backup of it, cannot sign in with it.
func signIns() table[identity.SignIn] {
	return table[identity.SignIn]{
		columns: "id, person_id, methods, binding, acr, at, expires, address, agent",
		fields: func(i *identity.SignIn) []any {
			return []any{
				&i.ID, &i.PersonID, list(&i.Methods), &i.Binding, &i.ACR, moment{&i.At}, moment{&i.Expires}, &i.Address, &i.Agent,
			}
		},
	}
}

// invitations: the id is the hash of a link's secret, for the same reason.
func invitations() table[identity.Invitation] {
	return table[identity.Invitation]{
		columns: "id, administrator, created, expires",
		fields: func(i *identity.Invitation) []any {
			return []any{&i.ID, &i.Administrator, moment{&i.Created}, moment{&i.Expires}}
		},
	}
}

// now is the store's own clock, for a statement.
func (s *Store) now() time.Time { return cut(s.config.Now()) }

// AddSignIn implements identity.SignIns; ErrUnknown where there is no such person.
func (s *Store) AddSignIn(ctx context.Context, signIn identity.SignIn) error {
	return addRow(ctx, s, &s.nouns.signIns, signIn, authority.After{})
}

// SignIn implements identity.SignIns. One that has expired by the store's clock is ErrUnknown, whether it was swept or not.
func (s *Store) SignIn(ctx context.Context, id string) (identity.SignIn, error) {
	return s.nouns.signIns.find(ctx, s, " WHERE id = $1 AND expires > $2", id, s.now())
}

// RenewSignIn implements identity.SignIns. The old id is worth nothing from the moment at which the new one is worth
// something (session fixation), and an expired one renews nothing.
func (s *Store) RenewSignIn(ctx context.Context, old string, renewed identity.SignIn) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		touched, err := tx.Exec("DELETE FROM sign_ins WHERE id = $1 AND expires > $2", old, s.now())
		if err := must(touched, err, identity.ErrUnknown); err != nil {
			return err
		}
		return s.nouns.signIns.add(tx, &renewed)
	})
}

// RemoveSignIn implements identity.SignIns; ErrUnknown where it is gone already.
func (s *Store) RemoveSignIn(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM sign_ins WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}

// RemoveSignIns implements identity.SignIns; nobody signed in is no error.
func (s *Store) RemoveSignIns(ctx context.Context, personID string) error {
	return s.remove(ctx, "DELETE FROM sign_ins WHERE person_id = $1", personID, nil, authority.After{})
}

// AddInvitation implements identity.Invitations; an id that is in use is ErrTaken.
func (s *Store) AddInvitation(ctx context.Context, invitation identity.Invitation) error {
	return addRow(ctx, s, &s.nouns.invitations, invitation, authority.After{})
}

// Invitation implements identity.Invitations. One that has expired by the store's clock is ErrUnknown.
func (s *Store) Invitation(ctx context.Context, id string) (identity.Invitation, error) {
	return s.nouns.invitations.find(ctx, s, " WHERE id = $1 AND expires > $2", id, s.now())
}

// AcceptInvitation implements identity.Invitations. Where the person cannot be added (ErrTaken) the invitation stays, so that
// another name can be tried.
func (s *Store) AcceptInvitation(ctx context.Context, id string, person identity.Person) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		touched, err := tx.Exec("DELETE FROM invitations WHERE id = $1 AND expires > $2", id, s.now())
		if err := must(touched, err, identity.ErrUnknown); err != nil {
			return err
		}
		return s.addPerson(tx, &person)
	})
}

// CountAttempt implements identity.Attempts, in one statement: of a hundred tries at once none is lost, and no two get the
// same number. The window does not slide; it begins anew with the first try after its end.
func (s *Store) CountAttempt(ctx context.Context, key string, now time.Time, window time.Duration) (int, error) {
	var tries int
	err := s.engine.Put(ctx, `INSERT INTO attempts (id, tries, first, expires) VALUES ($1, 1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET
				tries = CASE WHEN attempts.first < $4 THEN 1 ELSE attempts.tries + 1 END,
				expires = CASE WHEN attempts.first < $4 THEN excluded.expires ELSE attempts.expires END,
				first = CASE WHEN attempts.first < $4 THEN excluded.first ELSE attempts.first END
			RETURNING tries`, []any{key, cut(now), cut(now.Add(window)), cut(now.Add(-window))}, &tries)
	if err != nil {
		return 0, err
	}
	return tries, nil
}

// TakeBackAttempt implements identity.Attempts.
func (s *Store) TakeBackAttempt(ctx context.Context, key string) error {
	return s.remove(ctx, "UPDATE attempts SET tries = tries - 1 WHERE id = $1 AND tries > 0", key, nil, authority.After{})
}

// ClearAttempts implements identity.Attempts; nothing counted is no error.
func (s *Store) ClearAttempts(ctx context.Context, key string) error {
	return s.remove(ctx, "DELETE FROM attempts WHERE id = $1", key, nil, authority.After{})
}
