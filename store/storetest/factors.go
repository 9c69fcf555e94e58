package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/doorward/doorward/identity"
)

var factorClauses = []clause{
	{"factors/every field is kept, the oldest first", factorsKept},
	{"factors/changed inside the transaction", factorsChanged},
	{"factors/SEC-170 one step is taken by one of many", factorsRaced},
	{"factors/SEC-176 a recovery code is taken by one of many", recoveryRaced},
}

// factor is an authenticator app.
func factor(id, personID string) identity.Factor {
	return identity.Factor{
		ID: id, PersonID: personID, Kind: identity.FactorTOTP, Name: rough, Secret: []byte{0, 1, 255}, LastStep: 1 << 40, Created: Now(),
	}
}

// Every field comes back, the oldest factor first; and factors are gone with their person, for good.
func factorsKept(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddPerson(ctx, person("usr_2", "bob", "bob@example.org")))
	oldest, bare := factor("f9", "usr_1"), identity.Factor{ID: "f2", PersonID: "usr_1", Created: Now().Add(time.Microsecond)}
	oldest.Created = Now().Add(-time.Microsecond)
	for _, f := range []identity.Factor{bare, factor("f1", "usr_1"), oldest, factor("f3", "usr_2")} {
		good(t, s.AddFactor(ctx, f))
	}
	found(t, []identity.Factor{oldest, factor("f1", "usr_1"), bare})(s.Factors(ctx, "usr_1"))
	found(t, []identity.Factor{factor("f3", "usr_2")})(s.Factors(ctx, "usr_2"))
	found(t, []identity.Factor(nil))(s.Factors(ctx, ""))
	is(t, s.AddFactor(ctx, factor("f1", "usr_2")), identity.ErrTaken)
	is(t, s.AddFactor(ctx, factor("f4", "usr_9")), identity.ErrUnknown)
	good(t, s.RemoveFactor(ctx, "f2"))
	is(t, s.RemoveFactor(ctx, "f2"), identity.ErrUnknown)
	is(t, s.RemoveFactor(ctx, "F1"), identity.ErrUnknown)
	found(t, []identity.Factor{oldest, factor("f1", "usr_1")})(s.Factors(ctx, "usr_1"))
	good(t, s.RemovePerson(ctx, "usr_1"))
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	found(t, []identity.Factor(nil))(s.Factors(ctx, "usr_1"))
	found(t, []identity.Factor{factor("f3", "usr_2")})(s.Factors(ctx, "usr_2"))
}

// Both the step and everything else is saved; an error undoes the change and comes back as it is.
func factorsChanged(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddFactor(ctx, factor("f1", "usr_1")))
	want := factor("f1", "usr_1")
	want.LastStep++
	found(t, want)(s.ChangeFactor(ctx, "f1", func(f *identity.Factor) error { f.LastStep++; return nil }))
	gone[identity.Factor](t, errChange)(s.ChangeFactor(ctx, "f1", func(f *identity.Factor) error {
		f.LastStep, f.Secret[0] = 99, 99
		return errChange
	}))
	found(t, []identity.Factor{want})(s.Factors(ctx, "usr_1"))
	want.Name, want.Secret = "new", []byte("resealed")
	found(t, want)(s.ChangeFactor(ctx, "f1", func(f *identity.Factor) error {
		f.ID, f.Name, f.Secret = "f2", "new", []byte("resealed")
		return nil
	}))
	found(t, []identity.Factor{want})(s.Factors(ctx, "usr_1"))
	want.Secret = []byte("Resealed") // in place, in what the slice holds
	found(t, want)(s.ChangeFactor(ctx, "f1", func(f *identity.Factor) error { f.Secret[0] = 'R'; return nil }))
	found(t, []identity.Factor{want})(s.Factors(ctx, "usr_1"))
	_, err := s.ChangeFactor(ctx, "f2", func(*identity.Factor) error {
		t.Error("there is nothing to change")
		return nil
	})
	is(t, err, identity.ErrUnknown)
}

// Fifty who show the code of one step at once are one: each change sees what the one before it left.
func factorsRaced(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddFactor(ctx, factor("f1", "usr_1")))
	const step = 1<<40 + 1
	once(t, parallel(50, func(int) error {
		_, err := s.ChangeFactor(ctx, "f1", func(f *identity.Factor) error {
			if f.LastStep >= step {
				return identity.ErrWrong
			}
			f.LastStep = step
			return nil
		})
		return err
	}), identity.ErrWrong)
}

// Recovery codes are one row, from whose secret each that is used goes: of fifty who bring one, one finds it, and nobody loses
// another's. A row from which all have gone is still there.
func recoveryRaced(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	row := factor("f1", "usr_1")
	row.Kind, row.Secret, row.LastStep = identity.FactorRecovery, []byte("abc"), 0
	good(t, s.AddFactor(ctx, row))
	take := func(code byte) error {
		_, err := s.ChangeFactor(ctx, "f1", func(f *identity.Factor) error {
			at := bytes.IndexByte(f.Secret, code)
			if at < 0 {
				return identity.ErrWrong
			}
			f.Secret = slices.Delete(slices.Clone(f.Secret), at, at+1)
			return nil
		})
		return err
	}
	once(t, parallel(50, func(int) error { return take('b') }), identity.ErrWrong)
	row.Secret = []byte("ac")
	found(t, []identity.Factor{row})(s.Factors(ctx, "usr_1"))
	for _, err := range parallel(2, func(i int) error { return take("ac"[i]) }) {
		good(t, err)
	}
	rows, err := s.Factors(ctx, "usr_1")
	good(t, err)
	if len(rows) != 1 || len(rows[0].Secret) != 0 || rows[0].Kind != identity.FactorRecovery {
		t.Errorf("after the last code: %+v", rows)
	}
	is(t, take('a'), identity.ErrWrong)
}
