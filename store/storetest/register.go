package storetest

import (
	"testing"
	"time"

	"github.com/doorward/doorward/identity"
)

var registerClauses = []clause{
	{"register/an organisation's members are listed, and one leaves", registerMembers},
	{"register/an organisation goes with what belongs to it", registerOrganisation},
	{"register/a project goes alone", registerProject},
	{"register/Domains are listed, and go with their bindings", registerDomains},
	{"register/a binding goes, and who came through it keeps the link", registerBinding},
}

// crowd is two organisations with three people: Ada in both, Bob and Cyd in the first, who joined in another order than that
// of their ids.
func crowd(t *testing.T, s More) (first, second identity.Organisation) {
	t.Helper()
	ctx := t.Context()
	first = identity.Organisation{ID: "org-a", Name: rough, Short: "a", Creator: "usr_gone", Created: Now()}
	second = identity.Organisation{ID: "org-b", Name: "B"}
	good(t, s.AddOrganisation(ctx, first))
	good(t, s.AddOrganisation(ctx, second))
	for _, id := range []string{"usr_1", "usr_2", "usr_3"} {
		good(t, s.AddPerson(ctx, person(id, id, id+"@example.org")))
	}
	good(t, s.SetMember(ctx, "org-a", "usr_1", identity.RoleMember, Now().Add(time.Hour)))
	good(t, s.SetMember(ctx, "org-a", "usr_2", identity.RoleAdmin, Now()))
	good(t, s.SetMember(ctx, "org-a", "usr_3", identity.RoleMember, Now().Add(time.Hour)))
	good(t, s.SetMember(ctx, "org-b", "usr_1", identity.RoleAdmin, Now()))
	return first, second
}

// Members come as they joined, those of one moment by id, each with the organisation; who leaves one stays in the other.
func registerMembers(t *testing.T, s More) {
	ctx := t.Context()
	first, second := crowd(t, s)
	want := []identity.Membership{
		{Organisation: first, PersonID: "usr_2", Role: identity.RoleAdmin, Joined: Now()},
		{Organisation: first, PersonID: "usr_1", Role: identity.RoleMember, Joined: Now().Add(time.Hour)},
		{Organisation: first, PersonID: "usr_3", Role: identity.RoleMember, Joined: Now().Add(time.Hour)},
	}
	found(t, want)(s.Members(ctx, "org-a"))
	found(t, []identity.Membership(nil))(s.Members(ctx, "org-9"))
	found(t, []identity.Membership(nil))(s.Members(ctx, "ORG-A"))
	for _, pair := range [][2]string{{"org-a", "usr_9"}, {"org-9", "usr_1"}, {"org-b", "usr_2"}, {"usr_1", "org-a"}} {
		is(t, s.RemoveMember(ctx, pair[0], pair[1]), identity.ErrUnknown)
	}
	found(t, want)(s.Members(ctx, "org-a"))
	good(t, s.RemoveMember(ctx, "org-a", "usr_1"))
	is(t, s.RemoveMember(ctx, "org-a", "usr_1"), identity.ErrUnknown)
	found(t, []identity.Membership{want[0], want[2]})(s.Members(ctx, "org-a"))
	found(t, []identity.Membership{{Organisation: second, PersonID: "usr_1", Role: identity.RoleAdmin, Joined: Now()}})(s.Memberships(ctx, "usr_1"))
}

