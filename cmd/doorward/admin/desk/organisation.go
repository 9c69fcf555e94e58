package desk

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Organisation is what people and projects belong to.
type Organisation struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Short   string    `json:"short,omitempty"`
	Creator string    `json:"creator_id,omitempty"`
	Created time.Time `json:"created_at"`
}

// Member is a person's place in an organisation.
type Member struct {
	OrganisationID string    `json:"organisation_id"`
	Organisation   string    `json:"organisation"` // its name
	PersonID       string    `json:"person_id"`
	Username       string    `json:"username"`
	Email          string    `json:"email"`
	Name           string    `json:"name"`
	Role           string    `json:"role"`
	Joined         time.Time `json:"joined_at"`
}

// NewOrganisation asks for an organisation to be made. Creator, a user name or e-mail address, becomes its first
// administrator; "" : it has no members yet.
type NewOrganisation struct {
	Name    string `json:"name"`
	Short   string `json:"short"`
	Creator string `json:"creator"`
}

// NewMember asks for somebody to be a member, or to get another role.
type NewMember struct {
	Organisation string `json:"organisation"`
	User         string `json:"user"`
	Role         string `json:"role"`
}

// AddOrganisation makes an organisation; its name and its short name must not be another one's.
func (d *Desk) AddOrganisation(ctx context.Context, ask NewOrganisation) (made Organisation, err error) {
	return made, d.do(ctx, http.MethodPost, "/organisations", ask, &made)
}

// Organisations lists them by id.
func (d *Desk) Organisations(ctx context.Context) (all []Organisation, err error) {
	return all, d.do(ctx, http.MethodGet, "/organisations", nil, &all)
}

// RemoveOrganisation removes the organisation of that id, name or short name, with its memberships and projects.
func (d *Desk) RemoveOrganisation(ctx context.Context, organisation string) (removed Organisation, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/organisations", "organisation", organisation), nil, &removed)
}

// SetMember adds a member or changes the role of one: admin or member.
func (d *Desk) SetMember(ctx context.Context, organisation, user, role string) (member Member, err error) {
	return member, d.do(ctx, http.MethodPut, "/members", NewMember{organisation, user, role}, &member)
}

// Members lists an organisation's members, the first joined first.
func (d *Desk) Members(ctx context.Context, organisation string) (members []Member, err error) {
	return members, d.do(ctx, http.MethodGet, query("/members", "organisation", organisation), nil, &members)
}

// RemoveMember removes somebody from an organisation. The person stays, and so do their sessions.
func (d *Desk) RemoveMember(ctx context.Context, organisation, user string) (removed Member, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/members", "organisation", organisation, "user", user), nil, &removed)
}

// query writes names and values behind a path.
func query(path string, pairs ...string) string {
	values := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + values.Encode()
}
