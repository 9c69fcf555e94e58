package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/sqlite/internal/engine"
)

// people: user name and e-mail address are kept twice, as they were written and as they are compared. Only the second is
// unique, and it is made of the first whenever a person is saved, so that the two cannot drift apart.
func people() table[identity.Person] {
	return table[identity.Person]{
		columns: "id, username, username_key, email, email_key, name, email_verified, password, password_changed, " +
			"administrator, disabled, created",
		fields: func(p *identity.Person) []any {
			return []any{
				&p.ID, &p.Username,
				canonical{p.Username},
				&p.Email,
				canonical{p.Email},
				&p.Name, &p.EmailVerified, &p.Password,
				moment{&p.PasswordChanged},
				&p.Administrator, &p.Disabled,
				moment{&p.Created},
			}
		},
	}
}

// canonical is a name as it is compared; NULL where there is none, since many may have none. It is written only.
type canonical struct{ name string }

// Value makes the name that is compared.
func (c canonical) Value() (driver.Value, error) {
	if key := identity.Canonical(c.name); key != "" {
		return key, nil
	}
	return nil, nil
}

// Scan drops what was read: it follows from the name itself.
func (c canonical) Scan(any) error { return nil }

// free answers ErrTaken where a name of the person is somebody else's user name or e-mail address: whoever signs in with
// a name must be one person.
func free(w *engine.Writer, p *identity.Person) error {
	var other string
	err := w.Get("SELECT id FROM people WHERE id <> $1 AND (username_key IN ($2, $3) OR email_key IN ($2, $3)) LIMIT 1",
		[]any{p.ID, identity.Canonical(p.Username), identity.Canonical(p.Email)}, &other)
	switch {
	case err == nil:
		return identity.ErrTaken
	case errors.Is(err, sql.ErrNoRows):
		return nil
	}
	return engine.Unavailable(err)
}

// addPerson is AddPerson inside a change.
func (s *Store) addPerson(w *engine.Writer, p *identity.Person) error {
	if err := free(w, p); err != nil {
		return err
	}
	return s.nouns.people.add(w, p)
}

// AddPerson implements identity.People: ErrTaken where the id, the user name or the e-mail address is in use, also where the
// one is somebody's other.
func (s *Store) AddPerson(ctx context.Context, person identity.Person) error {
	return s.engine.Change(ctx, func(w *engine.Writer) error { return s.addPerson(w, &person) })
}

// Person implements identity.People. The id is compared byte by byte.
func (s *Store) Person(ctx context.Context, id string) (identity.Person, error) {
	return s.nouns.people.find(ctx, s, " WHERE id = $1", id)
}

// PersonByName implements identity.People. It finds at most one, since no name is one person's user name and another's
// e-mail address; nobody is found by the empty name.
func (s *Store) PersonByName(ctx context.Context, name string) (identity.Person, error) {
	return s.nouns.people.find(ctx, s, " WHERE username_key = $1 OR email_key = $1", name)
}

// ChangePerson implements identity.People. A new name that is somebody else's is ErrTaken.
func (s *Store) ChangePerson(ctx context.Context, id string, change func(*identity.Person) error) (identity.Person, error) {
	var saved identity.Person
	err := s.engine.Change(ctx, func(w *engine.Writer) (err error) {
		saved, _, err = s.nouns.people.change(w, id, func(p *identity.Person) (authority.After, error) {
			if err := change(p); err != nil {
				return authority.After{}, err
			}
			p.ID = id
			return authority.After{}, free(w, p)
		})
		return err
	})
	if err != nil {
		return identity.Person{}, err
	}
	return saved, nil
}

// RemovePerson implements identity.People. Sign-ins, memberships, links, second factors and API keys go with the
// person.
func (s *Store) RemovePerson(ctx context.Context, id string) error {
	return s.remove(ctx, "DELETE FROM people WHERE id = $1", id, identity.ErrUnknown, authority.After{})
}

// remove deletes the row of id and does what else belongs to that.
func (s *Store) remove(ctx context.Context, text, id string, unknown error, after authority.After) error {
	return s.engine.Change(ctx, func(w *engine.Writer) error {
		touched, err := w.Exec(text, id)
		if err := must(touched, engine.Unavailable(err), unknown); err != nil {
			return err
		}
		return s.after(w, after)
	})
}

// ListPeople implements identity.People. The order is that of the bytes of the canonical user name; who has no user name is
// not listed.
func (s *Store) ListPeople(ctx context.Context, after string, limit int) ([]identity.Person, error) {
	return s.nouns.people.list(ctx, s, " WHERE username_key > $1 ORDER BY username_key LIMIT $2", after, max(limit, 0))
}
