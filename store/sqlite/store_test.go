package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/sqlite/internal/engine"
	"github.com/doorward/doorward/store/storetest"
)

func TestDamaged_SEC299(t *testing.T) {
	t.Parallel()
	sound := filepath.Join(t.TempDir(), "sound.db")
	s := open(t, Config{Path: sound})
	fill(t, s, 500)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"cut in the middle":    func(b []byte) []byte { return b[:len(b)/2] },
		"cut by a page":        func(b []byte) []byte { return b[:len(b)-4096] },
		"a bit of the header":  func(b []byte) []byte { b[3] ^= 1; return b },
		"a bit of a page":      func(b []byte) []byte { b[4096*20] ^= 4; return b },
		"a page of zeroes":     func(b []byte) []byte { clear(b[4096*20 : 4096*21]); return b },
		"not a database":       func([]byte) []byte { return []byte(strings.Repeat("a letter to somebody\n", 500)) },
		"the table of tables":  func(b []byte) []byte { clear(b[100:4000]); return b },
		"a run of other bytes": func(b []byte) []byte { copy(b[4096*30:], strings.Repeat("x", 4096*3)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "s.db")
			spoilt := spoil([]byte(string(raw)))
			if err := os.WriteFile(path, spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Config{Path: path})
			if !errors.Is(err, ErrDamaged) || !strings.Contains(fmt.Sprint(err), "To restore: move it away") {
				t.Fatalf("opened: %v", err)
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != string(spoilt) {
				t.Fatalf("the damaged file was changed: %v", err)
			}
			// As the message says: away with it, the backup in its place.
			for _, end := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, Config{Path: path}).Family(t.Context(), "family-00000499"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestBackupUnderLoad_SEC304(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fill(t, s, 200)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for lane := range 4 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("family-%08d", n%50*4+lane)
				_, err := s.ChangeFamily(t.Context(), id, func(f *authority.Family) (authority.After, error) {
					f.Generation++
					return authority.After{Events: []authority.Event{{ID: "e", At: storetest.Now(), FamilyID: id}}}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	var backups []string
	for n := range 3 {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("backup-%d.db", n))
		if err := s.Backup(t.Context(), path); err != nil {
			t.Error(err)
		}
		backups = append(backups, path)
	}
	stop()
	all.Wait()
	for _, path := range backups {
		restored := open(t, Config{Path: path})
		whole := 0
		for n := range 200 {
			f, err := restored.Family(t.Context(), fmt.Sprintf("family-%08d", n))
			if err != nil {
				t.Fatal(err)
			}
			events, err := restored.ListEvents(t.Context(), authority.EventFilter{FamilyID: f.ID, Limit: 1_000_000})
			if err != nil || int64(len(events)) != f.Generation {
				t.Fatalf("%s is in generation %d and has %d events, %v", f.ID, f.Generation, len(events), err)
			}
			whole += len(events)
		}
		t.Log(whole, "changes in the backup")
	}
}

func TestBackupRefusals(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	folder := t.TempDir()
	there := filepath.Join(folder, "there.db")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), there); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(there); err != nil || string(kept) != "mine" {
		t.Fatalf("%s, %v", kept, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := s.Backup(gone, filepath.Join(folder, "new.db")); err == nil {
		t.Fatal("made a backup for nobody")
	}
	if left, err := filepath.Glob(filepath.Join(folder, "new*")); err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
	if err := s.Backup(t.Context(), filepath.Join(folder, "none", "new.db")); err == nil {
		t.Fatal("made a backup nowhere")
	}
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fill(t, s, 1)
	var id string
	if err := s.engine.Get(t.Context(), "DELETE FROM families RETURNING id", nil, &id); !errors.Is(err, authority.ErrUnavailable) {
		t.Fatal(err)
	}
	if _, err := s.Family(t.Context(), "family-00000000"); err != nil {
		t.Fatal(err)
	}
}

func TestNewerTablesServe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, Config{Path: path})
	fill(t, s, 1)
	if err := s.engine.Change(t.Context(), func(w *engine.Writer) error {
		_, err := w.Exec("PRAGMA user_version = 99")
		if err == nil {
			_, err = w.Exec("ALTER TABLE families ADD COLUMN later TEXT")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Path: path})
	if _, err := s.ChangeFamily(t.Context(), "family-00000000", generation(2)); err != nil {
		t.Fatal(err)
	}
	if err := s.AddFamily(t.Context(), machine("new"), authority.After{}); err != nil {
		t.Fatal(err)
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
		if err := s.engine.Get(t.Context(), "SELECT count(*) FROM "+table, nil, &count); err != nil {
			t.Fatal(err)
		}
		counts[table] = count
	}
	return counts
}

func TestWhatIsOverGoes(t *testing.T) {
	t.Parallel()
	c := &clock{at: storetest.Now()}
	s := open(t, Config{Now: c.Now})
	ctx := t.Context()
	add := func(id string) {
		t.Helper()
		now := c.Now()
		soon := now.Add(time.Minute)
		ended, timed, endless := machine(id+"-ended"), machine(id+"-timed"), machine(id+"-endless")
		ended.Ended, timed.Ends, endless.Ends = now, soon, time.Time{}
		_, err := s.CountAttempt(ctx, id, now, time.Minute)
		for _, err := range []error{
			err,
			s.AddPerson(ctx, identity.Person{ID: id, Username: id}),
			s.AddCode(ctx, authority.Code{ID: id, Expires: soon}, authority.After{}),
			s.AddDeviceRequest(ctx, authority.DeviceRequest{ID: id, UserCode: id, Expires: soon}),
			s.AddSignIn(ctx, identity.SignIn{ID: id, PersonID: id, Expires: soon}),
			s.AddInvitation(ctx, identity.Invitation{ID: id, Expires: soon}),
			s.AddMarks(ctx, authority.After{Marks: []authority.Mark{{Kind: authority.MarkPerson, ID: id, Made: now, Expires: soon}}}),
			s.AddFamily(ctx, ended, authority.After{}), s.AddFamily(ctx, timed, authority.After{}),
			s.AddFamily(ctx, endless, authority.After{}), s.AddEvents(ctx, authority.Event{ID: id, At: now}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	// busy makes as many changes as bring a sweep with them.
	busy := func() {
		t.Helper()
		for range sweepEvery + 1 {
			if err := s.ClearAttempts(ctx, "nobody"); err != nil {
				t.Fatal(err)
			}
		}
	}
	is := func(when string, short, families, events int) {
		t.Helper()
		busy()
		for table, count := range rows(t, s) {
			want := map[string]int{"families": families, "events": events}[table]
			if table != "families" && table != "events" {
				want = short
			}
			if count != want {
				t.Errorf("%s: %d rows of %s and not %d", when, count, table, want)
			}
		}
	}
	add("a")
	is("at first", 1, 3, 1)
	c.turn(time.Minute + late)
	is("just before", 1, 3, 1)
	c.turn(time.Second)
	is("after a minute and an hour", 0, 3, 1)
	add("b")
	c.turn(keepEnded - late - time.Minute - 2*time.Second)
	is("just before thirty days", 0, 6, 2)
	c.turn(2 * time.Minute)
	is("after thirty days", 0, 4, 2)
	c.turn(keepEvents - keepEnded)
	is("after ninety days", 0, 2, 1)
}

// With constant load the file has a constant size: each round expires the one before.
func TestConstantSize(t *testing.T) {
	t.Parallel()
	c := &clock{at: storetest.Now()}
	s := open(t, Config{Now: c.Now})
	var sizes []int
	for round := range 5 {
		var all sync.WaitGroup
		for lane := range 8 {
			all.Go(func() {
				for n := range 150 {
					r := request(int64(round*10_000 + lane*1_000 + n))
					r.Created, r.Expires = c.Now(), c.Now().Add(10*time.Minute)
					if err := s.AddDeviceRequest(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		c.turn(2 * time.Hour)
		var pages int
		if err := s.engine.Get(t.Context(), "PRAGMA page_count", nil, &pages); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, pages)
	}
	if first, last := sizes[1], sizes[4]; last > first+first/4 {
		t.Fatalf("the file grows under constant load: %v pages", sizes)
	}
}
