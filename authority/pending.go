package authority

import (
	"context"
	"sync"
	"time"
)

const (
	defaultPendings = 1000
	// maxHosts bounds the table; beyond it a host is forgotten, which costs a count in the store and no more.
	maxHosts = 16_384
	// refusalRest is how long a refused host is refused without asking the store again.
	refusalRest = time.Second
)

// pendings bounds the live pending requests of one address without asking the store each time. A host that is new to this
// replica may begin a quarter of the limit; after that a count in the store allows it a quarter of what is left, so that a
// host far from its limit costs next to nothing and one close to it is counted exactly. Several replicas together may
// exceed the limit by those quarters.
type pendings struct {
	store DeviceRequests
	limit int

	mu    sync.Mutex
	hosts map[string]allowance
}

// allowance is how many more a host may begin before it is counted again.
type allowance struct {
	left    int
	refused bool
	expires time.Time
}

func newPendings(store DeviceRequests, limit int) *pendings {
	if limit <= 0 {
		limit = defaultPendings
	}
	return &pendings{store: store, limit: limit, hosts: map[string]allowance{}}
}

// enter lets one more request begin, or answers ErrTooMany.
func (p *pendings) enter(ctx context.Context, address string, now time.Time) error {
	if known := p.take(address, now); known.refused {
		return ErrTooMany
	} else if known.left > 0 {
		return nil
	}
	live, err := p.store.PendingDeviceRequests(ctx, address, now)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if live >= p.limit {
		p.hosts[address] = allowance{refused: true, expires: now.Add(refusalRest)}
		return ErrTooMany
	}
	p.hosts[address] = allowance{left: quarter(p.limit-live) - 1, expires: now.Add(deviceLife)}
	return nil
}

// take returns what the host had, and uses up one of it.
func (p *pendings) take(address string, now time.Time) allowance {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.hosts[address]
	switch {
	case !ok:
		p.makeRoom(now)
		known = allowance{left: quarter(p.limit), expires: now.Add(deviceLife)}
	case !now.Before(known.expires): // count it anew
		known = allowance{expires: now.Add(deviceLife)}
	}
	rest := known
	rest.left = max(rest.left-1, 0)
	p.hosts[address] = rest
	return known
}

// makeRoom drops a few hosts that have expired, or any where the table is full; the lock is held.
func (p *pendings) makeRoom(now time.Time) {
	seen := 0
	for host, known := range p.hosts {
		if len(p.hosts) >= maxHosts || !now.Before(known.expires) {
			delete(p.hosts, host)
		}
		if seen++; seen == sweepStep {
			return
		}
	}
}

// quarter is a quarter of n, and at least one where n is.
func quarter(n int) int { return (n + 3) / 4 }
