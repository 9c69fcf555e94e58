// Package stores lets the tests of a room run over every kind of store. They take their stores from here:
//
//	store := stores.Open(t, now, log)
//
// and have one test more,
//
//	func TestOnPostgreSQL(t *testing.T) { stores.OnPostgreSQL(t) }
//
// so that `go test` runs all of them over SQLite and, in a process of their own, over PostgreSQL.
package stores

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres"
	"github.com/doorward/doorward/store/postgres/pgtest"
	"github.com/doorward/doorward/store/sqlite"
)

// Store is what a server needs of a store: the same type as server.Store, which tests of the rooms below cannot name.
type Store = interface {
	authority.Store
	authority.APIKeys
	identity.People
	identity.Organisations
	identity.Projects
	identity.Domains
	identity.Links
	identity.Factors
	identity.SignIns
	identity.Invitations
	identity.Attempts
	Ready(ctx context.Context) error
	Failed() <-chan struct{}
	Close() error
}

// variable says in the second process which kind its stores are of.
const variable = "DOORWARD_TEST_STORE"

// server is the PostgreSQL of the second process. It ends with the process.
var server = pgtest.Server{Prepare: func(ctx context.Context, address string) error {
	store, err := openPostgres(ctx, address, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return store.Close()
}}

// Place is where the store of one authority is: an authority that starts again finds there what it left.
type Place struct {
	file    string // SQLite's
	address string // PostgreSQL's
}

// New makes a place for a store, which goes with the test.
func New(t testing.TB) *Place {
	t.Helper()
	if OverPostgreSQL() {
		return &Place{address: server.Database(t)}
	}
	return &Place{file: filepath.Join(t.TempDir(), "store.db")}
}

// OverPostgreSQL reports whether the stores of this process are PostgreSQL's. A test that is about the other kind skips itself.
func OverPostgreSQL() bool { return os.Getenv(variable) == "postgres" }

// Open opens the store. now is its clock.
func (p *Place) Open(ctx context.Context, now func() time.Time, log *slog.Logger) (Store, error) {
	if p.address != "" {
		return openPostgres(ctx, p.address, now, log)
	}
	return sqlite.Open(ctx, sqlite.Config{Path: p.file, Now: now, Log: log})
}

// Open opens a store of its own for the test, and closes it at its end. now is its clock; the log of a nil log is thrown away.
func Open(t testing.TB, now func() time.Time, log *slog.Logger) Store {
	t.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	store, err := New(t).Open(t.Context(), now, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// database is a PostgreSQL store as a server takes it: whatever happens, it may come back.
type database struct{ *postgres.Store }

func (database) Failed() <-chan struct{} { return nil }

func openPostgres(ctx context.Context, address string, now func() time.Time, log *slog.Logger) (Store, error) {
	store, err := postgres.Open(ctx, postgres.Config{URL: secret.New(address), Now: now, Log: log, Notify: true})
	if err != nil {
		return nil, err
	}
	return database{store}, nil
}

// OnPostgreSQL runs the tests of this test binary once more, over PostgreSQL. The test that calls it must be named
// TestOnPostgreSQL. Where the machine has no PostgreSQL it is skipped; in CI (CI=true) it fails.
func OnPostgreSQL(t *testing.T) {
	t.Helper()
	t.Parallel()
	if err := pgtest.Available(); errors.Is(err, pgtest.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	args := []string{"-test.skip=^TestOnPostgreSQL$", "-test.v"}
	for _, name := range []string{"test.short", "test.parallel", "test.timeout"} {
		if f := flag.Lookup(name); f != nil {
			args = append(args, "-"+name+"="+f.Value.String())
		}
	}
	again := exec.CommandContext(t.Context(), os.Args[0], args...)
	again.Env = append(os.Environ(), variable+"=postgres")
	out, err := again.CombinedOutput()
	passed, skipped := bytes.Count(out, []byte("--- PASS")), bytes.Count(out, []byte("--- SKIP"))
	if err != nil || passed == 0 {
		t.Errorf("over PostgreSQL: %v\n%s", err, out)
	}
	t.Logf("over PostgreSQL: %d tests passed, %d skipped", passed, skipped)
}
