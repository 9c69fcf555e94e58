// Package replica is what this process knows of what all replicas of the authority have decided and ended, so that neither a
// token check nor a pending poll asks the store.
//
// What comes in is the feed of the store, and what this process itself commits; what goes out are two answers from memory:
// is this device request decided (Decided), and is this session over (Marks). The law it keeps: memory may be late but
// never wrong for good, and when it is too late to be believed, Fresh says so and checks are refused (SEC-284, SEC-285).
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
	// The store sets the limit on each connection; a longer one would let a revocation be committed behind the look.
	transactionLimit = 5 * time.Second
	overlap          = 2 * transactionLimit
	// staleAfter is how long a replica that hears nothing goes on answering checks: what was revoked meanwhile is good for
	// so long.
	staleAfter     = 3 * time.Second
	defaultCatchUp = 400 * time.Millisecond
	wakeGap        = 10 * time.Millisecond
)

// Follower tells this replica what others decided and ended. What this replica does itself, it knows without. Store, Marks,
// Decided, Woken, Now and Log are needed. Load comes first, then Run in one goroutine; Fresh may be asked by anybody.
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

// Load learns all that is still of importance; before it, the replica is not ready. An error leaves nothing behind that
// needs undoing; the server does not come up, rather than accept what was taken back.
func (f *Follower) Load(ctx context.Context) error {
	f.start = time.Now()
	f.heard.Store(int64(-time.Hour)) // nothing yet: without this the first three seconds would pass for fresh
	return f.CatchUp(ctx)
}

// Run catches up until ctx ends. It never gives up: a store that comes back is heard of again at the next tick, without a
// restart (SEC-282, SEC-284).
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
		// Once when it begins, not every 400 ms; that it goes on, /readyz says.
		if err != nil && !failing && ctx.Err() == nil {
			f.Log.Warn("this replica does not hear of the others; checks are refused until it does", "error", err)
		}
		failing = err != nil
	}
}

// Fresh is decided by the process's own monotonic clock: the injected one may stand still or jump. It reports whether the
// last catch-up that succeeded began less than staleAfter ago, or four intervals where these are longer.
func (f *Follower) Fresh() bool {
	return !f.start.IsZero() && time.Since(f.start)-time.Duration(f.heard.Load()) < max(staleAfter, 4*f.Every)
}

// CatchUp asks once for what others did.
func (f *Follower) CatchUp(ctx context.Context) error {
	// Both before the question is asked: what is committed while it is on its way belongs to the next one.
	began, now := time.Since(f.start), f.Now()
	since := f.since
	if now.Before(since) { // the clock was set back
		since = now.Add(-overlap)
	}
	news, err := f.Store.NewsSince(ctx, since, now)
	if err != nil {
		return err
	}
	// Marks before decisions: a login that is redeemed at once must fall under a mark that came by the same answer.
	for _, mark := range news.Marks {
		f.Marks.Learn(mark)
	}
	for _, decision := range news.Decisions {
		f.Decided.Learn(decision)
		f.Woken(decision.ID)
	}
	// Only after all was learned; an error leaves it, and the next look begins where this one did.
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
