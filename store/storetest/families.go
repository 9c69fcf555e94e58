package storetest

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var familyTests = []test{
	{"families/every field is kept", familiesKept},
	{"families/a ready token found by its hash", familiesByToken},
	{"families/changed", familiesChanged},
	{"families/100 rotations at once lose none PIP-07", familiesRaced},
	{"families/100 machines at once", familiesMany},
	{"families/what a person holds, the last used first", familiesListed},
}

// family is of a person usr_1; its token hashes are made of its id.
func family(id string) authority.Family {
	f := authority.Family{
		ID: id, Kind: authority.FamilySession, ClientID: "c", PersonID: "usr_1", Scope: []string{"openid", rough},
		Audience: []string{"a", "b"}, Origin: origin(), How: "device", Methods: []string{"pwd"}, AuthTime: Now().Add(-time.Minute),
		Level: authority.LevelHigh, IssuedBy: "usr_2", Created: Now(), LastUsed: Now(), LastAddress: "192.0.2.1",
		Ends: Now().Add(time.Hour), KeyID: "k1", Salt: []byte{0, 1, 255}, Generation: 1 << 40, Rotated: Now(),
	}
	copy(f.Current[:], "current "+id)
	copy(f.Previous[:], "previous "+id)
	return f
}

// Every field comes back, of a family that lives and of one that ended.
func familiesKept(t *testing.T, s Store) {
	ctx := t.Context()
	full, bare := family("f1"), authority.Family{ID: "f2", Kind: authority.FamilySession}
	ended := family("f3")
	ended.Ended, ended.EndReason, ended.Ends = Now(), "replay", time.Time{}
	good(t, s.AddFamily(ctx, full, authority.After{Events: []authority.Event{event("e1")}}))
	good(t, s.AddFamily(ctx, bare, authority.After{}))
	good(t, s.AddFamily(ctx, ended, authority.After{}))
	for _, f := range []authority.Family{full, bare, ended} {
		found(t, f)(s.Family(ctx, f.ID))
	}
	is(t, s.AddFamily(ctx, full, authority.After{Events: []authority.Event{event("e2")}}), authority.ErrTaken)
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
	// Byte by byte: the id stands in a refresh token, and a second spelling would be a second token.
	for _, id := range []string{"F1", "f1 ", "", "f"} {
		gone[authority.Family](t, authority.ErrUnknown)(s.Family(ctx, id))
	}
	// Twins in everything but the id are two machines. The hashes of sessions need not be unique: they are looked at in the
	// family that the token names.
	twin := full
	twin.ID = "f4"
	good(t, s.AddFamily(ctx, twin, authority.After{}))
}

// A ready token is found by its own hash and, once it was renewed, by the one before: not by a value that was never a token
// (generation 0), and not where a session has that hash. Of two, the one whose current token it is comes first.
func familiesByToken(t *testing.T, s Store) {
	ctx := t.Context()
	session, ready := family("f1"), family("f2")
	ready.Kind = authority.FamilyReady
	good(t, s.AddFamily(ctx, session, authority.After{}))
	good(t, s.AddFamily(ctx, ready, authority.After{}))
	// Its previous hash was never that of a token, whatever stands in the field.
	first := family("f0")
	first.Kind, first.Generation = authority.FamilyReady, 0
	good(t, s.AddFamily(ctx, first, authority.After{}))
	found(t, ready)(s.FamilyByToken(ctx, ready.Current))
	found(t, ready)(s.FamilyByToken(ctx, ready.Previous))
	found(t, first)(s.FamilyByToken(ctx, first.Current))
	gone[authority.Family](t, authority.ErrUnknown)(s.FamilyByToken(ctx, first.Previous))
	gone[authority.Family](t, authority.ErrUnknown)(s.FamilyByToken(ctx, session.Previous))
	gone[authority.Family](t, authority.ErrUnknown)(s.FamilyByToken(ctx, session.Current))
	// The zero hash is that of nothing: a row without a token must not be found by it.
	gone[authority.Family](t, authority.ErrUnknown)(s.FamilyByToken(ctx, [32]byte{}))
	twin := ready
	twin.ID = "f3"
	is(t, s.AddFamily(ctx, twin, authority.After{}), authority.ErrTaken)
	old, renewed := ready.Current, ready
	renewed.Previous, renewed.Current = old, [32]byte{1, 2, 3}
	renewed.Ended, renewed.EndReason = Now(), "revoked" // the law, not the store, says that it is over
	found(t, renewed)(s.ChangeFamily(ctx, "f2", func(f *authority.Family) (authority.After, error) {
		*f = renewed
		return authority.After{}, nil
	}))
	found(t, renewed)(s.FamilyByToken(ctx, old))
	found(t, renewed)(s.FamilyByToken(ctx, [32]byte{1, 2, 3}))
	gone[authority.Family](t, authority.ErrUnknown)(s.FamilyByToken(ctx, ready.Previous))
	again := first
	again.ID, again.Current = "f4", old
	good(t, s.AddFamily(ctx, again, authority.After{}))
	// The value is the previous one of f2 and the current one of f4.
	found(t, again)(s.FamilyByToken(ctx, old))
}

