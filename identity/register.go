package identity

import "context"

// What administration asks of the store beside what the services do every day. Each list and each removal is one statement,
// and what hangs on a row goes with it.

// OrganisationRegister lists and removes what belongs to organisations.
type OrganisationRegister interface {
	// Members lists an organisation's memberships, the first joined first; one that is not there has none.
	Members(ctx context.Context, organisationID string) ([]Membership, error)
	// RemoveMember answers ErrUnknown for somebody who is no member.
	RemoveMember(ctx context.Context, organisationID, personID string) error
	// RemoveOrganisation removes its memberships and projects too; ErrUnknown where there is none.
	RemoveOrganisation(ctx context.Context, id string) error
	// RemoveProject answers ErrUnknown where there is none.
	RemoveProject(ctx context.Context, id string) error
}

// DomainRegister lists and removes Domains and bindings.
type DomainRegister interface {
	// ListDomains returns all of them, by name and then id.
	ListDomains(ctx context.Context) ([]Domain, error)
	// RemoveDomain removes its bindings too; ErrUnknown where there is none.
	RemoveDomain(ctx context.Context, id string) error
	// RemoveBinding leaves the links of those who came through it: they name the provider and not the binding. ErrUnknown
	// where there is none.
	RemoveBinding(ctx context.Context, id string) error
}

// CheckName refuses a name of an organisation, a project, a Domain or the like that cannot be kept or shown, with a
// *FieldError for field: it needs 1 to 100 printable characters, without spaces around them.
func CheckName(field, name string) error {
	if !showable(name, 100) {
		return &FieldError{field, "The " + field + " must have 1 to 100 characters, all of them printable, without spaces around them."}
	}
	return nil
}
