package law

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/poll"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/authtest/clock"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// deviceBench is an authority with one client and one person, over a store in memory and a clock that stands still.
type deviceBench struct {
	*Authority
	store  *memoryStore
	clock  *clock.Clock
	config Config
	client authority.Client
	person identity.Person
}

func newDeviceBench(tb testing.TB) *deviceBench {
	tb.Helper()
	b := &deviceBench{store: newMemoryStore(), clock: clock.New()}
	b.config = Config{
		Issuer: "https://id.example", Store: b.store, People: b.store, Attempts: b.store, Master: keys.NewMaster(), Now: b.clock.Now,
	}
	b.client = authority.Client{
		ID: "cli", Grants: []oauth.GrantType{oauth.GrantDeviceCode, oauth.GrantRefreshToken},
		Scope: oauth.Scope{"openid", "profile", "deploy"}, Default: oauth.Scope{"openid"},
	}
	b.person = identity.Person{ID: "usr_ada", Username: "ada"}
	b.store.clients[b.client.ID], b.store.people[b.person.ID] = b.client, b.person
	b.Authority = b.replica(tb)
	return b
}

// replica makes another authority over the same store and master key.
func (b *deviceBench) replica(tb testing.TB) *Authority {
	tb.Helper()
	a := New(b.config)
	if err := a.follower.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return a
}

func (b *deviceBench) begin(tb testing.TB) (login.DeviceBegun, string) {
	tb.Helper()
	return b.beginFor(tb, b.client, login.DeviceAsk{
		Scope: oauth.Scope{"openid", "deploy"}, Audience: []string{"https://api.example"},
		Origin: authority.Origin{Address: "192.0.2.1", Agent: "cli/1", Machine: "ada's laptop"},
	})
}

func (b *deviceBench) beginFor(tb testing.TB, client authority.Client, ask login.DeviceAsk) (login.DeviceBegun, string) {
	tb.Helper()
	begun, err := b.Devices.Begin(tb.Context(), client, ask)
	if err != nil {
		tb.Fatal(err)
	}
	return begun, b.store.idOf(tb, usercode.Normalize(begun.UserCode))
}

func (b *deviceBench) approval() authority.Approval {
	return authority.Approval{PersonID: b.person.ID, Methods: []string{"pwd"}, AuthTime: b.clock.Now(), Address: "198.51.100.7"}
}

func (b *deviceBench) approve(tb testing.TB, id string) {
	tb.Helper()
	if _, err := b.Devices.Approve(tb.Context(), id, b.approval()); err != nil {
		tb.Fatal(err)
	}
}

// poll polls without waiting, from the first replica.
func (b *deviceBench) poll(tb testing.TB, code secret.String) error {
	tb.Helper()
	_, _, err := b.Devices.Poll(tb.Context(), b.client, code, 0, "192.0.2.1")
	return err
}

func (b *deviceBench) redemption(code secret.String) login.DeviceRedemption {
	return login.DeviceRedemption{Client: b.client, Code: code, Origin: authority.Origin{Address: "192.0.2.1", Agent: "cli/1"}}
}

func (b *deviceBench) redeem(tb testing.TB, id string, code secret.String) (login.Redeemed, error) {
	tb.Helper()
	return b.Devices.Redeem(tb.Context(), id, b.redemption(code))
}

// wantCode fails unless err is an *oauth.Error of the code.
func wantCode(tb testing.TB, what string, err error, code oauth.ErrorCode) {
	tb.Helper()
	var wire *oauth.Error
	if !errors.As(err, &wire) || wire.Code != code {
		tb.Errorf("%s: got %v, want %s", what, err, code)
	}
}

func TestDeviceBegin(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	b.store.asked()
	begun, id := b.begin(t)
	if asked := b.store.asked(); asked != 1 {
		t.Errorf("a device login began with %d statements, want one INSERT", asked)
	}
	created := b.clock.Now().Truncate(time.Millisecond)
	want := authority.DeviceRequest{
		ID: id, UserCode: usercode.Normalize(begun.UserCode), ClientID: "cli", Scope: oauth.Scope{"openid", "deploy"},
		Audience: []string{"https://api.example"},
		Origin:   authority.Origin{Address: "192.0.2.1", Agent: "cli/1", Machine: "ada's laptop"},
		Created:  created, Expires: created.Add(10 * time.Minute), State: authority.DevicePending,
	}
	got, err := b.Devices.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !begun.Expires.Equal(want.Expires) || begun.Interval != 5*time.Second || len(begun.UserCode) != 9 || begun.UserCode[4] != '-' {
		t.Errorf("begun: %+v", begun)
	}
	if fmt.Sprint(begun.Code) != "***" {
		t.Error("the device code prints")
	}
}

