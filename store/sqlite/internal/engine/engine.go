// Package engine runs one SQLite file as a store needs it: durable, with one writer that commits in groups and several
// readers, locked against a second server. It knows no noun.
package engine

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
)

// Config is what an engine runs on; all of it must be set.
type Config struct {
	Path    string // of the database file; made where it is not there
	Readers int    // how many statements may read at the same time
	Log     *slog.Logger
	// Migrations are SQL files, forward only, in the order of the numbers that their names begin with.
	Migrations fs.FS
	// Sweep deletes what is long over. It runs in a batch that is written anyway, the first one and from then on after every
	// SweepEvery changes.
	Sweep      func(*Writer) error
	SweepEvery int
}

// Engine is one open database file. Its methods may be called by many at once.
type Engine struct {
	config Config
	lock   *flock.Flock

	read     *sql.DB
	prepared sync.Map // text of a reading statement → *sql.Stmt

	write  *sql.DB
	writer *Writer

	statements, catchUps atomic.Uint64
	closing              sync.Once
	closed               error
}

// Open opens the file, makes it where it is not there, and brings its tables up to date. It fails where another server has
// the file open (ErrInUse) and where the file is damaged (ErrDamaged).
func Open(ctx context.Context, config Config) (*Engine, error) {
	path, lock, err := take(config.Path)
	if err != nil {
		return nil, err
	}
	config.Path = path
	e := &Engine{config: config, lock: lock}
	if err := e.start(ctx); err != nil {
		_ = e.release()
		return nil, err
	}
	return e, nil
}

// start connects, checks and migrates, in this order, and lets the writer run. The order matters: a damaged file is left as
// it was found, for whoever has to save what can be saved.
func (e *Engine) start(ctx context.Context) (err error) {
	if e.write, err = connect(e.config.Path, writing()); err != nil {
		return err
	}
	e.write.SetMaxOpenConns(1)
	if err := check(ctx, e.write, e.config.Path); err != nil {
		return err
	}
	if err := migrate(ctx, e.write, e.config.Migrations); err != nil {
		return damaged(e.config.Path, fmt.Errorf("sqlite: the tables could not be brought up to date: %w", err))
	}
	if e.read, err = connect(e.config.Path, reading()); err != nil {
		return err
	}
	e.read.SetMaxOpenConns(e.config.Readers)
	e.read.SetMaxIdleConns(e.config.Readers)
	conn, err := e.write.Conn(ctx)
	if err != nil {
		return err
	}
	e.writer = newWriter(e, conn)
	go e.writer.loop()
	return nil
}

// Close lets the changes that have begun end, refuses further ones and gives the file back. After a failure (Failed) it
// leaves the connections open until the process ends: closing the last one would try the failed fsync again.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		close(e.writer.closed)
		<-e.writer.stopped
		select {
		case <-e.writer.failed:
			e.closed = e.lock.Close()
		default:
			e.writer.close()
			e.closed = e.release()
		}
	})
	return e.closed
}

// release gives back whatever start has taken. The writing connection goes last: it empties the WAL into the database.
func (e *Engine) release() error {
	var first error
	if e.read != nil {
		e.prepared.Range(func(_, statement any) bool {
			_ = statement.(*sql.Stmt).Close()
			return true
		})
		first = e.read.Close()
	}
	if e.write != nil {
		if err := e.write.Close(); first == nil {
			first = err
		}
	}
	if err := e.lock.Close(); first == nil {
		first = err
	}
	return first
}

// Failed is closed when the disk has refused to keep what was written (fsync failed) or the file turned out damaged. From
// then on every change answers ErrUnavailable; the server is to say so and exit, since only a new process reads what
// the disk really holds.
func (e *Engine) Failed() <-chan struct{} { return e.writer.failed }

// Ready reports whether the store answers: nil, or ErrUnavailable. A full disk leaves it ready, since it still reads.
func (e *Engine) Ready(ctx context.Context) error {
	select {
	case <-e.writer.failed:
		return errFailed
	default:
	}
	var one int
	return e.Get(ctx, "SELECT 1", nil, &one)
}

// Statements returns how many statements have run since Open: all of them but those of CatchUp, and those.
func (e *Engine) Statements() (all, catchUp uint64) { return e.statements.Load(), e.catchUps.Load() }

// Get reads one row; sql.ErrNoRows where there is none, ErrUnavailable where it cannot be read.
func (e *Engine) Get(ctx context.Context, text string, args []any, into ...any) error {
	statement, err := e.statement(ctx, text)
	if err != nil {
		return err
	}
	e.statements.Add(1)
	return Unavailable(statement.QueryRowContext(ctx, args...).Scan(into...))
}

// Each reads rows and calls row for each of them, with the scan that fills what it is given.
func (e *Engine) Each(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	return e.each(ctx, &e.statements, text, args, row)
}

// CatchUp is Each, for the one statement that is counted apart.
func (e *Engine) CatchUp(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	return e.each(ctx, &e.catchUps, text, args, row)
}

// each does not keep a connection longer than the rows last, and gives it back whatever row answers.
func (e *Engine) each(
	ctx context.Context, counter *atomic.Uint64, text string, args []any, row func(scan func(...any) error) error,
) error {
	statement, err := e.statement(ctx, text)
	if err != nil {
		return err
	}
	counter.Add(1)
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return Unavailable(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return Unavailable(err)
		}
	}
	return Unavailable(rows.Err())
}

// statement prepares a reading statement once; database/sql keeps it per connection from then on.
func (e *Engine) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if found, ok := e.prepared.Load(text); ok {
		return found.(*sql.Stmt), nil
	}
	made, err := e.read.PrepareContext(ctx, text)
	if err != nil {
		return nil, Unavailable(err)
	}
	if other, loaded := e.prepared.LoadOrStore(text, made); loaded {
		_ = made.Close()
		return other.(*sql.Stmt), nil
	}
	return made, nil
}
