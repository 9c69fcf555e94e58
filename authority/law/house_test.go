package law

import (
	"errors"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authtest/clock"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// house is an authority with one person and a few clients, for the tests of its law.
type house struct {
	*Authority
	t      *testing.T
	store  *memoryStore
	clock  *clock.Clock
	master *keys.Master
	cli    authority.Client // public, every grant
	other  authority.Client // public, every grant, somebody else's
}

const redirect = "http://127.0.0.1/callback"

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, store: newMemoryStore(), clock: clock.New(), master: keys.NewMaster()}
	h.open()
	for _, id := range []string{"cli", "other"} {
		client := authority.Client{
			ID: id, Name: "The " + id, Redirects: []string{redirect}, Access: 10 * time.Minute, Idle: 14 * 24 * time.Hour,
			Absolute: 30 * 24 * time.Hour, Scope: oauth.ParseScope("openid profile email offline_access"), Default: oauth.Scope{"openid"},
			Grants: []oauth.GrantType{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken},
		}
		if err := h.Registry.Add(t.Context(), client, "test"); err != nil {
			t.Fatal(err)
		}
		h.cli, h.other = h.other, client
	}
	if err := h.store.AddPerson(t.Context(), identity.Person{
		ID: "usr_1", Username: "johndoe", Email: "user@example.com", Name: "John Doe", Created: h.clock.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

// open opens an authority on the house's store, as a start, a restart or a second replica does.
func (h *house) open() {
	h.t.Helper()
	h.Authority = h.replica()
}

func (h *house) replica() *Authority {
	h.t.Helper()
	a := New(Config{
		Issuer: "https://id.example", Store: h.store, People: h.store, Attempts: h.store, APIKeys: h.store, Master: h.master, Now: h.clock.Now,
		Algorithms: []keys.Alg{keys.ES256},
	})
	if err := a.Load(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return a
}

// approve makes a code for the client.
func (h *house) approve(client authority.Client, verifier oauth.Verifier) secret.String {
	h.t.Helper()
	target, err := h.Logins.Approve(h.t.Context(), authority.AuthorizationRequest{
		ClientID: client.ID, RedirectURI: redirect, State: "s", Nonce: "n", Scope: oauth.ParseScope("openid email"),
		Challenge: verifier.Challenge(), Audience: []string{"https://id.example"}, Origin: authority.Origin{Machine: "build-7"},
	}, h.approval())
	if err != nil {
		h.t.Fatal(err)
	}
	return secret.New(parameter(h.t, target, "code"))
}

func (h *house) approval() authority.Approval {
	return authority.Approval{
		PersonID: "usr_1", Scope: oauth.ParseScope("openid email"), Methods: []string{"pwd"}, AuthTime: h.clock.Now(), At: h.clock.Now(),
	}
}

// login makes a session and returns it with its first refresh token.
func (h *house) login() login.Redeemed {
	h.t.Helper()
	verifier := oauth.NewVerifier()
	redeemed, err := h.Logins.Redeem(h.t.Context(), login.CodeRedemption{
		Client: h.cli, Code: h.approve(h.cli, verifier), RedirectURI: redirect, Verifier: verifier,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return redeemed
}

// rotate refreshes and expects success.
func (h *house) rotate(token secret.String) secret.String {
	h.t.Helper()
	_, next, err := h.Sessions.Rotate(h.t.Context(), token, h.cli, authority.Origin{Address: "192.0.2.1"})
	if err != nil {
		h.t.Fatalf("refresh: %v", err)
	}
	return next
}

// refused refreshes and expects invalid_grant.
func (h *house) refused(token secret.String, client authority.Client) {
	h.t.Helper()
	if _, _, err := h.Sessions.Rotate(h.t.Context(), token, client, authority.Origin{}); !errors.Is(err, oauth.InvalidGrant) {
		h.t.Fatalf("refresh: %v, want invalid_grant", err)
	}
}

// events counts the events of a kind.
func (h *house) events(kind authority.EventKind) int {
	h.t.Helper()
	events, err := h.store.ListEvents(h.t.Context(), authority.EventFilter{Kind: kind})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(events)
}
