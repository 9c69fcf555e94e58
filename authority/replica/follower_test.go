package replica

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorward/doorward/authority"
)

// feed is a store that answers until it is down.
type feed struct {
	authority.Feed
	down  atomic.Bool
	asked atomic.Int64
}

func (f *feed) NewsSince(context.Context, time.Time, time.Time) (authority.News, error) {
	f.asked.Add(1)
	if f.down.Load() {
		return authority.News{}, authority.ErrUnavailable
	}
	return authority.News{Decisions: []authority.Decision{{
		ID: "a", State: authority.DeviceApproved, Decided: time.Now(), Expires: time.Now().Add(time.Minute),
	}}}, nil
}

// TestFollower_SEC284: a replica that has not heard of the others for three seconds says so, and hears again as soon as it can.
func TestFollower_SEC284(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &feed{}
		var woken atomic.Int64
		f := &Follower{
			Store: store, Marks: NewMarks(time.Now), Decided: NewDecided(time.Now), Woken: func(string) { woken.Add(1) },
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}
		if f.Fresh() {
			t.Error("fresh before it has asked")
		}
		if err := f.Load(t.Context()); err != nil || !f.Fresh() || woken.Load() != 1 {
			t.Fatalf("after the first look: %v, fresh %t, %d woken", err, f.Fresh(), woken.Load())
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.Run(ctx) }()
		time.Sleep(time.Minute)
		if !f.Fresh() || store.asked.Load() < 150 { // 400 ms apart
			t.Errorf("after a minute: fresh %t, asked %d times", f.Fresh(), store.asked.Load())
		}
		store.down.Store(true)
		time.Sleep(2500 * time.Millisecond)
		if !f.Fresh() {
			t.Error("a short outage is an outage for everybody")
		}
		time.Sleep(time.Second)
		if f.Fresh() {
			t.Error("three and a half seconds without news are not noticed")
		}
		store.down.Store(false)
		time.Sleep(500 * time.Millisecond)
		if !f.Fresh() {
			t.Error("it does not hear again")
		}
		end()
		<-done
	})
}

// TestFollowerLoadFails: a replica that could not ask is not ready.
func TestFollowerLoadFails(t *testing.T) {
	t.Parallel()
	store := &feed{}
	store.down.Store(true)
	f := &Follower{Store: store, Now: time.Now}
	if err := f.Load(t.Context()); !errors.Is(err, authority.ErrUnavailable) || f.Fresh() {
		t.Error(err, f.Fresh())
	}
}
