package law

import (
	"errors"
	"math"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func parameter(t *testing.T, target, name string) string {
	t.Helper()
	parsed, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query().Get(name)
}

func (h *house) redeem(code secret.String, client authority.Client, uri string, verifier oauth.Verifier) (login.Redeemed, error) {
	return h.Logins.Redeem(h.t.Context(), login.CodeRedemption{Client: client, Code: code, RedirectURI: uri, Verifier: verifier})
}

func TestCode_SEC041_SEC042_SEC045_EveryBindingCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	verifier := oauth.NewVerifier()
	code := h.approve(h.cli, verifier)
	plain, err := oauth.ParseVerifier(string(verifier.Challenge()))
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[string]func() (login.Redeemed, error){
		"SEC-041 wrong client":                func() (login.Redeemed, error) { return h.redeem(code, h.other, redirect, verifier) },
		"SEC-041 wrong redirect":              func() (login.Redeemed, error) { return h.redeem(code, h.cli, redirect+"x", verifier) },
		"SEC-041 both wrong":                  func() (login.Redeemed, error) { return h.redeem(code, h.other, redirect+"x", verifier) },
		"SEC-042 port differs":                func() (login.Redeemed, error) { return h.redeem(code, h.cli, "http://127.0.0.1:1/callback", verifier) },
		"SEC-043 another verifier":            func() (login.Redeemed, error) { return h.redeem(code, h.cli, redirect, oauth.NewVerifier()) },
		"SEC-045 the challenge as a verifier": func() (login.Redeemed, error) { return h.redeem(code, h.cli, redirect, plain) },
		"an unknown code":                     func() (login.Redeemed, error) { return h.redeem(authority.NewSecret(), h.cli, redirect, verifier) },
	}
	for name, try := range wrong {
		if _, err := try(); !errors.Is(err, oauth.InvalidGrant) {
			t.Errorf("%s: %v, want invalid_grant", name, err)
		}
	}
	if _, err := h.redeem(code, h.cli, redirect, verifier); err != nil {
		t.Errorf("a wrong try consumed the code: %v", err)
	}
}

func TestCode_SEC021_LivesAMinute(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	verifier := oauth.NewVerifier()
	code := h.approve(h.cli, verifier)
	h.clock.Advance(time.Minute)
	if _, err := h.redeem(code, h.cli, redirect, verifier); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("after a minute: %v", err)
	}
}

func TestCode_SEC037_SecondUseEndsTheFamily(t *testing.T) {
	t.Parallel()
	tests := map[string]func(h *house, code secret.String, verifier oauth.Verifier) error{
		"SEC-037 after the repeat window": func(h *house, code secret.String, verifier oauth.Verifier) error {
			h.clock.Advance(5*time.Second + time.Millisecond)
			_, err := h.redeem(code, h.cli, redirect, verifier)
			return err
		},
		"SEC-037 with a wrong verifier at once": func(h *house, code secret.String, _ oauth.Verifier) error {
			_, err := h.redeem(code, h.cli, redirect, oauth.NewVerifier())
			return err
		},
	}
	for name, again := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			verifier := oauth.NewVerifier()
			code := h.approve(h.cli, verifier)
			first, err := h.redeem(code, h.cli, redirect, verifier)
			if err != nil {
				t.Fatal(err)
			}
			access, _, err := h.Tokens.Access(first.Family, h.cli, first.Family.Scope, first.Family.Audience)
			if err != nil {
				t.Fatal(err)
			}
			if err := again(h, code, verifier); !errors.Is(err, oauth.InvalidGrant) {
				t.Errorf("second use: %v", err)
			}
			h.refused(first.Refresh, h.cli)
			if _, err := h.Tokens.Check(t.Context(), access.Reveal()); !errors.Is(err, authority.ErrUnknown) {
				t.Errorf("the first access token: %v", err)
			}
			if n := h.events(authority.EventCodeReplay); n != 1 {
				t.Errorf("%d events, want 1", n)
			}
		})
	}
}

func TestCode_SEC038_ParallelRedemptionsAreOneFamily(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	verifier := oauth.NewVerifier()
	code := h.approve(h.cli, verifier)
	answers := make([]login.Redeemed, 100)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			var err error
			if answers[i], err = h.redeem(code, h.cli, redirect, verifier); err != nil {
				t.Errorf("redemption %d: %v", i, err)
			}
		})
	}
	group.Wait()
	for _, answer := range answers {
		if answer.Family.ID != answers[0].Family.ID || answer.Refresh != answers[0].Refresh {
			t.Fatal("two families")
		}
	}
	if n := len(h.store.families); n != 1 {
		t.Errorf("%d families", n)
	}
	h.rotate(answers[0].Refresh)
}

func TestCode_DisabledPersonGetsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	verifier := oauth.NewVerifier()
	code := h.approve(h.cli, verifier)
	if _, err := h.store.ChangePerson(t.Context(), "usr_1", func(p *identity.Person) error { p.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.redeem(code, h.cli, redirect, verifier); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("a disabled person: %v", err)
	}
}

func TestCode_SEC022_Entropy(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	var ones [256]int
	for range 10_000 {
		code := authority.NewSecret().Reveal()
		if seen[code] || len(code) != 43 {
			t.Fatalf("a code twice, or of length %d", len(code))
		}
		seen[code] = true
		for i := range len(code) {
			ones[code[i]]++
		}
	}
	total, entropy := 10_000*43.0, 0.0
	for _, n := range ones {
		if n > 0 {
			p := float64(n) / total
			entropy -= p * math.Log2(p)
		}
	}
	if bits := entropy * 43; bits < 250 {
		t.Errorf("about %.0f bits", bits)
	}
}

