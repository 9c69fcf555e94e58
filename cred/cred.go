// Package cred holds a credential and says where it is kept.
//
// A Store keeps credentials across processes; a Codec gives a store's file its shape, so that five products keep five file
// shapes with one piece of code for locks, crashes and modes.
package cred

import (
	"context"
	"errors"
	"time"

	"github.com/doorward/doorward/secret"
)

// Kind says how a credential came to be, and so what can be done with it.
type Kind string

// The kinds of credential.
const (
	KindOAuth  Kind = "oauth"   // access token, and often a refresh token
	KindStatic Kind = "static"  // a ready token, stored as it was given
	KindAPIKey Kind = "api_key" // an API key, exchanged for short tokens
)

// Key names a credential: never the user name alone, so that two issuers with the same account do not mix.
type Key struct {
	Issuer  string // the authority's address, as configured
	Client  string // the OAuth client id
	Profile string // the person's name for it; "" is the default one
}

// Credential is one login of one program on this machine.
type Credential struct {
	Kind      Kind
	Access    secret.String
	Refresh   secret.String // empty: it cannot renew itself
	APIKey    secret.String // for KindAPIKey
	TokenType string        // "Bearer" where empty
	Scope     []string

	Expires     time.Time     // end of the access token; zero: not known
	SessionEnds time.Time     // when a new login will be needed; zero: not known
	IdleTimeout time.Duration // how long the session lives without being used; 0: no such end, or not known
	Renewed     time.Time     // the last login or refresh, by this machine's clock

	SessionID string // the authority's id of the session, where it said so
	Subject   string // the person's id at the authority
	Account   string // what people call the login: an e-mail address or a user name
	Name      string // the person's name

	// Extra holds what a front end keeps beside the login (an organisation, a server); the Codec decides its place.
	Extra map[string]string
}

// Errors of stores. A damaged store answers with *DamagedError.
var (
	// ErrNotFound: nothing is stored under this key.
	ErrNotFound = errors.New("cred: no such credential")
	// ErrBusy: another process held the lock until the context ended.
	ErrBusy = errors.New("cred: the credential file is in use by another process")
	// ErrNewer: the file was written by a newer version and is not overwritten.
	ErrNewer = errors.New("cred: the credential file was written by a newer version of this program")
)

// DamagedError says that the file is there but cannot be read as what it should be. Nothing was changed; where a later
// write replaces the file, a copy of the damaged one stands at Kept.
type DamagedError struct {
	Path string
	Kept string // "" until a copy was made
	Err  error
}

// Error names the file and what is wrong with it.
func (e *DamagedError) Error() string {
	return "cred: the credential file " + e.Path + " is damaged: " + e.Err.Error()
}

// Unwrap returns what the codec said.
func (e *DamagedError) Unwrap() error { return e.Err }

// Store keeps credentials. Its methods may be called from several goroutines and several processes.
type Store interface {
	// Get returns the credential, ErrNotFound, ErrNewer or a *DamagedError. It takes no lock and sees whole files only.
	Get(ctx context.Context, key Key) (Credential, error)

	// Update reads the credential under the lock, hands it to change (the zero Credential and found=false where there is
	// none) and saves what change returns before it releases the lock. Where change fails, nothing is written and its
	// error is returned as it is. The lock is held across processes while change runs, network calls in it included.
	// Where the save fails, the credential that change returned is returned together with the error: it is alive.
	Update(ctx context.Context, key Key, change func(old Credential, found bool) (Credential, error)) (Credential, error)

	// Delete removes the credential, and answers ErrNotFound where there was none.
	Delete(ctx context.Context, key Key) error

	// List returns the keys that are stored, in a stable order.
	List(ctx context.Context) ([]Key, error)
}

// Codec is the shape of a credential file.
type Codec interface {
	// Decode reads a whole file; empty data is a damaged file (a missing file never reaches the codec).
	Decode(data []byte) (map[Key]Credential, error)
	// Encode returns the file with exactly these credentials in it. old is the file as it was (nil where there is none);
	// what Encode does not know in it stays as it is.
	Encode(old []byte, creds map[Key]Credential) ([]byte, error)
}
