// Package sqlite keeps what the authority must remember in one SQLite file: durable (WAL, synchronous=FULL), with one
// writer that commits in groups and several readers, and without a program or a service beside it.
//
// A Store is every noun of identity and authority; store/storetest says what it promises. A store that cannot be reached
// answers authority.ErrUnavailable, whatever the reason.
package sqlite

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/sqlite/internal/engine"
)

// Config says where the store is. Only Path must be set.
type Config struct {
	// Path of the database file. It is made with mode 0600 where it is not there, in a folder made with mode 0700 where
	// that is not there either. Path + ".lock" is the file that keeps a second server out; it stays.
	Path string
	// Readers is how many statements may read at the same time; 0: 4.
	Readers int
	// Log gets what nobody can be answered; nil: slog.Default().
	Log *slog.Logger
	// Now is the clock by which sign-ins and invitations expire and old rows go; nil: time.Now.
	Now func() time.Time
}

// ErrInUse says that another server has the file open, and ErrDamaged that the file is not, or no longer, a database; its
// message tells how to restore it.
const (
	ErrInUse   = engine.ErrInUse
	ErrDamaged = engine.ErrDamaged
)

// migrations only ever go forward: a file here is never changed once it was released.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Store keeps everything in one file. Its methods may be called by many at once.
type Store struct {
	config Config
	engine *engine.Engine
	nouns  nouns
}

// The store is every noun.
var (
	_ identity.People        = (*Store)(nil)
	_ identity.Organisations = (*Store)(nil)
	_ identity.SignIns       = (*Store)(nil)
	_ identity.Invitations   = (*Store)(nil)
	_ identity.Attempts      = (*Store)(nil)
	_ identity.Projects      = (*Store)(nil)
	_ identity.Domains       = (*Store)(nil)
	_ identity.Links         = (*Store)(nil)
	_ identity.Factors       = (*Store)(nil)

	_ authority.Clients        = (*Store)(nil)
	_ authority.Codes          = (*Store)(nil)
	_ authority.DeviceRequests = (*Store)(nil)
	_ authority.Families       = (*Store)(nil)
	_ authority.APIKeys        = (*Store)(nil)
	_ authority.Feed           = (*Store)(nil)
	_ authority.SigningKeys    = (*Store)(nil)
	_ authority.Events         = (*Store)(nil)
)

// Open opens the store at config.Path, makes it where it is not there, and brings its tables up to date. It fails where
// another server has the file open (ErrInUse) and where the file is damaged (ErrDamaged).
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Readers <= 0 {
		config.Readers = 4
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	s := &Store{config: config, nouns: newNouns()}
	s.engine, err = engine.Open(ctx, engine.Config{
		Path: config.Path, Readers: config.Readers, Log: config.Log, Migrations: files, Sweep: s.sweep, SweepEvery: sweepEvery,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close lets the changes that have begun end, refuses further ones and gives the file back. After a failure (Failed) it
// leaves the connections open until the process ends: closing the last one would try the failed fsync again.
func (s *Store) Close() error { return s.engine.Close() }

// Failed is closed when the disk has refused to keep what was written (fsync failed) or the file turned out damaged. From
// then on every change answers ErrUnavailable; the server is to say so and exit, since only a new process reads what
// the disk really holds.
func (s *Store) Failed() <-chan struct{} { return s.engine.Failed() }

// Ready reports whether the store answers: nil, or ErrUnavailable. A full disk leaves it ready, since it still reads.
func (s *Store) Ready(ctx context.Context) error { return s.engine.Ready(ctx) }

// Statements returns how many statements the store has run since Open, BEGIN and COMMIT among them: all of them but those of
// NewsSince, and those.
func (s *Store) Statements() (all, catchUp uint64) { return s.engine.Statements() }

// Backup writes a consistent copy of the store, as of one moment, to path, which must not be there; others may go on reading
// and writing. The copy is whole or absent, has mode 0600 and is on the disk when Backup returns. To restore it, copy it to
// the store's path while no server runs, without the old -wal and -shm.
func (s *Store) Backup(ctx context.Context, path string) error { return s.engine.Backup(ctx, path) }

// after does what else belongs to a change.
func (s *Store) after(w *engine.Writer, after authority.After) error {
	if after.Family != nil {
		family := *after.Family
		if err := s.nouns.families.add(w, &family); err != nil {
			return err
		}
	}
	for _, mark := range after.Marks {
		if err := addMark(w, mark); err != nil {
			return err
		}
	}
	for _, event := range after.Events {
		if err := addEvent(w, event); err != nil {
			return err
		}
	}
	return nil
}
