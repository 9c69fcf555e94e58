package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/identity"
)

var federatedClauses = []clause{
	{"projects/one of a name in an organisation", projectsKept},
	{"domains/added and found", domainsKept},
	{"bindings/every field is kept, alias and primary are one's", bindingsKept},
	{"bindings/changed inside the transaction", bindingsChanged},
	{"bindings/one primary of many at once", bindingsRaced},
	{"links/issuer and subject are one person's", linksKept},
	{"links/a first sign-in makes person and link or neither", linksWithPerson},
	{"links/one person of many first sign-ins at once", linksRaced},
}

// A name is taken in its own organisation only, and is compared as it is written.
func projectsKept(t *testing.T, s More) {
	ctx := t.Context()
	for _, id := range []string{"org-a", "org-b", "org-c"} {
		good(t, s.AddOrganisation(ctx, identity.Organisation{ID: id}))
	}
	p := func(id, organisation, name string) identity.Project {
		return identity.Project{ID: id, OrganisationID: organisation, Name: name, Creator: "usr_1", Created: Now()}
	}
	all := []identity.Project{
		p("project-9", "org-a", "Same"), p("project-2", "org-a", "same"), p("project-3", "org-b", "same"),
		p("project-1", "org-a", "z"+rough),
	}
	for _, n := range []int{3, 1, 0, 2} {
		good(t, s.AddProject(ctx, all[n]))
	}
	good(t, s.AddProject(ctx, p("project-c", "org-c", "same")))
	is(t, s.AddProject(ctx, p("project-4", "org-a", "same")), identity.ErrTaken)
	is(t, s.AddProject(ctx, p("project-2", "org-b", "new")), identity.ErrTaken)
	is(t, s.AddProject(ctx, p("project-4", "org-9", "new")), identity.ErrUnknown)
	found(t, all)(s.ListProjects(ctx, []string{"org-b", "org-a", "org-9", "org-a"}))
	found(t, all[2:3])(s.ListProjects(ctx, []string{"org-b"}))
	found(t, []identity.Project(nil))(s.ListProjects(ctx, nil))
	found(t, []identity.Project(nil))(s.ListProjects(ctx, []string{"", "%", "ORG-A", "org-a' OR '1'='1"}))
	once(t, parallel(20, func(n int) error {
		return s.AddProject(ctx, p("project-r"+strconv.Itoa(n), "org-a", "raced"))
	}), identity.ErrTaken)
}

// A Domain is found by its id, as it is written.
func domainsKept(t *testing.T, s More) {
	ctx := t.Context()
	d := identity.Domain{ID: "d1", Name: rough, Created: Now()}
	good(t, s.AddDomain(ctx, d))
	good(t, s.AddDomain(ctx, identity.Domain{ID: "d2", Name: rough}))
	found(t, d)(s.Domain(ctx, "d1"))
	is(t, s.AddDomain(ctx, identity.Domain{ID: "d1"}), identity.ErrTaken)
	found(t, d)(s.Domain(ctx, "d1"))
	gone[identity.Domain](t, identity.ErrUnknown)(s.Domain(ctx, "D1"))
}

// binding has every field filled but Primary; its alias is its id.
func binding(id, domainID string) identity.Binding {
	return identity.Binding{
		ID: id, DomainID: domainID, Alias: id, Name: rough, Issuer: "https://idp.example.org/?a=1&b=<2>", ClientID: "c",
		Secret: []byte{0, 1, 255}, Disabled: true, Creates: true, ACR: []string{"2", rough}, AMR: []string{"pwd", "otp"}, Created: Now(),
	}
}

