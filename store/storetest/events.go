package storetest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var eventTests = []test{
	{"events/every field is kept", eventsKept},
	{"events/chosen by each field, the newest first", eventsChosen},
}

// event has every field filled.
func event(id string) authority.Event {
	return authority.Event{
		ID: id, At: Now(), Kind: authority.EventApproved, PersonID: "usr_1", Actor: "admin", ClientID: "c", FamilyID: "f",
		Address: "192.0.2.1", Machine: rough, Detail: rough,
	}
}

// Every field comes back, the newest first; nothing to tell is no error.
func eventsKept(t *testing.T, s Store) {
	ctx := t.Context()
	bare := authority.Event{ID: "bare", Kind: authority.EventSignOut, At: Now().Add(time.Second)}
	good(t, s.AddEvents(ctx, event("e1"), bare))
	// A change that tells of nothing is the usual one.
	good(t, s.AddEvents(ctx))
	found(t, []authority.Event{bare, event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
}

// Each field of a filter narrows the list, all together too; of events at one time the one told last comes first.
func eventsChosen(t *testing.T, s Store) {
	ctx := t.Context()
	var all []authority.Event
	for n := range 150 {
		e := authority.Event{
			ID: strconv.Itoa(n), At: Now().Add(time.Duration(n/2) * time.Microsecond), PersonID: "p" + strconv.Itoa(n%2),
			ClientID: "c" + strconv.Itoa(n%3), FamilyID: "f" + strconv.Itoa(n%5), Kind: authority.EventKind("k" + strconv.Itoa(n%7)),
		}
		// Two at each moment: the order of events at one time is that in which they were told.
		all = append(all, e)
	}
	good(t, s.AddEvents(ctx, all[:100]...))
	good(t, s.AddEvents(ctx, all[100:]...))
	slices.Reverse(all)
	check := func(filter authority.EventFilter, limit int, keep func(authority.Event) bool) {
		t.Helper()
		want := slices.DeleteFunc(slices.Clone(all), func(e authority.Event) bool { return !keep(e) })
		found(t, want[:min(limit, len(want))])(s.ListEvents(ctx, filter))
	}
	since := Now().Add(70 * time.Microsecond)
	// The default limit: a filter that was forgotten must not load ninety days into memory.
	check(authority.EventFilter{}, 100, func(authority.Event) bool { return true })
	check(authority.EventFilter{Limit: 3}, 3, func(authority.Event) bool { return true })
	check(authority.EventFilter{Limit: 1000}, 1000, func(authority.Event) bool { return true })
	check(authority.EventFilter{PersonID: "p1"}, 100, func(e authority.Event) bool { return e.PersonID == "p1" })
	check(authority.EventFilter{ClientID: "c1"}, 100, func(e authority.Event) bool { return e.ClientID == "c1" })
	check(authority.EventFilter{FamilyID: "f1"}, 100, func(e authority.Event) bool { return e.FamilyID == "f1" })
	check(authority.EventFilter{Kind: "k1"}, 100, func(e authority.Event) bool { return e.Kind == "k1" })
	check(authority.EventFilter{Since: since}, 100, func(e authority.Event) bool { return !e.At.Before(since) })
	check(authority.EventFilter{PersonID: "p1", ClientID: "c1", FamilyID: "f1", Kind: "k1", Since: Now(), Limit: 2}, 2,
		func(e authority.Event) bool {
			return e.PersonID == "p1" && e.ClientID == "c1" && e.FamilyID == "f1" && e.Kind == "k1"
		})
	// Compared as they are: what one person did is not told of another.
	check(authority.EventFilter{PersonID: "P1"}, 100, func(authority.Event) bool { return false })
}
