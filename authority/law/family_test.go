package law

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func TestRotation_SEC110_SEC113_SameSuccessorUntilItIsUsed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r0 := h.login().Refresh
	r1 := h.rotate(r0)
	h.open() // a restart in between changes nothing: the successor is derived, not remembered
	for range 3 {
		if again := h.rotate(r0); again != r1 {
			t.Fatal("the repeated refresh gave another successor")
		}
	}
	r2 := h.rotate(r1)
	if r2 == r1 {
		t.Fatal("no rotation")
	}
	h.rotate(r2)
}

func TestReplay_SEC109_SEC111_SEC116_EndsTheFamilyAndSaysSo(t *testing.T) {
	t.Parallel()
	tests := map[string]func(h *house, r0, r1 secret.String) (last secret.String){
		"SEC-109 after R1 was used": func(h *house, _, r1 secret.String) secret.String { return h.rotate(r1) },
		"SEC-109 after the limit":   func(h *house, _, r1 secret.String) secret.String { h.clock.Advance(25 * time.Hour); return r1 },
		"SEC-111 two steps back inside the limit": func(h *house, _, r1 secret.String) secret.String {
			return h.rotate(h.rotate(r1))
		},
		"SEC-116 after a restart of every replica": func(h *house, _, r1 secret.String) secret.String {
			last := h.rotate(r1)
			h.open()
			return last
		},
	}
	for name, between := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			redeemed := h.login()
			access, _, err := h.Tokens.Access(redeemed.Family, h.cli, redeemed.Family.Scope, redeemed.Family.Audience)
			if err != nil {
				t.Fatal(err)
			}
			last := between(h, redeemed.Refresh, h.rotate(redeemed.Refresh))
			h.refused(redeemed.Refresh, h.cli)
			h.refused(last, h.cli)
			if n := h.events(authority.EventReplay); n != 1 {
				t.Errorf("%d replay events, want 1", n)
			}
			if _, err := h.Tokens.Check(t.Context(), access.Reveal()); !errors.Is(err, authority.ErrUnknown) {
				t.Errorf("the access token of an ended family: %v", err)
			}
			// Marks are forgotten after an hour: the end of a family is its row's.
			h.clock.Advance(3 * time.Hour)
			h.open()
			h.refused(last, h.cli)
			if family, err := h.Sessions.Get(t.Context(), redeemed.Family.ID); err != nil || family.EndReason != "replay" {
				t.Errorf("the family ended by %q, %v", family.EndReason, err)
			}
		})
	}
}

func TestParallelRefresh_SEC114_OneSuccessorAndAlive(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r0 := h.login().Refresh
	answers := make([]secret.String, 100)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			_, next, err := h.Sessions.Rotate(t.Context(), r0, h.cli, authority.Origin{})
			if err != nil {
				t.Errorf("refresh %d: %v", i, err)
			}
			answers[i] = next
		})
	}
	group.Wait()
	for _, answer := range answers {
		if answer != answers[0] {
			t.Fatal("two live branches")
		}
	}
	h.rotate(answers[0])
}

func TestRefresh_SEC119_ForeignClientDoesNotHurtTheOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r0 := h.login().Refresh
	h.refused(r0, h.other)
	if n := h.events(authority.EventForeign); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	h.rotate(r0)
}

func TestRefresh_ForgedTokensCostNoLookUpAndEndNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	r1 := h.rotate(h.rotate(redeemed.Refresh))
	parts := strings.Split(r1.Reveal(), ".")
	stranger := newHouse(t).login().Refresh.Reveal()
	forged := []string{
		"", ".", "..", "a.b.c", stranger, r1.Reveal() + "A", r1.Reveal()[1:], parts[0] + ".0." + parts[2],
		parts[0] + ".00." + parts[2], parts[0] + ".-1." + parts[2], parts[0] + ".0." + strings.Repeat("A", 60),
		parts[0] + ".0." + parts[2] + "\n", strings.Repeat("a", 1<<20), redeemed.Family.ID + ".0." + strings.Split(stranger, ".")[2],
	}
	h.store.asked()
	for _, token := range forged {
		h.refused(secret.New(token), h.cli)
	}
	if n := h.store.asked(); n != 0 {
		t.Errorf("forged tokens cost %d statements", n)
	}
	h.rotate(r1)
}

func TestRefresh_SEC118_AStoreThatIsDownIsNoRefusal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r0 := h.login().Refresh
	h.store.fail(fmt.Errorf("%w: connection refused", authority.ErrUnavailable))
	_, _, err := h.Sessions.Rotate(t.Context(), r0, h.cli, authority.Origin{})
	if !errors.Is(err, authority.ErrUnavailable) || errors.Is(err, oauth.InvalidGrant) {
		t.Fatalf("refresh: %v, want ErrUnavailable", err)
	}
	h.store.fail(nil)
	h.rotate(h.rotate(r0)) // SEC-117: nothing was consumed
}

