package law

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/oauth"
)

var ada = login.Guesser{PersonID: "usr_ada", Address: "192.0.2.9"}

// lookUp returns the error of one look-up.
func lookUp(tb testing.TB, a *Authority, code string, guesser login.Guesser) error {
	tb.Helper()
	_, err := a.Devices.Lookup(tb.Context(), code, guesser)
	return err
}

func TestLookup(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	request, err := b.Devices.Lookup(t.Context(), " "+begun.UserCode+" ", ada)
	if err != nil || request.ID != id || request.Origin.Machine != "ada's laptop" {
		t.Errorf("%+v, %v", request, err)
	}
}

// TestLookupAlike_SEC105: unknown, malformed, expired, decided and used are one answer, and count alike.
func TestLookupAlike_SEC105(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	expired, _ := b.begin(t)
	b.clock.Advance(authority.DeviceLife)
	approved, approvedID := b.begin(t)
	denied, deniedID := b.begin(t)
	used, usedID := b.begin(t)
	b.approve(t, approvedID)
	b.approve(t, usedID)
	if _, err := b.redeem(t, usedID, used.Code); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Devices.Deny(t.Context(), deniedID, b.person.ID, ""); err != nil {
		t.Fatal(err)
	}
	hosts := 0
	for name, code := range map[string]string{
		"unknown": "BBBB-BBBB", "malformed": "hello", "empty": "", "expired": expired.UserCode, "approved": approved.UserCode,
		"denied": denied.UserCode, "used": used.UserCode,
	} {
		hosts++
		guesser := login.Guesser{PersonID: "usr_" + name, Address: fmt.Sprintf("192.0.2.%d", hosts)}
		if err := lookUp(t, b.Authority, code, guesser); err != authority.ErrUnknown { //nolint:errorlint // not even wrapped: it is the same
			t.Errorf("%s: %v", name, err)
		}
		for range usercode.Limit - 1 {
			_ = lookUp(t, b.Authority, code, guesser)
		}
		if err := lookUp(t, b.Authority, code, guesser); !errors.Is(err, authority.ErrTooMany) {
			t.Errorf("%s does not count: %v", name, err)
		}
	}
}

