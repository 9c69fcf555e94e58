package server_test

import (
	"testing"
	"time"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/server"
)

// TestPasswordGrant_OCT02: the password grant is for clients that are registered for it, and ends where a second factor counts:
// one whose enrolment was begun and left does not.
func TestPasswordGrant_OCT02(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *server.Config) { c.Seed = seed.Dev("") })
	ask := func(client, name, password string) answer {
		return r.post(t, "/token", "grant_type", "password", "client_id", client, "username", name, "password", password)
	}
	must(t, r.store.AddFactor(t.Context(), identity.Factor{
		ID: "begun", PersonID: "usr_1234567890", Kind: identity.FactorTOTP, Name: "Phone", Secret: []byte("x"), Created: time.Now(),
	}))
	if got := ask("octopipe", seed.John, seed.JohnPassword); got.status != 200 || got.json(t)["refresh_token"] == nil {
		t.Errorf("an enrolment that was left: %d %s", got.status, got.body)
	}
	_, err := r.store.ChangeFactor(t.Context(), "begun", func(f *identity.Factor) error { f.LastStep = 1; return nil })
	must(t, err)
	for name, test := range map[string]struct {
		got  answer
		code string
	}{
		"a factor that counts":     {ask("octopipe", seed.John, seed.JohnPassword), "interaction_required"},
		"the same, seeded":         {ask("octopipe", seed.Ada, seed.AdaPassword), "interaction_required"},
		"a wrong password":         {ask("octopipe", seed.John, "wrong"), "invalid_grant"},
		"nobody":                   {ask("octopipe", "nobody", "wrong"), "invalid_grant"},
		"no password":              {ask("octopipe", seed.John, ""), "invalid_request"},
		"a client that is not old": {ask("doorward", seed.John, seed.JohnPassword), "unsupported_grant_type"},
	} {
		if test.got.status != 400 || test.got.json(t)["error"] != test.code || test.got.json(t)["access_token"] != nil {
			t.Errorf("%s: %d %s, want %s", name, test.got.status, test.got.body, test.code)
		}
	}
}
