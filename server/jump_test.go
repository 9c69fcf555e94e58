package server_test

import (
	"testing"
	"time"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/server"
)

// TestClockJumps moves the server's clock under sessions that live.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	clock := &server.Clock{}
	r := start(t, func(c *server.Config) { c.Clock, c.Seed = clock, seed.Dev("") })
	refresh := func(token string) answer {
		return r.post(t, "/token", "grant_type", "refresh_token", "client_id", "doorward", "refresh_token", token)
	}
	for _, by := range []time.Duration{5 * time.Minute, -5 * time.Minute, time.Hour, -time.Hour} {
		t.Run("nobody is logged out by "+by.String(), func(t *testing.T) {
			token := refreshTokens(t, r, 1)[0]
			clock.Advance(by)
			defer clock.Advance(-by)
			got := refresh(token)
			if got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			body := got.json(t)
			if got := r.do(t, "GET", "/userinfo", "", "Authorization", "Bearer "+body["access_token"].(string)); got.status != 200 {
				t.Errorf("the new access token: %d %s", got.status, got.body)
			}
			if again := refresh(body["refresh_token"].(string)); again.status != 200 {
				t.Errorf("the successor: %d %s", again.status, again.body)
			}
		})
	}
}
