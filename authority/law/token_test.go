package law

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func (h *house) access(redeemed login.Redeemed) string {
	h.t.Helper()
	token, life, err := h.Tokens.Access(redeemed.Family, h.cli, redeemed.Family.Scope, redeemed.Family.Audience)
	if err != nil || life != 10*time.Minute {
		h.t.Fatalf("life %v, %v", life, err)
	}
	return token.Reveal()
}

func (h *house) unknown(what, token string) {
	h.t.Helper()
	if _, err := h.Tokens.Check(h.t.Context(), token); !errors.Is(err, authority.ErrUnknown) {
		h.t.Errorf("%s: %v, want ErrUnknown", what, err)
	}
}

func TestCheck_SEC055_ATokenSaysWhoseItIsUntilItEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	token := h.access(redeemed)
	standing, err := h.Tokens.Check(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if standing.PersonID != "usr_1" || standing.ClientID != "cli" || standing.FamilyID != redeemed.Family.ID || !standing.Scope.Has("email") {
		t.Errorf("standing %+v", standing)
	}
	h.clock.Advance(10*time.Minute - time.Second)
	if _, err := h.Tokens.Check(t.Context(), token); err != nil {
		t.Errorf("before its end: %v", err)
	}
	h.clock.Advance(time.Second)
	h.unknown("after its end", token)
}

// TestAccess_SEC121_NotBeyondTheSession: a session's end is the end of its access tokens.
func TestAccess_SEC121_NotBeyondTheSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	h.clock.Set(redeemed.Family.Ends.Add(-time.Minute))
	token, life, err := h.Tokens.Access(redeemed.Family, h.cli, redeemed.Family.Scope, redeemed.Family.Audience)
	if err != nil || life != time.Minute {
		t.Fatalf("a minute before the end: life %v, %v", life, err)
	}
	standing, err := h.Tokens.Check(t.Context(), token.Reveal())
	if err != nil || standing.Expires.After(redeemed.Family.Ends) {
		t.Errorf("it expires at %v, after the session at %v; %v", standing.Expires, redeemed.Family.Ends, err)
	}
}

// TestCheck_NotBeforeItWasMade: a clock that was set back, or a key used by hand, makes no token of tomorrow.
func TestCheck_NotBeforeItWasMade(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.access(h.login())
	h.clock.Advance(-9 * time.Second)
	if _, err := h.Tokens.Check(t.Context(), token); err != nil {
		t.Errorf("between two replicas whose clocks differ a little: %v", err)
	}
	h.clock.Advance(-2 * time.Second)
	h.unknown("a token of the future", token)
}

func TestCheck_OnlyAccessTokensOfThisAuthority(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	token := h.access(redeemed)
	id, err := h.Tokens.ID(t.Context(), redeemed.Family, h.cli, "n", secret.New(token), secret.String{})
	if err != nil {
		t.Fatal(err)
	}
	h.unknown("an ID token", id.Reveal())
	h.unknown("a refresh token", redeemed.Refresh.Reveal())
	h.unknown("another authority's", newHouse(t).access(newHouse(t).login()))
	h.unknown("a changed one", token[:len(token)-2]+"AA")
	neighbour := New(Config{
		Issuer: "https://other.example", Store: h.store, People: h.store, Attempts: h.store, Master: h.master, Now: h.clock.Now,
		Algorithms: []keys.Alg{keys.ES256},
	})
	if err := neighbour.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	foreign, _, err := neighbour.Tokens.Access(redeemed.Family, h.cli, redeemed.Family.Scope, redeemed.Family.Audience)
	if err != nil {
		t.Fatal(err)
	}
	h.unknown("one of another issuer with the same keys", foreign.Reveal())
	h.unknown("nothing", "")
	h.unknown("a megabyte", strings.Repeat("a.", 1<<19))
}

func TestCheck_ADisabledClientsTokensAreOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.access(h.login())
	if _, err := h.Registry.Change(t.Context(), "cli", "test", func(c *authority.Client) error { c.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	h.unknown("a disabled client's", token)
}

func TestIDToken_SEC059_Claims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	id, err := h.Tokens.ID(t.Context(), redeemed.Family, h.cli, redeemed.Nonce, secret.New("access"), secret.String{})
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := h.Keyring.Ring().Verify(id.Reveal(), "JWT")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": h.Issuer, "sub": "usr_1", "aud": "cli", "nonce": "n", "sid": redeemed.Family.ID, "email": "user@example.com",
		"at_hash": "oFYf1knNtrqnhAVfBRuteQ", "exp": float64(h.clock.Now().Unix() + 600), "email_verified": false,
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if _, ok := got["name"]; ok {
		t.Error("a name without the scope profile")
	}
	if got["auth_time"] != float64(h.clock.Now().Unix()) {
		t.Errorf("auth_time is %v, and the person has signed in now", got["auth_time"])
	}
}