// Both what a refresh changes and everything else is saved, in one family and in no other.
func familiesChanged(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddFamily(ctx, family("f1"), authority.After{}))
	good(t, s.AddFamily(ctx, family("f2"), authority.After{}))
	// A rotation: what a refresh changes.
	want := family("f1")
	rotate := func(f *authority.Family) {
		f.Generation, f.Previous, f.Current, f.Rotated = f.Generation+1, f.Current, [32]byte{9}, Now().Add(time.Minute)
		f.LastUsed, f.LastAddress, f.KeyID, f.Salt = Now().Add(time.Minute), rough, "k2", nil
	}
	rotate(&want)
	found(t, want)(s.ChangeFamily(ctx, "f1", func(f *authority.Family) (authority.After, error) {
		rotate(f)
		return authority.After{}, nil
	}))
	found(t, want)(s.Family(ctx, "f1"))
	// Everything but the id. Fields that a rotation never touches are another statement in some stores, which has to write
	// all of them.
	want = authority.Family{ID: "f1", Kind: authority.FamilyReady, PersonID: "usr_3", Ended: Now(), EndReason: rough, Level: 1}
	mark := authority.Mark{Kind: authority.MarkFamily, ID: "f1", Before: Now(), Made: Now(), Expires: Now().Add(time.Hour)}
	found(t, want)(s.ChangeFamily(ctx, "f1", func(f *authority.Family) (authority.After, error) {
		*f = want
		f.ID = "f2"
		return authority.After{Marks: []authority.Mark{mark}, Events: []authority.Event{event("e1")}}, nil
	}))
	found(t, want)(s.Family(ctx, "f1"))
	found(t, family("f2"))(s.Family(ctx, "f2"))
	found(t, authority.News{Marks: []authority.Mark{mark}})(s.NewsSince(ctx, Now(), Now()))
	changes(t, s, s.ChangeFamily, "f1", want, func(f *authority.Family) { f.Generation, f.Scope = 99, []string{"never"} })
	found(t, want)(s.Family(ctx, "f1"))
	// In place, in what a slice holds.
	found(t, family("f2"))(s.ChangeFamily(ctx, "f2", func(f *authority.Family) (authority.After, error) {
		f.Level = f.Level + 0
		return authority.After{}, nil
	}))
	want = family("f2")
	want.Scope[0] = "changed"
	found(t, want)(s.ChangeFamily(ctx, "f2", func(f *authority.Family) (authority.After, error) {
		f.Scope[0] = "changed"
		return authority.After{}, nil
	}))
	found(t, want)(s.Family(ctx, "f2"))
}

// A hundred refreshes of one family are a hundred generations, each on top of the one before, each with its event.
func familiesRaced(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddFamily(ctx, authority.Family{ID: "f1", Kind: authority.FamilySession}, authority.After{}))
	for _, err := range parallel(100, func(n int) error {
		_, err := s.ChangeFamily(ctx, "f1", func(f *authority.Family) (authority.After, error) {
			f.Generation++
			// By the salt it can be seen whether each change saw the one before: a lost update would leave its number out
			// (SEC-114).
			f.Salt = append(f.Salt, byte(n))
			return authority.After{Events: []authority.Event{{ID: strconv.Itoa(n), At: Now()}}}, nil
		})
		return err
	}) {
		good(t, err)
	}
	f, err := s.Family(ctx, "f1")
	good(t, err)
	var each [100]int
	for _, n := range f.Salt {
		each[n]++
	}
	for n, times := range each {
		same(t, fmt.Sprint(n, " ", times), fmt.Sprint(n, " ", 1))
	}
	same(t, f.Generation, int64(100))
	events, err := s.ListEvents(ctx, authority.EventFilter{Limit: 1000})
	good(t, err)
	same(t, len(events), 100)
}

// What was answered is there for the next reader at once, for a hundred machines that begin together.
func familiesMany(t *testing.T, s Store) {
	ctx := t.Context()
	for _, err := range parallel(100, func(n int) error {
		f := family("f" + strconv.Itoa(n))
		if err := s.AddFamily(ctx, f, authority.After{}); err != nil {
			return err
		}
		// At once after the answer: a reader of another connection, or of a replica that lags, would not find it (SEC-285).
		if got, err := s.Family(ctx, f.ID); err != nil || got.Current != f.Current {
			return fmt.Errorf("what was answered is not there: %w", err)
		}
		_, err := s.ChangeFamily(ctx, f.ID, func(f *authority.Family) (authority.After, error) {
			f.Generation = int64(n)
			return authority.After{}, nil
		})
		return err
	}) {
		good(t, err)
	}
	for n := range 100 {
		f, err := s.Family(ctx, "f"+strconv.Itoa(n))
		good(t, err)
		same(t, f.Generation, int64(n))
	}
}

// A person sees what is alive and their own, the last used first.
func familiesListed(t *testing.T, s Store) {
	ctx := t.Context()
	var want []authority.Family
	for n := range 4 {
		f := family("f" + strconv.Itoa(n))
		f.LastUsed = Now().Add(-time.Duration(n) * time.Microsecond)
		want = append(want, f)
	}
	want[3].Ends = time.Time{}
	ended, over, other, service := family("ended"), family("over"), family("other"), family("service")
	ended.Ended, over.Ends, other.PersonID, service.PersonID = Now(), Now(), "usr_2", ""
	for _, f := range []authority.Family{want[2], want[0], ended, over, other, service, want[3], want[1]} {
		good(t, s.AddFamily(ctx, f, authority.After{}))
	}
	found(t, want)(s.FamiliesOf(ctx, "usr_1", Now()))
	found(t, want[3:])(s.FamiliesOf(ctx, "usr_1", Now().Add(time.Hour)))
	found(t, []authority.Family{other})(s.FamiliesOf(ctx, "usr_2", Now()))
	found(t, []authority.Family(nil))(s.FamiliesOf(ctx, "usr_9", Now()))
	// Services have no person; nobody's list is theirs.
	found(t, []authority.Family(nil))(s.FamiliesOf(ctx, "", Now()))
}
