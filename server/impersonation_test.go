package server_test

import (
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/server"
)

// TestImpersonation_PIL05: what came of a key that an administrator issued keeps the person and the administrator.
func TestImpersonation_PIL05(t *testing.T) {
	t.Parallel()
	const john, ada = "usr_1234567890", "usr_ada1815120"
	r := start(t, func(c *server.Config) { c.Contracts, c.Seed = contracts.All(), seed.Dev("") })
	if got := r.do(t, "GET", "/realms/pilot/api-key/"+seed.AdaKey, ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	families, err := r.store.FamiliesOf(t.Context(), ada, time.Now())
	must(t, err)
	if len(families) != 1 || families[0].IssuedBy != john || families[0].PersonID != ada || families[0].APIKeyID == "" || families[0].How != "api key" {
		t.Errorf("%+v", families)
	}
	events, err := r.store.ListEvents(t.Context(), authority.EventFilter{PersonID: ada, Kind: authority.EventAPIKeyIssued})
	must(t, err)
	if len(events) != 1 || events[0].Actor != john {
		t.Errorf("%+v", events)
	}
}
