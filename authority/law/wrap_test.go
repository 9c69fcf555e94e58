package law

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestWrap_PIL16(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	token, err := h.Tokens.Wrap(h.cli, redeemed.Refresh, redeemed.Family.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := token.Reveal()
	claims := payload(t, wrapped)
	if claims["exp"] != float64(h.clock.Now().Add(time.Hour).Unix()) || claims["azp"] != "cli" || claims["sid"] != redeemed.Family.ID {
		t.Errorf("%v", claims)
	}
	if got := h.Tokens.Unwrap(wrapped); got != redeemed.Refresh.Reveal() {
		t.Errorf("unwrapped %q", got)
	}
	endless, err := h.Tokens.Wrap(h.cli, redeemed.Refresh, redeemed.Family.ID, 0)
	if _, there := payload(t, endless.Reveal())["exp"]; err != nil || there {
		t.Errorf("a session without an end: %v", payload(t, endless.Reveal()))
	}
	access := h.access(redeemed)
	for _, other := range []string{
		"", "x", redeemed.Refresh.Reveal(), access, "ey..", wrapped[:len(wrapped)-1], wrapped + "x", "e" + wrapped, strings.Repeat("ey.", 20000),
	} {
		if got := h.Tokens.Unwrap(other); got != other {
			t.Errorf("%.40q became %q", other, got)
		}
	}
	h.unknown("a wrapped refresh token", wrapped) // it is no access token

	if err := h.Tokens.Revoke(t.Context(), wrapped, h.cli, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Sessions.Rotate(t.Context(), secret.New(h.Tokens.Unwrap(wrapped)), h.cli, authority.Origin{}); err == nil {
		t.Error("PIL-13 it lives after its revocation")
	}
}

func TestNamed_PIL16(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	token, life, err := h.Tokens.Named(t.Context(), redeemed.Family, h.cli, oauth.Scope{"email"}, []string{"a", "b"})
	if err != nil || life != 10*time.Minute {
		t.Fatal(life, err)
	}
	person, err := h.store.Person(t.Context(), redeemed.Family.PersonID)
	if err != nil {
		t.Fatal(err)
	}
	claims := payload(t, token.Reveal())
	audience, _ := claims["aud"].([]any)
	if claims["azp"] != "cli" || claims["preferred_username"] != person.Username || person.Username == "" || len(audience) != 2 || claims["scope"] != "email" {
		t.Errorf("%v", claims)
	}
	if standing, err := h.Tokens.Check(t.Context(), token.Reveal()); err != nil || standing.PersonID != person.ID {
		t.Errorf("%+v %v", standing, err)
	}
	plain := payload(t, h.access(redeemed))
	if plain["azp"] != nil || plain["preferred_username"] != nil {
		t.Errorf("a usual token names the person: %v", plain)
	}
}
