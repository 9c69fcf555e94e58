package storetest

import (
	"testing"
	"time"

	"github.com/doorward/doorward/identity"
)

var peopleTests = []test{
	{"people/added, found, rough text kept", peopleAdded},
	{"people/names are one per person, however written", peopleTaken},
	{"people/changed inside the transaction", peopleChanged},
	{"people/removed with what hangs on them", peopleRemoved},
	{"people/listed by canonical user name, page by page", peopleListed},
	{"organisations/added, listed, members joined", organisationsKept},
	{"organisations/a member keeps the time of joining", organisationsMember},
}

// person has every field filled, so that one that a store forgets is missed.
func person(id, username, email string) identity.Person {
	return identity.Person{
		ID: id, Username: username, Email: email, Name: "Name of " + id, EmailVerified: true, Password: "$argon2id$" + id,
		PasswordChanged: Now().Add(-time.Hour), Administrator: true, Created: Now(),
	}
}

// What is added is found by its id and by either name, and by nothing that only resembles them: ids are no patterns, no
// prefixes and no SQL. Rough text comes back as it was, and two people without an e-mail address do not clash.
func peopleAdded(t *testing.T, s Store) {
	ctx := t.Context()
	full := person("usr_1", "Ada", "Ada@Example.org")
	full.Name = rough
	bare := identity.Person{ID: "usr_2", Username: "bare", Created: Now()}
	another := identity.Person{ID: "usr_3", Username: "another without e-mail"}
	for _, p := range []identity.Person{full, bare, another} {
		good(t, s.AddPerson(ctx, p))
		found(t, p)(s.Person(ctx, p.ID))
	}
	found(t, full)(s.PersonByName(ctx, "ada"))
	found(t, full)(s.PersonByName(ctx, "ada@example.org"))
	found(t, bare)(s.PersonByName(ctx, "bare"))
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByName(ctx, "nobody"))
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByName(ctx, ""))
	// One of these found would be a person acting as another (SEC-140, SEC-167).
	for _, id := range []string{"usr_", "usr_11", "USR_1", "usr_1 ", "usr_1\x00", "", "usr%", "usr_2' OR 1"} {
		gone[identity.Person](t, identity.ErrUnknown)(s.Person(ctx, id))
	}
}

// Whoever signs in with a name must be one person, or one could take another's place: by another spelling, or with a user
// name that is somebody's e-mail address. What was refused has left nothing behind.
func peopleTaken(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "Ada", "ada@example.org")))
	good(t, s.AddPerson(ctx, person("usr_2", "Bob", "bob@example.org")))
	// Names and addresses are one space, since either can be typed to sign in.
	for name, p := range map[string]identity.Person{
		"the id":                     person("usr_1", "new", "new@example.org"),
		"the user name":              person("usr_9", "Ada", "new@example.org"),
		"the user name folded":       person("usr_9", " aDA\t", "new@example.org"),
		"the e-mail address":         person("usr_9", "new", "ADA@EXAMPLE.ORG "),
		"an address as a user name":  person("usr_9", "Ada@example.org", "new@example.org"),
		"a user name as an address":  person("usr_9", "new", "ADA"),
		"both, of different persons": person("usr_9", "ada", "bob@example.org"),
	} {
		if err := s.AddPerson(ctx, p); err == nil {
			t.Fatalf("%s was given away twice", name)
		} else {
			is(t, err, identity.ErrTaken)
		}
	}
	gone[identity.Person](t, identity.ErrUnknown)(s.Person(ctx, "usr_9"))
	_, err := s.ChangePerson(ctx, "usr_2", func(p *identity.Person) error { p.Username = "ADA"; return nil })
	is(t, err, identity.ErrTaken)
	_, err = s.ChangePerson(ctx, "usr_2", func(p *identity.Person) error { p.Email = "Ada@Example.org"; return nil })
	is(t, err, identity.ErrTaken)
	found(t, person("usr_2", "Bob", "bob@example.org"))(s.Person(ctx, "usr_2"))
	// One's own address as one's own name takes nobody's place.
	good(t, s.AddPerson(ctx, person("usr_3", "same@example.org", "Same@example.org")))
}