// An alias names one binding of its Domain, and a Domain has one primary binding at most, disabled or not. A public client's
// secret stays none.
func bindingsKept(t *testing.T, s More) {
	ctx := t.Context()
	for _, id := range []string{"d1", "d2"} {
		good(t, s.AddDomain(ctx, identity.Domain{ID: id}))
	}
	primary, elsewhere := binding("b2", "d1"), binding("b3", "d2")
	primary.Primary, elsewhere.Primary, elsewhere.Alias = true, true, "b2"
	bare := identity.Binding{ID: "b0", DomainID: "d1", Alias: "b3"}
	for _, b := range []identity.Binding{primary, bare, binding("b1", "d1"), elsewhere} {
		good(t, s.AddBinding(ctx, b))
		found(t, b)(s.Binding(ctx, b.ID))
	}
	// The alias of another Domain is free, and this Domain's is not.
	second, alias := binding("b9", "d1"), binding("b9", "d1")
	second.Primary, alias.Alias = true, "b2"
	is(t, s.AddBinding(ctx, second), identity.ErrTaken)
	is(t, s.AddBinding(ctx, alias), identity.ErrTaken)
	is(t, s.AddBinding(ctx, binding("b3", "d1")), identity.ErrTaken)
	is(t, s.AddBinding(ctx, binding("b9", "d9")), identity.ErrUnknown)
	gone[identity.Binding](t, identity.ErrUnknown)(s.Binding(ctx, "b9"))
	gone[identity.Binding](t, identity.ErrUnknown)(s.Binding(ctx, "B1"))
	found(t, []identity.Binding{binding("b1", "d1"), primary, bare})(s.Bindings(ctx, "d1"))
	found(t, []identity.Binding{elsewhere})(s.Bindings(ctx, "d2"))
	found(t, []identity.Binding(nil))(s.Bindings(ctx, "d9"))
}

// A change is saved whole or not at all, and cannot make what an addition could not.
func bindingsChanged(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddDomain(ctx, identity.Domain{ID: "d1"}))
	primary, want := binding("b1", "d1"), binding("b2", "d1")
	primary.Primary = true
	good(t, s.AddBinding(ctx, primary))
	good(t, s.AddBinding(ctx, want))
	refused := func(err error, change func(*identity.Binding)) {
		t.Helper()
		gone[identity.Binding](t, err)(s.ChangeBinding(ctx, "b2", func(b *identity.Binding) error { change(b); return nil }))
		found(t, want)(s.Binding(ctx, "b2"))
	}
	// With two primary ones, chance would choose the provider that vouches for people.
	refused(identity.ErrTaken, func(b *identity.Binding) { b.Primary, b.Name = true, "never" })
	refused(identity.ErrTaken, func(b *identity.Binding) { b.Alias = "b1" })
	refused(identity.ErrUnknown, func(b *identity.Binding) { b.DomainID = "d9" })
	gone[identity.Binding](t, errChange)(s.ChangeBinding(ctx, "b2", func(b *identity.Binding) error {
		// In place, in what a slice holds: a store that hands out its own slice would keep this.
		b.ACR[0] = "never"
		return errChange
	}))
	_, err := s.ChangeBinding(ctx, "b9", func(*identity.Binding) error {
		t.Error("there is nothing to change")
		return nil
	})
	is(t, err, identity.ErrUnknown)
	found(t, want)(s.Binding(ctx, "b2"))
	want = identity.Binding{ID: "b2", DomainID: "d1", Alias: rough}
	found(t, want)(s.ChangeBinding(ctx, "b2", func(b *identity.Binding) error {
		*b = want
		b.ID = "b1"
		return nil
	}))
	found(t, want)(s.Binding(ctx, "b2"))
	found(t, primary)(s.Binding(ctx, "b1"))
}

// Of twenty that become the primary one at once, one does.
func bindingsRaced(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddDomain(ctx, identity.Domain{ID: "d1"}))
	for n := range 20 {
		good(t, s.AddBinding(ctx, binding("b"+strconv.Itoa(n), "d1")))
	}
	once(t, parallel(20, func(n int) error {
		_, err := s.ChangeBinding(ctx, "b"+strconv.Itoa(n), func(b *identity.Binding) error { b.Primary = true; return nil })
		return err
	}), identity.ErrTaken)
}

