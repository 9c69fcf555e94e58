// Package desk is where requests of `doorward admin` are handed in: a few of them in JSON, over a socket that only the server's own
// user can open, or in the process. It is the words that both sides share; package admin answers.
package desk

import (
	"time"
)

// User is a person as administration shows one. There is no secret in it.
type User struct {
	ID            string    `json:"id"`
	Username      string    `json:"username"`
	Email         string    `json:"email"`
	Name          string    `json:"name"`
	Administrator bool      `json:"administrator"`
	Disabled      bool      `json:"disabled"`
	Created       time.Time `json:"created_at"`
}

// Client is a registered program.
type Client struct {
	ID        string    `json:"client_id"`
	Name      string    `json:"name,omitempty"`
	Public    bool      `json:"public"`
	Redirects []string  `json:"redirect_uris,omitempty"`
	Grants    []string  `json:"grant_types,omitempty"`
	Scope     []string  `json:"scope,omitempty"`
	Disabled  bool      `json:"disabled"`
	Created   time.Time `json:"created_at"`
	// Secret is there once: in the answer to the request that made a confidential client.
	Secret string `json:"client_secret,omitempty"`
}

// Event is one line of the audit.
type Event struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	PersonID string    `json:"person_id,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	ClientID string    `json:"client_id,omitempty"`
	Session  string    `json:"session_id,omitempty"`
	Address  string    `json:"address,omitempty"`
	Machine  string    `json:"machine,omitempty"`
	Detail   string    `json:"detail,omitempty"`
}

// EventFilter chooses events; empty fields choose all.
type EventFilter struct {
	User   string // a user name, e-mail address or id
	Client string // a client's id
	Kind   string
	Since  time.Time
	Limit  int // 0: 100
}

// Partly is the code of a refusal after something was done, which its message says.
const Partly = "partly_done"

// Refusal says why a request was not done. Nothing was changed, but where the code is Partly.
type Refusal struct {
	Status  int    `json:"-"`       // of HTTP
	Code    string `json:"code"`    // unknown, ambiguous, taken, ended, invalid, busy, failed, Partly
	Message string `json:"message"` // a sentence for people
}

// Error says the sentence.
func (r *Refusal) Error() string { return r.Message }

// NewUser asks for a person to be made.
type NewUser struct {
	Username      string `json:"username"`
	Email         string `json:"email"`
	Name          string `json:"name"`
	Administrator bool   `json:"administrator"`
	Password      string `json:"password"` // in the clear: the socket is this user's own, and the hash is made behind it
}

// NewClient asks for a client to be registered.
type NewClient struct {
	ID           string   `json:"client_id"`
	Name         string   `json:"name"`
	Redirects    []string `json:"redirect_uris"`
	Grants       []string `json:"grant_types"`
	Scope        []string `json:"scope"`
	Confidential bool     `json:"confidential"`
}

// NewBackup is a copy that is to be made.
type NewBackup struct {
	Path string `json:"path"`
}