// A change is read, made and saved in one transaction. The old names are free and unknown afterwards, and a failed change
// changes nothing.
func peopleChanged(t *testing.T, s Store) {
	ctx := t.Context()
	p := person("usr_1", "Ada", "ada@example.org")
	good(t, s.AddPerson(ctx, p))
	// Disabled and the password are in it: a change that lost one of them would let somebody in (SEC-123).
	want := identity.Person{ID: "usr_1", Username: "Lovelace", Name: rough, Disabled: true, Password: "new"}
	found(t, want)(s.ChangePerson(ctx, "usr_1", func(p *identity.Person) error { *p = want; return nil }))
	found(t, want)(s.Person(ctx, "usr_1"))
	found(t, want)(s.PersonByName(ctx, "lovelace"))
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByName(ctx, "ada"))
	gone[identity.Person](t, identity.ErrUnknown)(s.PersonByName(ctx, "ada@example.org"))
	gone[identity.Person](t, errChange)(s.ChangePerson(ctx, "usr_1", func(p *identity.Person) error {
		p.Name = "never"
		return errChange
	}))
	found(t, want)(s.Person(ctx, "usr_1"))
	_, err := s.ChangePerson(ctx, "usr_9", func(*identity.Person) error {
		t.Error("there is nobody to change")
		return nil
	})
	is(t, err, identity.ErrUnknown)
}

// With a person go the sign-ins and memberships, for good: who comes later under the same id does not inherit them.
func peopleRemoved(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddSignIn(ctx, signIn("s1", "usr_1")))
	good(t, s.AddOrganisation(ctx, identity.Organisation{ID: "org-1", Creator: "usr_1"}))
	good(t, s.SetMember(ctx, "org-1", "usr_1", identity.RoleAdmin, Now()))
	good(t, s.RemovePerson(ctx, "usr_1"))
	is(t, s.RemovePerson(ctx, "usr_1"), identity.ErrUnknown)
	gone[identity.Person](t, identity.ErrUnknown)(s.Person(ctx, "usr_1"))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "s1"))
	found(t, []identity.Membership(nil))(s.Memberships(ctx, "usr_1"))
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "s1"))
}

// Pages follow each other without a gap or a repetition, in the order of the bytes, whatever the database's locale is.
func peopleListed(t *testing.T, s Store) {
	ctx := t.Context()
	var want []identity.Person
	for _, name := range []string{"Zoe", "ada", "Bob", "b-b", "ämilie", "_x"} {
		good(t, s.AddPerson(ctx, person("usr_"+name, name, name+"@example.org")))
	}
	// By the bytes of the canonical name, in every locale.
	for _, name := range []string{"_x", "ada", "b-b", "Bob", "Zoe", "ämilie"} {
		want = append(want, person("usr_"+name, name, name+"@example.org"))
	}
	found(t, want)(s.ListPeople(ctx, "", 100))
	found(t, want[:2])(s.ListPeople(ctx, "", 2))
	found(t, want[2:4])(s.ListPeople(ctx, "ada", 2))
	found(t, want[4:])(s.ListPeople(ctx, "bob", 100))
	found(t, want[:0])(s.ListPeople(ctx, "ämilie", 100))
}

// Organisations come by id, memberships by the time of joining, each with its organisation.
func organisationsKept(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	var all []identity.Organisation
	for _, id := range []string{"org-a", "org-b", "org-c"} {
		o := identity.Organisation{ID: id, Name: rough, Short: "Ä", Creator: "usr_1", Created: Now()}
		good(t, s.AddOrganisation(ctx, o))
		all = append(all, o)
	}
	is(t, s.AddOrganisation(ctx, all[0]), identity.ErrTaken)
	found(t, all)(s.ListOrganisations(ctx, "", 10))
	found(t, all[1:2])(s.ListOrganisations(ctx, "org-a", 1))
	good(t, s.SetMember(ctx, "org-b", "usr_1", identity.RoleAdmin, Now()))
	good(t, s.SetMember(ctx, "org-a", "usr_1", identity.RoleMember, Now().Add(time.Second)))
	found(t, []identity.Membership{
		{Organisation: all[1], PersonID: "usr_1", Role: identity.RoleAdmin, Joined: Now()},
		{Organisation: all[0], PersonID: "usr_1", Role: identity.RoleMember, Joined: Now().Add(time.Second)},
	})(s.Memberships(ctx, "usr_1"))
	found(t, []identity.Membership(nil))(s.Memberships(ctx, "usr_2"))
}

// A change of role is no new membership, and there is none without an organisation and a person.
func organisationsMember(t *testing.T, s Store) {
	ctx := t.Context()
	o := identity.Organisation{ID: "org-a", Created: Now()}
	good(t, s.AddOrganisation(ctx, o))
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.SetMember(ctx, "org-a", "usr_1", identity.RoleMember, Now()))
	good(t, s.SetMember(ctx, "org-a", "usr_1", identity.RoleAdmin, Now().Add(time.Hour)))
	found(t, []identity.Membership{{Organisation: o, PersonID: "usr_1", Role: identity.RoleAdmin, Joined: Now()}})(
		s.Memberships(ctx, "usr_1"))
	is(t, s.SetMember(ctx, "org-9", "usr_1", identity.RoleMember, Now()), identity.ErrUnknown)
	is(t, s.SetMember(ctx, "org-a", "usr_9", identity.RoleMember, Now()), identity.ErrUnknown)
}
