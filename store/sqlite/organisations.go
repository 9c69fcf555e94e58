package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/sqlite/internal/engine"
)

// organisations: the creator is no foreign key, since an organisation outlives who made it.
func organisations() table[identity.Organisation] {
	return table[identity.Organisation]{
		columns: "id, name, short, creator, created",
		fields: func(o *identity.Organisation) []any {
			return []any{&o.ID, &o.Name, &o.Short, &o.Creator, moment{&o.Created}}
		},
	}
}

// AddOrganisation implements identity.Organisations; an id that is in use is ErrTaken.
func (s *Store) AddOrganisation(ctx context.Context, organisation identity.Organisation) error {
	return addRow(ctx, s, &s.nouns.organisations, organisation, authority.After{})
}

// ListOrganisations implements identity.Organisations: those whose id is greater than after, in that order.
func (s *Store) ListOrganisations(ctx context.Context, after string, limit int) ([]identity.Organisation, error) {
	return s.nouns.organisations.list(ctx, s, " WHERE id > $1 ORDER BY id LIMIT $2", after, max(limit, 0))
}

// SetMember implements identity.Organisations. Who is a member keeps the time of joining; an organisation or a person that
// is not there is ErrUnknown.
func (s *Store) SetMember(ctx context.Context, organisationID, personID string, role identity.Role, joined time.Time) error {
	return s.engine.Change(ctx, func(w *engine.Writer) error {
		at, err := moment{&joined}.Value()
		if err != nil {
			return err
		}
		_, err = w.Exec(`INSERT INTO memberships (organisation_id, person_id, role, joined) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person_id, organisation_id) DO UPDATE SET role = excluded.role`,
			organisationID, personID, string(role), at)
		return engine.Refused(err, identity.ErrTaken, identity.ErrUnknown)
	})
}

// Memberships implements identity.Organisations, each with its organisation, in one statement.
func (s *Store) Memberships(ctx context.Context, personID string) ([]identity.Membership, error) {
	return s.memberships(ctx, "m.person_id = $1 ORDER BY m.joined, o.id", personID)
}

// memberships reads those that rest tells.
func (s *Store) memberships(ctx context.Context, rest, id string) ([]identity.Membership, error) {
	var memberships []identity.Membership
	err := s.engine.Each(ctx, `SELECT m.person_id, m.role, m.joined, o.id, o.name, o.short, o.creator, o.created
		FROM memberships m JOIN organisations o ON o.id = m.organisation_id
		WHERE `+rest, []any{id}, func(scan func(...any) error) error {
		var m identity.Membership
		own := []any{&m.PersonID, (*string)(&m.Role), moment{&m.Joined}}
		if err := scan(append(own, s.nouns.organisations.fields(&m.Organisation)...)...); err != nil {
			return err
		}
		memberships = append(memberships, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return memberships, nil
}

// projects: the creator is no foreign key, since a project outlives who made it.
func projects() table[identity.Project] {
	return table[identity.Project]{
		columns: "id, organisation_id, name, creator, created",
		fields: func(p *identity.Project) []any {
			return []any{&p.ID, &p.OrganisationID, &p.Name, &p.Creator, moment{&p.Created}}
		},
	}
}

// AddProject implements identity.Projects. Names are compared byte by byte.
func (s *Store) AddProject(ctx context.Context, project identity.Project) error {
	return addRow(ctx, s, &s.nouns.projects, project, authority.After{})
}

// ListProjects implements identity.Projects. The ids are one argument, so that the statement is the same for any number of
// them: each text is prepared once and kept.
func (s *Store) ListProjects(ctx context.Context, organisationIDs []string) ([]identity.Project, error) {
	ids, err := json.Marshal(organisationIDs)
	if err != nil {
		return nil, err
	}
	return s.nouns.projects.list(ctx, s,
		" WHERE organisation_id IN (SELECT value FROM json_each($1)) ORDER BY name, id", string(ids))
}
