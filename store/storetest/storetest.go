// Package storetest is the contract of the store: what identity and authority rely on, as one suite that every store has
// to pass. A store's own tests prove only what is its own: files, locks, failures of its machinery.
//
// What comes in is a function that opens an empty store; what goes out are subtests, one for each clause. The law it keeps:
// a clause asks only what identity and authority rely on, through their interfaces, so that it holds for any store and
// names no technology; and the races are run against every store, because what is "used once" (SEC-039, SEC-150, SEC-170)
// is decided there and nowhere else.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

// Store is every noun of identity and authority, and what the server asks of a store as such.
type Store interface {
	identity.People
	identity.Organisations
	identity.SignIns
	identity.Invitations
	identity.Attempts

	authority.Clients
	authority.Codes
	authority.DeviceRequests
	authority.Families
	authority.Feed
	authority.SigningKeys
	authority.Events

	// Ready reports whether the store answers: nil, or ErrUnavailable.
	Ready(ctx context.Context) error
	// Statements returns how many statements ran since the store was opened: all but those of NewsSince, and those.
	Statements() (all, catchUp uint64)
	// Close lets changes that have begun end; every later call answers ErrUnavailable. It may be called twice.
	Close() error
}

// Now is the moment at which the suite's world stands still: the clock that open has to give the store. Its microseconds
// are not zero, and its nanoseconds are: a store that keeps milliseconds is found out, and one that keeps microseconds is
// not (store/times).
func Now() time.Time { return time.Date(2026, time.November, 22, 12, 0, 0, 123_456_000, time.UTC) }

// rough is text that a careless store damages: NUL, a right-to-left override, runes of four bytes, quotes, and letters
// that grow or shrink where somebody folds them.
const rough = "a\x00b‮c😀𐍈'\"\\%_ ßİ\t\n"

// errChange is what a failing change function answers; it has to come back as it is.
var errChange = errors.New("storetest: no")

// test is one clause of the contract. Its name says what is promised, and goes into the name of the subtest. A clause gets
// a store of its own, so that clauses run at once and none hides what another has left behind.
type test struct {
	name string
	run  func(*testing.T, Store)
}

// Run holds every store that open makes against the contract. Each clause gets a store of its own, empty, whose clock is
// Now; open closes it at the end of its test.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	var tests []test
	tests = append(tests, peopleTests...)
	tests = append(tests, signInTests...)
	tests = append(tests, clientTests...)
	tests = append(tests, codeTests...)
	tests = append(tests, deviceTests...)
	tests = append(tests, familyTests...)
	tests = append(tests, feedTests...)
	tests = append(tests, keyTests...)
	tests = append(tests, eventTests...)
	tests = append(tests, storeTests...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// Races within a clause then run beside others, as they would in a server that is busy.
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// good fails the test where err is one.
func good(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// is fails the test where err is not want.
func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v and not %v", err, want)
	}
}

// same fails the test where got is not want; an empty list is as good as none.
func same(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(- wanted, + got)\n%s", diff)
	}
}

// found fails the test where a getter answered anything but want. It takes the getter's two results, so that a call reads
// as one line: found(t, want)(s.Person(ctx, id)).
func found[T any](t *testing.T, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		good(t, err)
		same(t, got, want)
	}
}

// gone fails the test where a getter found something, or failed otherwise than with want. The zero value beside the error
// counts: half a row that comes with an error would be used by somebody.
func gone[T any](t *testing.T, want error) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		is(t, err, want)
		var none T
		same(t, got, none)
	}
}
