package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres/pgtest"
	"github.com/doorward/doorward/store/storetest"
)

// history is what callers were told about their changes of one family, each of which left its number there.
type history struct {
	mutex sync.Mutex
	yes   []int // acknowledged
	maybe []int // the store could not be reached
}

func (h *history) change(ctx context.Context, t *testing.T, s *Store, n int) {
	_, err := s.ChangeFamily(ctx, "f", func(f *authority.Family) (authority.After, error) {
		f.Generation++
		f.Scope = append(f.Scope, fmt.Sprint(n))
		return authority.After{}, nil
	})
	h.mutex.Lock()
	defer h.mutex.Unlock()
	switch {
	case err == nil:
		h.yes = append(h.yes, n)
	case errors.Is(err, authority.ErrUnavailable):
		h.maybe = append(h.maybe, n)
	default:
		t.Errorf("a change was answered with %v", err)
	}
}

// check fails the test where an acknowledged change was lost, or any was made twice.
func (h *history) check(t *testing.T, s *Store) {
	t.Helper()
	f, err := s.Family(t.Context(), "f")
	good(t, err)
	made := make(map[string]int)
	for _, n := range f.Scope {
		made[n]++
	}
	for _, n := range h.yes {
		if made[fmt.Sprint(n)] != 1 {
			t.Errorf("change %d was acknowledged and is there %d times", n, made[fmt.Sprint(n)])
		}
	}
	for _, n := range h.maybe {
		if made[fmt.Sprint(n)] > 1 {
			t.Errorf("change %d is there %d times", n, made[fmt.Sprint(n)])
		}
	}
	if len(h.yes) == 0 {
		t.Error("nothing was done at all")
	}
	t.Logf("%d acknowledged, %d unknown, %d made", len(h.yes), len(h.maybe), len(f.Scope))
}

// Connections are killed at any moment while two replicas work.
func TestKilledAtAnyMoment_SEC294(t *testing.T) {
	t.Parallel()
	stores := replicas(t, 3, Config{MaxConns: 4})
	ctx := t.Context()
	good(t, stores[0].AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
	var h history
	done := make(chan struct{})
	go func() {
		defer close(done)
		each(16, func(lane int) {
			for n := range 25 {
				h.change(ctx, t, stores[lane%2], lane*100+n)
			}
		})
	}()
	for killing := true; killing; {
		select {
		case <-done:
			killing = false
		default: // the third store kills: it would not survive itself
			kill(t, stores[2], "pid = (SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"+
				" AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1)")
		}
	}
	h.check(t, stores[2])
}

// The server dies as in a power cut and comes back, again and again: no acknowledged change is lost, every other answer says
// that the store cannot be reached, and a chain of rotations goes on where it was.
func TestServerUpAndDown_SEC118_SEC282(t *testing.T) {
	t.Parallel()
	own := pgtest.Server{Prepare: prepare}
	t.Cleanup(func() { good(t, own.Stop()) })
	address := secret.New(own.Database(t))
	s, quiet := open(t, Config{URL: address}), open(t, Config{URL: address, Notify: true})
	ctx := t.Context()
	good(t, s.AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
	var h history
	var number atomic.Int64
	for range 3 {
		var workers sync.WaitGroup
		busy, down := make(chan struct{}), make(chan struct{})
		for lane := range 4 {
			workers.Go(func() {
				for before, after := 0, 0; after < 5; before++ { // five more once it is down
					h.change(ctx, t, s, int(number.Add(1)))
					if lane == 0 && before == 20 {
						close(busy)
					}
					select {
					case <-down:
						after++
					default:
					}
				}
			})
		}
		<-busy
		own.Crash(t)
		close(down)
		workers.Wait()
		unreachable(t, quiet)
		own.Revive(t)
		good(t, s.Ready(ctx), quiet.Ready(ctx)) // they recover alone
		h.check(t, s)
	}
}

// The primary server dies and its standby takes over. What was acknowledged is there, nothing was made twice, every other answer
// was that the store cannot be reached, and the store finds the new primary by itself.
func TestFailover_SEC281(t *testing.T) {
	t.Parallel()
	own := pgtest.Server{Prepare: prepare}
	t.Cleanup(func() { good(t, own.Stop()) })
	both := own.Standby(t, own.Database(t))
	s := open(t, Config{URL: secret.New(both)})
	ctx := t.Context()
	good(t, s.AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
	var h history
	var number atomic.Int64
	var workers sync.WaitGroup
	busy, promoted := make(chan struct{}), make(chan struct{})
	for lane := range 4 {
		workers.Go(func() {
			for before, after := 0, 0; after < 20; before++ { // twenty more once there is a server again
				h.change(ctx, t, s, int(number.Add(1)))
				if lane == 0 && before == 50 {
					close(busy)
				}
				select {
				case <-promoted:
					after++
				default:
				}
			}
		})
	}
	<-busy
	own.Crash(t)
	own.Promote(t)
	before := int(number.Load())
	close(promoted)
	workers.Wait()
	good(t, s.Ready(ctx))
	h.check(t, s)
	if slices.Max(h.yes) <= before {
		t.Error("the new primary was not found")
	}
}

// unreachable fails the test where a noun answers anything but ErrUnavailable: "unknown" would log somebody out.
func unreachable(t *testing.T, s *Store) {
	t.Helper()
	ctx, now := t.Context(), storetest.Now()
	answers := map[string]error{"Ready": s.Ready(ctx)}
	_, answers["Family"] = s.Family(ctx, "f")
	_, answers["FamilyByToken"] = s.FamilyByToken(ctx, [32]byte{1})
	_, answers["FamiliesOf"] = s.FamiliesOf(ctx, "usr_1", now)
	_, answers["Client"] = s.Client(ctx, "c")
	_, answers["Person"] = s.Person(ctx, "usr_1")
	_, answers["PersonByName"] = s.PersonByName(ctx, "ada")
	_, answers["SignIn"] = s.SignIn(ctx, "s")
	_, answers["DeviceRequest"] = s.DeviceRequest(ctx, "d")
	_, answers["NewsSince"] = s.NewsSince(ctx, now, now)
	_, answers["CountAttempt"] = s.CountAttempt(ctx, "k", now, time.Minute)
	_, answers["APIKeyByHash"] = s.APIKeyByHash(ctx, [32]byte{1})
	_, answers["ListEvents"] = s.ListEvents(ctx, authority.EventFilter{})
	_, answers["ChangeCode"] = s.ChangeCode(ctx, "c", func(*authority.Code) (authority.After, error) {
		return authority.After{}, errors.New("there is nothing to change")
	})
	answers["RemoveSignIn"] = s.RemoveSignIn(ctx, "s")
	answers["AddDeviceRequest"] = s.AddDeviceRequest(ctx, request(1))
	answers["AddPerson"] = s.AddPerson(ctx, identity.Person{ID: "usr_1"})
	answers["AddSigningKey"] = s.AddSigningKey(ctx, authority.SigningKey{ID: "k"}, now)
	for name, err := range answers {
		if !errors.Is(err, authority.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the server is down, and the answer is %v", name, err)
		}
	}
}
