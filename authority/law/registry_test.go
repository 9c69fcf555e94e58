package law

import (
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
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
