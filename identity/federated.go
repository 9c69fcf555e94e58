package identity

import (
	"context"
	"time"
)

// Project is what an organisation's work is kept in. Its name is unique in its organisation only.
type Project struct {
	ID             string // project-…
	OrganisationID string
	Name           string
	Creator        string // a person's id
	Created        time.Time
}

// Domain is a realm of operators with identity providers of its own.
type Domain struct {
	ID      string // a UUID
	Name    string
	Created time.Time
}

// Binding says which upstream OpenID provider may say who the operators of a Domain are.
type Binding struct {
	ID       string // a UUID
	DomainID string
	Alias    string // unique in the Domain
	Name     string // shown to people
	Issuer   string // of the provider
	ClientID string // ours, at the provider
	Secret   []byte // sealed; nil: we are a public client there
	Primary  bool   // what a Domain uses where nothing is named; one at most
	Disabled bool
	// Creates lets a first sign-in make the person; otherwise it must have been linked before.
	Creates bool
	ACR     []string // one of these must be reached; nil: any
	AMR     []string // all of these must have been used
	Created time.Time
}

// Link ties a person to an identity at a provider. Identity is issuer and subject together, never the e-mail address.
type Link struct {
	Issuer    string
	Subject   string
	PersonID  string
	BindingID string // of the first sign-in
	Created   time.Time
}

// Projects is where projects are kept.
type Projects interface {
	// AddProject answers ErrTaken where the organisation has one of this name, or the id is in use, and ErrUnknown where
	// there is no such organisation.
	AddProject(ctx context.Context, project Project) error
	// ListProjects returns those of the organisations, by name and then id.
	ListProjects(ctx context.Context, organisationIDs []string) ([]Project, error)
}

// Domains is where Domains and their bindings are kept.
type Domains interface {
	AddDomain(ctx context.Context, domain Domain) error // ErrTaken
	Domain(ctx context.Context, id string) (Domain, error)
	// AddBinding answers ErrTaken where the id or the alias is in use or the Domain has a primary one already and this is
	// one too, and ErrUnknown where there is no such Domain.
	AddBinding(ctx context.Context, binding Binding) error
	Binding(ctx context.Context, id string) (Binding, error)
	// Bindings returns those of a Domain, by alias.
	Bindings(ctx context.Context, domainID string) ([]Binding, error)
	ChangeBinding(ctx context.Context, id string, change func(*Binding) error) (Binding, error)
}

// Links is where links are kept.
type Links interface {
	// PersonByLink answers ErrUnknown where nobody is linked.
	PersonByLink(ctx context.Context, issuer, subject string) (Person, error)
	// AddLink links a person who is there.
	AddLink(ctx context.Context, link Link) error // ErrTaken
	// AddPersonWithLink adds both in one transaction; ErrTaken for either.
	AddPersonWithLink(ctx context.Context, person Person, link Link) error
}

// FactorKind says what a second factor is.
type FactorKind string

// The kinds of second factors.
const (
	FactorTOTP FactorKind = "totp" // an authenticator app (RFC 6238)
	// FactorRecovery is a person's recovery codes, all in one row. By itself it is no factor: nobody is asked for one who has
	// no other, so that it never counts as confirmed.
	FactorRecovery FactorKind = "recovery"
)

// Factor is a second factor that somebody has enrolled.
type Factor struct {
	ID       string
	PersonID string
	Kind     FactorKind
	Name     string // what the person calls it
	Secret   []byte // sealed; of recovery codes the SHA-256 of each that is left
	LastStep int64  // the last time step whose code was used: each code counts once; 0 of recovery codes
	Created  time.Time
}

// Factors is where second factors are kept.
type Factors interface {
	AddFactor(ctx context.Context, factor Factor) error
	// Factors returns a person's, the oldest first.
	Factors(ctx context.Context, personID string) ([]Factor, error)
	// ChangeFactor runs change inside the transaction; its error undoes the change.
	ChangeFactor(ctx context.Context, id string, change func(*Factor) error) (Factor, error)
	RemoveFactor(ctx context.Context, id string) error
}