// link is of the person's identity at a provider.
func link(subject, personID string) identity.Link {
	return identity.Link{Issuer: "https://idp.example.org", Subject: subject, PersonID: personID, BindingID: "b1", Created: Now()}
}

// Identity is issuer and subject together, byte by byte: neither alone, no other spelling, and never the e-mail address. It
// is gone with its person, for good.
func linksKept(t *testing.T, s More) {
	ctx := t.Context()
	ada, bob := person("usr_1", "ada", "ada@example.org"), person("usr_2", "bob", "bob@example.org")
	good(t, s.AddPerson(ctx, ada))
	good(t, s.AddPerson(ctx, bob))
	other := link("sub", "usr_2")
	// One slash more is another provider (SEC-183, SEC-188).
	other.Issuer = "https://idp.example.org/"
	for _, l := range []identity.Link{link("sub", "usr_1"), link(rough, "usr_1"), link("SUB", "usr_2"), other} {
		good(t, s.AddLink(ctx, l))
	}
	found(t, ada)(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
	found(t, ada)(s.PersonByLink(ctx, "https://idp.example.org", rough))
	found(t, bob)(s.PersonByLink(ctx, "https://idp.example.org", "SUB"))
	found(t, bob)(s.PersonByLink(ctx, "https://idp.example.org/", "sub"))
	// What the person is called here is no subject there: by an e-mail address anybody could be claimed (SEC-188, SEC-189).
	for _, subject := range []string{"", "sub ", "su", "%", "ada", "ada@example.org", "usr_1"} {
		gone[identity.Person](t, identity.ErrUnknown)(s.PersonByLink(ctx, "https://idp.example.org", subject))
	}
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByLink(ctx, "", "sub"))
	is(t, s.AddLink(ctx, link("sub", "usr_2")), identity.ErrTaken)
	is(t, s.AddLink(ctx, link("sub", "usr_1")), identity.ErrTaken)
	is(t, s.AddLink(ctx, link("new", "usr_9")), identity.ErrUnknown)
	found(t, ada)(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
	good(t, s.RemovePerson(ctx, "usr_1"))
	good(t, s.AddPerson(ctx, ada))
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
	good(t, s.AddLink(ctx, link("sub", "usr_2")))
	found(t, bob)(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
}

// A person whose identity is somebody's already, or whose name is taken, is not made; nor is the link.
func linksWithPerson(t *testing.T, s More) {
	ctx := t.Context()
	ada := person("usr_1", "ada", "ada@example.org")
	ada.Created = Now().Add(999 * time.Nanosecond)
	good(t, s.AddPersonWithLink(ctx, ada, link("sub", "usr_1")))
	ada.Created = Now()
	found(t, ada)(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
	// Neither the person without the link, who could never sign in, nor the link without the person.
	is(t, s.AddPersonWithLink(ctx, person("usr_2", "bob", "bob@example.org"), link("sub", "usr_2")), identity.ErrTaken)
	gone[identity.Person](t, identity.ErrUnknown)(s.Person(ctx, "usr_2"))
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByName(ctx, "bob"))
	is(t, s.AddPersonWithLink(ctx, person("usr_2", "Ada", "new@example.org"), link("new", "usr_2")), identity.ErrTaken)
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByLink(ctx, "https://idp.example.org", "new"))
	found(t, ada)(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
}

// Twenty tabs in which somebody signs in for the first time make one person.
func linksRaced(t *testing.T, s More) {
	ctx := t.Context()
	once(t, parallel(20, func(n int) error {
		id := "usr_" + strconv.Itoa(n)
		// Two people for one identity would be told apart by whichever row is found first (SEC-190).
		return s.AddPersonWithLink(ctx, person(id, id, id+"@example.org"), link("sub", id))
	}), identity.ErrTaken)
	people, err := s.ListPeople(ctx, "", 100)
	good(t, err)
	same(t, len(people), 1)
	found(t, people[0])(s.PersonByLink(ctx, "https://idp.example.org", "sub"))
}