func TestDeviceBeginIsForRegisteredClients(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	disabled, other := b.client, b.client
	disabled.Disabled, other.Grants = true, []oauth.GrantType{oauth.GrantAuthorizationCode}
	for _, client := range []authority.Client{disabled, other} {
		_, err := b.Devices.Begin(t.Context(), client, login.DeviceAsk{})
		wantCode(t, "begin", err, oauth.UnauthorizedClient)
	}
	if len(b.store.requests) != 0 {
		t.Error("a refused request left a row")
	}
}

func TestDeviceForeignClient_SEC069(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	b.approve(t, id)
	other := b.client
	other.ID = "other"
	b.store.asked()
	_, _, err := b.Devices.Poll(t.Context(), other, begun.Code, 0, "192.0.2.1")
	wantCode(t, "poll by another client", err, oauth.InvalidGrant)
	ask := b.redemption(begun.Code)
	ask.Client = other
	_, err = b.Devices.Redeem(t.Context(), id, ask)
	wantCode(t, "redemption by another client", err, oauth.InvalidGrant)
	if asked := b.store.asked(); asked != 0 {
		t.Errorf("a foreign code cost %d statements", asked)
	}
	if _, err := b.redeem(t, id, begun.Code); err != nil {
		t.Errorf("its own client cannot redeem it afterwards: %v", err)
	}
}

func TestDevicePollStates_SEC074(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	before, beforeID := b.begin(t)
	deniedCode, deniedID := b.begin(t)
	approvedCode, approvedID := b.begin(t)
	wantCode(t, "before", b.poll(t, before.Code), oauth.AuthorizationPending)

	if _, err := b.Devices.Deny(t.Context(), deniedID, b.person.ID, "198.51.100.7"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "after deny", b.poll(t, deniedCode.Code), oauth.AccessDenied)
	_, err := b.redeem(t, deniedID, deniedCode.Code)
	wantCode(t, "redemption after deny", err, oauth.AccessDenied)
	_, err = b.Devices.Redeem(t.Context(), beforeID, b.redemption(before.Code))
	wantCode(t, "redemption while pending", err, oauth.AuthorizationPending)

	b.approve(t, approvedID)
	if err := b.poll(t, approvedCode.Code); err != nil {
		t.Errorf("after approve: %v", err)
	}
	first, err := b.redeem(t, approvedID, approvedCode.Code)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Sessions.Rotate(t.Context(), first.Refresh, b.client, authority.Origin{}); err != nil {
		t.Fatal(err)
	}
	_, err = b.redeem(t, approvedID, approvedCode.Code)
	wantCode(t, "after success and use", err, oauth.InvalidGrant)

	wantCode(t, "forged", b.poll(t, secret.New("no code at all")), oauth.InvalidGrant)
	b.clock.Set(before.Expires)
	wantCode(t, "after expiry", b.poll(t, before.Code), oauth.ExpiredToken)
	_, err = b.redeem(t, approvedID, approvedCode.Code)
	wantCode(t, "redemption after expiry", err, oauth.ExpiredToken)
}

func TestDevicePendingPollAsksNoStore(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, _ := b.begin(t)
	b.store.asked()
	for range 100 {
		wantCode(t, "poll", b.poll(t, begun.Code), oauth.AuthorizationPending)
		b.clock.Advance(5 * time.Second)
	}
	if asked := b.store.asked(); asked != 0 {
		t.Errorf("100 pending polls cost %d statements", asked)
	}
	// The store may even be gone: pending is the absence of news.
	b.store.fail(authority.ErrUnavailable)
	wantCode(t, "poll without a store", b.poll(t, begun.Code), oauth.AuthorizationPending)
}

