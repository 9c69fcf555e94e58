package poll

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	maxWaiters        = 10_000 // of a replica
	maxWaitersAddress = 64     // of one address (IPv6: one /64)
)

// Waiters are the polls that wait for a decision (RFC 7240, Prefer: wait). Beyond the limits, and while the server
// drains, nobody waits: the answer comes at once, and the client keeps its interval.
//
// One grant has one waiting poll. A second one that the pace lets through takes the place of the first, which is answered
// at once as if it had not waited: the first is most likely a connection that broke without a word, and a client that
// opens many cannot fill the table with one code.
type Waiters struct {
	isDecided func(id string) bool

	mu      sync.Mutex
	byID    map[string]*waiter
	byHost  map[string]int
	drained bool
}

// waiter is one poll. Whoever takes it out of byID, under the lock, sets woken and closes done; nobody else may.
type waiter struct {
	host  string
	done  chan struct{}
	woken bool // by a decision, not by a drain or a newer poll
}

// NewWaiters makes a table of waiting polls; isDecided reports whether there is nothing left to wait for.
func NewWaiters(isDecided func(id string) bool) *Waiters {
	return &Waiters{isDecided: isDecided, byID: map[string]*waiter{}, byHost: map[string]int{}}
}

// Wait waits until the request is decided (woken), the time is over or ctx is done. waited reports whether the wait was
// honoured, that is whether it ended by a decision or after the whole time.
func (w *Waiters) Wait(ctx context.Context, id, address string, most time.Duration) (woken, waited bool) {
	if most <= 0 {
		return false, false
	}
	mine := w.enter(id, address)
	if mine == nil {
		return false, false
	}
	// A decision that came between the caller's look and enter has woken nobody, so look again now that wake would find
	// this poll: either the look sees the decision, or the decision sees the poll.
	if w.isDecided(id) {
		w.leave(id, mine)
		return true, true
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-mine.done:
		return mine.woken, mine.woken
	case <-timer.C:
		w.leave(id, mine)
		return false, true
	case <-ctx.Done():
		w.leave(id, mine)
		return false, false
	}
}

// Wake lets the poll that waits for id go, if there is one. Call it after decided has learned.
func (w *Waiters) Wake(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.byID[id]; one != nil {
		w.release(id, one, true)
	}
}

// Drain lets all polls go and makes every later one not wait.
func (w *Waiters) Drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drained = true
	for id, one := range w.byID {
		w.release(id, one, false)
	}
}

// Count is how many polls wait.
func (w *Waiters) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byID)
}

// enter registers a poll; nil where it may not wait.
func (w *Waiters) enter(id, address string) *waiter {
	host := HostKey(address)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drained {
		return nil
	}
	if older := w.byID[id]; older != nil {
		w.release(id, older, false)
	}
	if len(w.byID) >= maxWaiters || w.byHost[host] >= maxWaitersAddress {
		return nil
	}
	mine := &waiter{host: host, done: make(chan struct{})}
	w.byID[id] = mine
	w.byHost[host]++
	return mine
}

// leave takes the poll out, unless somebody released it at this moment.
func (w *Waiters) leave(id string, mine *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID[id] == mine {
		w.release(id, mine, false)
	}
}

// release takes a poll out and lets it go; the lock is held.
func (w *Waiters) release(id string, one *waiter, woken bool) {
	delete(w.byID, id)
	if w.byHost[one.host]--; w.byHost[one.host] == 0 {
		delete(w.byHost, one.host)
	}
	one.woken = woken
	close(one.done)
}

// HostKey is what is counted as one host: an IPv4 address, the /64 of an IPv6 address, because one machine has all of it,
// or the text itself where it is no address.
func HostKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
