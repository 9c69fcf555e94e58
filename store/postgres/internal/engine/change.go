package engine

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Tx is one transaction. What is queued goes to the server together with the next question, or with COMMIT: a change that
// reads a row and writes it costs two journeys there and back, and one that only writes a single one.
type Tx struct {
	engine *Engine
	ctx    context.Context
	conn   *pgx.Conn
	begin  string // how it begins
	begun  bool   // the server has it open
	wrote  bool   // by Exec
	queue  []statement
	failed failure // of the server; nothing can be done after it
	news   bool
	count  bool // for Statements
}

// statement is one of a transaction, with what it means where a law of the tables says no.
type statement struct {
	text           string
	args           []any
	taken, unknown error
}

// Change runs do in a transaction and commits what it has done, or undoes it where do fails. do may run again where the
// transaction has to be tried again; its own errors come back as they are.
//
// Rows that do reads with FOR UPDATE are as the transaction before left them (READ COMMITTED): so changes of one row come one
// after the other, without failures.
func (e *Engine) Change(ctx context.Context, do func(*Tx) error) error {
	return e.change(ctx, "BEGIN", do)
}

// ChangeAlone is Change as if nobody else were there (SERIALIZABLE): for what depends on rows that are not there. It is for
// what happens seldom; those that meet are tried again.
func (e *Engine) ChangeAlone(ctx context.Context, do func(*Tx) error) error {
	return e.change(ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE", do)
}

func (e *Engine) change(ctx context.Context, begin string, do func(*Tx) error) error {
	var news bool
	err := e.tries(ctx, e.pool, func(ctx context.Context, conn *pgx.Conn) failure {
		tx := &Tx{engine: e, ctx: ctx, conn: conn, begin: begin, begun: false, count: true}
		failed := tx.run(do)
		news = tx.news
		return failed
	})
	if err != nil {
		return err
	}
	if news && e.bell != nil {
		e.bell.ring()
	}
	e.sweep()
	return nil
}

// run is one try of do.
func (t *Tx) run(do func(*Tx) error) failure {
	err := do(t)
	if t.failed.err != nil { // whatever do made of it
		t.rollback()
		return t.failed
	}
	if err != nil {
		t.rollback()
		return failure{err: err, twice: true} // its own error, and no reason to try again
	}
	if len(t.queue) == 0 && !t.wrote { // read, and found that there is nothing to do
		t.rollback()
		return t.failed
	}
	return t.commit()
}

// Get reads one row inside the transaction; pgx.ErrNoRows where there is none.
func (t *Tx) Get(text string, args []any, into ...any) error {
	return t.ask(text, args, func(results pgx.BatchResults) error { return results.QueryRow().Scan(targets(into)...) })
}

// Exec runs a statement at once and returns how many rows it has touched.
func (t *Tx) Exec(text string, args ...any) (touched int64, err error) {
	t.wrote = true
	err = t.ask(text, args, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		touched = tag.RowsAffected()
		return err
	})
	return touched, err
}

// Queue adds a statement to what goes with the next question or with COMMIT.
func (t *Tx) Queue(text string, args ...any) { t.Try(nil, nil, text, args...) }

// Try is Queue for a statement that a law of the tables may refuse: the whole change then answers taken (a unique index) or
// unknown (a foreign key).
func (t *Tx) Try(taken, unknown error, text string, args ...any) {
	t.queue = append(t.queue, statement{text, args, taken, unknown})
}

// Tell makes the change known to other engines when it is committed (Config.Notify).
func (t *Tx) Tell() { t.news = true }

// ask sends what is queued, and a question after it. The first one opens the transaction on the way.
func (t *Tx) ask(text string, args []any, read func(pgx.BatchResults) error) error {
	if t.failed.err != nil {
		return t.failed.err
	}
	var all []statement
	if !t.begun {
		all = append(all, statement{text: t.begin})
	}
	all = append(append(all, t.queue...), statement{text: text, args: args})
	t.queue, t.begun = nil, true
	at, err := t.send(all, read)
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	said := all[min(at, len(all)-1)] // a connection may also end right behind the last answer
	t.failed = failure{err: Refused(err, said.taken, said.unknown)}
	return t.failed.err
}

// commit sends what is queued. Where no transaction is open, all of it is one by itself: the statements of one batch are kept
// together or not at all.
func (t *Tx) commit() failure {
	// By the clock: a context that ends tells its children a moment later, and this one is a child.
	if deadline, ok := t.ctx.Deadline(); ok && !time.Now().Before(deadline) {
		t.rollback()
		return failure{err: Unavailable(context.DeadlineExceeded)}
	}
	all := t.queue
	if t.begun {
		all = append(all, statement{text: "COMMIT"})
	}
	at, err := t.send(all, nil)
	if err == nil {
		return failure{}
	}
	failed := failure{}
	var said *pgconn.PgError
	switch {
	case at < len(all) && errors.As(err, &said) && (at < len(all)-1 || !t.begun || undone(said.Code)):
		// The server has refused a statement before it came to COMMIT.
		failed.err = Refused(err, all[at].taken, all[at].unknown)
	default:
		failed.err, failed.twice = Unavailable(err), true
	}
	t.rollback()
	return failed
}

// send runs statements in one journey, the last one read by read, and returns which one failed; len(all): the commit
// behind them.
func (t *Tx) send(all []statement, read func(pgx.BatchResults) error) (at int, err error) {
	batch := &pgx.Batch{}
	for _, s := range all {
		batch.Queue(s.text, sent(s.args)...)
	}
	if t.count {
		t.engine.statements.Add(uint64(len(all)))
	}
	results := t.conn.SendBatch(t.ctx, batch)
	for at = range all {
		if read != nil && at == len(all)-1 {
			err = read(results)
		} else {
			_, err = results.Exec()
		}
		if err != nil {
			break
		}
	}
	ended := results.Close()
	if err == nil && ended != nil {
		return len(all), ended
	}
	return at, err
}

// rollback undoes what the server has open. A connection over which even that fails is thrown away by its pool.
func (t *Tx) rollback() {
	if !t.begun || t.conn.IsClosed() {
		return
	}
	if t.count {
		t.engine.statements.Add(1)
	}
	_, _ = t.conn.Exec(t.ctx, "ROLLBACK")
}

// sweep runs the sweep beside the changes, where it is time for one.
func (e *Engine) sweep() {
	if e.changes.Add(1) < e.config.SweepEvery || !e.sweeping.CompareAndSwap(false, true) {
		return
	}
	e.changes.Store(0)
	e.beside(&e.sweeps, func() {
		defer e.sweeping.Store(false)
		err := e.tries(context.Background(), e.pool, func(ctx context.Context, conn *pgx.Conn) failure {
			tx := &Tx{engine: e, ctx: ctx, conn: conn, begin: "BEGIN"}
			e.config.Sweep(tx)
			return tx.commit()
		})
		if err != nil { // the next one takes what this one has left
			e.config.Log.Warn("postgres: rows that have expired could not be deleted; the next sweep tries again", "error", err)
		}
	})
}
