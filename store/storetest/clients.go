package storetest

import (
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var clientTests = []test{
	{"clients/every field is kept", clientsKept},
	{"clients/changed with what else belongs to it", clientsChanged},
	{"clients/removed with what else belongs to it", clientsRemoved},
}

// client has every field filled, with values of which each would be damaged by another mistake.
func client(id string) authority.Client {
	c := authority.Client{
		ID: id, Name: rough, SecretHash: []byte{0, 1, 255}, Redirects: []string{"http://127.0.0.1/callback", rough},
		Scope: []string{"openid", rough}, Default: []string{"openid"}, Audience: "https://api.example.org",
		Resources: []string{"https://r.example.org/?a=1&b=<2>"}, Algorithm: "RS256", Refreshing: authority.RefreshOffline,
		Introspects: true, Access: 10 * time.Minute, Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour, Replay: time.Nanosecond,
		TokenPrefix: "dwt_", Disabled: true, Created: Now(),
	}
	c.Grants = append(c.Grants, "authorization_code", "urn:ietf:params:oauth:grant-type:device_code")
	return c
}

// Every field comes back: a redirect URI or a limit that got lost would be a hole. No secret stays no secret.
func clientsKept(t *testing.T, s Store) {
	ctx := t.Context()
	full, bare := client("b"), authority.Client{ID: "a"}
	for _, c := range []authority.Client{full, bare} {
		good(t, s.AddClient(ctx, c))
		found(t, c)(s.Client(ctx, c.ID))
		is(t, s.AddClient(ctx, c), authority.ErrTaken)
	}
	got, err := s.Client(ctx, "a")
	good(t, err)
	// An empty secret in the place of none would be a secret that everybody knows.
	if !got.Public() {
		t.Fatal("a public client came back with a secret")
	}
	found(t, []authority.Client{bare, full})(s.ListClients(ctx))
	// Ids are compared byte by byte: a database that folds case or cuts blanks would let one client pass for another
	// (SEC-041).
	for _, id := range []string{"A", "b ", "", "%"} {
		gone[authority.Client](t, authority.ErrUnknown)(s.Client(ctx, id))
	}
}

// Marks and events of a change are there when the change is.
func clientsChanged(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddClient(ctx, authority.Client{ID: "a", Name: "before"}))
	want := client("a")
	mark := authority.Mark{Kind: authority.MarkClient, ID: "a", Before: Now(), Made: Now(), Expires: Now().Add(time.Hour)}
	after := authority.After{Marks: []authority.Mark{mark}, Events: []authority.Event{event("e1")}}
	found(t, want)(s.ChangeClient(ctx, "a", func(c *authority.Client) (authority.After, error) {
		*c = want
		return after, nil
	}))
	found(t, want)(s.Client(ctx, "a"))
	found(t, authority.News{Marks: after.Marks})(s.NewsSince(ctx, Now(), Now()))
	found(t, after.Events)(s.ListEvents(ctx, authority.EventFilter{}))
	changes(t, s, s.ChangeClient, "a", want, func(c *authority.Client) { c.Name = "never" })
	found(t, want)(s.Client(ctx, "a"))
}

// A client goes together with what else that means, or not at all.
func clientsRemoved(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddClient(ctx, client("a")))
	good(t, s.AddFamily(ctx, family("f1"), authority.After{}))
	again := family("f1")
	// Whatever fails in After undoes the removal: a client that has gone without its mark would leave its tokens good.
	is(t, s.RemoveClient(ctx, "a", authority.After{Family: &again}), authority.ErrTaken)
	found(t, client("a"))(s.Client(ctx, "a"))
	good(t, s.RemoveClient(ctx, "a", authority.After{Events: []authority.Event{event("e1")}}))
	gone[authority.Client](t, authority.ErrUnknown)(s.Client(ctx, "a"))
	is(t, s.RemoveClient(ctx, "a", authority.After{Events: []authority.Event{event("e2")}}), authority.ErrUnknown)
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
}