func TestDeviceSlowDown_SEC073(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	neighbour, _ := b.begin(t) // at the same address
	wantCode(t, "the first poll", b.poll(t, begun.Code), oauth.AuthorizationPending)
	for i := 1; i <= 3; i++ {
		b.clock.Advance(100 * time.Millisecond)
		err := b.poll(t, begun.Code)
		wantCode(t, "a poll after 100 ms", err, oauth.SlowDown)
		if want := fmt.Sprintf("every %d seconds", 5+5*i); err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("slow_down %d says %q, want %q", i, err, want)
		}
	}
	wantCode(t, "a neighbour's poll", b.poll(t, neighbour.Code), oauth.AuthorizationPending)
	b.clock.Advance(20 * time.Second)
	wantCode(t, "a poll after the new interval", b.poll(t, begun.Code), oauth.AuthorizationPending)
	b.clock.Advance(10 * time.Second) // the interval of 20 seconds stays
	wantCode(t, "a poll after half of it", b.poll(t, begun.Code), oauth.SlowDown)
	b.approve(t, id)
	if err := b.poll(t, begun.Code); err != nil {
		t.Errorf("what is approved is never slowed down: %v", err)
	}
}

// TestDeviceParallelRedemption_SEC075: 50 polls at once over three replicas after an approval on one of them; one family,
// and the same answer to all who see the approval.
func TestDeviceParallelRedemption_SEC075(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	replicas := []*Authority{b.Authority, b.replica(t), b.replica(t)}
	b.approve(t, id)
	for _, a := range replicas {
		if err := a.follower.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	answers := make([]login.Redeemed, 50)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			devices := replicas[i%len(replicas)].Devices
			polled, _, err := devices.Poll(t.Context(), b.client, begun.Code, 0, "192.0.2.1")
			if err != nil {
				t.Errorf("poll %d: %v", i, err)
				return
			}
			if answers[i], err = devices.Redeem(t.Context(), polled, b.redemption(begun.Code)); err != nil {
				t.Errorf("redemption %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if len(b.store.families) != 1 {
		t.Fatalf("%d families, want one", len(b.store.families))
	}
	for i, answer := range answers {
		if answer.Family.ID != answers[0].Family.ID || answer.Refresh != answers[0].Refresh || answer.Refresh.IsZero() {
			t.Errorf("answer %d differs", i)
		}
	}
}

// overtaken is a store in which somebody else is faster, once.
type overtaken struct {
	*memoryStore
	by func()
}

func (s *overtaken) ChangeDeviceRequest(
	ctx context.Context, id string, change func(*authority.DeviceRequest) (authority.After, error),
) (authority.DeviceRequest, error) {
	if by := s.by; by != nil {
		s.by = nil
		by()
	}
	return s.memoryStore.ChangeDeviceRequest(ctx, id, change)
}

// TestDeviceOvertaken_SEC075: whoever loses the compare-and-swap answers with the winner's family, or with the denial.
func TestDeviceOvertaken_SEC075(t *testing.T) {
	t.Parallel()
	t.Run("by a redemption", func(t *testing.T) {
		t.Parallel()
		b := newDeviceBench(t)
		begun, id := b.begin(t)
		b.approve(t, id)
		other := b.replica(t)
		var winner login.Redeemed
		b.config.Store = &overtaken{b.store, func() {
			var err error
			if winner, err = other.Devices.Redeem(t.Context(), id, b.redemption(begun.Code)); err != nil {
				t.Error(err)
			}
		}}
		b.Authority = b.replica(t)
		loser, err := b.redeem(t, id, begun.Code)
		if err != nil || loser.Family.ID != winner.Family.ID || loser.Refresh != winner.Refresh || len(b.store.families) != 1 {
			t.Errorf("%d families, %v", len(b.store.families), err)
		}
	})
	t.Run("by a denial", func(t *testing.T) {
		t.Parallel()
		b := newDeviceBench(t)
		begun, id := b.begin(t)
		b.approve(t, id)
		other := b.replica(t)
		b.config.Store = &overtaken{b.store, func() {
			if err := other.Devices.Disown(t.Context(), id, b.person.ID, ""); err != nil {
				t.Error(err)
			}
		}}
		b.Authority = b.replica(t)
		_, err := b.redeem(t, id, begun.Code)
		wantCode(t, "redemption", err, oauth.AccessDenied)
		if len(b.store.families) != 0 {
			t.Error("a family was made")
		}
	})
}

func TestDeviceRowChanged(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	b.approve(t, id)
	if _, err := b.store.ChangeDeviceRequest(t.Context(), id, func(r *authority.DeviceRequest) (authority.After, error) {
		r.Scope = append(r.Scope, "profile")
		r.Approval.Scope = r.Scope
		return authority.After{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	_, err := b.redeem(t, id, begun.Code)
	wantCode(t, "a scope that the terminal never asked for", err, oauth.InvalidGrant)
	delete(b.store.requests, id)
	_, err = b.redeem(t, id, begun.Code)
	wantCode(t, "a row that is gone", err, oauth.InvalidGrant)
}

// TestDeviceEdgeOfExpiry_SEC076: whatever the page calls approved is fetched by a terminal that keeps its interval, and
// what the terminal sees expire was never called approved.
func TestDeviceEdgeOfExpiry_SEC076(t *testing.T) {
	t.Parallel()
	const margin = 15 * time.Second // how long before its end a request can no longer be approved
	for _, before := range []time.Duration{
		20 * time.Second, margin + time.Millisecond, margin, margin - time.Millisecond, time.Second,
		time.Millisecond, 0, -time.Millisecond,
	} {
		t.Run(before.String(), func(t *testing.T) {
			t.Parallel()
			b := newDeviceBench(t)
			begun, id := b.begin(t)
			b.clock.Set(begun.Expires.Add(-before))
			_, err := b.Devices.Approve(t.Context(), id, b.approval())
			approved := err == nil
			if approved != (before > margin) || !approved && !errors.Is(err, authority.ErrExpired) {
				t.Fatalf("approval: %v", err)
			}
			if _, err := b.Devices.Lookup(t.Context(), begun.UserCode, login.Guesser{PersonID: "usr_bob"}); !approved && !errors.Is(err, authority.ErrUnknown) {
				t.Errorf("a code too old to approve is found: %v", err)
			}
			b.clock.Advance(2 * poll.Interval) // the terminal has slowed down once
			switch err := b.poll(t, begun.Code); {
			case approved && err != nil:
				t.Errorf("the page said approved, the terminal got %v", err)
			case !approved && before > 2*poll.Interval:
				wantCode(t, "poll", err, oauth.AuthorizationPending)
			case !approved:
				wantCode(t, "poll", err, oauth.ExpiredToken)
			}
		})
	}
}

func TestDeviceDecideOnce_SEC077(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	_, id := b.begin(t)
	var mu sync.Mutex
	won := map[authority.DeviceState]int{}
	seen := map[authority.DeviceState]int{}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			decide := func() (authority.DeviceRequest, error) { return b.Devices.Approve(t.Context(), id, b.approval()) }
			if i%2 == 1 {
				decide = func() (authority.DeviceRequest, error) { return b.Devices.Deny(t.Context(), id, b.person.ID, "") }
			}
			request, err := decide()
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won[request.State]++
			} else if errors.Is(err, authority.ErrUsed) {
				seen[request.State]++
			} else {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 || won[authority.DeviceApproved]+won[authority.DeviceDenied] != 1 {
		t.Fatalf("transitions: %v", won)
	}
	for state := range won {
		if len(seen) != 1 || seen[state] != 19 {
			t.Errorf("%s won, the others saw %v", state, seen)
		}
	}
}

func TestDevicePersonGone_SEC078(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(*testing.T, *deviceBench){
		"disabled": func(t *testing.T, b *deviceBench) {
			if _, err := b.store.ChangePerson(t.Context(), b.person.ID, func(p *identity.Person) error {
				p.Disabled = true
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, b *deviceBench) {
			if err := b.store.RemovePerson(t.Context(), b.person.ID); err != nil {
				t.Fatal(err)
			}
		},
		"all sessions ended": func(t *testing.T, b *deviceBench) {
			if err := b.Sessions.EndOf(t.Context(), b.person.ID, "admin", "revoked", ""); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newDeviceBench(t)
			begun, id := b.begin(t)
			b.approve(t, id)
			b.clock.Advance(time.Second)
			gone(t, b)
			b.clock.Advance(time.Second)
			_, err := b.redeem(t, id, begun.Code)
			wantCode(t, "redemption", err, oauth.InvalidGrant)
			if len(b.store.families) != 0 {
				t.Error("a family was made")
			}
		})
	}
}

func TestDeviceClientChanged_SEC079(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	b.approve(t, id)
	ask := b.redemption(begun.Code)

	ask.Client.Disabled = true
	_, err := b.Devices.Redeem(t.Context(), id, ask)
	wantCode(t, "disabled", err, oauth.UnauthorizedClient)

	ask = b.redemption(begun.Code)
	ask.Client.Scope = oauth.Scope{"profile"}
	_, err = b.Devices.Redeem(t.Context(), id, ask)
	wantCode(t, "nothing left", err, oauth.InvalidScope)

	ask.Client.Scope = oauth.Scope{"openid", "profile"}
	redeemed, err := b.Devices.Redeem(t.Context(), id, ask)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oauth.Scope{"openid"}, redeemed.Family.Scope); diff != "" {
		t.Errorf("the scope is not narrowed: %s", diff)
	}
}

func TestDevicePendingPerAddress_SEC092(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	ask := login.DeviceAsk{Origin: authority.Origin{Address: "192.0.2.66"}}
	b.store.asked()
	begun := 0
	for range 10_000 {
		switch _, err := b.Devices.Begin(t.Context(), b.client, ask); {
		case err == nil:
			begun++
		case !errors.Is(err, authority.ErrTooMany):
			t.Fatal(err)
		}
	}
	if begun != 1000 {
		t.Errorf("%d requests of one address live, want 1,000", begun)
	}
	if counts := b.store.asked() - begun; counts > 30 {
		t.Errorf("the bound cost %d counts", counts)
	}
	if _, err := b.Devices.Begin(t.Context(), b.client, login.DeviceAsk{Origin: authority.Origin{Address: "192.0.2.67"}}); err != nil {
		t.Errorf("another address: %v", err)
	}
	b.clock.Advance(2 * time.Second)
	if _, err := b.Devices.Begin(t.Context(), b.client, ask); !errors.Is(err, authority.ErrTooMany) {
		t.Errorf("a little later: %v", err)
	}
	b.clock.Advance(authority.DeviceLife)
	if _, err := b.Devices.Begin(t.Context(), b.client, ask); err != nil {
		t.Errorf("after all have expired: %v", err)
	}
}

func TestDevicePendingLimitIsExact(t *testing.T) {
	t.Parallel()
	for limit := 1; limit <= 40; limit++ {
		b := newDeviceBench(t)
		b.config.PendingPerAddress = limit
		b.Authority = b.replica(t)
		begun := 0
		for range 2 * limit {
			if _, err := b.Devices.Begin(t.Context(), b.client, login.DeviceAsk{Origin: authority.Origin{Address: "192.0.2.66"}}); err == nil {
				begun++
			}
		}
		if begun != limit {
			t.Errorf("%d requests under a limit of %d", begun, limit)
		}
	}
}

// TestDevicePendingPerNetwork_SEC092_SEC101: an IPv6 host has more addresses than anybody can count.
func TestDevicePendingPerNetwork_SEC092_SEC101(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	b.config.PendingPerAddress = 10
	b.Authority = b.replica(t)
	begun := 0
	for i := range 1000 {
		ask := login.DeviceAsk{Origin: authority.Origin{Address: fmt.Sprintf("2001:db8::%x", i+1)}}
		if _, err := b.Devices.Begin(t.Context(), b.client, ask); err == nil {
			begun++
		}
	}
	if begun != 40 {
		t.Errorf("%d requests of one /64", begun)
	}
	other := login.DeviceAsk{Origin: authority.Origin{Address: "2001:db8:0:1::1"}}
	if _, err := b.Devices.Begin(t.Context(), b.client, other); err != nil {
		t.Errorf("another /64: %v", err)
	}
}

func TestDeviceVerifier(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	verifier := oauth.NewVerifier()
	begun, id := b.beginFor(t, b.client, login.DeviceAsk{Scope: oauth.Scope{"openid"}, Challenge: verifier.Challenge()})
	plain, plainID := b.begin(t)
	b.approve(t, id)
	b.approve(t, plainID)
	b.store.asked()
	for name, wrong := range map[string]string{
		"missing": "", "wrong": oauth.NewVerifier().Reveal(), "malformed": "x", "the challenge": string(verifier.Challenge()),
	} {
		ask := b.redemption(begun.Code)
		ask.Verifier = wrong
		_, err := b.Devices.Redeem(t.Context(), id, ask)
		wantCode(t, name, err, oauth.InvalidGrant)
	}
	ask := b.redemption(plain.Code)
	ask.Verifier = verifier.Reveal()
	_, err := b.Devices.Redeem(t.Context(), plainID, ask)
	wantCode(t, "without a challenge", err, oauth.InvalidGrant)
	_, err = b.Devices.Redeem(t.Context(), id, b.redemption(plain.Code))
	wantCode(t, "another request's id", err, oauth.InvalidGrant)
	if asked := b.store.asked(); asked != 0 {
		t.Errorf("refusals cost %d statements", asked)
	}
	ask = b.redemption(begun.Code)
	ask.Verifier = verifier.Reveal()
	if _, err := b.Devices.Redeem(t.Context(), id, ask); err != nil {
		t.Errorf("the right one, after the wrong ones: %v", err)
	}
}

// TestDeviceSameAnswer: the same answer until its refresh token is used, on every replica, and not for an ended session.
func TestDeviceSameAnswer(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	b.approve(t, id)
	first, err := b.redeem(t, id, begun.Code)
	if err != nil {
		t.Fatal(err)
	}
	if state, _ := b.follower.Decided.State(id); state != authority.DeviceRedeemed {
		t.Errorf("this replica knows it as %q", state)
	}
	b.clock.Advance(5 * time.Minute)
	other := b.replica(t)
	if polled, _, err := other.Devices.Poll(t.Context(), b.client, begun.Code, 0, ""); err != nil || polled != id {
		t.Fatalf("a replica that starts later: %v", err)
	}
	again, err := other.Devices.Redeem(t.Context(), id, b.redemption(begun.Code))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Family, again.Family); diff != "" || first.Refresh != again.Refresh {
		t.Errorf("the second answer differs: %s", diff)
	}
	if first.Family.Origin.Machine != "ada's laptop" || first.Family.PersonID != b.person.ID || first.Family.How != "device" {
		t.Errorf("family: %+v", first.Family)
	}
	if err := b.Sessions.End(t.Context(), first.Family.ID, b.person.ID, "logout", ""); err != nil {
		t.Fatal(err)
	}
	_, err = other.Devices.Redeem(t.Context(), id, b.redemption(begun.Code))
	wantCode(t, "after the end", err, oauth.InvalidGrant)
}

func TestDeviceDisown_SEC093(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	_, pendingID := b.begin(t)
	approved, approvedID := b.begin(t)
	redeemed, redeemedID := b.begin(t)
	b.approve(t, approvedID)
	b.approve(t, redeemedID)
	answer, err := b.redeem(t, redeemedID, redeemed.Code)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{approvedID, redeemedID} {
		if err := b.Devices.Disown(t.Context(), id, "usr_mallory", ""); !errors.Is(err, authority.ErrUnknown) {
			t.Errorf("somebody else: %v", err)
		}
	}
	for _, id := range []string{pendingID, approvedID, redeemedID, redeemedID} {
		if err := b.Devices.Disown(t.Context(), id, b.person.ID, "198.51.100.7"); err != nil {
			t.Errorf("disown: %v", err)
		}
	}
	wantCode(t, "poll of a disowned approval", b.poll(t, approved.Code), oauth.AccessDenied)
	_, err = b.redeem(t, approvedID, approved.Code)
	wantCode(t, "redemption of a disowned approval", err, oauth.AccessDenied)
	_, _, err = b.Sessions.Rotate(t.Context(), answer.Refresh, b.client, authority.Origin{})
	wantCode(t, "refresh of a disowned session", err, oauth.InvalidGrant)
	if f := answer.Family; !b.follower.Marks.Over(f.ID, f.PersonID, f.ClientID, f.Created) {
		t.Error("its access tokens live on")
	}
	if request, _ := b.Devices.Get(t.Context(), pendingID); request.State != authority.DeviceDenied {
		t.Errorf("a pending request that was disowned is %s", request.State)
	}
}

func TestDeviceEvents(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	_, approvedID := b.begin(t)
	_, deniedID := b.begin(t)
	b.approve(t, approvedID)
	if _, err := b.Devices.Deny(t.Context(), deniedID, b.person.ID, "198.51.100.7"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []authority.EventKind{authority.EventApproved, authority.EventDenied} {
		events, err := b.store.ListEvents(t.Context(), authority.EventFilter{Kind: kind})
		if err != nil || len(events) != 1 {
			t.Fatalf("%s: %d events, %v", kind, len(events), err)
		}
		want := authority.Event{
			ID: events[0].ID, At: b.clock.Now(), Kind: kind, PersonID: b.person.ID, ClientID: "cli", Address: "198.51.100.7",
			Machine: "ada's laptop", Detail: "device",
		}
		if diff := cmp.Diff(want, events[0]); diff != "" || events[0].ID == "" {
			t.Error(diff)
		}
	}
}

func TestDeviceApprovalNarrowsScope(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	_, id := b.begin(t)
	approval := b.approval()
	approval.Scope = oauth.Scope{"deploy", "root"}
	request, err := b.Devices.Approve(t.Context(), id, approval)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oauth.Scope{"deploy"}, request.Approval.Scope); diff != "" {
		t.Error(diff)
	}
}

// TestDeviceStoreDown: a store that cannot be reached is never invalid_grant, and costs nothing.
func TestDeviceStoreDown(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	b.approve(t, id)
	b.store.fail(fmt.Errorf("no route: %w", authority.ErrUnavailable))
	if _, err := b.redeem(t, id, begun.Code); !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("redemption: %v", err)
	}
	if _, err := b.Devices.Begin(t.Context(), b.client, login.DeviceAsk{}); !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("begin: %v", err)
	}
	b.store.fail(nil)
	if _, err := b.redeem(t, id, begun.Code); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestDeviceGoneClientIsNotRedeemed(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	b.approve(t, id)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Devices.Redeem(gone, id, b.redemption(begun.Code)); !errors.Is(err, context.Canceled) {
		t.Errorf("redemption: %v", err)
	}
	if request, _ := b.Devices.Get(t.Context(), id); request.State != authority.DeviceApproved {
		t.Errorf("the request is %s", request.State)
	}
}

func TestDeviceUserCodeTaken_SEC107(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	forced := []string{"BBBBBBBB", "BBBBBBBB", "BBBBBBBB", "CCCCCCCC"}
	b.config.UserCodes = &usercode.Source{New: func(string, int) string {
		code := forced[0]
		if len(forced) > 1 {
			forced = forced[1:]
		}
		return code
	}}
	b.Authority = b.replica(t)
	first, _ := b.begin(t)
	second, _ := b.begin(t)
	if first.UserCode != "BBBB-BBBB" || second.UserCode != "CCCC-CCCC" {
		t.Errorf("codes: %s, %s", first.UserCode, second.UserCode)
	}
	if _, err := b.Devices.Begin(t.Context(), b.client, login.DeviceAsk{}); !errors.Is(err, authority.ErrTooMany) {
		t.Errorf("a generator that has run dry: %v", err)
	}
	b.clock.Advance(authority.DeviceLife)
	if again, _ := b.begin(t); again.UserCode != "CCCC-CCCC" {
		t.Errorf("the code of an expired request is not free: %s", again.UserCode)
	}
}

func BenchmarkPollPending(bench *testing.B) {
	b := newDeviceBench(bench)
	begun, _ := b.begin(bench)
	ctx := bench.Context()
	bench.ReportAllocs()
	for bench.Loop() {
		b.clock.Advance(poll.Interval)
		if b.clock.Now().After(begun.Expires.Add(-time.Minute)) {
			b.clock.Set(begun.Expires.Add(-authority.DeviceLife))
		}
		_, _, err := b.Devices.Poll(ctx, b.client, begun.Code, 0, "192.0.2.1")
		if err == nil {
			bench.Fatal("not pending")
		}
	}
}

func BenchmarkDeviceBegin(bench *testing.B) {
	b := newDeviceBench(bench)
	b.config.PendingPerAddress = 1 << 40
	b.Authority = b.replica(bench)
	bench.ReportAllocs()
	for bench.Loop() {
		clear(b.store.requests)
		if _, err := b.Devices.Begin(bench.Context(), b.client, login.DeviceAsk{Scope: b.client.Scope}); err != nil {
			bench.Fatal(err)
		}
	}
}
