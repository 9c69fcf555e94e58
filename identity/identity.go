// Package identity knows people: who they are, what they belong to, how they prove it, and when they have tried too often.
//
// It is pure law over a store: no HTTP, no SQL, no templates.
package identity

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Errors of this room. Every way of signing in answers ErrWrong for an unknown name, a wrong password and a disabled
// account alike, in equal time.
var (
	ErrUnknown = errors.New("identity: no such person, organisation or sign-in")
	ErrTaken   = errors.New("identity: the name or e-mail address is taken")
	ErrWrong   = errors.New("identity: the name or the password is wrong")
	ErrLocked  = errors.New("identity: too many wrong attempts; try again later")
	ErrBusy    = errors.New("identity: too many people are signing in at this moment")
	ErrWeak    = errors.New("identity: the password is too easy to guess")
)

// Person is somebody who can sign in.
type Person struct {
	ID       string // usr_…
	Username string // unique, compared by Canonical
	Email    string // unique, compared by Canonical
	Name     string

	EmailVerified bool
	// Password is the encoded argon2id hash; "" for somebody who has none.
	Password        string
	PasswordChanged time.Time

	Administrator bool // of the whole authority
	Disabled      bool
	Created       time.Time
}

// Canonical is the form in which user names and e-mail addresses are compared and counted: lower case, without spaces
// around it. The password is never changed that way.
func Canonical(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// Organisation is what people and projects belong to.
type Organisation struct {
	ID      string // org-…
	Name    string
	Short   string // a few letters, shown beside the name
	Creator string // a person's id
	Created time.Time
}

// Role is what a person may do in an organisation.
type Role string

// The roles, weakest first.
const (
	RoleMember Role = "member"
	RoleAdmin  Role = "admin"
)

// Membership is a person's place in an organisation.
type Membership struct {
	Organisation Organisation
	PersonID     string
	Role         Role
	Joined       time.Time
}

// SignIn is a person's presence in one browser. It is renewed, id included, at every change of level.
type SignIn struct {
	ID       string // the hash of the cookie's value; the value itself is stored nowhere
	PersonID string
	Methods  []string // amr values (RFC 8176): pwd, otp, hwk
	// Binding is the binding that a provider vouched through, with the acr that it said; "" : a sign-in of our own.
	Binding string
	ACR     string
	At      time.Time
	Expires time.Time
	Address string
	Agent   string // the browser, as it says
}

// Invitation is the one-use link that makes a person: the first administrator's, printed at a start without people.
type Invitation struct {
	ID            string // the hash of the link's secret
	Administrator bool
	Created       time.Time
	Expires       time.Time
}

// People is where persons are kept.
type People interface {
	// AddPerson answers ErrTaken where the id, the user name or the e-mail address is in use (by Canonical).
	AddPerson(ctx context.Context, person Person) error
	Person(ctx context.Context, id string) (Person, error)
	// PersonByName finds by user name or e-mail address; name is canonical.
	PersonByName(ctx context.Context, name string) (Person, error)
	// ChangePerson runs change inside the transaction and returns the person as saved; an error of change undoes it.
	ChangePerson(ctx context.Context, id string, change func(*Person) error) (Person, error)
	RemovePerson(ctx context.Context, id string) error
	// ListPeople returns up to limit people whose canonical user name is greater than after, in that order.
	ListPeople(ctx context.Context, after string, limit int) ([]Person, error)
}

// Organisations is where organisations and memberships are kept.
type Organisations interface {
	AddOrganisation(ctx context.Context, organisation Organisation) error
	ListOrganisations(ctx context.Context, after string, limit int) ([]Organisation, error)
	// SetMember adds the membership or changes its role.
	SetMember(ctx context.Context, organisationID, personID string, role Role, joined time.Time) error
	// Memberships lists a person's memberships, the first joined first.
	Memberships(ctx context.Context, personID string) ([]Membership, error)
}

// SignIns is where browser sign-ins are kept. Expired ones are as good as unknown.
type SignIns interface {
	AddSignIn(ctx context.Context, signIn SignIn) error
	SignIn(ctx context.Context, id string) (SignIn, error)
	// RenewSignIn replaces the sign-in of id old in one transaction; ErrUnknown where old is gone.
	RenewSignIn(ctx context.Context, old string, renewed SignIn) error
	RemoveSignIn(ctx context.Context, id string) error
	// RemoveSignIns ends every sign-in of the person.
	RemoveSignIns(ctx context.Context, personID string) error
}

// Invitations is where invitations are kept.
type Invitations interface {
	AddInvitation(ctx context.Context, invitation Invitation) error
	Invitation(ctx context.Context, id string) (Invitation, error)
	// AcceptInvitation removes the invitation and adds the person in one transaction; ErrUnknown where it is gone.
	AcceptInvitation(ctx context.Context, id string, person Person) error
}

// Attempts counts tries in the store, before they are checked, so that neither a restart nor a second replica forgets.
type Attempts interface {
	// CountAttempt adds one try for key and returns how many there were, this one included, since the first of them; a
	// count whose first try is older than window starts anew.
	CountAttempt(ctx context.Context, key string, now time.Time, window time.Duration) (int, error)
	// TakeBackAttempt takes one try for key back, that turned out not to be a wrong one; nothing counted is no error.
	TakeBackAttempt(ctx context.Context, key string) error
	// ClearAttempts forgets the tries for key.
	ClearAttempts(ctx context.Context, key string) error
}
