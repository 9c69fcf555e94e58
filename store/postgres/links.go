package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// links are added and followed, never changed: the key is issuer and subject, compared byte by byte (OpenID Connect Core
// section 5.7).
func links() table[identity.Link] {
	return table[identity.Link]{
		columns: "issuer, subject, person_id, binding_id, created",
		fields: func(l *identity.Link) []any {
			return []any{&l.Issuer, &l.Subject, &l.PersonID, &l.BindingID, moment{&l.Created}}
		},
	}
}

// PersonByLink implements identity.Links, in one statement. A disabled person is found: that is for the law to judge.
func (s *Store) PersonByLink(ctx context.Context, issuer, subject string) (identity.Person, error) {
	return s.nouns.people.find(ctx, s, " WHERE id = (SELECT person_id FROM links WHERE issuer = $1 AND subject = $2)",
		issuer, subject)
}

// AddLink implements identity.Links; ErrUnknown where there is no such person.
func (s *Store) AddLink(ctx context.Context, link identity.Link) error {
	return addRow(ctx, s, &s.nouns.links, link, authority.After{})
}

// AddPersonWithLink implements identity.Links. The link is the new person's, whatever it says; of many first sign-ins of one
// identity, one makes the person.
func (s *Store) AddPersonWithLink(ctx context.Context, person identity.Person, link identity.Link) error {
	link.PersonID = person.ID
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		if err := s.addPerson(tx, &person); err != nil {
			return err
		}
		return s.nouns.links.add(tx, &link)
	})
}
