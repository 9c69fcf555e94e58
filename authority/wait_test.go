package authority

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorward/doorward/oauth"
)

// undecidedID stands for waiters without any decision.
func undecidedID(string) bool { return false }

// outcome is what wait returned, and after how long.
type outcome struct {
	woken, waited bool
	after         time.Duration
}

func startWait(ctx context.Context, w *waiters, id, address string, most time.Duration) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		began := time.Now()
		woken, waited := w.wait(ctx, id, address, most)
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
			w := newWaiters(undecidedID)
			result := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			time.Sleep(3 * time.Second)
			w.wake("b") // somebody else's
			w.wake("a")
			if got := <-result; got != (outcome{true, true, 3 * time.Second}) {
				t.Errorf("%+v", got)
			}
			w.wake("a") // nobody waits any more
			wantEmpty(t, w)
		})
	})
	t.Run("ends after the whole time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWaiters(undecidedID)
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
			w := newWaiters(undecidedID)
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
			var w *waiters
			w = newWaiters(func(id string) bool { return w.count() == 1 })
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
			w := newWaiters(undecidedID)
			older := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			time.Sleep(6 * time.Second)
			newer := startWait(t.Context(), w, "a", "192.0.2.1", 25*time.Second)
			if got := <-older; got != (outcome{false, false, 6 * time.Second}) {
				t.Errorf("older: %+v", got)
			}
			w.wake("a")
			if got := <-newer; got != (outcome{true, true, 0}) {
				t.Errorf("newer: %+v", got)
			}
			wantEmpty(t, w)
		})
	})
	t.Run("ends with a drain, and nobody waits after it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWaiters(undecidedID)
			var results []<-chan outcome
			for i := range 100 {
				results = append(results, startWait(t.Context(), w, fmt.Sprint(i), fmt.Sprintf("192.0.2.%d", i), 25*time.Second))
			}
			time.Sleep(time.Second)
			w.drain()
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

func wantEmpty(t *testing.T, w *waiters) {
	t.Helper()
	if len(w.byID) != 0 || len(w.byHost) != 0 {
		t.Errorf("left behind: %d waiters, %d hosts", len(w.byID), len(w.byHost))
	}
}

func TestWaitLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWaiters(undecidedID)
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
		for i := w.count(); i < maxWaiters; i++ {
			if !enter(fmt.Sprint("four", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250)) {
				t.Fatalf("waiter %d of the replica is refused", i)
			}
		}
		if got := <-startWait(t.Context(), w, "one more", "192.0.2.1", time.Second); got != (outcome{}) {
			t.Errorf("beyond the replica's limit: %+v", got)
		}
		w.wake("neighbour")
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
		if got := hostKey(address); got != want {
			t.Errorf("hostKey(%q) = %q, want %q", address, got, want)
		}
	}
}

// newWaitBench is a deviceBench on the clock of a synctest bubble.
func newWaitBench(t *testing.T) *deviceBench {
	t.Helper()
	b := newDeviceBench(t)
	b.config.Now = time.Now
	b.Authority = b.replica(t)
	b.clock.Set(time.Now())
	return b
}

type polled struct {
	id     string
	waited bool
	err    error
	after  time.Duration
}

func startPoll(ctx context.Context, b *deviceBench, devices *Devices, begun DeviceBegun, wait time.Duration) <-chan polled {
	result := make(chan polled, 1)
	go func() {
		began := time.Now()
		id, waited, err := devices.Poll(ctx, b.client, begun.Code, wait, "192.0.2.1")
		result <- polled{id, waited, err, time.Since(began)}
	}()
	synctest.Wait()
	return result
}

func TestDeviceLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t)
		begun, id := b.begin(t)
		b.store.asked()

		first := <-startPoll(t.Context(), b, b.Devices, begun, 25*time.Second)
		wantCode(t, "after the whole wait", first.err, oauth.AuthorizationPending)
		if !first.waited || first.after != 25*time.Second {
			t.Errorf("first: %+v", first)
		}
		// After a full wait the next poll may come at once, also where the wait was shorter than the interval.
		short := <-startPoll(t.Context(), b, b.Devices, begun, 2*time.Second)
		wantCode(t, "after a short wait", short.err, oauth.AuthorizationPending)
		if !short.waited || short.after != 2*time.Second {
			t.Errorf("short: %+v", short)
		}
		second := startPoll(t.Context(), b, b.Devices, begun, 25*time.Second)
		if asked := b.store.asked(); asked != 0 {
			t.Errorf("waiting cost %d statements", asked)
		}
		time.Sleep(7 * time.Second)
		b.approve(t, id)
		if got := <-second; got.err != nil || got.id != id || !got.waited || got.after != 7*time.Second {
			t.Errorf("second: %+v", got)
		}
		if got := <-startPoll(t.Context(), b, b.Devices, begun, 25*time.Second); got.err != nil || got.after != 0 {
			t.Errorf("a poll after the decision: %+v", got)
		}
	})
}

func TestDeviceLongPollOnAnotherReplica(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t)
		other := b.replica(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go other.follower.Run(ctx)
		begun, id := b.begin(t)
		waiting := startPoll(t.Context(), b, other.Devices, begun, 25*time.Second)
		time.Sleep(time.Second + time.Millisecond)
		b.approve(t, id)
		if got := <-waiting; got.err != nil || got.after > time.Second+defaultCatchUp {
			t.Errorf("%+v", got)
		}
	})
}

func TestDeviceLongPollEndsWithTheCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t)
		begun, _ := b.begin(t)
		time.Sleep(time.Until(begun.Expires) - 4*time.Second)
		got := <-startPoll(t.Context(), b, b.Devices, begun, 25*time.Second)
		wantCode(t, "at the end of the code", got.err, oauth.ExpiredToken)
		if got.after != 4*time.Second {
			t.Errorf("%+v", got)
		}
	})
}

func TestDeviceLongPollOfGoneClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t)
		begun, id := b.begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		waiting := startPoll(ctx, b, b.Devices, begun, 25*time.Second)
		// The client goes and the person decides in the same moment: whichever the poll sees first, it is not redeemed.
		cancel()
		b.approve(t, id)
		if got := <-waiting; !errors.Is(got.err, context.Canceled) {
			t.Errorf("%+v", got)
		}
	})
}

func TestDeviceDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t)
		begun, _ := b.begin(t)
		waiting := startPoll(t.Context(), b, b.Devices, begun, 25*time.Second)
		b.Drain()
		got := <-waiting
		wantCode(t, "drained", got.err, oauth.AuthorizationPending)
		if got.waited || got.after != 0 {
			t.Errorf("drained: %+v", got)
		}
		time.Sleep(pollInterval)
		if got := <-startPoll(t.Context(), b, b.Devices, begun, 25*time.Second); got.waited || got.after != 0 {
			t.Errorf("after the drain: %+v", got)
		}
	})
}

// TestDeviceShortAnswerKeepsInterval: without Preference-Applied the interval holds.
func TestDeviceShortAnswerKeepsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t)
		begun, _ := b.begin(t)
		waiting := startPoll(t.Context(), b, b.Devices, begun, 25*time.Second)
		time.Sleep(time.Second)
		got := <-startPoll(t.Context(), b, b.Devices, begun, 25*time.Second)
		wantCode(t, "a second poll while one waits", got.err, oauth.SlowDown)
		time.Sleep(24 * time.Second)
		if first := <-waiting; !first.waited {
			t.Errorf("the refused poll disturbed the waiting one: %+v", first)
		}
	})
}
