package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var feedTests = []test{
	{"feed/decisions since, while they have not expired", feedDecisions},
	{"feed/marks since, while they have not expired", feedMarks},
	{"feed/a second mark takes nothing back", feedMarkAgain},
	{"feed/marks and events together or not at all", feedTogether},
	{"feed/one statement, counted apart", feedCounted},
}

// news reads the feed in an order that can be compared.
func news(t *testing.T, s Store, since, now time.Time) authority.News {
	t.Helper()
	news, err := s.NewsSince(t.Context(), since, now)
	good(t, err)
	slices.SortFunc(news.Decisions, func(a, b authority.Decision) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(news.Marks, func(a, b authority.Mark) int {
		return strings.Compare(string(a.Kind)+a.ID, string(b.Kind)+b.ID)
	})
	return news
}

// A replica that missed an approval would let somebody wait, one that missed a denial would be worse: from since on,
// that moment included, all are told, and those that have expired no longer.
func feedDecisions(t *testing.T, s Store) {
	ctx := t.Context()
	states := []authority.DeviceState{authority.DeviceApproved, authority.DeviceDenied, authority.DeviceRedeemed}
	var want []authority.Decision
	for n, state := range states {
		d := device("d"+string(state), "CODE"+string(state))
		d.Expires = Now().Add(time.Duration(n+1) * time.Hour)
		good(t, s.AddDeviceRequest(ctx, d))
		decided := Now().Add(time.Duration(n) * time.Second)
		_, err := s.ChangeDeviceRequest(ctx, d.ID, func(d *authority.DeviceRequest) (authority.After, error) {
			d.State, d.Decided = state, decided
			return authority.After{}, nil
		})
		good(t, err)
		want = append(want, authority.Decision{ID: d.ID, State: state, Decided: decided, Expires: d.Expires})
	}
	// Never told: pending is what not knowing means, and millions of them must cost nobody a look.
	good(t, s.AddDeviceRequest(ctx, device("pending", "PENDING")))
	same(t, news(t, s, time.Time{}, Now()), authority.News{Decisions: want})
	// The moment itself is told again at the next look. Twice is harmless, and never would be a revocation that is not
	// heard of.
	same(t, news(t, s, Now(), Now()), authority.News{Decisions: want})
	same(t, news(t, s, Now().Add(time.Microsecond), Now()), authority.News{Decisions: want[1:]})
	same(t, news(t, s, Now(), want[0].Expires), authority.News{Decisions: want[1:]})
	same(t, news(t, s, Now(), want[2].Expires), authority.News{})
}

// mark ends what began a second before it was made.
func mark(kind authority.MarkKind, id string, made time.Time) authority.Mark {
	return authority.Mark{Kind: kind, ID: id, Before: made.Add(-time.Second), Made: made, Expires: made.Add(time.Hour)}
}

// The same for marks, whose times are when they were made, and not what they end.
func feedMarks(t *testing.T, s Store) {
	first := mark(authority.MarkClient, rough, Now())
	second, third := mark(authority.MarkFamily, "f", Now().Add(time.Second)), mark(authority.MarkPerson, "f", Now().Add(time.Second))
	good(t, s.AddMarks(t.Context(), authority.After{Marks: []authority.Mark{first, second, third}}))
	same(t, news(t, s, time.Time{}, Now()), authority.News{Marks: []authority.Mark{first, second, third}})
	same(t, news(t, s, first.Made, Now()), authority.News{Marks: []authority.Mark{first, second, third}})
	same(t, news(t, s, second.Made, Now()), authority.News{Marks: []authority.Mark{second, third}})
	same(t, news(t, s, time.Time{}, first.Expires), authority.News{Marks: []authority.Mark{second, third}})
	same(t, news(t, s, time.Time{}, second.Expires), authority.News{})
}

// A mark that arrives late, from a replica whose clock is behind, does not let back in what a later one has ended.
func feedMarkAgain(t *testing.T, s Store) {
	m := mark(authority.MarkPerson, "usr_1", Now())
	early := mark(authority.MarkPerson, "usr_1", Now().Add(-time.Minute))
	late := mark(authority.MarkPerson, "usr_1", Now().Add(time.Minute))
	// Of a person there is one mark, and it only ever reaches further.
	for _, step := range []struct{ add, want authority.Mark }{{m, m}, {early, m}, {late, late}} {
		good(t, s.AddMarks(t.Context(), authority.After{Marks: []authority.Mark{step.add}}))
		same(t, news(t, s, time.Time{}, Now()), authority.News{Marks: []authority.Mark{step.want}})
	}
}

// An event without its mark, or a mark without its event, would be a lie.
func feedTogether(t *testing.T, s Store) {
	ctx := t.Context()
	f, m := family("f1"), mark(authority.MarkPerson, "usr_1", Now())
	after := authority.After{Family: &f, Marks: []authority.Mark{m}, Events: []authority.Event{event("e1")}}
	good(t, s.AddMarks(ctx, after))
	found(t, f)(s.Family(ctx, "f1"))
	after.Marks = []authority.Mark{mark(authority.MarkPerson, "usr_2", Now())}
	after.Events = []authority.Event{event("e2")}
	// The family is in use: with it, the mark and the event of this call are undone.
	is(t, s.AddMarks(ctx, after), authority.ErrTaken)
	same(t, news(t, s, time.Time{}, Now()), authority.News{Marks: []authority.Mark{m}})
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
}

// The proof that a pending poll costs no statement rests on these two numbers.
func feedCounted(t *testing.T, s Store) {
	ctx := t.Context()
	all, catchUp := s.Statements()
	for range 3 {
		_, err := s.NewsSince(ctx, Now(), Now())
		good(t, err)
	}
	allThen, catchUpThen := s.Statements()
	same(t, [2]uint64{allThen - all, catchUpThen - catchUp}, [2]uint64{0, 3})
	_, err := s.Family(ctx, "none")
	is(t, err, authority.ErrUnknown)
	good(t, s.AddFamily(ctx, family("f1"), authority.After{}))
	allLast, catchUpLast := s.Statements()
	if allLast < allThen+2 || catchUpLast != catchUpThen {
		t.Fatalf("a read and a write count %d and %d", allLast-allThen, catchUpLast-catchUpThen)
	}
}
