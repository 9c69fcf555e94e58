package desk

import (
	"context"
	"net/http"
	"time"
)

// Session is what one machine of a person holds.
type Session struct {
	ID       string     `json:"id"`
	PersonID string     `json:"person_id,omitempty"`
	Username string     `json:"username,omitempty"`
	ClientID string     `json:"client_id"`
	Machine  string     `json:"machine,omitempty"`
	Address  string     `json:"address,omitempty"`
	How      string     `json:"how"`
	Binding  string     `json:"idp_binding_id,omitempty"` // through which the person was vouched for
	IssuedBy string     `json:"issued_by,omitempty"`      // the administrator's id
	Created  time.Time  `json:"created_at"`
	LastUsed time.Time  `json:"last_used_at"`
	Ends     *time.Time `json:"ends_at,omitempty"`
}

// Sessions lists what a person holds, the last used first; "" : what everybody holds, by user name.
func (d *Desk) Sessions(ctx context.Context, user string) (sessions []Session, err error) {
	return sessions, d.do(ctx, http.MethodGet, query("/sessions", "user", user), nil, &sessions)
}

// EndSession ends one session.
func (d *Desk) EndSession(ctx context.Context, id string) (ended Session, err error) {
	return ended, d.do(ctx, http.MethodDelete, query("/sessions", "id", id), nil, &ended)
}

// EndSessions ends all that a person holds: every session, and the sign-in of every browser. It returns the sessions.
func (d *Desk) EndSessions(ctx context.Context, user string) (ended []Session, err error) {
	return ended, d.do(ctx, http.MethodDelete, query("/users/sessions", "user", user), nil, &ended)
}
