package identity

import (
	"context"
	"crypto/rand"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/doorward/doorward/secret"
)

// Hasher makes and checks password hashes (argon2id, RFC 9106) with bounded memory and concurrency, so that a flood of
// sign-ins cannot starve everything else. Beyond AtOnce and Waiting it answers ErrBusy without any work. The zero value
// is ready; it must not be copied after its first use.
type Hasher struct {
	Memory  uint32 // KiB a hash; 0: 19,456 (19 MiB, the OWASP minimum)
	Passes  uint32 // 0: 2
	AtOnce  int    // hashes computed at once; 0: half of the processors, at least one
	Waiting int    // callers that may wait for their turn beside those; 0: 64

	once  sync.Once
	queue chan struct{} // a place for everybody inside
	turns chan struct{} // a place for everybody who computes
	done  atomic.Int64  // hashes computed
}

// Hash returns the encoded hash of password with a new salt. It fails with ErrTooLong, ErrBusy or the error of ctx.
func (h *Hasher) Hash(ctx context.Context, password secret.String) (string, error) {
	if len(password.Reveal()) > MaxPassword {
		return "", ErrTooLong
	}
	leave, err := h.enter() // at once: who is not let in shall hear so while the page still waits
	if err != nil {
		return "", err
	}
	defer leave()
	e := h.costs()
	err = h.turn(ctx, func() { e.sum = e.derive(password, sumSize) })
	if err != nil {
		return "", err
	}
	return e.String(), nil
}

// Check reports whether password is the one of the encoded hash. For the empty hash it does the same work and reports
// false. It fails with ErrTooLong, ErrBusy, ErrEncoded or the error of ctx.
func (h *Hasher) Check(ctx context.Context, encoded string, password secret.String) (bool, error) {
	if len(password.Reveal()) > MaxPassword {
		return false, ErrTooLong
	}
	leave, err := h.enter()
	if err != nil {
		return false, err
	}
	defer leave()
	return h.check(ctx, encoded, password)
}

// Computed returns how many hashes were computed since the start: a counter for metrics.
func (h *Hasher) Computed() int64 { return h.done.Load() }

// enter takes a place in the queue, or ErrBusy. Whoever has one will get a turn. It is apart from turn so that a caller
// can do what must come between: count a try that is sure to be evaluated.
func (h *Hasher) enter() (leave func(), err error) {
	h.once.Do(func() {
		if h.AtOnce <= 0 {
			h.AtOnce = max(1, runtime.NumCPU()/2)
		}
		if h.Waiting <= 0 {
			h.Waiting = 64
		}
		h.turns = make(chan struct{}, h.AtOnce)
		h.queue = make(chan struct{}, h.AtOnce+h.Waiting)
	})
	select {
	case h.queue <- struct{}{}:
		return func() { <-h.queue }, nil
	default:
		return nil, ErrBusy
	}
}

// check is Check for a caller who has entered. The decoy's costs are those of new hashes; where the costs were raised, older
// hashes are computed a little faster until their passwords are changed.
func (h *Hasher) check(ctx context.Context, stored string, password secret.String) (ok bool, err error) {
	e := h.costs()
	if known := stored != ""; known {
		if e, err = parseEncoded(stored); err != nil {
			return false, err
		}
	} else {
		e.sum = make([]byte, sumSize) // a decoy: no password is known to have it
	}
	err = h.turn(ctx, func() { ok = e.matches(password) })
	return ok && stored != "", err
}

// turn waits for a place to compute and runs work in it. A caller who left while waiting costs nothing more: argon2 itself
// cannot be stopped.
func (h *Hasher) turn(ctx context.Context, work func()) error {
	select {
	case h.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.turns }()
	if err := ctx.Err(); err != nil {
		return err
	}
	h.done.Add(1)
	work()
	return nil
}

// costs returns the costs of new hashes, with a new salt.
func (h *Hasher) costs() encoded {
	e := encoded{memory: h.Memory, passes: h.Passes, lanes: 1, salt: make([]byte, saltSize)}
	if e.memory == 0 {
		e.memory = 19 << 10
	}
	if e.passes == 0 {
		e.passes = 2
	}
	_, _ = rand.Read(e.salt) // crypto/rand.Read never fails
	return e
}
