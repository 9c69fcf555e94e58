package endpoint_test

import (
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/oauth"
)

// race sends the same body to the token endpoints of the replicas in turn, all at once, and returns the answers.
func (h *house) race(count int, urls []string, body string) []answer {
	h.t.Helper()
	answers := make([]answer, count)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = h.at(urls[i%len(urls)], "POST", "/token", body, "Content-Type", formType, "Prefer", "wait=10")
		})
	}
	all.Wait()
	return answers
}

// oneFamily checks that all successes are one session with one refresh token, and that there is one.
func oneFamily(t *testing.T, answers []answer) {
	t.Helper()
	sessions, tokens := map[any]int{}, map[any]int{}
	for _, got := range answers {
		switch got.status {
		case 200:
			body := got.json(t)
			sessions[body["sid"]]++
			tokens[body["refresh_token"]]++
		case 400:
			got.is(t, 400, got.json(t)["error"].(string))
		default:
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if len(sessions) != 1 || len(tokens) != 1 {
		t.Errorf("sessions %v, refresh tokens %d, want one of each", sessions, len(tokens))
	}
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	h := open(t)
	urls := []string{h.url}
	for range 2 {
		_, url := h.replica(0)
		urls = append(urls, url)
	}
	t.Run("SEC-039 one code, a hundred times, three replicas", func(t *testing.T) {
		v := oauth.NewVerifier()
		code := h.approve(h.authorize(v), "usr_john").Query().Get("code")
		oneFamily(t, h.race(100, urls, form("grant_type", "authorization_code", "client_id", "cli", "code", code,
			"redirect_uri", callback, "code_verifier", v.Reveal()).Encode()))
	})
	t.Run("SEC-075 one device code, fifty polls, three replicas", func(t *testing.T) {
		begun := h.begin()
		request := h.find(begun)
		_, err := h.authority.Devices.Approve(t.Context(), request.ID, h.approval("usr_john", request.Scope))
		must(t, err)
		oneFamily(t, h.race(50, urls, form("grant_type", deviceGT, "client_id", "cli", "device_code", begun["device_code"].(string)).Encode()))
	})
	t.Run("SEC-311 one refresh token, a hundred times, three replicas", func(t *testing.T) {
		token := h.login("cli", "usr_john")["refresh_token"].(string)
		oneFamily(t, h.race(100, urls, form("grant_type", "refresh_token", "client_id", "cli", "refresh_token", token).Encode()))
	})
	t.Run("SEC-285 revoked here, inactive there", func(t *testing.T) {
		login := h.login("cli", "usr_john")
		access := login["access_token"].(string)
		h.post("/revoke", "client_id", "cli", "token", login["refresh_token"].(string))
		deadline := time.After(20 * time.Second)
		for _, url := range urls[1:] { // they hear of it with their next catch-up
			for h.at(url, "GET", "/userinfo", "", "Authorization", "Bearer "+access).status != 401 {
				select {
				case <-deadline:
					t.Fatal("the token lives on at another replica")
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
	})
	t.Run("SEC-290 clocks two seconds apart", func(t *testing.T) {
		for _, apart := range []time.Duration{2 * time.Second, -2 * time.Second} {
			_, other := h.replica(apart)
			token := h.login("cli", "usr_john")["refresh_token"].(string)
			for i := range 4 { // to and fro, each time with what the other has just made
				base, check := h.url, other
				if i%2 == 1 {
					base, check = other, h.url
				}
				body := form("grant_type", "refresh_token", "client_id", "cli", "refresh_token", token).Encode()
				got := h.at(base, "POST", "/token", body, "Content-Type", formType)
				if got.status != 200 {
					t.Fatalf("refresh %d: %d %s", i, got.status, got.body)
				}
				token = got.json(t)["refresh_token"].(string)
				bearer := "Bearer " + got.json(t)["access_token"].(string)
				if got := h.at(check, "GET", "/userinfo", "", "Authorization", bearer); got.status != 200 {
					t.Errorf("%v apart: %d %s", apart, got.status, got.body)
				}
			}
		}
	})
	t.Run("SEC-110 refreshed here, introspected there", func(t *testing.T) {
		first := h.login("cli", "usr_john")
		second := h.at(urls[1], "POST", "/token", form("grant_type", "refresh_token", "client_id", "cli",
			"refresh_token", first["refresh_token"].(string)).Encode(), "Content-Type", formType).json(t)
		got := h.at(urls[2], "POST", "/introspect", form("token", second["access_token"].(string)).Encode(), "Content-Type", formType,
			"Authorization", basicHeader("service", "s:cret+%/é")).json(t)
		if got["active"] != true || got["sid"] != first["sid"] {
			t.Errorf("%v", got)
		}
	})
}
