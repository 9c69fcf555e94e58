package poll

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/usercode"
)

const (
	defaultPendings = 1000
	// maxHosts bounds the table; beyond it a host is forgotten and may begin a quarter again.
	maxHosts = 16_384
	// roomStep is how many entries a newcomer looks at, in search of expired ones.
	roomStep = 4
	// refusalRest is how long a refused host is refused without asking the store again.
	refusalRest = time.Second
)

// Pendings bounds the live pending requests of one address without asking the store each time. A host that is new to this
// replica may begin a quarter of the limit; after that a count in the store allows it a quarter of what is left, so that a
// host far from its limit costs next to nothing and one close to it is counted exactly. Several replicas together may
// exceed the limit by those quarters.
//
// The store counts exact addresses, of which an IPv6 host has as many as it likes. Its /64 is therefore bounded here too,
// by what it begins in a window, decided or not: four times the limit.
type Pendings struct {
	store authority.DeviceRequests
	limit int

	mu    sync.Mutex
	hosts map[string]allowance
}

// allowance is how many more a host may begin before it is counted again.
type allowance struct {
	left    int
	refused bool
	expires time.Time
	begun   int   // in window
	window  int64 // see usercode.WindowOf
}

// NewPendings makes the bound; a limit of 0 is 1,000 for each address.
func NewPendings(store authority.DeviceRequests, limit int) *Pendings {
	if limit <= 0 {
		limit = defaultPendings
	}
	return &Pendings{store: store, limit: limit, hosts: map[string]allowance{}}
}

// Enter lets one more request begin, or answers ErrTooMany.
func (p *Pendings) Enter(ctx context.Context, address string, now time.Time) error {
	host := HostKey(address)
	known := p.take(host, now)
	switch {
	case known.refused, strings.HasSuffix(host, "/64") && known.begun >= 4*p.limit:
		return authority.ErrTooMany
	case known.left > 0:
		return nil
	}
	live, err := p.store.PendingDeviceRequests(ctx, address, now)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	counted := p.hosts[host] // which others may have used in the meantime
	if counted.refused = live >= p.limit; counted.refused {
		counted.left, counted.expires = 0, now.Add(refusalRest)
		p.hosts[host] = counted
		return authority.ErrTooMany
	}
	counted.left, counted.expires = quarter(p.limit-live)-1, now.Add(authority.DeviceLife)
	p.hosts[host] = counted
	return nil
}

// take returns what the host had, and uses up one of it.
func (p *Pendings) take(host string, now time.Time) allowance {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.hosts[host]
	switch {
	case !ok:
		p.makeRoom(now)
		known = allowance{left: quarter(p.limit), expires: now.Add(authority.DeviceLife)}
	case !now.Before(known.expires): // count it anew
		known.left, known.refused, known.expires = 0, false, now.Add(authority.DeviceLife)
	}
	if window := usercode.WindowOf(now); known.window != window {
		known.begun, known.window = 0, window
	}
	rest := known
	rest.left, rest.begun = max(rest.left-1, 0), rest.begun+1
	p.hosts[host] = rest
	return known
}

// makeRoom drops a few hosts that have expired, or any where the table is full; the lock is held.
func (p *Pendings) makeRoom(now time.Time) {
	seen := 0
	for host, known := range p.hosts {
		if len(p.hosts) >= maxHosts || !now.Before(known.expires) {
			delete(p.hosts, host)
		}
		if seen++; seen == roomStep {
			return
		}
	}
}

// quarter is a quarter of n, and at least one where n is.
func quarter(n int) int { return (n + 3) / 4 }
