package authority

// The audit events of administration alone.
const (
	EventOrganisationAdded   EventKind = "organisation.added"
	EventOrganisationRemoved EventKind = "organisation.removed"
	EventMemberSet           EventKind = "member.set" // added, or given another role
	EventMemberRemoved       EventKind = "member.removed"
	EventProjectAdded        EventKind = "project.added"
	EventProjectRemoved      EventKind = "project.removed"
	EventDomainRemoved       EventKind = "domain.removed"
	EventBindingRemoved      EventKind = "binding.removed"
)
