package postgres

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres/internal/engine"
	"github.com/doorward/doorward/store/postgres/pgtest"
	"github.com/doorward/doorward/store/storetest"
)

// Ten replicas that start at once over an empty database make its tables once.
func TestReplicasThatStartAtOnce(t *testing.T) {
	t.Parallel()
	config := Config{URL: secret.New(server.Make(t, "")), Log: slog.New(slog.DiscardHandler)}
	each(10, func(int) {
		s, err := Open(t.Context(), config)
		if err != nil {
			t.Error(err)
			return
		}
		if err := errors.Join(s.Ready(t.Context()), s.Close()); err != nil {
			t.Error(err)
		}
	})
	s, versions := open(t, config), 0
	good(t, s.engine.Get(t.Context(), "SELECT count(*) FROM doorward_migrations", nil, &versions))
	if versions != 1 {
		t.Errorf("%d migrations are recorded", versions)
	}
}

// Tables of a newer program serve this one: an upgrade runs its migrations while older replicas work, and may be taken back.
func TestNewerTablesServe_SEC286(t *testing.T) {
	t.Parallel()
	older := open(t, Config{})
	ctx := t.Context()
	good(t, older.AddFamily(ctx, machine("f"), authority.After{}))
	good(t, older.engine.Change(ctx, func(tx *engine.Tx) error {
		tx.Queue("INSERT INTO doorward_migrations (version, made) VALUES (9999, now())")
		tx.Queue("ALTER TABLE families ADD COLUMN later TEXT NOT NULL DEFAULT ''")
		tx.Queue("ALTER TABLE families ALTER COLUMN end_reason TYPE VARCHAR") // what was prepared before is prepared anew
		return nil
	}))
	for _, s := range []*Store{older, open(t, Config{URL: older.config.URL})} {
		_, err := s.Family(ctx, "f")
		good(t, err)
		_, err = s.ChangeFamily(ctx, "f", append1(1))
		good(t, err, s.AddEvents(ctx, authority.Event{ID: "e"}))
	}
}

// The server's own role needs no right to make tables once they are there.
func TestRestrictedRole(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	ctx := t.Context()
	var role string // roles are the whole server's
	good(t, s.engine.Get(ctx, "SELECT current_database() || '_clerk'", nil, &role))
	good(t, s.engine.Change(ctx, func(tx *engine.Tx) error {
		tx.Queue("CREATE ROLE " + role + " LOGIN")
		tx.Queue("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role)
		return nil
	}))
	clerk := func(address string) secret.String {
		parsed, err := url.Parse(address)
		good(t, err)
		parsed.User = url.User(role)
		return secret.New(parsed.String())
	}
	restricted := open(t, Config{URL: clerk(s.config.URL.Reveal())})
	good(t, restricted.AddFamily(ctx, machine("f"), authority.After{Events: []authority.Event{{ID: "e"}}}))
	_, err := restricted.ChangeFamily(ctx, "f", append1(1))
	good(t, err)
	// Where they are not there, it is told what to do.
	_, err = Open(ctx, Config{URL: clerk(server.Make(t, "")), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "GRANT CREATE") || errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("without the right to make tables: %v", err)
	}
}

// A database that cannot hold what people write is refused, and nothing is done to it.
func TestEncoding(t *testing.T) {
	t.Parallel()
	address := server.Make(t, "TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
	_, err := Open(t.Context(), Config{URL: secret.New(address), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("a database of another encoding: %v", err)
	}
}

// A database that may forget what it has acknowledged is used, and somebody hears of it.
func TestForgetfulDatabaseIsTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	open(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))}) // the tests' server does not wait for the disk
	if !strings.Contains(log.String(), "fsync=off") {
		t.Errorf("nobody heard: %q", log.String())
	}
}

// What each way costs, in statements: the budget of design/authority.md.
func TestStatements(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	ctx := t.Context()
	cost := func(want uint64, what string, do func() error) {
		t.Helper()
		before, _ := s.Statements()
		good(t, do())
		if after, _ := s.Statements(); after-before != want {
			t.Errorf("%s costs %d statements and not %d", what, after-before, want)
		}
	}
	cost(1, "a new family", func() error { return s.AddFamily(ctx, machine("f"), authority.After{}) })
	cost(1, "a family", func() error { _, err := s.Family(ctx, "f"); return err })
	cost(4, "a rotation", func() error { _, err := s.ChangeFamily(ctx, "f", append1(1)); return err })
	cost(1, "a new device login", func() error { return s.AddDeviceRequest(ctx, request(1)) })
	cost(4, "a decision", func() error { return decide(ctx, s, request(1).ID, storetest.Now(), func() {}) })
	cost(1, "a try of a password", func() error {
		_, err := s.CountAttempt(ctx, "k", storetest.Now(), time.Minute)
		return err
	})
	cost(0, "the catch-up", func() error { _, err := s.NewsSince(ctx, storetest.Now(), storetest.Now()); return err })
}

