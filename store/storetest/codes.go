package storetest

import (
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var codeTests = []test{
	{"codes/every field is kept", codesKept},
	{"codes/redeemed with the family", codesRedeemed},
	{"codes/redeemed by one of many", codesRaced},
}

// cutAgent is what a browser called itself, cut to length in the middle of a rune.
const cutAgent = "Agent \xf0\x9f"

// origin has a machine label and an agent that a text column of the wrong kind would refuse.
func origin() authority.Origin {
	return authority.Origin{Address: "2001:db8::1", Agent: cutAgent, Machine: rough}
}

// approval is by a person who signed in a minute ago.
func approval() authority.Approval {
	return authority.Approval{
		PersonID: "usr_1", Scope: []string{"openid", rough}, Methods: []string{"pwd"}, AuthTime: Now().Add(-time.Minute), At: Now(),
		Address: "192.0.2.1",
	}
}

// code has not been redeemed.
func code(id string) authority.Code {
	return authority.Code{
		ID: id, Approval: approval(), Expires: Now().Add(time.Minute),
		Request: authority.AuthorizationRequest{
			ID: "r1", ClientID: "c", RedirectURI: "http://127.0.0.1:1/c?a=<b>&c", State: rough, Nonce: "n", Scope: []string{"openid"},
			Challenge: "challenge", Audience: []string{"a", "b"}, Login: true, MaxAge: -1, Origin: origin(), At: Now(),
		},
	}
}

// readCode reads a code: there is no getter, since a code is read to be redeemed.
func readCode(t *testing.T, s Store, id string) (authority.Code, error) {
	t.Helper()
	return s.ChangeCode(t.Context(), id, func(*authority.Code) (authority.After, error) {
		return authority.After{}, authority.ErrNoChange
	})
}

// Every field comes back, the request's and the approval's among them: the redemption is checked against them.
func codesKept(t *testing.T, s Store) {
	ctx := t.Context()
	full, bare := code("hash"), authority.Code{ID: "bare", Expires: Now()}
	good(t, s.AddCode(ctx, full, authority.After{Events: []authority.Event{event("e1")}}))
	good(t, s.AddCode(ctx, bare, authority.After{}))
	found(t, full)(readCode(t, s, "hash"))
	found(t, bare)(readCode(t, s, "bare"))
	// A code is never overwritten: what was redeemed would be fresh again.
	is(t, s.AddCode(ctx, full, authority.After{Events: []authority.Event{event("e2")}}), authority.ErrTaken)
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
	gone[authority.Code](t, authority.ErrUnknown)(readCode(t, s, "HASH"))
}

// The redemption and the family that it begins are one change: a crash leaves both or neither.
func codesRedeemed(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddCode(ctx, code("hash"), authority.After{}))
	want, begun := code("hash"), family("f1")
	want.Redeemed, want.FamilyID = Now(), "f1"
	found(t, want)(s.ChangeCode(ctx, "hash", func(c *authority.Code) (authority.After, error) {
		c.Redeemed, c.FamilyID = Now(), "f1"
		return authority.After{Family: &begun, Events: []authority.Event{event("e1")}}, nil
	}))
	// Without the family a redeemed code would be a login that is lost, and a family without the redemption two logins
	// (SEC-037).
	found(t, begun)(s.Family(ctx, "f1"))
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
	changes(t, s, s.ChangeCode, "hash", want, func(c *authority.Code) { c.FamilyID = "never" })
	found(t, want)(readCode(t, s, "hash"))
}

// Fifty who redeem one code at once begin one family.
func codesRaced(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddCode(ctx, code("hash"), authority.After{}))
	once(t, parallel(50, func(n int) error {
		begun := family("f" + string(rune('A'+n)))
		_, err := s.ChangeCode(ctx, "hash", func(c *authority.Code) (authority.After, error) {
			// The function sees the row as it is inside the transaction; one that saw an older one would let two through
			// (SEC-038, SEC-039).
			if !c.Redeemed.IsZero() {
				return authority.After{}, authority.ErrUsed
			}
			c.Redeemed, c.FamilyID = Now(), begun.ID
			return authority.After{Family: &begun}, nil
		})
		return err
	}), authority.ErrUsed)
	families, err := s.FamiliesOf(ctx, "usr_1", Now())
	good(t, err)
	same(t, len(families), 1)
	redeemed, err := readCode(t, s, "hash")
	good(t, err)
	same(t, redeemed.FamilyID, families[0].ID)
}
