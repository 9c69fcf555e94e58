package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/storetest"
)

// replicas opens n stores over one database.
func replicas(t *testing.T, n int, config Config) []*Store {
	t.Helper()
	config.URL = secret.New(server.Database(t))
	var all []*Store
	for range n {
		all = append(all, open(t, config))
	}
	return all
}

// good fails the test where one of errs is an error.
func good(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// append1 marks a family with n, so that it shows which changes were made.
func append1(n int) func(*authority.Family) (authority.After, error) {
	return func(f *authority.Family) (authority.After, error) {
		f.Generation++
		f.Salt = append(f.Salt, byte(n))
		return authority.After{}, nil
	}
}

// Two replicas that change the same rows at once lose nothing and do nothing twice.
func TestReplicasChange_SEC117(t *testing.T) {
	t.Parallel()
	stores := replicas(t, 2, Config{})
	ctx := t.Context()
	t.Run("a hundred rotations of one family", func(t *testing.T) {
		good(t, stores[0].AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
		each(100, func(n int) {
			if _, err := stores[n%2].ChangeFamily(ctx, "f", append1(n)); err != nil {
				t.Error(err)
			}
		})
		f, err := stores[0].Family(ctx, "f")
		good(t, err)
		slices.Sort(f.Salt)
		if f.Generation != 100 || len(slices.Compact(f.Salt)) != 100 {
			t.Errorf("of a hundred changes %d are there, in generation %d", len(slices.Compact(f.Salt)), f.Generation)
		}
	})
	t.Run("a device login is redeemed once", func(t *testing.T) {
		good(t, stores[0].AddDeviceRequest(ctx, request(1)))
		id := request(1).ID
		redeemed(t, stores[0], func(n int) error {
			begun := machine(fmt.Sprint("device-", n))
			begun.PersonID = "usr_1"
			_, err := stores[n%2].ChangeDeviceRequest(ctx, id, func(d *authority.DeviceRequest) (authority.After, error) {
				if d.State == authority.DeviceRedeemed {
					return authority.After{}, authority.ErrUsed
				}
				d.State, d.Decided, d.FamilyID = authority.DeviceRedeemed, storetest.Now(), begun.ID
				return authority.After{Family: &begun}, nil
			})
			return err
		}, "usr_1")
	})
	t.Run("a code is redeemed once", func(t *testing.T) {
		good(t, stores[1].AddCode(ctx, authority.Code{ID: "c", Expires: storetest.Now()}, authority.After{}))
		redeemed(t, stores[1], func(n int) error {
			begun := machine(fmt.Sprint("code-", n))
			begun.PersonID = "usr_2"
			_, err := stores[n%2].ChangeCode(ctx, "c", func(c *authority.Code) (authority.After, error) {
				if !c.Redeemed.IsZero() {
					return authority.After{}, authority.ErrUsed
				}
				c.Redeemed, c.FamilyID = storetest.Now(), begun.ID
				return authority.After{Family: &begun}, nil
			})
			return err
		}, "usr_2")
	})
}

// each runs do n times at once.
func each(n int, do func(n int)) {
	var all sync.WaitGroup
	for n := range n {
		all.Go(func() { do(n) })
	}
	all.Wait()
}

// redeemed lets fifty redeem at once and fails the test where not exactly one family has begun.
func redeemed(t *testing.T, s *Store, redeem func(n int) error, personID string) {
	t.Helper()
	each(50, func(n int) {
		if err := redeem(n); err != nil && !errors.Is(err, authority.ErrUsed) {
			t.Error(err)
		}
	})
	families, err := s.FamiliesOf(t.Context(), personID, storetest.Now())
	good(t, err)
	if len(families) != 1 {
		t.Errorf("%d families have begun", len(families))
	}
}

// decide approves the request of id at the time at; meanwhile runs before the transaction commits.
func decide(ctx context.Context, s *Store, id string, at time.Time, meanwhile func()) error {
	_, err := s.ChangeDeviceRequest(ctx, id, func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Decided = authority.DeviceApproved, at
		meanwhile()
		return authority.After{}, nil
	})
	return err
}

// A decision that was stamped early and committed late is still told: the catch-up looks back by twice the limit of a
// transaction, and nothing is committed after that limit.
func TestNewsOfOthers(t *testing.T) {
	t.Parallel()
	stores := replicas(t, 2, Config{})
	ctx, now := t.Context(), storetest.Now()
	early, late := request(1), request(2)
	good(t, stores[0].AddDeviceRequest(ctx, early), stores[0].AddDeviceRequest(ctx, late))
	want := authority.News{Decisions: []authority.Decision{
		{ID: early.ID, State: authority.DeviceApproved, Decided: now, Expires: early.Expires},
	}}
	good(t, decide(ctx, stores[0], early.ID, now, func() {
		// It is stamped, and another one, stamped later, is committed and heard of first.
		good(t, decide(ctx, stores[0], late.ID, now.Add(time.Second), func() {}))
		news, err := stores[1].NewsSince(ctx, now, now)
		good(t, err)
		if len(news.Decisions) != 1 || news.Decisions[0].ID != late.ID {
			t.Errorf("before the commit the news is %v", news)
		}
	}))
	since := now.Add(time.Second).Add(-2 * 5 * time.Second) // as authority's follower looks back
	news, err := stores[1].NewsSince(ctx, since, now)
	good(t, err)
	news.Decisions = slices.DeleteFunc(news.Decisions, func(d authority.Decision) bool { return d.ID == late.ID })
	if diff := cmp.Diff(want, news); diff != "" {
		t.Error(diff)
	}
}

// What has run out of time is not committed any more.
func TestNothingCommitsTooLate(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	good(t, s.AddDeviceRequest(t.Context(), request(1)))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := decide(ctx, s, request(1).ID, storetest.Now(), func() { <-ctx.Done() })
	if !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("a change without time was answered with %v", err)
	}
	got, err := s.DeviceRequest(t.Context(), request(1).ID)
	good(t, err)
	if got.State != authority.DevicePending {
		t.Errorf("a change without time was made: %v", got.State)
	}
}

// One replica is woken by what another has committed, a mark or a decision.
func TestWake(t *testing.T) {
	t.Parallel()
	stores := replicas(t, 2, Config{Notify: true})
	ctx := t.Context()
	<-stores[1].Wake() // it listens now
	good(t, stores[0].AddDeviceRequest(ctx, request(1)))
	good(t, decide(ctx, stores[0], request(1).ID, storetest.Now(), func() {}))
	<-stores[1].Wake()
	good(t, stores[0].AddMarks(ctx, authority.After{Marks: []authority.Mark{{Kind: authority.MarkPerson, ID: "usr_1"}}}))
	<-stores[1].Wake()
	// It finds its way back when its connection is lost.
	kill(t, stores[0], "query LIKE 'LISTEN%'")
	<-stores[1].Wake()
	if quiet := open(t, Config{}); quiet.Wake() != nil {
		t.Error("a store that does not listen can be waited for")
	}
}

// kill ends the connections of the store's database that where tells of, but not the asking one. It returns how many.
func kill(t testing.TB, s *Store, where string) (killed int) {
	t.Helper()
	good(t, s.engine.Get(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND `+where, nil, &killed))
	return killed
}
