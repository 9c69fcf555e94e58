package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

// changer is a noun's Change method.
type changer[T any] func(context.Context, string, func(*T) (authority.After, error)) (T, error)

// changes proves what every change function may rely on, on the row of id, which spoil makes another. It is called by the
// clauses of each noun that has a Change; what it stores beside the row is not looked at by anybody else.
func changes[T any](t *testing.T, s Store, change changer[T], id string, kept T, spoil func(*T)) {
	t.Helper()
	ctx := t.Context()
	taken := family("taken-" + id)
	good(t, s.AddFamily(ctx, taken, authority.After{}))
	// Later than anything that the clause itself has stored, so that the feed can be asked for these alone.
	far := Now().Add(time.Hour)
	never := authority.After{
		Events: []authority.Event{{ID: "never", Kind: "never", At: far}},
		Marks:  []authority.Mark{{Kind: authority.MarkPerson, ID: "never", Before: far, Made: far, Expires: far.Add(time.Hour)}},
	}
	// Its error undoes the change and comes back as it is.
	gone[T](t, errChange)(change(ctx, id, func(row *T) (authority.After, error) {
		spoil(row)
		return never, errChange
	}))
	// What else belongs to the change fails with it.
	gone[T](t, authority.ErrTaken)(change(ctx, id, func(row *T) (authority.After, error) {
		spoil(row)
		return authority.After{Family: &taken, Marks: never.Marks, Events: never.Events}, nil
	}))
	// A row that is not there is not made up.
	gone[T](t, authority.ErrUnknown)(change(ctx, id+" ", func(*T) (authority.After, error) {
		t.Error("there is nothing to change")
		return never, nil
	}))
	found(t, authority.News{})(s.NewsSince(ctx, far, far))
	found(t, []authority.Event(nil))(s.ListEvents(ctx, authority.EventFilter{Kind: "never"}))
	// ErrNoChange keeps the row and answers nil; what else was given is done.
	found(t, kept)(change(ctx, id, func(row *T) (authority.After, error) {
		spoil(row)
		return authority.After{Events: []authority.Event{{ID: "kept", Kind: "kept", At: far}}}, authority.ErrNoChange
	}))
	found(t, []authority.Event{{ID: "kept", Kind: "kept", At: far}})(s.ListEvents(ctx, authority.EventFilter{Kind: "kept"}))
	found(t, kept)(change(ctx, id, func(*T) (authority.After, error) { return authority.After{}, authority.ErrNoChange }))
}
