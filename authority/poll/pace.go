// Package poll is how a device login is waited for: who polls too fast (Pace), who waits inside a poll (Waiters), and how many
// may be waited for at one address (Pendings). Pending polls ask no store.
package poll

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
)

const (
	// Interval is how far apart polls are to be: what clients are told (RFC 8628 section 3.2).
	Interval     = 5 * time.Second
	slowDownStep = 5 * time.Second // RFC 8628 section 3.5
	// pollTolerance is the part of its interval, in per cent, after which a poll is in time: timers and networks jitter.
	pollTolerance = 80

	// bucketSlots and maxBuckets make the table: 64 shards of 4,096 buckets of 8 slots of 12 bytes, 24 MiB for two million
	// grants. It grows up to that as grants begin to poll.
	bucketSlots = 8
	maxBuckets  = 4096 // of a shard; a power of two

	paceShards = 64 // a power of two

	tick     = 10 * time.Millisecond
	tickMask = 1<<24 - 1
	maxSteps = 255
)

// Pace tells polls that come too fast to slow down, per grant and never per address, because many programs share one. It
// errs on the side of the client only: a grant that it does not know, or that it had to forget, polls for the first time,
// a refused poll does not move the clock, and the part of a tick in which it polled before counts for it.
type Pace struct {
	now    func() time.Time
	start  time.Time
	seed   maphash.Seed // random for each process: nobody can choose ids that meet in a bucket
	shards [paceShards]paceShard
}

type paceShard struct {
	mu      sync.Mutex
	buckets []paceBucket
}

// paceBucket holds a few grants. A slot is the hash of the grant's id (0: free), and in one word the last poll that was
// let through (24 bits, in ticks: the 46 hours until they wrap around are longer than any code lives) and how many times
// the grant was slowed down (8 bits).
type paceBucket struct {
	hash [bucketSlots]uint64
	last [bucketSlots]uint32
}

// NewPace makes an empty table.
func NewPace(now func() time.Time) *Pace {
	return &Pace{now: now, start: now(), seed: maphash.MakeSeed()}
}

// Poll reports whether the grant may be answered now. Where it polls too fast, ok is false and interval is what the client
// has to keep from now on: 5 seconds more than before, for good (RFC 8628 section 3.5).
func (p *Pace) Poll(id string) (interval time.Duration, ok bool) {
	hash, shard := p.place(id)
	now := p.tick()
	shard.mu.Lock()
	defer shard.mu.Unlock()
	bucket, slot := shard.find(hash, now)
	if bucket.hash[slot] != hash {
		bucket.hash[slot], bucket.last[slot] = hash, now
		return Interval, true
	}
	last, steps := bucket.last[slot]&tickMask, bucket.last[slot]>>24
	if since(last, now) >= needed(steps) {
		bucket.last[slot] = steps<<24 | now
		return intervalOf(steps), true
	}
	steps = min(steps+1, maxSteps)
	bucket.last[slot] = steps<<24 | last
	return intervalOf(steps), false
}

// Waited lets the next poll of the grant come at once: it has waited for its whole interval and more, inside a long poll.
// How often the grant was slowed down stays.
func (p *Pace) Waited(id string) {
	hash, shard := p.place(id)
	now := p.tick()
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if bucket, slot := shard.find(hash, now); bucket.hash[slot] == hash {
		steps := bucket.last[slot] >> 24
		bucket.last[slot] = steps<<24 | (now-needed(steps))&tickMask
	}
}

// size is the memory of the table, in bytes.
func (p *Pace) size() int {
	total := 0
	for i := range p.shards {
		p.shards[i].mu.Lock()
		total += len(p.shards[i].buckets) * bucketSlots * 12
		p.shards[i].mu.Unlock()
	}
	return total
}

// place gives the hash of an id, never 0, and the shard that its lowest bits choose. Two grants with one hash of 64 bits
// are less likely than the loss of the machine.
func (p *Pace) place(id string) (uint64, *paceShard) {
	hash := max(maphash.String(p.seed, id), 1)
	return hash, &p.shards[hash%paceShards]
}

// tick is the time as slots keep it.
func (p *Pace) tick() uint32 { return uint32(p.now().Sub(p.start)/tick) & tickMask }

// find returns where the grant stands or can stand: its own slot, else one that says nothing any more. Where all speak, the
// shard grows; at its full size the oldest is forgotten.
func (s *paceShard) find(hash uint64, now uint32) (*paceBucket, int) {
	if s.buckets == nil {
		s.buckets = make([]paceBucket, 1)
	}
	for {
		bucket := &s.buckets[s.index(hash)]
		free, oldest := -1, 0
		for i := range bucketSlots {
			switch {
			case bucket.hash[i] == hash:
				return bucket, i
			case silent(bucket.hash[i], bucket.last[i], now):
				free = i
			case since(bucket.last[i]&tickMask, now) > since(bucket.last[oldest]&tickMask, now):
				oldest = i
			}
		}
		if free >= 0 {
			return bucket, free
		}
		if len(s.buckets) == maxBuckets {
			return bucket, oldest
		}
		s.grow()
	}
}

// grow doubles the shard. It runs under the lock: at most some hundred microseconds for half a megabyte.
func (s *paceShard) grow() {
	old := s.buckets
	s.buckets = make([]paceBucket, 2*len(old))
	for i := range old {
		for j := range bucketSlots {
			if old[i].hash[j] != 0 {
				s.put(old[i].hash[j], old[i].last[j])
			}
		}
	}
}

// put adds a grant to a table that was doubled: a bucket gets at most the grants of the one it was split from.
func (s *paceShard) put(hash uint64, last uint32) {
	bucket := &s.buckets[s.index(hash)]
	for i := range bucketSlots {
		if bucket.hash[i] == 0 {
			bucket.hash[i], bucket.last[i] = hash, last
			return
		}
	}
}

func (s *paceShard) index(hash uint64) int { return int(hash/paceShards) & (len(s.buckets) - 1) }

// silent reports whether forgetting the slot changes no answer: its grant may poll now and was never slowed down, or its
// code has expired.
func silent(hash uint64, last, now uint32) bool {
	if hash == 0 {
		return true
	}
	passed := since(last&tickMask, now)
	if last>>24 == 0 {
		return passed >= needed(0)
	}
	return passed > uint32(authority.DeviceLife/tick)
}

// since is the number of ticks from one to the other, around the wrap.
func since(last, now uint32) uint32 { return (now - last) & tickMask }

func intervalOf(steps uint32) time.Duration { return Interval + time.Duration(steps)*slowDownStep }

// needed is how many ticks must pass between two polls.
func needed(steps uint32) uint32 { return uint32(intervalOf(steps) * pollTolerance / 100 / tick) }
