package desk

import (
	"context"
	"net/http"
	"time"
)

// Project is what an organisation's work is kept in.
type Project struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	OrganisationID string    `json:"organisation_id"`
	Organisation   string    `json:"organisation"` // its name
	Creator        string    `json:"creator_id,omitempty"`
	Created        time.Time `json:"created_at"`
}

// NewProject asks for a project to be made. Creator is a user name or e-mail address; "" : nobody known.
type NewProject struct {
	Organisation string `json:"organisation"`
	Name         string `json:"name"`
	Creator      string `json:"creator"`
}

// AddProject makes a project; its name must not be another one's in the organisation.
func (d *Desk) AddProject(ctx context.Context, ask NewProject) (made Project, err error) {
	return made, d.do(ctx, http.MethodPost, "/projects", ask, &made)
}

// Projects lists those of an organisation by name; "" : those of all.
func (d *Desk) Projects(ctx context.Context, organisation string) (all []Project, err error) {
	return all, d.do(ctx, http.MethodGet, query("/projects", "organisation", organisation), nil, &all)
}

// RemoveProject removes the project of that id or name.
func (d *Desk) RemoveProject(ctx context.Context, organisation, project string) (removed Project, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/projects", "organisation", organisation, "project", project), nil, &removed)
}
