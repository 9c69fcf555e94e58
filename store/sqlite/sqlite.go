// Package sqlite keeps what the authority must remember in one SQLite file: durable (WAL, synchronous=FULL), with one
// writer that commits in groups and several readers, and without a program or a service beside it.
//
// A Store is every noun of identity and authority; store/storetest says what it promises. A store that cannot be reached
// answers authority.ErrUnavailable, whatever the reason.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
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

// Store keeps everything in one file. Its methods may be called by many at once.
type Store struct {
	config Config
	lock   *flock.Flock
	nouns  nouns

	read     *sql.DB
	prepared sync.Map // text of a reading statement → *sql.Stmt

	write  *sql.DB
	writer *writer

	statements, catchUps atomic.Uint64
	closing              sync.Once
	closed               error
}

// The store is every noun.
var (
	_ identity.People        = (*Store)(nil)
	_ identity.Organisations = (*Store)(nil)
	_ identity.SignIns       = (*Store)(nil)
	_ identity.Invitations   = (*Store)(nil)
	_ identity.Attempts      = (*Store)(nil)

	_ authority.Clients        = (*Store)(nil)
	_ authority.Codes          = (*Store)(nil)
	_ authority.DeviceRequests = (*Store)(nil)
	_ authority.Families       = (*Store)(nil)
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
	path, lock, err := take(config.Path)
	if err != nil {
		return nil, err
	}
	config.Path = path
	s := &Store{config: config, lock: lock, nouns: newNouns()}
	if err := s.start(ctx); err != nil {
		_ = s.release()
		return nil, err
	}
	return s, nil
}

// start connects, checks and migrates, in this order, and lets the writer run.
func (s *Store) start(ctx context.Context) (err error) {
	if s.write, err = connect(s.config.Path, writing()); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := check(ctx, s.write, s.config.Path); err != nil {
		return err
	}
	if err := migrate(ctx, s.write); err != nil {
		return damaged(s.config.Path, fmt.Errorf("sqlite: the tables could not be brought up to date: %w", err))
	}
	if s.read, err = connect(s.config.Path, reading()); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(s.config.Readers)
	s.read.SetMaxIdleConns(s.config.Readers)
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	s.writer = newWriter(s, conn)
	go s.writer.loop()
	return nil
}

// Close lets the changes that have begun end, refuses further ones and gives the file back. After a failure (Failed) it
// leaves the connections open until the process ends: closing the last one would try the failed fsync again.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.writer.closed)
		<-s.writer.stopped
		select {
		case <-s.writer.failed:
			s.closed = s.lock.Close()
		default:
			s.writer.close()
			s.closed = s.release()
		}
	})
	return s.closed
}

// release gives back whatever start has taken. The writing connection goes last: it empties the WAL into the database.
func (s *Store) release() error {
	var first error
	if s.read != nil {
		s.prepared.Range(func(_, statement any) bool {
			_ = statement.(*sql.Stmt).Close()
			return true
		})
		first = s.read.Close()
	}
	if s.write != nil {
		if err := s.write.Close(); first == nil {
			first = err
		}
	}
	if err := s.lock.Close(); first == nil {
		first = err
	}
	return first
}

// Failed is closed when the disk has refused to keep what was written (fsync failed) or the file turned out damaged. From
// then on every change answers ErrUnavailable; the server is to say so and exit, since only a new process reads what
// the disk really holds.
func (s *Store) Failed() <-chan struct{} { return s.writer.failed }

// Ready reports whether the store answers: nil, or ErrUnavailable. A full disk leaves it ready, since it still reads.
func (s *Store) Ready(ctx context.Context) error {
	select {
	case <-s.writer.failed:
		return errFailed
	default:
	}
	var one int
	return s.get(ctx, "SELECT 1", nil, &one)
}

// Statements returns how many statements the store has run since Open: all of them but those of NewsSince, and those.
func (s *Store) Statements() (all, catchUp uint64) { return s.statements.Load(), s.catchUps.Load() }

// get reads one row; sql.ErrNoRows where there is none, ErrUnavailable where it cannot be read.
func (s *Store) get(ctx context.Context, text string, args []any, into ...any) error {
	statement, err := s.statement(ctx, text)
	if err != nil {
		return err
	}
	s.statements.Add(1)
	return unavailable(statement.QueryRowContext(ctx, args...).Scan(into...))
}

// each reads rows and calls row for each of them.
func (s *Store) each(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	statement, err := s.statement(ctx, text)
	if err != nil {
		return err
	}
	s.statements.Add(1)
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return unavailable(err)
		}
	}
	return unavailable(rows.Err())
}

// statement prepares a reading statement once; database/sql keeps it per connection from then on.
func (s *Store) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if found, ok := s.prepared.Load(text); ok {
		return found.(*sql.Stmt), nil
	}
	made, err := s.read.PrepareContext(ctx, text)
	if err != nil {
		return nil, unavailable(err)
	}
	if other, loaded := s.prepared.LoadOrStore(text, made); loaded {
		_ = made.Close()
		return other.(*sql.Stmt), nil
	}
	return made, nil
}
