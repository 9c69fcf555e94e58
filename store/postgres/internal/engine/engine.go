// Package engine runs a PostgreSQL database as a store needs it: a bounded pool of connections, every transaction within a
// limit of time, failures that another try may mend tried again, and nothing told that is not so. It knows no noun.
package engine

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/doorward/doorward/secret"
)

// Limit is how long a call may take, from its beginning to the sending of its COMMIT, waiting and further tries included; the
// server ends a statement that takes as long. So what was stamped at the beginning of a call is seen by others within twice
// the limit, or never: authority.News relies on it.
const Limit = 5 * time.Second

// Config is what an engine runs on; all of it must be set but Conns and Notify.
type Config struct {
	Address secret.String // as pgx reads it
	Conns   int           // at most; 0: what Address says, else 10
	Log     *slog.Logger
	// Migrations are SQL files, applied in the order of their names and never again.
	Migrations fs.FS
	// Sweep queues what deletes rows that are long over. It runs beside the changes, after the first one and from then on
	// after every SweepEvery of them, one at a time.
	Sweep      func(*Tx)
	SweepEvery int64
	// Notify rings other engines of the same database after a change that has called Tx.Tell, and hears them.
	Notify bool
}

// Engine is one database, used by this process among others. Its methods may be called by many at once.
type Engine struct {
	config Config
	pool   *pgxpool.Pool
	conns  int // of pool, at most
	// watch is for what must not wait behind changes: the catch-up, and whether the database answers.
	watch *pgxpool.Pool
	bell  *bell

	statements, catchUps atomic.Uint64
	changes              atomic.Int64
	sweeping             atomic.Bool

	// The background ends before the pool does.
	bells, sweeps sync.WaitGroup
	mutex         sync.Mutex // over closed: nobody joins the background once it is waited for
	closed        bool
}

// Open connects and brings the tables up to date.
func Open(ctx context.Context, config Config) (*Engine, error) {
	settings, err := connecting(config)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, settings.ConnConfig, config.Migrations, config.Log); err != nil {
		return nil, err
	}
	e := &Engine{config: config, conns: int(settings.MaxConns)}
	if e.pool, err = pgxpool.NewWithConfig(ctx, settings); err != nil {
		return nil, Unavailable(err)
	}
	one := settings.Copy()
	one.MaxConns, one.MinConns = 1, 0
	if e.watch, err = pgxpool.NewWithConfig(ctx, one); err != nil {
		e.pool.Close()
		return nil, Unavailable(err)
	}
	e.changes.Store(config.SweepEvery - 1)
	if config.Notify {
		e.bell = newBell(e, settings.ConnConfig)
	}
	return e, nil
}

// Close lets the calls that have begun end and refuses further ones. It may be called twice.
func (e *Engine) Close() {
	e.mutex.Lock()
	again := e.closed
	e.closed = true
	e.mutex.Unlock()
	if again {
		return
	}
	if e.bell != nil {
		e.bell.close()
	}
	e.bells.Wait()
	e.sweeps.Wait()
	e.pool.Close()
	e.watch.Close()
}

// beside runs do in the background, one of the wait groups, unless the engine is closed.
func (e *Engine) beside(background *sync.WaitGroup, do func()) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if !e.closed {
		background.Go(do)
	}
}

// Wait returns when what runs beside the calls has ended, the bell excepted. It is for tests.
func (e *Engine) Wait() { e.sweeps.Wait() }

// Wake gets a value soon after another engine has told something (Tx.Tell); nil, which never does, without Config.Notify.
// Values may be missing and too many: it is a reason to look, and no news.
func (e *Engine) Wake() <-chan struct{} {
	if e.bell == nil {
		return nil
	}
	return e.bell.wake
}

// Ready reports whether the database answers and can be written to: nil, or ErrUnavailable.
func (e *Engine) Ready(ctx context.Context) error {
	var readOnly string
	err := e.get(ctx, e.watch, &e.statements, "SELECT current_setting('transaction_read_only')", nil, &readOnly)
	if err == nil && readOnly == "on" {
		err = errReadOnly
	}
	return Unavailable(err)
}

var errReadOnly = errors.New("postgres: the database can be read only; is it a standby?")

// Statements returns how many statements have run since Open: all of them but those of CatchUp, and those. Those of the sweep
// are in neither: nobody has asked for them.
func (e *Engine) Statements() (all, catchUp uint64) { return e.statements.Load(), e.catchUps.Load() }

