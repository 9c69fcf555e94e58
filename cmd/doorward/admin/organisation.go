package admin

import (
	"context"
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
)

// addOrganisation makes the organisation first and its administrator afterwards: one without members can be given them, while a
// membership needs its organisation.
func (o *Office) addOrganisation(r *http.Request) (any, error) {
	var ask desk.NewOrganisation
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	ctx := r.Context()
	if err := o.checkOrganisation(ctx, ask); err != nil {
		return nil, err
	}
	creator, err := o.optional(ctx, ask.Creator)
	if err != nil {
		return nil, err
	}
	made := identity.Organisation{ID: newID("org-"), Name: ask.Name, Short: ask.Short, Creator: creator.ID, Created: o.now()}
	if err := o.Organisations.AddOrganisation(ctx, made); err != nil {
		return nil, err
	}
	o.note(ctx, authority.Event{Kind: authority.EventOrganisationAdded, Detail: made.ID})
	if creator.ID != "" {
		if err := o.setRole(ctx, made, creator, identity.RoleAdmin); err != nil {
			return nil, partly(err, "The organisation was added as %s, but without its first member. Add them with 'org member add'.", made.ID)
		}
	}
	return shownOrganisation(made), nil
}

// checkOrganisation refuses names that cannot be kept, and those by which another one is found.
func (o *Office) checkOrganisation(ctx context.Context, ask desk.NewOrganisation) error {
	if err := identity.CheckName("name", ask.Name); err != nil {
		return err
	}
	if ask.Short != "" {
		if err := identity.CheckName("short name", ask.Short); err != nil {
			return err
		}
		if len(ask.Short) > 16 {
			return wrong("The short name must have 1 to 16 letters.")
		}
	}
	all, err := o.allOrganisations(ctx)
	for _, other := range all {
		if ask.Name == other.Name || ask.Short != "" && ask.Short == other.Short {
			return no(http.StatusConflict, "taken", "The name or the short name is that of the organisation "+other.ID+".")
		}
	}
	return err
}

// allOrganisations reads them page by page.
func (o *Office) allOrganisations(ctx context.Context) (all []identity.Organisation, err error) {
	for after := ""; ; after = all[len(all)-1].ID {
		page, err := o.Organisations.ListOrganisations(ctx, after, pageSize)
		if all = append(all, page...); err != nil || len(page) < pageSize {
			return all, err
		}
	}
}

// organisations lists all of them.
func (o *Office) organisations(r *http.Request) (any, error) {
	all, err := o.allOrganisations(r.Context())
	return shownAll(all, shownOrganisation), err
}

// organisation finds one by id, name or short name.
func (o *Office) organisation(ctx context.Context, ref string) (identity.Organisation, error) {
	all, err := o.allOrganisations(ctx)
	if err != nil {
		return identity.Organisation{}, err
	}
	return pick("organisation", ref, all, func(o identity.Organisation) string { return o.ID },
		func(o identity.Organisation) []string { return []string{o.Name, o.Short} })
}

// removeOrganisation leaves its people and what they hold: tokens say nothing of organisations, and whoever asks for those
// reads the memberships anew.
func (o *Office) removeOrganisation(r *http.Request) (any, error) {
	found, err := o.organisation(r.Context(), r.FormValue("organisation"))
	if err != nil {
		return nil, err
	}
	if err := o.Register.RemoveOrganisation(r.Context(), found.ID); err != nil {
		return nil, missing(err, "organisation", found.ID)
	}
	o.note(r.Context(), authority.Event{Kind: authority.EventOrganisationRemoved, Detail: found.ID})
	return shownOrganisation(found), nil
}

// setMember adds a member or changes a role. It answers with what was kept: who was a member keeps the time of joining.
func (o *Office) setMember(r *http.Request) (any, error) {
	var ask desk.NewMember
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	role := identity.Role(ask.Role)
	if role != identity.RoleMember && role != identity.RoleAdmin {
		return nil, wrong("A role is admin or member.")
	}
	organisation, person, err := o.membership(r.Context(), ask.Organisation, ask.User)
	if err == nil {
		err = o.setRole(r.Context(), organisation, person, role)
	}
	if err != nil {
		return nil, err
	}
	all, err := o.Register.Members(r.Context(), organisation.ID)
	for _, member := range all {
		if member.PersonID == person.ID {
			return shownMember(member, person), err
		}
	}
	return nil, missing(identity.ErrUnknown, "member", ask.User)
}

// setRole is the one place where a role is given, so that none is given without an event.
func (o *Office) setRole(ctx context.Context, organisation identity.Organisation, person identity.Person, role identity.Role) error {
	if err := o.Organisations.SetMember(ctx, organisation.ID, person.ID, role, o.now()); err != nil {
		return err
	}
	o.note(ctx, authority.Event{Kind: authority.EventMemberSet, PersonID: person.ID, Detail: organisation.ID + " " + string(role)})
	return nil
}

// membership finds the two that one is made of.
func (o *Office) membership(ctx context.Context, organisation, user string) (identity.Organisation, identity.Person, error) {
	found, err := o.organisation(ctx, organisation)
	if err != nil {
		return found, identity.Person{}, err
	}
	person, err := o.person(ctx, user)
	return found, person, err
}

// members lists memberships with the names of the people, which the memberships themselves do not hold.
func (o *Office) members(r *http.Request) (any, error) {
	organisation, err := o.organisation(r.Context(), r.FormValue("organisation"))
	if err != nil {
		return nil, err
	}
	all, err := o.Register.Members(r.Context(), organisation.ID)
	if err != nil {
		return nil, err
	}
	members := []desk.Member{}
	for _, member := range all {
		person, err := o.People.Person(r.Context(), member.PersonID)
		if err != nil {
			return nil, err
		}
		members = append(members, shownMember(member, person))
	}
	return members, nil
}

// removeMember leaves the account and its sessions, as removeOrganisation does.
func (o *Office) removeMember(r *http.Request) (any, error) {
	organisation, person, err := o.membership(r.Context(), r.FormValue("organisation"), r.FormValue("user"))
	if err != nil {
		return nil, err
	}
	if err := o.Register.RemoveMember(r.Context(), organisation.ID, person.ID); err != nil {
		return nil, missing(err, "member", person.Username)
	}
	o.note(r.Context(), authority.Event{Kind: authority.EventMemberRemoved, PersonID: person.ID, Detail: organisation.ID})
	return shownMember(identity.Membership{Organisation: organisation, PersonID: person.ID}, person), nil
}

// shownOrganisation is an organisation as administration shows one.
func shownOrganisation(o identity.Organisation) desk.Organisation {
	return desk.Organisation{ID: o.ID, Name: o.Name, Short: o.Short, Creator: o.Creator, Created: o.Created.UTC()}
}

// shownMember is a membership with the person's names.
func shownMember(m identity.Membership, p identity.Person) desk.Member {
	return desk.Member{
		OrganisationID: m.Organisation.ID, Organisation: m.Organisation.Name, PersonID: p.ID, Username: p.Username, Email: p.Email,
		Name: p.Name, Role: string(m.Role), Joined: m.Joined.UTC(),
	}
}

// shownAll shows each; none is an empty list, not null.
func shownAll[T, S any](all []T, shown func(T) S) []S {
	out := make([]S, 0, len(all))
	for _, one := range all {
		out = append(out, shown(one))
	}
	return out
}
