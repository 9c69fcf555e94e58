package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// people: the user name is kept twice, as it was written and as it is compared and sorted. That no name is two people's is the
// law of another table, names, which holds user names and e-mail addresses alike; it is filled whenever a person is saved.
func people() table[identity.Person] {
	return table[identity.Person]{
		columns: "id, username, username_key, email, name, email_verified, password, password_changed, " +
			"administrator, disabled, created",
		fields: func(p *identity.Person) []any {
			return []any{
				&p.ID, &p.Username,
				canonical{p.Username},
				&p.Email, &p.Name, &p.EmailVerified, &p.Password,
				moment{&p.PasswordChanged},
				&p.Administrator, &p.Disabled,
				moment{&p.Created},
			}
		},
	}
}

// canonical is a name as it is compared; NULL where there is none, since many may have none. It is written only.
type canonical struct{ name string }

func (c canonical) value() any {
	if key := identity.Canonical(c.name); key != "" {
		return key
	}
	return nil
}

// ScanText drops what was read: it follows from the name itself.
func (c canonical) ScanText(pgtype.Text) error { return nil }

// namesOf is what the person signs in with, sorted, so that no two who take names wait for each other.
func namesOf(p *identity.Person) []string {
	names := []string{identity.Canonical(p.Username), identity.Canonical(p.Email)}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// take makes names the person's, or the change fails with ErrTaken: whoever signs in with a name must be one person. The check is
// the table's own, so that two who take one name at the same moment do not both get it.
func take(tx *engine.Tx, p *identity.Person) {
	for _, name := range namesOf(p) {
		tx.Try(identity.ErrTaken, nil, "INSERT INTO names (name, person_id) VALUES ($1, $2)", name, p.ID)
	}
}

// addPerson is AddPerson inside a change.
func (s *Store) addPerson(tx *engine.Tx, p *identity.Person) error {
	if err := s.nouns.people.add(tx, p); err != nil {
		return err
	}
	take(tx, p)
	return nil
}

// AddPerson implements identity.People: ErrTaken where the id, the user name or the e-mail address is in use, also where the
// one is somebody's other.
func (s *Store) AddPerson(ctx context.Context, person identity.Person) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error { return s.addPerson(tx, &person) })
}

// Person implements identity.People. The id is compared byte by byte.
func (s *Store) Person(ctx context.Context, id string) (identity.Person, error) {
	return s.nouns.people.find(ctx, s, " WHERE id = $1", id)
}

// PersonByName implements identity.People. It finds at most one, since no name is one person's user name and another's
// e-mail address; nobody is found by the empty name.
func (s *Store) PersonByName(ctx context.Context, name string) (identity.Person, error) {
	return s.nouns.people.find(ctx, s, " WHERE id = (SELECT person_id FROM names WHERE name = $1)", name)
}

// ChangePerson implements identity.People. A new name that is somebody else's is ErrTaken.
func (s *Store) ChangePerson(ctx context.Context, id string, change func(*identity.Person) error) (identity.Person, error) {
	var saved identity.Person
	err := s.engine.Change(ctx, func(tx *engine.Tx) (err error) {
		var before []string
		saved, _, err = s.nouns.people.change(tx, id, func(p *identity.Person) (authority.After, error) {
			before = namesOf(p)
			return authority.After{}, change(p)
		})
		if err != nil || slices.Equal(before, namesOf(&saved)) {
			return err
		}
		tx.Queue("DELETE FROM names WHERE person_id = $1", id)
		take(tx, &saved)
		return nil
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

// remove deletes the row of id and does what else belongs to that; unknown is nil where it need not be there.
func (s *Store) remove(ctx context.Context, text, id string, unknown error, after authority.After) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		if unknown == nil {
			tx.Queue(text, id)
		} else if touched, err := tx.Exec(text, id); err != nil || touched == 0 {
			return must(touched, err, unknown)
		}
		return s.after(tx, after)
	})
}

// ListPeople implements identity.People. The order is that of the bytes of the canonical user name; who has no user name is
// not listed.
func (s *Store) ListPeople(ctx context.Context, after string, limit int) ([]identity.Person, error) {
	return s.nouns.people.list(ctx, s, " WHERE username_key > $1 ORDER BY username_key LIMIT $2", after, max(limit, 0))
}
