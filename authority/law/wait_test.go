package law

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/poll"
	"github.com/doorward/doorward/oauth"
)

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

func startPoll(ctx context.Context, b *deviceBench, devices *login.Devices, begun login.DeviceBegun, wait time.Duration) <-chan polled {
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
		if got := <-waiting; got.err != nil || got.after > time.Second+400*time.Millisecond {
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
		time.Sleep(poll.Interval)
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
