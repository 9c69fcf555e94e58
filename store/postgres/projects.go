package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

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
	return s.nouns.projects.list(ctx, s,
		" WHERE organisation_id = ANY ($1) ORDER BY name, id", organisationIDs)
}
