package poll

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/doorward/doorward/authtest/clock"
)

func TestPace_SEC073(t *testing.T) {
	t.Parallel()
	type step struct {
		after    time.Duration
		ok       bool
		interval time.Duration
	}
	for name, steps := range map[string][]step{
		"in time": {{0, true, 5 * time.Second}, {5 * time.Second, true, 5 * time.Second}, {5 * time.Second, true, 5 * time.Second}},
		"tolerance": {
			{0, true, 5 * time.Second}, {4 * time.Second, true, 5 * time.Second}, {3900 * time.Millisecond, false, 10 * time.Second},
		},
		"a refused poll does not move the clock": {
			{0, true, 5 * time.Second}, {time.Second, false, 10 * time.Second}, {7 * time.Second, true, 10 * time.Second},
		},
		"for good": {
			{0, true, 5 * time.Second},
			{time.Second, false, 10 * time.Second},
			{10 * time.Second, true, 10 * time.Second},
			{5 * time.Second, false, 15 * time.Second},
			{15 * time.Second, true, 15 * time.Second},
			{9 * time.Minute, true, 15 * time.Second},
			{10 * time.Second, false, 20 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turned := clock.New()
			p := NewPace(turned.Now)
			for i, step := range steps {
				turned.Advance(step.after)
				if interval, ok := p.Poll("a"); ok != step.ok || interval != step.interval {
					t.Errorf("step %d: %v, %s", i, ok, interval)
				}
			}
		})
	}
}

func TestPaceAfterFullWait(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	p := NewPace(turned.Now)
	p.Poll("a")
	p.Poll("a") // slowed down: 10 seconds
	turned.Advance(10 * time.Second)
	p.Poll("a")
	p.Waited("a")
	if interval, ok := p.Poll("a"); !ok || interval != 10*time.Second {
		t.Errorf("after the wait: %v, %s", ok, interval)
	}
	if _, ok := p.Poll("a"); ok {
		t.Error("the wait counts twice")
	}
	p.Waited("unknown")
}

// TestPaceNeverFalse: whatever many grants do, in whatever table, nobody is slowed down who would not be by the letter of
// the rule; and while the table has room, whoever should be is.
func TestPaceNeverFalse(t *testing.T) {
	t.Parallel()
	type grant struct {
		last     time.Time
		interval time.Duration
	}
	rapid.Check(t, func(t *rapid.T) {
		turned := clock.New()
		p := NewPace(turned.Now)
		grants := map[string]grant{}
		for range rapid.IntRange(1, 200).Draw(t, "polls") {
			turned.Advance(time.Duration(rapid.IntRange(0, 9_000_000).Draw(t, "microseconds")) * time.Microsecond)
			id := fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "grant"))
			if rapid.IntRange(0, 9).Draw(t, "burst") == 0 { // neighbours that fill the table
				for i := range 1000 {
					p.Poll(fmt.Sprint(id, turned.Now(), i))
				}
			}
			known, found := grants[id]
			passed := turned.Now().Sub(known.last)
			_, ok := p.Poll(id)
			switch allowed := !found || passed >= known.interval*pollTolerance/100; {
			case allowed && !ok:
				t.Fatalf("a false slow_down: %s after %s with an interval of %s", id, passed, known.interval)
			case !allowed && ok && passed+2*tick < known.interval*pollTolerance/100:
				t.Fatalf("no slow_down: %s after %s with an interval of %s", id, passed, known.interval)
			case ok && !found:
				grants[id] = grant{turned.Now(), Interval}
			case ok:
				grants[id] = grant{turned.Now(), known.interval}
			default:
				grants[id] = grant{known.last, known.interval + slowDownStep}
			}
		}
	})
}

// TestPaceIsBounded: a million polling grants fit, and whoever comes to a crowded table is let through the first time.
func TestPaceIsBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a million polls")
	}
	turned := clock.New()
	p := NewPace(turned.Now)
	const million, sample = 1_000_000, 50_000
	for i := range million {
		if _, ok := p.Poll(strconv.Itoa(i)); !ok {
			t.Fatalf("the first poll of %d was refused", i)
		}
	}
	refused := 0
	for i := range sample {
		if _, ok := p.Poll(strconv.Itoa(i * (million / sample))); !ok {
			refused++
		}
	}
	if refused < sample*98/100 {
		t.Errorf("only %d of %d grants are remembered", refused, sample)
	}
	if size := p.size(); size > 24<<20 {
		t.Errorf("the table takes %d bytes", size)
	}
}

// TestPaceForgetsTheOldest: in a full table a newcomer is let through, and whoever polled last is remembered longest.
func TestPaceForgetsTheOldest(t *testing.T) {
	t.Parallel()
	now := uint32(1000)
	shard := &paceShard{buckets: make([]paceBucket, maxBuckets)}
	for i := range uint32(bucketSlots) {
		bucket, slot := shard.find(uint64(i+1)*paceShards*maxBuckets, now+i)
		bucket.hash[slot], bucket.last[slot] = uint64(i+1)*paceShards*maxBuckets, now+i
	}
	newcomer := uint64(bucketSlots+1) * paceShards * maxBuckets
	bucket, slot := shard.find(newcomer, now+bucketSlots)
	if got := bucket.last[slot]; got != now || len(shard.buckets) != maxBuckets {
		t.Errorf("the newcomer takes the place of the poll at %d, in %d buckets", got, len(shard.buckets))
	}
}

// TestPaceStaysSmall: grants that went away make room, so that few at a time need little.
func TestPaceStaysSmall(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	p := NewPace(turned.Now)
	for range 1000 {
		for i := range 100 {
			p.Poll(fmt.Sprint(turned.Now(), i))
		}
		turned.Advance(Interval)
	}
	if size := p.size(); size > 256<<10 {
		t.Errorf("the table takes %d bytes for a hundred grants at a time", size)
	}
}

func TestPaceClockGoesBack(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	p := NewPace(turned.Now)
	p.Poll("a")
	turned.Advance(-time.Hour)
	if _, ok := p.Poll("a"); !ok {
		t.Error("a clock that was set back refused somebody")
	}
}