func TestRefresh_SEC121_SEC122_IdleAndAbsoluteEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.login().Refresh
	h.clock.Advance(h.cli.Idle)
	token = h.rotate(token)
	h.clock.Advance(h.cli.Idle + time.Second)
	h.refused(token, h.cli)

	token = h.login().Refresh
	for range 2 {
		h.clock.Advance(14 * 24 * time.Hour)
		token = h.rotate(token)
	}
	h.clock.Advance(2 * 24 * time.Hour)
	h.refused(token, h.cli)
}

func TestClock_SEC305_NothingExpiredComesBackToLife(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token, other, before := h.login().Refresh, h.login().Refresh, h.clock.Now()
	for _, off := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		h.clock.Set(before.Add(off))
		token = h.rotate(token)
	}
	h.clock.Set(before.AddDate(10, 0, 0))
	h.refused(token, h.cli)
	h.clock.Set(before.Add(time.Hour))
	h.refused(token, h.cli)
	h.rotate(other) // what nobody asked about while the clock was wrong has lost nothing
}

func TestEnd_SEC123_SEC124_EverythingOfAPersonOnEveryReplica(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := h.replica()
	redeemed := h.login()
	access, _, err := h.Tokens.Access(redeemed.Family, h.cli, redeemed.Family.Scope, redeemed.Family.Audience)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Tokens.Check(t.Context(), access.Reveal()); err != nil {
		t.Fatalf("before: %v", err)
	}
	if err := h.Sessions.EndOf(t.Context(), "usr_1", "", "password changed", ""); err != nil {
		t.Fatal(err)
	}
	h.refused(redeemed.Refresh, h.cli)
	if err := second.follower.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Tokens.Check(t.Context(), access.Reveal()); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("the second replica says %v", err)
	}
	h.clock.Advance(2 * time.Millisecond) // a login right afterwards, in the same second, is a new one
	if again := h.login(); again.Refresh.IsZero() {
		t.Error("no new login")
	} else {
		h.rotate(again.Refresh)
	}
}

func TestSecrets_SEC125_NothingStoredIsAToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	redeemed := h.login()
	r1 := h.rotate(redeemed.Refresh)
	ready, _, err := h.Sessions.IssueReady(t.Context(), login.ReadyAsk{Client: h.cli, PersonID: "usr_1"}, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := json.Marshal([]any{h.store.codes, h.store.families, h.store.events, h.store.keys})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]secret.String{"R0": redeemed.Refresh, "R1": r1, "ready": ready} {
		text := token.Reveal()
		if at := strings.LastIndexByte(text, '.'); at >= 0 {
			text = text[at+1:]
		}
		if strings.Contains(string(dump), text) {
			t.Errorf("the store holds %s", name)
		}
	}
}

func TestMasterKey_SEC128_SessionsLiveThroughTheOverlap(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	lazy, busy := h.login().Refresh, h.login().Refresh
	old := h.master
	h.master = old.Rotate()
	h.open()
	busy = h.rotate(busy)
	h.master = reparse(t, h.master.Keep(1), h, old)
	h.rotate(busy)
	h.refused(lazy, h.cli)
}

// reparse ends the overlap: signing keys are sealed anew, as `master key` rotation does, and the old key is gone.
func reparse(t *testing.T, master *keys.Master, h *house, old *keys.Master) *keys.Master {
	t.Helper()
	for id, key := range h.store.keys {
		der, err := old.Open("signing key", key.Sealed, []byte(id))
		if err != nil {
			t.Fatal(err)
		}
		key.Sealed = master.Seal("signing key", der, []byte(id))
		h.store.keys[id] = key
	}
	h.master = master
	h.open()
	return master
}

// TestRotationModel_SEC110 walks random histories beside the simplest model: a list of generations, one of which is current.
func TestRotationModel_SEC110(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		tokens := []secret.String{h.login().Refresh}
		dead := false
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			index := rapid.IntRange(0, len(tokens)-1).Draw(rt, "token")
			_, next, err := h.Sessions.Rotate(t.Context(), tokens[index], h.cli, authority.Origin{})
			last := len(tokens) - 1
			switch {
			case dead || index < last-1:
				dead = true
				if !errors.Is(err, oauth.InvalidGrant) {
					rt.Fatalf("generation %d of %d: %v, want invalid_grant", index, last, err)
				}
			case err != nil:
				rt.Fatalf("generation %d of %d: %v", index, last, err)
			case index == last:
				tokens = append(tokens, next)
			case next != tokens[last]:
				rt.Fatalf("generation %d of %d: another successor", index, last)
			}
		}
	})
}
