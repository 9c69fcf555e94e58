package replica

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
)

const (
	// shards spreads what all requests touch over many locks; a power of two.
	shards = 64
	// sweepStep is how many entries a learned decision looks at, in search of expired ones. Looking at four where one is
	// added keeps the expired below a third of the living, without ever walking through all.
	sweepStep = 4
)

// Decided knows of every device request that was approved, denied or redeemed, until its code expires. What it does not
// know is pending: that is why a pending poll costs no database work. It is loaded before a replica is ready, told at
// once of what this replica commits, and of what others did by the follower.
type Decided struct {
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]decidedShard
}

type decidedShard struct {
	mu      sync.RWMutex
	entries map[string]decidedEntry
}

type decidedEntry struct {
	state   authority.DeviceState
	expires int64 // Unix, in seconds, rounded up
}

// NewDecided makes it empty: everything is pending.
func NewDecided(now func() time.Time) *Decided {
	d := &Decided{now: now, seed: maphash.MakeSeed()}
	for i := range d.shards {
		d.shards[i].entries = map[string]decidedEntry{}
	}
	return d
}

// Learn takes a decision in. Telling it again changes nothing, and news that come late change nothing either: what was
// denied or redeemed stays so, whatever order the news arrive in.
func (d *Decided) Learn(decision authority.Decision) {
	now, expires := d.now().Unix(), decision.Expires.Unix()+1
	// Expired ones are of no more use, since the code itself says that it has expired; and pending is what not knowing
	// means.
	if expires <= now || finality(decision.State) == 0 {
		return
	}
	shard := d.shard(decision.ID)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	known, ok := shard.entries[decision.ID]
	// Without the order, an "approved" that arrives behind a "denied" would let a terminal go on to the store, with a login
	// that was taken back (SEC-077). The store would refuse it all the same.
	if ok && finality(known.state) >= finality(decision.State) {
		return
	}
	shard.entries[decision.ID] = decidedEntry{decision.State, expires}
	if !ok {
		shard.sweep(now)
	}
}

// State returns what is known of the request; false stands for pending.
func (d *Decided) State(id string) (authority.DeviceState, bool) {
	shard := d.shard(id)
	shard.mu.RLock()
	entry, ok := shard.entries[id]
	shard.mu.RUnlock()
	return entry.state, ok
}

// size counts the entries, expired ones that were not swept yet included.
func (d *Decided) size() int {
	total := 0
	for i := range d.shards {
		d.shards[i].mu.RLock()
		total += len(d.shards[i].entries)
		d.shards[i].mu.RUnlock()
	}
	return total
}

// The seed is random for each process: nobody can choose ids that fall into one shard.
func (d *Decided) shard(id string) *decidedShard {
	return &d.shards[maphash.String(d.seed, id)%shards]
}

// sweep drops what has expired among a few entries; a walk over a map begins at a random place, so that all get their turn.
func (s *decidedShard) sweep(now int64) {
	seen := 0
	for id, entry := range s.entries {
		if entry.expires <= now {
			delete(s.entries, id)
		}
		if seen++; seen == sweepStep {
			return
		}
	}
}

// finality orders the states: a later one never gives way to an earlier one.
func finality(state authority.DeviceState) int {
	switch state {
	case authority.DeviceApproved:
		return 1
	case authority.DeviceDenied, authority.DeviceRefused, authority.DeviceRedeemed:
		return 2
	}
	return 0
}
