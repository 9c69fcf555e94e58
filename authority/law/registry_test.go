package law

import (
	"errors"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func TestRegistry_AddSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wrong := map[string]authority.Client{
		"no id":             {},
		"an id with spaces": {ID: "a b"},
		"SEC-055 a day":     {ID: "a", Access: 24 * time.Hour},
		"a wider default":   {ID: "a", Default: oauth.Scope{"x"}},
		"SEC-007":           {ID: "a", Redirects: []string{"javascript:alert(1)"}},
		"service in public": {ID: "a", Grants: []oauth.GrantType{oauth.GrantClientCredentials}},
	}
	for name, client := range wrong {
		if err := h.Registry.Add(t.Context(), client, "test"); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
}

func TestAuthenticate_SameRefusalForAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	right, hash := authority.NewClientSecret()
	for id, client := range map[string]authority.Client{
		"service": {ID: "service", SecretHash: hash}, "off": {ID: "off", SecretHash: hash, Disabled: true},
	} {
		if err := h.Registry.Add(t.Context(), client, "test"); err != nil {
			t.Fatal(id, err)
		}
	}
	if _, err := h.Registry.Authenticate(t.Context(), "service", right); err != nil {
		t.Errorf("the right secret: %v", err)
	}
	if _, err := h.Registry.Authenticate(t.Context(), "cli", secret.String{}); err != nil {
		t.Errorf("a public client: %v", err)
	}
	wrong := []struct{ id, given string }{
		{"service", ""}, {"service", "wrong"}, {"off", right.Reveal()}, {"nobody", ""}, {"nobody", "x"}, {"cli", "x"}, {"cli", right.Reveal()},
	}
	texts := make(map[string]bool)
	for _, w := range wrong {
		_, err := h.Registry.Authenticate(t.Context(), w.id, secret.New(w.given))
		if err == nil {
			t.Errorf("%v was let in", w)
			continue
		}
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d different refusals: %v", len(texts), texts)
	}
}

// TestRemove_ANamesakeInheritsNothing: what a removed client held stays over when its id is registered again, also when the
// mark of its removal is forgotten.
func TestRemove_ANamesakeInheritsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.login()
	ready, _, err := h.Sessions.IssueReady(t.Context(), login.ReadyAsk{
		Client: h.cli, PersonID: "usr_1", Scope: oauth.Scope{"openid"}, Level: authority.LevelHigh, How: "token",
	}, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Registry.Remove(t.Context(), h.cli.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(3 * time.Hour)
	h.open()
	again := h.cli
	again.Created = time.Time{}
	if err := h.Registry.Add(t.Context(), again, "admin"); err != nil {
		t.Fatal(err)
	}
	if h.cli, err = h.Registry.Client(t.Context(), again.ID); err != nil {
		t.Fatal(err)
	}
	h.refused(before.Refresh, h.cli)
	h.unknown("a ready token of the client before", ready.Reveal())
	if _, _, err := h.Sessions.RenewReady(t.Context(), ready, h.cli, authority.Origin{}); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("its renewal: %v", err)
	}
	h.rotate(h.login().Refresh)
}

// TestNamesake_SEC305_OfAWrongClock: a clock that ran a year ahead when a client was registered, and was set right, locks nobody out.
func TestNamesake_SEC305_OfAWrongClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ahead := h.cli
	ahead.ID, ahead.Created = "ahead", h.clock.Now().Add(365*24*time.Hour)
	if err := h.Registry.Add(t.Context(), ahead, "admin"); err != nil {
		t.Fatal(err)
	}
	h.cli = ahead
	redeemed := h.login()
	token := h.access(redeemed)
	if _, err := h.Tokens.Check(t.Context(), token); err != nil {
		t.Errorf("its token: %v", err)
	}
	h.rotate(redeemed.Refresh)
}

func TestRegistry_SEC059_AReadyClaimTakesNoNameOfAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "amr", "acr", "azp", "sid", "email", "name", "auth_time", "nbf", "jti"} {
		if err := h.Registry.Add(t.Context(), authority.Client{ID: "a", ReadyClaim: name}, "test"); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := h.Registry.Add(t.Context(), authority.Client{ID: "a", ReadyClaim: "rio_token"}, "test"); err != nil {
		t.Error(err)
	}
}