func TestLookupLimit_SEC098(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, _ := b.begin(t)
	for i := range usercode.Limit {
		if err := lookUp(t, b.Authority, "BBBB-BBBB", ada); !errors.Is(err, authority.ErrUnknown) {
			t.Errorf("wrong code %d: %v", i+1, err)
		}
	}
	for _, code := range []string{"BBBB-BBBB", begun.UserCode} {
		if err := lookUp(t, b.Authority, code, ada); !errors.Is(err, authority.ErrTooMany) {
			t.Errorf("the sixth: %v", err)
		}
	}
	if err := lookUp(t, b.replica(t), begun.UserCode, ada); !errors.Is(err, authority.ErrTooMany) {
		t.Errorf("on another replica: %v", err)
	}
	b.clock.Advance(usercode.Window)
	fresh, _ := b.begin(t)
	if err := lookUp(t, b.Authority, fresh.UserCode, ada); err != nil {
		t.Errorf("in the next window: %v", err)
	}
	events, err := b.store.ListEvents(t.Context(), authority.EventFilter{Kind: authority.EventCodeGuess, PersonID: ada.PersonID})
	if err != nil || len(events) != usercode.Limit {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestLookupAddress_SEC101: one machine with many accounts, and with all addresses of its /64, is one guesser.
func TestLookupAddress_SEC101(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, _ := b.begin(t)
	evaluated := 0
	for i := range 100 {
		guesser := login.Guesser{PersonID: fmt.Sprint("usr_", i), Address: fmt.Sprintf("2001:db8:1:2::%x", i+1)}
		if err := lookUp(t, b.Authority, "BBBB-BBBB", guesser); errors.Is(err, authority.ErrUnknown) {
			evaluated++
		}
	}
	if evaluated != usercode.HostLimit {
		t.Errorf("%d guesses of one /64 were evaluated", evaluated)
	}
	if err := lookUp(t, b.Authority, begun.UserCode, login.Guesser{PersonID: "usr_eve", Address: "2001:db8:1:3::1"}); err != nil {
		t.Errorf("another /64: %v", err)
	}
}

// TestLookupOverflow_SEC102: counters live in the store, so that other keys cannot push one out of a table.
func TestLookupOverflow_SEC102(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	for range usercode.Limit {
		_ = lookUp(t, b.Authority, "BBBB-BBBB", ada)
	}
	for i := range 100_000 {
		if _, err := b.store.CountAttempt(t.Context(), fmt.Sprint(i), b.clock.Now(), usercode.Window); err != nil {
			t.Fatal(err)
		}
	}
	if err := lookUp(t, b.Authority, "BBBB-BBBB", ada); !errors.Is(err, authority.ErrTooMany) {
		t.Errorf("the counter did not survive: %v", err)
	}
}

// TestLookupRight_SEC108: whoever only types right codes is never out of tries, on whatever replica and after any restart.
func TestLookupRight_SEC108(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	for i := range 3 * usercode.Limit {
		begun, _ := b.begin(t)
		if err := lookUp(t, b.replica(t), begun.UserCode, ada); err != nil {
			t.Fatalf("right code %d: %v", i+1, err)
		}
	}
	for range usercode.Limit {
		if err := lookUp(t, b.Authority, "BBBB-BBBB", ada); !errors.Is(err, authority.ErrUnknown) {
			t.Errorf("a wrong one: %v", err)
		}
	}
	begun, _ := b.begin(t)
	if err := lookUp(t, b.Authority, begun.UserCode, ada); !errors.Is(err, authority.ErrTooMany) {
		t.Errorf("after five wrong ones: %v", err)
	}
}

func TestLookupAtOnce_SEC103(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	replicas := []*Authority{b.Authority, b.replica(t), b.replica(t)}
	var mu sync.Mutex
	var group sync.WaitGroup
	evaluated := 0
	for i := range 200 {
		group.Go(func() {
			if err := lookUp(t, replicas[i%3], "BBBB-BBBB", ada); errors.Is(err, authority.ErrUnknown) {
				mu.Lock()
				evaluated++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if evaluated != usercode.Limit {
		t.Errorf("%d guesses of 200 were evaluated", evaluated)
	}
}

// TestLookupRightOnes: right codes are no guesses, and yet buy none: somebody with codes of his own, on however many
// replicas, gets no more wrong ones evaluated than anybody.
func TestLookupRightOnes(t *testing.T) {
	t.Parallel()
	t.Run("many right ones", func(t *testing.T) {
		t.Parallel()
		b := newDeviceBench(t)
		for i := range 50 {
			begun, id := b.begin(t)
			if err := lookUp(t, b.Authority, begun.UserCode, ada); err != nil {
				t.Fatalf("right code %d: %v", i+1, err)
			}
			b.approve(t, id)
		}
	})
	t.Run("right and wrong in turn", func(t *testing.T) {
		t.Parallel()
		b := newDeviceBench(t)
		own, _ := b.begin(t)
		replicas := []*Authority{b.Authority, b.replica(t)}
		wrong := 0
		for i := range 100 {
			_ = lookUp(t, replicas[i%2], own.UserCode, ada)
			if errors.Is(lookUp(t, replicas[i/2%2], "BBBB-BBBB", ada), authority.ErrUnknown) {
				wrong++
			}
		}
		if wrong > usercode.Limit {
			t.Errorf("%d wrong codes were evaluated", wrong)
		}
	})
	t.Run("right ones of the last window", func(t *testing.T) {
		t.Parallel()
		b := newDeviceBench(t)
		b.clock.Set(b.clock.Now().Truncate(usercode.Window).Add(usercode.Window - time.Second))
		own, _ := b.begin(t)
		for range 20 {
			_ = lookUp(t, b.Authority, own.UserCode, ada)
		}
		b.clock.Advance(2 * time.Second)
		wrong := 0
		for range 30 {
			if errors.Is(lookUp(t, b.Authority, "BBBB-BBBB", ada), authority.ErrUnknown) {
				wrong++
			}
		}
		if wrong != usercode.Limit {
			t.Errorf("%d wrong codes were evaluated", wrong)
		}
	})
}

// TestLookupVictim_SEC108: the guesser is limited, never the code.
func TestLookupVictim_SEC108(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, id := b.begin(t)
	mallory := login.Guesser{PersonID: "usr_mallory", Address: "203.0.113.66"}
	for range 100 {
		_ = lookUp(t, b.Authority, "BBBB-BBBB", mallory)
	}
	if err := lookUp(t, b.Authority, begun.UserCode, ada); err != nil {
		t.Errorf("the victim's look-up: %v", err)
	}
	b.approve(t, id)
}

// TestLookupLengthensCodes: wrong codes make new ones longer where many live, and refuse nobody.
func TestLookupLengthensCodes(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	b.config.UserCodes = new(usercode.Source)
	b.Authority = b.replica(t)
	before, _ := b.begin(t)
	for range 1_000_000 { // as many have begun a login in this window
		b.config.UserCodes.Length(usercode.WindowOf(b.clock.Now()))
	}
	if still, _ := b.begin(t); len(still.UserCode) != len("WDJB-MJHT") {
		t.Errorf("without a guess: %s", still.UserCode)
	}
	for range usercode.Limit {
		_ = lookUp(t, b.Authority, "BBBB-BBBB", ada)
	}
	after, _ := b.begin(t)
	if len(after.UserCode) != len("WDJBM-JHTB") {
		t.Errorf("a new code: %s", after.UserCode)
	}
	for _, begun := range []login.DeviceBegun{before, after} {
		if err := lookUp(t, b.Authority, begun.UserCode, login.Guesser{PersonID: "usr_bob", Address: "192.0.2.10"}); err != nil {
			t.Errorf("%s: %v", begun.UserCode, err)
		}
	}
}

// TestLookupStoreDown: without a counter there is no look-up.
func TestLookupStoreDown(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	begun, _ := b.begin(t)
	b.store.fail(authority.ErrUnavailable)
	if err := lookUp(t, b.Authority, begun.UserCode, ada); !errors.Is(err, authority.ErrUnavailable) {
		t.Error(err)
	}
}

// TestLookupDigits_PLX20: codes of both kinds are found as they are typed, and only those that were asked for have digits.
func TestLookupDigits_PLX20(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	b.config.UserCodes = &usercode.Source{New: func(alphabet string, length int) string {
		if strings.Contains(alphabet, "7") {
			return "BY347BBB"
		}
		return usercode.New(alphabet, length)
	}}
	b.Authority = b.replica(t)
	begun, id := b.beginFor(t, b.client, login.DeviceAsk{Scope: oauth.Scope{"openid"}, Digits: true})
	if begun.UserCode != "BY34-7BBB" {
		t.Errorf("with digits: %s", begun.UserCode)
	}
	for _, typed := range []string{"BY34-7BBB", "by347bbb", "by34 7888"} {
		if request, err := b.Devices.Lookup(t.Context(), typed, ada); err != nil || request.ID != id {
			t.Errorf("%q: %v", typed, err)
		}
	}
	plain, _ := b.begin(t)
	if strings.ContainsAny(plain.UserCode, usercode.Digits) {
		t.Errorf("without digits: %s", plain.UserCode)
	}
	if err := lookUp(t, b.Authority, plain.UserCode, ada); err != nil {
		t.Error(err)
	}
}
