package storetest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/identity"
)

var signInTests = []test{
	{"sign-ins/kept, expired ones unknown", signInsKept},
	{"sign-ins/renewed in one transaction", signInsRenewed},
	{"sign-ins/removed", signInsRemoved},
	{"invitations/used once", invitationsUsed},
	{"invitations/accepted by one of many", invitationsRaced},
	{"attempts/counted in their window", attemptsCounted},
	{"attempts/no try is lost among many", attemptsRaced},
}

// signIn lives for another hour.
func signIn(id, personID string) identity.SignIn {
	return identity.SignIn{
		ID: id, PersonID: personID, Methods: []string{"pwd", "otp"}, At: Now(), Expires: Now().Add(time.Hour),
		Address: "192.0.2.1", Agent: rough,
	}
}

// A sign-in that has expired is unknown, at the very microsecond too, and renews nothing: a stolen old cookie is worth nothing.
func signInsKept(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	in := signIn("s1", "usr_1")
	in.Agent = "a browser cut in half a rune: \xf0\x9f"
	good(t, s.AddSignIn(ctx, in))
	found(t, in)(s.SignIn(ctx, "s1"))
	is(t, s.AddSignIn(ctx, in), identity.ErrTaken)
	// Of nobody: it would be whoever is given that id one day.
	is(t, s.AddSignIn(ctx, signIn("s2", "usr_9")), identity.ErrUnknown)
	for id, expires := range map[string]time.Time{"past": Now().Add(-time.Second), "just now": Now(), "never set": {}} {
		old := signIn(id, "usr_1")
		old.Expires = expires
		good(t, s.AddSignIn(ctx, old))
		gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, id))
		is(t, s.RenewSignIn(ctx, id, signIn("new", "usr_1")), identity.ErrUnknown)
	}
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "new"))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "S1"))
}

// The old id ends with the same transaction that begins the new one (session fixation); a renewal that fails ends nothing.
func signInsRenewed(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddSignIn(ctx, signIn("s1", "usr_1")))
	good(t, s.AddSignIn(ctx, signIn("other", "usr_1")))
	good(t, s.RenewSignIn(ctx, "s1", signIn("s2", "usr_1")))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "s1"))
	found(t, signIn("s2", "usr_1"))(s.SignIn(ctx, "s2"))
	// The old value is dead: who was given it by an attacker, or stole it, cannot follow the renewal (SEC-204,
	// CVE-2026-30224).
	is(t, s.RenewSignIn(ctx, "s1", signIn("s3", "usr_1")), identity.ErrUnknown)
	is(t, s.RenewSignIn(ctx, "s2", signIn("other", "usr_1")), identity.ErrTaken)
	found(t, signIn("s2", "usr_1"))(s.SignIn(ctx, "s2"))
}

// Signing out ends one, and ending all of a person's sign-ins ends nobody else's.
func signInsRemoved(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddPerson(ctx, person("usr_2", "bob", "bob@example.org")))
	for id, who := range map[string]string{"a": "usr_1", "b": "usr_1", "c": "usr_1", "d": "usr_2"} {
		good(t, s.AddSignIn(ctx, signIn(id, who)))
	}
	good(t, s.RemoveSignIn(ctx, "a"))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "a"))
	found(t, signIn("b", "usr_1"))(s.SignIn(ctx, "b"))
	is(t, s.RemoveSignIn(ctx, "a"), identity.ErrUnknown)
	good(t, s.RemoveSignIns(ctx, "usr_1"))
	// Ending nothing is no error: what was asked for is so.
	good(t, s.RemoveSignIns(ctx, "usr_1"))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "b"))
	gone[identity.SignIn](t, identity.ErrUnknown)(s.SignIn(ctx, "c"))
	found(t, signIn("d", "usr_2"))(s.SignIn(ctx, "d"))
}