// usage is what the server has counted for a table: looks at all of its rows, and rows changed with and without a look at
// the indexes.
type usage struct{ scans, updates, hot int }

// used closes s, whose connections tell the server what they did when they end, and reads what it has counted.
func used(t *testing.T, s *Store) map[string]usage {
	t.Helper()
	good(t, s.Close())
	reader := open(t, Config{URL: s.config.URL})
	for others := 1; others > 0; {
		good(t, reader.engine.Get(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'doorward' AND pid <> pg_backend_pid()`, nil, &others))
	}
	all := make(map[string]usage)
	good(t, reader.engine.Each(t.Context(), "SELECT relname, seq_scan, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables", nil,
		func(scan func(...any) error) error {
			var name string
			var u usage
			err := scan(&name, &u.scans, &u.updates, &u.hot)
			all[name] = u
			return err
		}))
	good(t, reader.Close())
	return all
}

// addRows adds one row to each of the tables that grow with use.
func addRows(t *testing.T, s *Store, tx *engine.Tx, n int) {
	t.Helper()
	id, now := fmt.Sprint(n), storetest.Now()
	r := request(int64(n))
	p := identity.Person{ID: "usr_" + id, Username: "person" + id, Email: id + "@example.org"}
	tx.Queue("INSERT INTO attempts (id, tries, first, expires) VALUES ($1, 1, $2, $2)", id, now)
	good(t, s.nouns.requests.add(tx, &r), s.addPerson(tx, &p),
		s.nouns.codes.add(tx, &authority.Code{ID: id, Expires: now}),
		s.nouns.signIns.add(tx, &identity.SignIn{ID: id, PersonID: p.ID, Expires: now.Add(time.Hour)}),
		addMark(tx, authority.Mark{Kind: authority.MarkFamily, ID: id, Made: now, Expires: now.Add(time.Hour)}),
		addEvent(tx, authority.Event{ID: id, At: now, PersonID: p.ID}))
}

// With tables that have grown, no call reads one from end to end, the sweep included; and a rotation touches no index.
func TestNoScansAndNoIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	ctx, now := t.Context(), storetest.Now()
	fill(t, s, 3000)
	for begin := 0; begin < 3000; begin += 250 {
		good(t, s.engine.Change(ctx, func(tx *engine.Tx) error {
			for n := begin; n < begin+250; n++ {
				addRows(t, s, tx, n)
			}
			return nil
		}))
	}
	good(t, pgtest.Run(ctx, s.config.URL.Reveal(), "VACUUM ANALYZE"))
	before := used(t, s)
	s = open(t, Config{URL: s.config.URL})
	for n := range 12 { // the sixth time a statement gets a plan that does not depend on its arguments
		id := fmt.Sprintf("family-%08d", n*200) // each on a page of its own, with room for three more versions
		for range 3 {
			_, err := s.ChangeFamily(ctx, id, func(f *authority.Family) (authority.After, error) {
				rotate(f, int64(n))
				return authority.After{}, nil
			})
			good(t, err)
		}
		_, err := s.FamilyByToken(ctx, [32]byte{byte(n)})
		is(t, err, authority.ErrUnknown)
		_, err = s.FamiliesOf(ctx, "usr_"+id, now)
		good(t, err)
		_, err = s.FamiliesOfKey(ctx, "k")
		good(t, err)
		_, err = s.DeviceRequestByUserCode(ctx, request(int64(n)).UserCode, now)
		good(t, err, decide(ctx, s, request(int64(n)).ID, now, func() {}))
		_, err = s.PendingDeviceRequests(ctx, "192.0.2.7", now)
		good(t, err)
		_, err = s.NewsSince(ctx, now.Add(time.Minute), now)
		good(t, err)
		_, err = s.PersonByName(ctx, fmt.Sprint(n, "@example.org"))
		good(t, err)
		_, err = s.SignIn(ctx, fmt.Sprint(n))
		good(t, err)
		_, err = s.ListEvents(ctx, authority.EventFilter{PersonID: fmt.Sprint("usr_", n), Limit: 10})
		good(t, err)
		_, err = s.ListPeople(ctx, fmt.Sprint("person", n), 10)
		good(t, err, s.engine.Change(ctx, func(tx *engine.Tx) error { s.sweep(tx); return nil }))
	}
	after := used(t, s)
	for _, name := range []string{
		"families", "device_requests", "marks", "people", "names", "sign_ins", "codes", "attempts", "events",
	} {
		if scans := after[name].scans - before[name].scans; scans > 0 {
			t.Errorf("%s was read from end to end %d times", name, scans)
		}
	}
	f, was := after["families"], before["families"]
	if f.updates-was.updates < 36 || f.hot-was.hot != f.updates-was.updates {
		t.Errorf("of %d rotations %d touched no index", f.updates-was.updates, f.hot-was.hot)
	}
}

// is fails the test where err is not want.
func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v and not %v", err, want)
	}
}

// clock is a clock that a test turns.
type clock struct {
	mutex sync.Mutex
	at    time.Time
}

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.at
}

func (c *clock) turn(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(by)
}

// rows counts the rows of every table that is swept.
func rows(t *testing.T, s *Store) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, table := range []string{
		"codes", "device_requests", "sign_ins", "invitations", "attempts", "marks", "families", "events",
	} {
		var count int
		good(t, s.engine.Get(t.Context(), "SELECT count(*) FROM "+table, nil, &count))
		counts[table] = count
	}
	return counts
}

// addAll adds a row to each table that is swept: most expire in a minute, and there are an ended family, one that ends in a minute and one
// that never does.
func addAll(t *testing.T, s *Store, id string, now time.Time) {
	t.Helper()
	ctx, soon := t.Context(), now.Add(time.Minute)
	ended, timed, endless := machine(id+"-ended"), machine(id+"-timed"), machine(id+"-endless")
	ended.Ended, timed.Ends, endless.Ends = now, soon, time.Time{}
	_, err := s.CountAttempt(ctx, id, now, time.Minute)
	good(t, err,
		s.AddPerson(ctx, identity.Person{ID: id, Username: id}),
		s.AddCode(ctx, authority.Code{ID: id, Expires: soon}, authority.After{}),
		s.AddDeviceRequest(ctx, authority.DeviceRequest{ID: id, UserCode: id, Expires: soon}),
		s.AddSignIn(ctx, identity.SignIn{ID: id, PersonID: id, Expires: soon}),
		s.AddInvitation(ctx, identity.Invitation{ID: id, Expires: soon}),
		s.AddMarks(ctx, authority.After{Marks: []authority.Mark{{Kind: authority.MarkPerson, ID: id, Made: now, Expires: soon}}}),
		s.AddFamily(ctx, ended, authority.After{}), s.AddFamily(ctx, timed, authority.After{}),
		s.AddFamily(ctx, endless, authority.After{}), s.AddEvents(ctx, authority.Event{ID: id, At: now}))
}

// What is over goes while others work, and not before its time.
func TestWhatIsOverGoes(t *testing.T) {
	t.Parallel()
	c := &clock{at: storetest.Now()}
	s := open(t, Config{Now: c.Now})
	expect := func(when string, short, families, events int) {
		t.Helper()
		s.engine.Wait() // for a sweep of before
		for range sweepEvery + 1 {
			good(t, s.ClearAttempts(t.Context(), "nobody"))
		}
		s.engine.Wait()
		for table, count := range rows(t, s) {
			want, ok := map[string]int{"families": families, "events": events}[table]
			if !ok {
				want = short
			}
			if count != want {
				t.Errorf("%s: %d rows of %s and not %d", when, count, table, want)
			}
		}
	}
	addAll(t, s, "a", c.Now())
	expect("at first", 1, 3, 1)
	c.turn(time.Minute + late)
	expect("just before", 1, 3, 1)
	c.turn(time.Second)
	expect("after a minute and an hour", 0, 3, 1)
	addAll(t, s, "b", c.Now())
	c.turn(keepEnded - late - time.Minute - 2*time.Second)
	expect("just before thirty days", 0, 6, 2)
	c.turn(2 * time.Minute)
	expect("after thirty days", 0, 4, 2)
	c.turn(keepEvents - keepEnded)
	expect("after ninety days", 0, 2, 1)
}

// With constant load there is a constant number of rows: each round expires the one before.
func TestConstantSize(t *testing.T) {
	t.Parallel()
	c := &clock{at: storetest.Now()}
	s := open(t, Config{Now: c.Now})
	var counts []int
	for round := range 5 {
		each(8, func(lane int) {
			for n := range 150 {
				r := request(int64(round*10_000 + lane*1_000 + n))
				r.Created, r.Expires = c.Now(), c.Now().Add(10*time.Minute)
				good(t, s.AddDeviceRequest(t.Context(), r))
			}
		})
		s.engine.Wait()
		c.turn(2 * time.Hour)
		counts = append(counts, rows(t, s)["device_requests"])
	}
	if first, last := counts[1], counts[4]; last > first+first/4 {
		t.Errorf("the table grows under constant load: %v rows", counts)
	}
}