// Get reads one row; pgx.ErrNoRows where there is none, ErrUnavailable where it cannot be read.
func (e *Engine) Get(ctx context.Context, text string, args []any, into ...any) error {
	return Unavailable(e.get(ctx, e.pool, &e.statements, text, args, into...))
}

func (e *Engine) get(
	ctx context.Context, pool *pgxpool.Pool, counter *atomic.Uint64, text string, args []any, into ...any,
) error {
	return e.tries(ctx, pool, func(ctx context.Context, conn *pgx.Conn) failure {
		counter.Add(1)
		return failure{err: conn.QueryRow(ctx, text, sent(args)...).Scan(targets(into)...)}
	})
}

// Put is Get for a statement that also writes. It is a transaction by itself.
func (e *Engine) Put(ctx context.Context, text string, args []any, into ...any) error {
	err := e.tries(ctx, e.pool, func(ctx context.Context, conn *pgx.Conn) failure {
		e.statements.Add(1)
		err := conn.QueryRow(ctx, text, sent(args)...).Scan(targets(into)...)
		return failure{err: err, twice: !undone(code(err))}
	})
	if err == nil {
		e.sweep()
	}
	return Unavailable(err)
}

// Each reads rows and calls row for each of them, with the scan that fills what it is given.
func (e *Engine) Each(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	return e.each(ctx, e.pool, &e.statements, text, args, row)
}

// CatchUp is Each, for the one statement that is counted apart and never waits behind changes.
func (e *Engine) CatchUp(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	return e.each(ctx, e.watch, &e.catchUps, text, args, row)
}

// each tries again only as long as row has seen nothing, or it would see things twice.
func (e *Engine) each(
	ctx context.Context, pool *pgxpool.Pool, counter *atomic.Uint64, text string, args []any,
	row func(scan func(...any) error) error,
) error {
	return Unavailable(e.tries(ctx, pool, func(ctx context.Context, conn *pgx.Conn) failure {
		counter.Add(1)
		rows, err := conn.Query(ctx, text, sent(args)...)
		if err != nil {
			return failure{err: err}
		}
		defer rows.Close()
		seen, scan := false, func(into ...any) error { return rows.Scan(targets(into)...) }
		for rows.Next() {
			seen = true
			if err := row(scan); err != nil {
				return failure{err: err, twice: true}
			}
		}
		return failure{err: rows.Err(), twice: seen}
	}))
}

// tries hands do a connection, and another one where the first turns out to be dead. do runs to its end even where its caller
// has left: to break a connection off in the middle costs the server more than to answer. ctx counts while waiting for a
// connection.
func (e *Engine) tries(ctx context.Context, pool *pgxpool.Pool, do func(context.Context, *pgx.Conn) failure) error {
	if err := ctx.Err(); err != nil {
		return Unavailable(err)
	}
	deadline := time.Now().Add(Limit)
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(deadline) {
		deadline = sooner
	}
	waiting, stopWaiting := context.WithDeadline(ctx, deadline)
	defer stopWaiting()
	running, stopRunning := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer stopRunning()
	dead := e.conns // as many as may be found dead after a restart of the server
	for try := 0; ; try++ {
		verdict, err := e.try(waiting, running, pool, do)
		switch {
		case verdict == yields && try < yieldsMost && pause(waiting, try):
		case verdict == lost && dead > 0 && waiting.Err() == nil:
			dead--
		default:
			return err
		}
	}
}

// yieldsMost is how often a transaction makes way for others before its caller is told to come again.
const yieldsMost = 20

// pause waits a little, and longer with each try, so that those who met do not meet again. It reports whether there is time for
// another try.
func pause(ctx context.Context, try int) bool {
	most := time.Millisecond << min(try, 6)
	timer := time.NewTimer(rand.N(most) + most/4)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// try is one try. A connection that is lost, or that a panic of do has left in a state that nobody knows, is thrown away.
func (e *Engine) try(
	waiting, running context.Context, pool *pgxpool.Pool, do func(context.Context, *pgx.Conn) failure,
) (verdict, error) {
	conn, err := pool.Acquire(waiting)
	if err != nil {
		return final, Unavailable(err)
	}
	outcome := lost
	defer func() {
		if outcome == lost {
			_ = conn.Conn().Close(running)
		}
		conn.Release()
	}()
	failed := do(running, conn.Conn())
	if failed.err == nil || errors.Is(failed.err, pgx.ErrNoRows) {
		outcome = final
		return final, failed.err
	}
	failed.closed = conn.Conn().IsClosed()
	outcome = failed.verdict()
	return outcome, failed.err
}
