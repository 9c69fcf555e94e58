package poll

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// undecidedID stands for waiters without any decision.
func undecidedID(string) bool { return false }

// outcome is what wait returned, and after how long.
type outcome struct {
	woken, waited bool
	after         time.Duration
}

func startWait(ctx context.Context, w *Waiters, id, address string, most time.Duration) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		began := time.Now()
		woken, waited := w.Wait(ctx, id, address, most)
		result <- outcome{woken, waited, time.Since(began)}
	}()
	synctest.Wait()
	return result
}

func TestWait(t *testing.T) {
	t.Parallel()
	t.Run("ends with the decision", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := NewWaiters(undecidedID)
			result := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			time.Sleep(3 * time.Second)
			w.Wake("b") // somebody else's
			w.Wake("a")
			if got := <-result; got != (outcome{true, true, 3 * time.Second}) {
				t.Errorf("%+v", got)
			}
			w.Wake("a") // nobody waits any more
			wantEmpty(t, w)
		})
	})
	t.Run("ends after the whole time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := NewWaiters(undecidedID)
			result := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			if got := <-result; got != (outcome{false, true, 25 * time.Second}) {
				t.Errorf("%+v", got)
			}
			wantEmpty(t, w)
		})
	})
	t.Run("ends with the client", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := NewWaiters(undecidedID)
			ctx, cancel := context.WithCancel(t.Context())
			result := startWait(ctx, w, "a", "192.0.2.1", 25*time.Second)
			cancel()
			if got := <-result; got != (outcome{}) {
				t.Errorf("%+v", got)
			}
			wantEmpty(t, w)
		})
	})
	t.Run("loses no decision between the look and the wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			// The decision is made exactly then: its wake finds nobody, so the waiter must look again once it is in.
			var w *Waiters
			w = NewWaiters(func(id string) bool { return w.Count() == 1 })
			result := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			if got := <-result; got != (outcome{true, true, 0}) {
				t.Errorf("%+v", got)
			}
			wantEmpty(t, w)
		})
	})
	t.Run("a newer poll of the grant takes the place of the older", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := NewWaiters(undecidedID)
			older := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			time.Sleep(6 * time.Second)
			newer := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			if got := <-older; got != (outcome{false, false, 6 * time.Second}) {
				t.Errorf("older: %+v", got)
			}
			w.Wake("a")
			if got := <-newer; got != (outcome{true, true, 0}) {
				t.Errorf("newer: %+v", got)
			}
			wantEmpty(t, w)
		})
	})
	t.Run("ends with a drain, and nobody waits after it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := NewWaiters(undecidedID)
			var results []<-chan outcome
			for i := range 100 {
				results = append(results, startWait(t.Context(), w, fmt.Sprint(i), fmt.Sprintf("192.0.2.%d", i), 25*time.Second))
			}
			time.Sleep(time.Second)
			w.Drain()
			for _, result := range results {
				if got := <-result; got != (outcome{false, false, time.Second}) {
					t.Errorf("%+v", got)
				}
			}
			if got := <-startWait(t.Context(), w, "late", "192.0.2.1", 25*time.Second); got != (outcome{}) {
				t.Errorf("after the drain: %+v", got)
			}
			wantEmpty(t, w)
		})
	})
}

func wantEmpty(t *testing.T, w *Waiters) {
	t.Helper()
	if len(w.byID) != 0 || len(w.byHost) != 0 {
		t.Errorf("left behind: %d waiters, %d hosts", len(w.byID), len(w.byHost))
	}
}

func TestWaitLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWaiters(undecidedID)
		enter := func(id, address string) bool { return w.enter(id, address) != nil }
		for i := range maxWaitersAddress {
			// One machine, with as many addresses of its network as it likes.
			if !enter(fmt.Sprint("six", i), fmt.Sprintf("2001:db8::%x", i+1)) {
				t.Fatalf("waiter %d of the address is refused", i)
			}
		}
		if got := <-startWait(t.Context(), w, "one more", "2001:db8::ffff", time.Second); got != (outcome{}) {
			t.Errorf("beyond the address's limit: %+v", got)
		}
		if !enter("neighbour", "2001:db8:0:1::1") {
			t.Error("another /64 is refused")
		}
		for i := w.Count(); i < maxWaiters; i++ {
			if !enter(fmt.Sprint("four", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250)) {
				t.Fatalf("waiter %d of the replica is refused", i)
			}
		}
		if got := <-startWait(t.Context(), w, "one more", "192.0.2.1", time.Second); got != (outcome{}) {
			t.Errorf("beyond the replica's limit: %+v", got)
		}
		w.Wake("neighbour")
		if !enter("one more", "192.0.2.1") {
			t.Error("a place that became free is not given away")
		}
	})
}

func TestHostKey(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "@": "@",
	} {
		if got := HostKey(address); got != want {
			t.Errorf("hostKey(%q) = %q, want %q", address, got, want)
		}
	}
}
