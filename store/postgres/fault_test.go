package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres/internal/engine"
	"github.com/doorward/doorward/store/storetest"
)

// The connection of a transaction is killed between its reading and its writing. Nothing was committed, so it is done again, and
// the caller hears nothing of it (or, where the wire itself breaks, that the store cannot be reached: then nobody knows).
func TestKilledInTheMiddle_SEC117(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	ctx := t.Context()
	good(t, s.AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
	tries := 0
	_, err := s.ChangeFamily(ctx, "f", func(f *authority.Family) (authority.After, error) {
		if tries++; tries == 1 && kill(t, s, "state = 'idle in transaction'") != 1 {
			t.Error("nothing was killed")
		}
		return append1(tries)(f)
	})
	got, readErr := s.Family(ctx, "f")
	good(t, readErr)
	switch {
	case err == nil && tries == 2 && got.Generation == 1 && got.Salt[0] == 2:
	case errors.Is(err, authority.ErrUnavailable) && got.Generation == 0:
	default:
		t.Errorf("after %d tries: %v, generation %d", tries, err, got.Generation)
	}
	// No allowance was used up by it.
	_, err = s.ChangeFamily(ctx, "f", append1(9))
	good(t, err)
}

// What the database says when it cannot do something now is tried again where that may help, and never taken for an answer.
func TestErrorsOfTheServer_SEC294(t *testing.T) {
	t.Parallel()
	for code, again := range map[string]bool{
		"40001": true, "40P01": true, "57P01": true, "57P03": true, "25006": true, "08006": true, // undone, or elsewhere
		"53100": false, "53200": false, "57014": false, "XX000": false, "55P03": false, // full, too long, broken, locked
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := open(t, Config{MaxConns: 4})
			ctx := t.Context()
			good(t, s.AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
			raise(t, s, code, 2)
			_, err := s.ChangeFamily(ctx, "f", append1(1))
			f, readErr := s.Family(ctx, "f")
			good(t, readErr)
			switch {
			case again && (err != nil || f.Generation != 1):
				t.Errorf("two failures were not overcome: %v, generation %d", err, f.Generation)
			case !again && (!errors.Is(err, authority.ErrUnavailable) || f.Generation != 0):
				t.Errorf("a failure was answered with %v, generation %d", err, f.Generation)
			}
		})
	}
	t.Run("again and again, within bounds", func(t *testing.T) {
		t.Parallel()
		s := open(t, Config{})
		good(t, s.AddFamily(t.Context(), authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
		raise(t, s, "57P01", 1_000_000)
		tries := 0
		_, err := s.ChangeFamily(t.Context(), "f", func(f *authority.Family) (authority.After, error) {
			tries++
			f.Generation++
			return authority.After{}, nil
		})
		if !errors.Is(err, authority.ErrUnavailable) || tries < 2 || tries > 20 {
			t.Errorf("after %d tries: %v", tries, err)
		}
	})
}

// Two transactions that wait for each other: the server ends one of them, and both are done.
func TestDeadlock_SEC294(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	ctx := t.Context()
	good(t, s.AddFamily(ctx, machine("a"), authority.After{}), s.AddFamily(ctx, machine("b"), authority.After{}))
	var meet sync.WaitGroup // both hold their first row
	meet.Add(2)
	var tries atomic.Int64
	each(2, func(n int) {
		rows := []string{"a", "b"}
		var once sync.Once
		err := s.engine.Change(ctx, func(tx *engine.Tx) error {
			tries.Add(1)
			for i := range rows {
				if _, err := tx.Exec("UPDATE families SET generation = generation + 1 WHERE id = $1", rows[(n+i)%2]); err != nil {
					return err
				}
				once.Do(func() {
					meet.Done()
					meet.Wait()
				})
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	for _, id := range []string{"a", "b"} {
		f, err := s.Family(ctx, id)
		good(t, err)
		if f.Generation != 2 || tries.Load() != 3 {
			t.Errorf("after %d tries family %s is in generation %d", tries.Load(), id, f.Generation)
		}
	}
}

// raise makes the next writes of families fail with code.
func raise(t *testing.T, s *Store, code string, times int) {
	t.Helper()
	good(t, s.engine.Change(t.Context(), func(tx *engine.Tx) error {
		tx.Queue("CREATE SEQUENCE failures")
		tx.Queue(fmt.Sprintf(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('failures') <= %d THEN RAISE EXCEPTION USING ERRCODE = '%s'; END IF;
			RETURN NEW; END $$`, times, code))
		tx.Queue("CREATE TRIGGER fail BEFORE UPDATE ON families FOR EACH ROW EXECUTE FUNCTION fail()")
		return nil
	}))
}

// A database that became read only, as a standby is, is one that cannot be reached.
func TestReadOnly_SEC294(t *testing.T) {
	t.Parallel()
	s := open(t, Config{MaxConns: 1})
	ctx := t.Context()
	good(t, s.AddFamily(ctx, authority.Family{ID: "f", Kind: authority.FamilySession}, authority.After{}))
	s.engine.Wait()
	var name string
	good(t, s.engine.Get(ctx, "SELECT current_database()", nil, &name))
	good(t, server.Exec(ctx, "ALTER DATABASE "+name+" SET default_transaction_read_only = on"))
	// A session that is open keeps what it had, so it is told.
	good(t, s.engine.Change(ctx, func(tx *engine.Tx) error {
		tx.Queue("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
		return nil
	}))
	_, err := s.ChangeFamily(ctx, "f", append1(1))
	if !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("a change of a database that is read only was answered with %v", err)
	}
	_, err = s.Family(ctx, "f")
	for name, err := range map[string]error{"Family": err, "Ready": s.Ready(ctx), "AddEvents": s.AddEvents(ctx, authority.Event{ID: "e"})} {
		if !errors.Is(err, authority.ErrUnavailable) {
			t.Errorf("%s: a standby was taken for the database: %v", name, err)
		}
	}
	if _, err := Open(ctx, Config{URL: s.config.URL, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("Open: %v", err)
	}
	good(t, server.Exec(ctx, "ALTER DATABASE "+name+" RESET default_transaction_read_only"))
	good(t, s.Ready(ctx))
	_, err = s.ChangeFamily(ctx, "f", append1(1))
	good(t, err)
}

// When all connections are busy a caller waits no longer than it may, and the catch-up does not wait at all.
func TestAllConnectionsBusy(t *testing.T) {
	t.Parallel()
	s := open(t, Config{MaxConns: 1})
	ctx := t.Context()
	good(t, s.AddDeviceRequest(ctx, request(1)))
	s.engine.Wait() // for the sweep of the first change
	good(t, decide(ctx, s, request(1).ID, storetest.Now(), func() {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := s.Family(short, "f")
		if !errors.Is(err, authority.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller without time was answered with %v", err)
		}
		left, leave := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, leave)
		if _, err := s.Family(left, "f"); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who left was answered with %v", err)
		}
		_, err = s.NewsSince(ctx, storetest.Now(), storetest.Now())
		good(t, err)
		good(t, s.Ready(ctx))
	}))
	if _, err := s.Family(ctx, "f"); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("afterwards: %v", err)
	}
}

// Nothing that is told of a database that cannot be opened shows the password.
func TestOpenTellsNoPassword(t *testing.T) {
	t.Parallel()
	const password = "hunter2-s3cret"
	var log strings.Builder
	for _, url := range []string{
		"postgres://ada:" + password + "@127.0.0.1:1/db", "postgres://ada:" + password + "@[::1/db",
		"postgres://ada:" + password + "@127.0.0.1:x/db", "host=127.0.0.1 port=1 user=ada password=" + password,
		"host=127.0.0.1 port=x password='" + password + "'", "postgres://ada:" + password + "@127.0.0.1/db?sslmode=wrong",
	} {
		_, err := Open(t.Context(), Config{URL: secret.New(url), Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			t.Fatal("opened")
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, Config{URL: secret.New(url)}); strings.Contains(text+log.String(), password) {
			t.Errorf("the password is told: %s", text)
		}
	}
}
