// Package replica is what this process knows of what all replicas of the authority have decided and ended, so that neither a
// token check nor a pending poll asks the store.
package replica

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/doorward/doorward/authority"
)

// Every transaction of the store ends within transactionLimit; the catch-up looks back twice as far, so that one that was
// stamped early and committed late is not missed.
const (
	transactionLimit = 5 * time.Second
	overlap          = 2 * transactionLimit
	staleAfter       = 3 * time.Second
	defaultCatchUp   = 400 * time.Millisecond
	wakeGap          = 10 * time.Millisecond
)

// Follower tells this replica what others decided and ended. What this replica does itself, it knows without.
type Follower struct {
	Store   authority.Feed
	Marks   *Marks
	Decided *Decided
	Woken   func(id string) // is told of every device request that was decided
	Every   time.Duration   // between two looks; 0: 400 ms
	Wake    <-chan struct{} // says that there may be news; nil where the store has no such thing
	Now     func() time.Time
	Log     *slog.Logger

	heard atomic.Int64 // monotonic: when the last catch-up began, as time since start
	start time.Time
	since time.Time
}

// Load learns all that is still of importance; before it, the replica is not ready.
func (f *Follower) Load(ctx context.Context) error {
	f.start = time.Now()
	return f.CatchUp(ctx)
}

// Run catches up until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	every := f.Every
	if every == 0 {
		every = defaultCatchUp
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.Wake:
			// A breath, so that a hundred decisions a second are one question and not a hundred.
			if !sleep(ctx, wakeGap) {
				return
			}
		}
		err := f.CatchUp(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			f.Log.Warn("this replica does not hear of the others; checks are refused until it does", "error", err)
		}
		failing = err != nil
	}
}

// Fresh is decided by the process's own monotonic clock: the injected one may stand still or jump.
func (f *Follower) Fresh() bool {
	return !f.start.IsZero() && time.Since(f.start)-time.Duration(f.heard.Load()) < max(staleAfter, 4*f.Every)
}

// CatchUp asks once for what others did.
func (f *Follower) CatchUp(ctx context.Context) error {
	began, now := time.Since(f.start), f.Now()
	since := f.since
	if now.Before(since) { // the clock was set back
		since = now.Add(-overlap)
	}
	news, err := f.Store.NewsSince(ctx, since, now)
	if err != nil {
		return err
	}
	for _, mark := range news.Marks {
		f.Marks.Learn(mark)
	}
	for _, decision := range news.Decisions {
		f.Decided.Learn(decision)
		f.Woken(decision.ID)
	}
	f.since = now.Add(-overlap)
	f.heard.Store(int64(began))
	return nil
}

// sleep waits, and reports false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
