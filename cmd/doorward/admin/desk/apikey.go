package desk

import (
	"context"
	"net/http"
	"time"
)

// APIKey is a credential of its own, for scripts, which acts as a person.
type APIKey struct {
	ID       string     `json:"id"`
	PersonID string     `json:"person_id"`
	Username string     `json:"username"`
	Name     string     `json:"name"`
	Hint     string     `json:"hint"`
	Scope    []string   `json:"scope,omitempty"`
	IssuedBy string     `json:"issued_by,omitempty"` // the administrator's id; "" : the person
	Created  time.Time  `json:"created_at"`
	Expires  *time.Time `json:"expires_at,omitempty"`
	LastUsed *time.Time `json:"last_used_at,omitempty"`
	// Key is there once: in the answer to the request that made it.
	Key string `json:"api_key,omitempty"`
}

// NewAPIKey asks for a key to be issued to User by the administrator By; both are user names or e-mail addresses.
type NewAPIKey struct {
	User  string        `json:"user"`
	By    string        `json:"by"`
	Name  string        `json:"name"`
	Scope []string      `json:"scope,omitempty"` // nil: what the client may ask for
	Life  time.Duration `json:"life"`            // 0: it does not expire
}

// AddAPIKey issues a key, which is shown this once.
func (d *Desk) AddAPIKey(ctx context.Context, ask NewAPIKey) (made APIKey, err error) {
	return made, d.do(ctx, http.MethodPost, "/apikeys", ask, &made)
}

// APIKeys lists a person's keys that are not revoked, the newest first.
func (d *Desk) APIKeys(ctx context.Context, user string) (all []APIKey, err error) {
	return all, d.do(ctx, http.MethodGet, query("/apikeys", "user", user), nil, &all)
}

// RevokeAPIKey ends a key of the person and every session that it began.
func (d *Desk) RevokeAPIKey(ctx context.Context, user, id string) (revoked APIKey, err error) {
	return revoked, d.do(ctx, http.MethodDelete, query("/apikeys", "user", user, "id", id), nil, &revoked)
}