// Nothing of the organisation is left, and nothing of another one is touched; its people are still there.
func registerOrganisation(t *testing.T, s More) {
	ctx := t.Context()
	_, second := crowd(t, s)
	good(t, s.AddProject(ctx, identity.Project{ID: "project-1", OrganisationID: "org-a", Name: "same"}))
	kept := identity.Project{ID: "project-2", OrganisationID: "org-b", Name: "same", Created: Now()}
	good(t, s.AddProject(ctx, kept))
	is(t, s.RemoveOrganisation(ctx, "org-9"), identity.ErrUnknown)
	good(t, s.RemoveOrganisation(ctx, "org-a"))
	is(t, s.RemoveOrganisation(ctx, "org-a"), identity.ErrUnknown)
	found(t, []identity.Organisation{second})(s.ListOrganisations(ctx, "", 10))
	found(t, []identity.Membership(nil))(s.Members(ctx, "org-a"))
	found(t, []identity.Membership(nil))(s.Memberships(ctx, "usr_2"))
	found(t, []identity.Project{kept})(s.ListProjects(ctx, []string{"org-a", "org-b"}))
	found(t, person("usr_2", "usr_2", "usr_2@example.org"))(s.Person(ctx, "usr_2"))
	// The id is free again, and what was there does not come back with it.
	good(t, s.AddOrganisation(ctx, identity.Organisation{ID: "org-a"}))
	found(t, []identity.Membership(nil))(s.Members(ctx, "org-a"))
}

// A project's name is free when it is gone.
func registerProject(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddOrganisation(ctx, identity.Organisation{ID: "org-a"}))
	for _, id := range []string{"project-1", "project-2"} {
		good(t, s.AddProject(ctx, identity.Project{ID: id, OrganisationID: "org-a", Name: id}))
	}
	is(t, s.RemoveProject(ctx, "project-9"), identity.ErrUnknown)
	good(t, s.RemoveProject(ctx, "project-1"))
	is(t, s.RemoveProject(ctx, "project-1"), identity.ErrUnknown)
	found(t, []identity.Project{{ID: "project-2", OrganisationID: "org-a", Name: "project-2"}})(s.ListProjects(ctx, []string{"org-a"}))
	good(t, s.AddProject(ctx, identity.Project{ID: "project-3", OrganisationID: "org-a", Name: "project-1"}))
}

// Domains come by the bytes of their names, those of one name by id.
func registerDomains(t *testing.T, s More) {
	ctx := t.Context()
	found(t, []identity.Domain(nil))(s.ListDomains(ctx))
	all := []identity.Domain{{ID: "d3", Name: "Z"}, {ID: "d1", Name: "a"}, {ID: "d2", Name: "a"}, {ID: "d0", Name: "z" + rough, Created: Now()}}
	for _, n := range []int{2, 0, 3, 1} {
		good(t, s.AddDomain(ctx, all[n]))
	}
	good(t, s.AddBinding(ctx, binding("b1", "d1")))
	good(t, s.AddBinding(ctx, binding("b2", "d2")))
	found(t, all)(s.ListDomains(ctx))
	is(t, s.RemoveDomain(ctx, "d9"), identity.ErrUnknown)
	good(t, s.RemoveDomain(ctx, "d1"))
	is(t, s.RemoveDomain(ctx, "d1"), identity.ErrUnknown)
	found(t, []identity.Domain{all[0], all[2], all[3]})(s.ListDomains(ctx))
	gone[identity.Binding](t, identity.ErrUnknown)(s.Binding(ctx, "b1"))
	found(t, binding("b2", "d2"))(s.Binding(ctx, "b2"))
	is(t, s.AddBinding(ctx, binding("b3", "d1")), identity.ErrUnknown)
}

// The alias and the place of the primary binding are free again; the link is of the provider and stays.
func registerBinding(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddDomain(ctx, identity.Domain{ID: "d1"}))
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	first, second := binding("b1", "d1"), binding("b2", "d1")
	first.Primary, second.Primary, second.Alias = true, true, first.Alias
	good(t, s.AddBinding(ctx, first))
	good(t, s.AddLink(ctx, link("sub", "usr_1")))
	is(t, s.RemoveBinding(ctx, "b9"), identity.ErrUnknown)
	good(t, s.RemoveBinding(ctx, "b1"))
	is(t, s.RemoveBinding(ctx, "b1"), identity.ErrUnknown)
	found(t, []identity.Binding(nil))(s.Bindings(ctx, "d1"))
	good(t, s.AddBinding(ctx, second))
	found(t, []identity.Binding{second})(s.Bindings(ctx, "d1"))
	found(t, person("usr_1", "ada", "ada@example.org"))(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
}