func TestSealedRequest_SEC014_CannotBeChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sealed := h.Logins.Seal(authority.AuthorizationRequest{ClientID: "cli", RedirectURI: redirect, State: "s"})
	opened, err := h.Logins.Open(sealed)
	if err != nil || opened.State != "s" {
		t.Fatalf("open: %+v, %v", opened, err)
	}
	for i := range len(sealed) {
		changed := []byte(sealed)
		changed[i] ^= 1
		if _, err := h.Logins.Open(string(changed)); !errors.Is(err, authority.ErrUnknown) {
			t.Fatalf("character %d changed: %v", i, err)
		}
	}
	h.clock.Advance(30*time.Minute + time.Second)
	if _, err := h.Logins.Open(sealed); !errors.Is(err, authority.ErrExpired) {
		t.Errorf("after half an hour: %v", err)
	}
}

func TestAnswers_SEC019_SEC020_CarryStateAndIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	state := "a b&c=d\r\n%0d%0a#\"<é>" + string(make([]byte, 100))
	request := authority.AuthorizationRequest{ClientID: "cli", RedirectURI: redirect + "?x=1", State: state}
	approved, err := h.Logins.Approve(t.Context(), request, h.approval())
	if err != nil {
		t.Fatal(err)
	}
	denied := h.Logins.Refuse(request, oauth.Errorf(oauth.AccessDenied, "no"))
	for _, target := range []string{approved, denied} {
		if parameter(t, target, "state") != state || parameter(t, target, "iss") != h.Issuer || parameter(t, target, "x") != "1" {
			t.Errorf("answer %q", target)
		}
	}
	if parameter(t, denied, "error") != "access_denied" || parameter(t, denied, "code") != "" {
		t.Errorf("refusal %q", denied)
	}
}

// TestCode_SEC028_RedeemedElsewhere: what somebody was talked into handing over leaves a line in the audit of who approved it.
func TestCode_SEC028_RedeemedElsewhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		approved, redeemed string
		events             int
	}{
		"the same address":        {"192.0.2.1", "192.0.2.1", 0},
		"the same network":        {"192.0.2.1", "192.0.2.200", 0},
		"another network":         {"192.0.2.1", "198.51.100.7", 1},
		"another network of IPv6": {"2001:db8:1::1", "2001:db8:2::1", 1},
		"the same one of IPv6":    {"2001:db8:1:7::1", "2001:db8:1:9::1", 0},
		"IPv4 inside IPv6":        {"::ffff:192.0.2.1", "192.0.2.1", 0},
		"of both kinds":           {"2001:db8:1::1", "192.0.2.1", 0},
		"an unknown address":      {"", "192.0.2.1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			verifier, approval := oauth.NewVerifier(), h.approval()
			approval.Address = test.approved
			target, err := h.Logins.Approve(t.Context(), authority.AuthorizationRequest{
				ClientID: h.cli.ID, RedirectURI: redirect, Scope: oauth.ParseScope("openid email"), Challenge: verifier.Challenge(),
			}, approval)
			if err != nil {
				t.Fatal(err)
			}
			redeemed, err := h.Logins.Redeem(t.Context(), login.CodeRedemption{
				Client: h.cli, Code: secret.New(parameter(t, target, "code")), RedirectURI: redirect, Verifier: verifier,
				Origin: authority.Origin{Address: test.redeemed},
			})
			if err != nil {
				t.Fatal(err)
			}
			events, err := h.store.ListEvents(t.Context(), authority.EventFilter{Kind: authority.EventCodeElsewhere})
			if err != nil || len(events) != test.events {
				t.Fatalf("%d events, want %d; %v", len(events), test.events, err)
			}
			for _, event := range events {
				if event.PersonID != "usr_1" || event.FamilyID != redeemed.Family.ID || event.Address != test.redeemed {
					t.Errorf("the event says %+v", event)
				}
			}
		})
	}
}

// TestCode_SEC123_EndedBeforeItWasRedeemed: "end all my sessions" reaches what was approved and not yet fetched.
func TestCode_SEC123_EndedBeforeItWasRedeemed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	verifier := oauth.NewVerifier()
	code := h.approve(h.cli, verifier)
	h.clock.Advance(time.Second)
	if err := h.Sessions.EndOf(t.Context(), "usr_1", "usr_1", "revoked", ""); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Second)
	ask := login.CodeRedemption{Client: h.cli, Code: code, RedirectURI: redirect, Verifier: verifier}
	if _, err := h.Logins.Redeem(t.Context(), ask); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("the code of before: %v", err)
	}
	if len(h.store.families) != 0 {
		t.Error("a session began")
	}
	h.login() // what is approved after it is good
}

// TestCode_SEC079_TheClientOfToday: a scope that was taken from a client after the approval is not given to it.
func TestCode_SEC079_TheClientOfToday(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	verifier := oauth.NewVerifier()
	code := h.approve(h.cli, verifier) // openid email
	narrow := h.cli
	narrow.Scope = oauth.ParseScope("openid profile")
	redeemed, err := h.Logins.Redeem(t.Context(), login.CodeRedemption{Client: narrow, Code: code, RedirectURI: redirect, Verifier: verifier})
	if err != nil || redeemed.Family.Scope.String() != "openid" {
		t.Errorf("the session has %q, %v", redeemed.Family.Scope, err)
	}
}
