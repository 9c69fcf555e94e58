package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

var storeTests = []test{
	{"store/times are kept to the microsecond, in UTC", storeTimes},
	{"store/a panic in a change function is the caller's own", storePanic},
	{"store/a caller who has left", storeLeft},
	{"store/closed", storeClosed},
}

// Times before 1970, of other zones, of the year 9999 and the zero time come back as the same moment in UTC, cut to the
// microsecond; and a change answers with what a later read will find.
func storeTimes(t *testing.T, s Store) {
	ctx := t.Context()
	zone := time.FixedZone("east", 5*3600+1800)
	f := family("f1")
	good(t, s.AddFamily(ctx, f, authority.After{}))
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0), time.Unix(-1, 999_999_999), Now().Add(999), Now().In(zone),
		time.Date(1815, 12, 10, 0, 0, 0, 1000, zone), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	} {
		want := at.UTC().Truncate(time.Microsecond)
		saved, err := s.ChangeFamily(ctx, f.ID, func(f *authority.Family) (authority.After, error) {
			f.Created, f.Rotated, f.AuthTime = at, at, at
			return authority.After{}, nil
		})
		good(t, err)
		read, err := s.Family(ctx, f.ID)
		good(t, err)
		same(t, read, saved)
		for _, got := range []time.Time{read.Created, read.Rotated, read.AuthTime, saved.Created} {
			if got != want || got.IsZero() != at.IsZero() {
				t.Fatalf("%v came back as %v", at, got)
			}
		}
	}
	c := code("c1")
	c.Approval.At, c.Approval.AuthTime, c.Request.At = Now().In(zone).Add(999), time.Time{}, Now().In(zone)
	good(t, s.AddCode(ctx, c, authority.After{}))
	c.Approval.At, c.Request.At = Now(), Now()
	got, err := readCode(t, s, "c1")
	good(t, err)
	if got.Approval.At != Now() || !got.Approval.AuthTime.IsZero() || got.Request.At != Now() {
		t.Fatalf("the times inside came back as %v, %v and %v", got.Approval.At, got.Approval.AuthTime, got.Request.At)
	}
}

// A panic in a change function is a bug of one request. It undoes its change, and the store lives on for all others.
func storePanic(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddFamily(ctx, family("f1"), authority.After{}))
	func() {
		defer func() { _ = recover() }() // a store may hand the panic on, or answer with an error
		_, err := s.ChangeFamily(ctx, "f1", func(f *authority.Family) (authority.After, error) {
			f.Generation = 99
			panic("storetest")
		})
		if err == nil {
			t.Error("a change that panicked was answered with success")
		}
	}()
	found(t, family("f1"))(s.Family(ctx, "f1"))
	good(t, s.AddFamily(ctx, family("f2"), authority.After{}))
}

// Who has left changes nothing, and who leaves in the middle disturbs nobody.
func storeLeft(t *testing.T, s Store) {
	ctx, leave := context.WithCancel(t.Context())
	leave()
	is(t, s.AddFamily(ctx, family("f1"), authority.After{}), context.Canceled)
	_, err := s.Family(ctx, "f1")
	is(t, err, context.Canceled)
	// Whoever leaves in the middle gets an answer, and the store goes on.
	ctx, leave = context.WithCancel(t.Context())
	good(t, s.AddFamily(ctx, family("f2"), authority.After{}))
	_, _ = s.ChangeFamily(ctx, "f2", func(f *authority.Family) (authority.After, error) {
		leave()
		return authority.After{}, nil
	})
	good(t, s.AddFamily(t.Context(), family("f3"), authority.After{}))
	found(t, family("f3"))(s.Family(t.Context(), "f3"))
}

// A closed store says that it cannot be reached: unknown would be an answer, and a wrong one.
func storeClosed(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.Ready(ctx))
	good(t, s.AddFamily(ctx, family("f1"), authority.After{}))
	good(t, s.Close())
	good(t, s.Close())
	is(t, s.Ready(ctx), authority.ErrUnavailable)
	is(t, s.AddFamily(ctx, family("f2"), authority.After{}), authority.ErrUnavailable)
	gone[authority.Family](t, authority.ErrUnavailable)(s.Family(ctx, "f1"))
	gone[identity.Person](t, authority.ErrUnavailable)(s.Person(ctx, "usr_1"))
	gone[authority.News](t, authority.ErrUnavailable)(s.NewsSince(ctx, Now(), Now()))
	_, err := s.ChangeFamily(ctx, "f1", func(*authority.Family) (authority.After, error) {
		t.Error("changed after Close")
		return authority.After{}, nil
	})
	is(t, err, authority.ErrUnavailable)
}