// TestIDToken_SEC059_MoreOfIt: the names with the scope for them, the ready token under its name, and nothing twice.
func TestIDToken_SEC059_MoreOfIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	family := h.login().Family
	family.Scope = oauth.ParseScope("openid profile")
	client := h.cli
	client.ReadyClaim = "rio_token"
	id, err := h.Tokens.ID(t.Context(), family, client, "", secret.New("access"), secret.New("dwt_x"))
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := h.Keyring.Ring().Verify(id.Reveal(), "JWT")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"name": "John Doe", "preferred_username": "johndoe", "rio_token": "dwt_x", "email": nil, "nonce": nil} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// TestIDToken_SEC059_HashOfEdDSA: verifiers hash with what the signature hashes with.
func TestIDToken_SEC059_HashOfEdDSA(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := New(Config{
		Issuer: "https://id.example", Store: newMemoryStore(), People: h.store, Attempts: h.store, Master: h.master, Now: h.clock.Now,
		Algorithms: []keys.Alg{keys.EdDSA},
	})
	if err := a.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := a.Tokens.ID(t.Context(), h.login().Family, h.cli, "", secret.New("access"), secret.String{})
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := a.Keyring.Ring().Verify(id.Reveal(), "JWT")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("access"))
	if want := `"at_hash":"` + base64.RawURLEncoding.EncodeToString(sum[:32]) + `"`; !strings.Contains(string(body), want) {
		t.Errorf("%s, want %s in it", body, want)
	}
}

func TestReadyToken_PIP26_PrefixLevelAndRevocation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	client := h.cli
	client.TokenPrefix = "sat_"
	token, family, err := h.Sessions.IssueReady(t.Context(), login.ReadyAsk{
		Client: client, PersonID: "usr_1", Level: authority.LevelMedium, Scope: oauth.Scope{"openid"},
	}, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	text := token.Reveal()
	if !strings.HasPrefix(text, "sat_") || !authority.Intact(text) {
		t.Errorf("a token of an odd form")
	}
	standing, err := h.Tokens.Check(t.Context(), text)
	if err != nil || !standing.Ready || standing.Level != authority.LevelMedium || !standing.Expires.Equal(family.Ends) {
		t.Fatalf("%+v, %v", standing, err)
	}
	h.clock.Advance(7*24*time.Hour - time.Second)
	if _, err := h.Tokens.Check(t.Context(), text); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	if err := h.Tokens.Revoke(t.Context(), text, h.other, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Tokens.Check(t.Context(), text); err != nil {
		t.Errorf("SEC-132: another client revoked it: %v", err)
	}
	if err := h.Tokens.Revoke(t.Context(), text, h.cli, ""); err != nil {
		t.Fatal(err)
	}
	h.unknown("a revoked one", text)
	h.open()
	h.unknown("a revoked one, after a restart", text)
}

func TestRevoke_SEC132_SEC134_AnyTokenOfTheSession(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access", "refresh", "old refresh"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			redeemed := h.login()
			token := redeemed.Refresh.Reveal()
			last := redeemed.Refresh
			if kind == "access" {
				token = h.access(redeemed)
			} else if kind == "old refresh" {
				last = h.rotate(h.rotate(last))
			}
			if err := h.Tokens.Revoke(t.Context(), token, h.other, ""); err != nil {
				t.Fatal(err)
			}
			last = h.rotate(last)
			if err := h.Tokens.Revoke(t.Context(), token, h.cli, ""); err != nil {
				t.Fatal(err)
			}
			h.refused(last, h.cli)
			if err := h.Tokens.Revoke(t.Context(), "nothing of ours", h.cli, ""); err != nil {
				t.Errorf("SEC-134: %v", err)
			}
			delete(h.store.families, redeemed.Family.ID) // as the sweep takes it, some time after its end
			if err := h.Tokens.Revoke(t.Context(), redeemed.Refresh.Reveal(), h.cli, ""); err != nil {
				t.Errorf("SEC-134, of a session that is forgotten: %v", err)
			}
		})
	}
}

// TestRevoke_SEC135_NothingIsEndedBySilence: a store that is down is not a token that was never there, and a service's token
// has no session to end.
func TestRevoke_SEC135_NothingIsEndedBySilence(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, _, err := h.Tokens.Service(h.cli, oauth.Scope{"openid"}, []string{h.Issuer})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Tokens.Revoke(t.Context(), service.Reveal(), h.cli, ""); err != nil {
		t.Errorf("a service's token: %v", err)
	}
	redeemed := h.login()
	h.store.fail(authority.ErrUnavailable)
	for _, token := range []string{redeemed.Refresh.Reveal(), "dwt_that-nobody-knows"} {
		if err := h.Tokens.Revoke(t.Context(), token, h.cli, ""); !errors.Is(err, authority.ErrUnavailable) {
			t.Errorf("while the store is down: %v", err)
		}
	}
}