// The link that makes an administrator works once, and not after its time. A name that is taken does not use it up.
func invitationsUsed(t *testing.T, s Store) {
	ctx := t.Context()
	i := identity.Invitation{ID: "i1", Administrator: true, Created: Now(), Expires: Now().Add(time.Hour)}
	good(t, s.AddInvitation(ctx, i))
	is(t, s.AddInvitation(ctx, i), identity.ErrTaken)
	found(t, i)(s.Invitation(ctx, "i1"))
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	// The person and the use of the link are one transaction: a name that is taken leaves the first administrator a second
	// try.
	is(t, s.AcceptInvitation(ctx, "i1", person("usr_2", "Ada", "new@example.org")), identity.ErrTaken)
	found(t, i)(s.Invitation(ctx, "i1"))
	good(t, s.AcceptInvitation(ctx, "i1", person("usr_2", "bob", "bob@example.org")))
	found(t, person("usr_2", "bob", "bob@example.org"))(s.Person(ctx, "usr_2"))
	gone[identity.Invitation](t, identity.ErrUnknown)(s.Invitation(ctx, "i1"))
	// Used is unknown, like one that never was.
	is(t, s.AcceptInvitation(ctx, "i1", person("usr_3", "eve", "eve@example.org")), identity.ErrUnknown)
	good(t, s.AddInvitation(ctx, identity.Invitation{ID: "old", Expires: Now()}))
	gone[identity.Invitation](t, identity.ErrUnknown)(s.Invitation(ctx, "old"))
	is(t, s.AcceptInvitation(ctx, "old", person("usr_3", "eve", "eve@example.org")), identity.ErrUnknown)
	gone[identity.Person](t, identity.ErrUnknown)(s.Person(ctx, "usr_3"))
}

// Twenty who follow the link at once make one person.
func invitationsRaced(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddInvitation(ctx, identity.Invitation{ID: "i1", Expires: Now().Add(time.Hour)}))
	accepted := parallel(20, func(n int) error {
		name := strconv.Itoa(n)
		return s.AcceptInvitation(ctx, "i1", person("usr_"+name, name, name+"@example.org"))
	})
	once(t, accepted, identity.ErrUnknown)
	people, err := s.ListPeople(ctx, "", 100)
	good(t, err)
	same(t, len(people), 1)
}

// The window begins with the first try and does not slide, or a patient attacker could keep somebody locked out, and an
// impatient one would never be counted anew. Keys are compared as they are.
func attemptsCounted(t *testing.T, s Store) {
	ctx := t.Context()
	at := func(after time.Duration, want int) {
		t.Helper()
		found(t, want)(s.CountAttempt(ctx, rough, Now().Add(after), time.Minute))
	}
	at(0, 1)
	at(30*time.Second, 2)
	at(time.Minute, 3) // the first is as old as the window, and not older
	at(time.Minute+time.Microsecond, 1)
	at(2*time.Minute, 2)
	// A right one is taken back, and the window does not begin anew with it.
	good(t, s.TakeBackAttempt(ctx, rough))
	at(2*time.Minute, 2)
	good(t, s.TakeBackAttempt(ctx, "nobody"))
	found(t, 1)(s.CountAttempt(ctx, "another", Now(), time.Minute))
	for range 3 { // never below nothing
		good(t, s.TakeBackAttempt(ctx, "another"))
	}
	found(t, 1)(s.CountAttempt(ctx, "another", Now(), time.Minute))
	good(t, s.ClearAttempts(ctx, rough))
	good(t, s.ClearAttempts(ctx, rough))
	at(2*time.Minute, 1)
	found(t, 2)(s.CountAttempt(ctx, "another", Now(), time.Minute))
}

// A hundred tries at once get the numbers 1 to 100: a limit that counts after the check, or loses counts, is none.
func attemptsRaced(t *testing.T, s Store) {
	seen := make([]int, 101)
	var mutex sync.Mutex
	for _, err := range parallel(100, func(int) error {
		// Two that get the same number are one guess more than the limit (SEC-103, SEC-152, CVE-2024-4629).
		count, err := s.CountAttempt(t.Context(), "key", Now(), time.Minute)
		mutex.Lock()
		defer mutex.Unlock()
		if err == nil && count <= 100 {
			seen[count]++
		}
		return err
	}) {
		good(t, err)
	}
	for count, times := range seen[1:] {
		same(t, [2]int{count, times}, [2]int{count, 1})
	}
}
