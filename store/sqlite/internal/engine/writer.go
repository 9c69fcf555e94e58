package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

const (
	// batchMost bounds how long the first of a batch waits for the last.
	batchMost = 256
	// checkpointEvery is after how many changes the WAL is copied into the database.
	checkpointEvery = 4_000
	// walMost is the length in pages from which a checkpoint also waits for readers and begins the WAL anew.
	walMost = 16_384
)

// change is one caller's change, waiting for its batch.
type change struct {
	do   func(*Writer) error
	err  error
	done chan error

	mutex sync.Mutex // held while do runs
	left  bool       // the caller is gone: do must not run any more, since what it writes to is not there
}

// Writer owns the one connection that writes. Its methods are for the functions that Change runs, and for nobody else.
// Everything that is queued when it gets to work is one transaction
// and so one fsync; each change is a savepoint in it, so that one that fails undoes nothing but itself. Nobody is
// answered before the commit. There is no timer: while one batch is being synchronised the next one gathers.
type Writer struct {
	engine *Engine
	conn   *sql.Conn
	texts  map[string]*sql.Stmt
	queue  chan *change // unbuffered: a change that was taken is a change that is answered

	batch  []*change
	broken error // what broke the current batch as a whole
	dead   bool  // the disk has failed

	sinceSweep, sinceCheckpoint int
	checkpointEvery, walMost    int // as the constants say, but for a test

	closed, stopped, failed chan struct{}
}

// newWriter sweeps with its first batch: a store that is opened for a single change grows no older than it must.
func newWriter(e *Engine, conn *sql.Conn) *Writer {
	return &Writer{
		engine: e, conn: conn, texts: map[string]*sql.Stmt{}, queue: make(chan *change), sinceSweep: e.config.SweepEvery,
		checkpointEvery: checkpointEvery, walMost: walMost,
		closed: make(chan struct{}), stopped: make(chan struct{}), failed: make(chan struct{}),
	}
}

// Change hands do to the writer and waits until its batch is on the disk. A caller whose ctx ends does not wait: where
// do has not begun it never will; where it has, it counts like all others and only the answer is lost.
func (e *Engine) Change(ctx context.Context, do func(*Writer) error) error {
	w := e.writer
	c := &change{do: do, done: make(chan error, 1)}
	if ctx.Err() != nil { // a select takes any case that can go on, and so might let a caller in who has left
		return Unavailable(ctx.Err())
	}
	// Before the writer has taken it, the change is this caller's to withdraw.
	select {
	case w.queue <- c:
	case <-ctx.Done():
		return Unavailable(ctx.Err())
	case <-w.closed:
		return errClosed
	case <-w.failed:
		return errFailed
	}
	// From here on it is the batch's. The mutex makes sure that do is not running when its caller, whose variables it writes to,
	// goes on; it waits for do, which is short, and never for the disk.
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.left = true
		return Unavailable(ctx.Err())
	}
}

// loop runs batches until Close or until the disk has failed. A change function that ends its goroutine
// (runtime.Goexit, as a test that fails does) takes this one with it; the next one goes on.
func (w *Writer) loop() {
	orderly := false
	defer func() {
		if orderly {
			close(w.stopped)
			return
		}
		w.abandon(errors.New("sqlite: a change function has ended its goroutine"))
		go w.loop()
	}()
	for !orderly {
		select {
		case <-w.closed:
			orderly = true
		case first := <-w.queue:
			w.run(first)
			orderly = w.dead
		}
	}
}

// run makes one batch of first and whatever else is queued by now. BEGIN IMMEDIATE takes the writing lock at once, so
// that no change has read what somebody else could still change (a second process with a backup tool, say).
func (w *Writer) run(first *change) {
	w.broken = nil
	w.batch = append(w.batch[:0], first)
	if _, err := w.Exec("BEGIN IMMEDIATE"); err != nil {
		w.abandon(err)
		return
	}
	for c := first; c != nil; c = w.next() {
		if w.try(c); w.broken != nil {
			w.abandon(w.broken)
			return
		}
	}
	w.sweep()
	if w.broken == nil {
		_, _ = w.Exec("COMMIT")
	}
	if w.broken != nil {
		w.abandon(w.broken)
		return
	}
	w.answer(nil)
	w.checkpoint()
}

// next takes a change that is queued; nil where there is none, or enough.
func (w *Writer) next() *change {
	if len(w.batch) >= batchMost {
		return nil
	}
	select {
	case c := <-w.queue:
		w.batch = append(w.batch, c)
		return c
	default:
		return nil
	}
}

// try runs one change in a savepoint.
func (w *Writer) try(c *change) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.left {
		return
	}
	if _, err := w.Exec("SAVEPOINT change"); err != nil {
		return
	}
	if c.err = w.call(c.do); w.broken != nil {
		return
	}
	if c.err != nil {
		_, _ = w.Exec("ROLLBACK TO change")
	}
	_, _ = w.Exec("RELEASE change")
}

// call runs do; a panic undoes this change only, and is its caller's error.
func (w *Writer) call(do func(*Writer) error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			w.engine.config.Log.Error("a change function of the store panicked; its change was undone",
				"panic", reason, "stack", string(debug.Stack()))
			err = fmt.Errorf("sqlite: the change panicked and was undone: %v", reason)
		}
	}()
	return do(w)
}

// answer tells everybody of the batch; a fault of the batch comes before what became of the single change.
func (w *Writer) answer(fault error) {
	w.sinceSweep += len(w.batch)
	w.sinceCheckpoint += len(w.batch)
	for i, c := range w.batch {
		if fault != nil {
			c.err = fault
		}
		c.done <- c.err
		w.batch[i] = nil
	}
	w.batch = w.batch[:0]
}

// abandon undoes the batch. Where the disk itself has failed, nothing more is written, not even the rollback.
func (w *Writer) abandon(reason error) {
	fault := Unavailable(reason)
	if fatal(reason) {
		w.fail(reason)
	} else {
		_, _ = w.Exec("ROLLBACK") // it answers "no transaction" where SQLite has rolled back by itself
	}
	w.answer(fault)
}

// fail ends all writing. What was answered before is on the disk; the batch that has failed is not answered with success.
func (w *Writer) fail(reason error) {
	w.engine.config.Log.Error("the disk has failed: the store takes no more changes; what was acknowledged is kept; "+
		"check the disk, then restart the server", "error", reason)
	w.dead = true
	close(w.failed)
}

// sweep lets what is long over go, in the batch that is being written anyway: there is no janitor to run.
func (w *Writer) sweep() {
	if w.sinceSweep < w.engine.config.SweepEvery {
		return
	}
	w.sinceSweep = 0
	if err := w.engine.config.Sweep(w); err != nil {
		w.broken = err
	}
}

// checkpoint copies the WAL into the database now and then. SQLite's own would swallow a failed fsync.
func (w *Writer) checkpoint() {
	if w.sinceCheckpoint < w.checkpointEvery {
		return
	}
	w.sinceCheckpoint = 0
	if w.copied("PRAGMA wal_checkpoint(PASSIVE)") < w.walMost {
		return
	}
	// Readers that overlap without end can keep a WAL from being begun anew. Waiting lets them pass, but not for a backup.
	_, _ = w.Exec("PRAGMA busy_timeout(50)")
	w.copied("PRAGMA wal_checkpoint(RESTART)")
	_, _ = w.Exec("PRAGMA busy_timeout(10000)")
}

// copied runs a checkpoint and returns how many pages the WAL has; 0 where it failed, which on a full disk, say, leaves
// everything in the WAL until the next time.
func (w *Writer) copied(text string) int {
	var busy, pages, copied int
	if err := w.Get(text, nil, &busy, &pages, &copied); err != nil {
		if fatal(err) {
			w.fail(err)
		}
		return 0
	}
	return pages
}

// Exec runs a statement of a change and returns how many rows it changed. An error that is not the tables' own "no"
// breaks the batch: SQLite may have rolled the transaction back already.
func (w *Writer) Exec(text string, args ...any) (int64, error) {
	statement, err := w.statement(text)
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, w.note(err)
	}
	return result.RowsAffected()
}

// Get reads one row inside the transaction.
func (w *Writer) Get(text string, args []any, into ...any) error {
	statement, err := w.statement(text)
	if err != nil {
		return err
	}
	return w.note(statement.QueryRowContext(context.Background(), args...).Scan(into...))
}

// statement prepares a statement once for the connection, and counts it.
func (w *Writer) statement(text string) (*sql.Stmt, error) {
	w.engine.statements.Add(1)
	if known, ok := w.texts[text]; ok {
		return known, nil
	}
	made, err := w.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, w.note(err)
	}
	w.texts[text] = made
	return made, nil
}

// note keeps an error that is more than an answer, so that run gives up the batch whatever do makes of it.
func (w *Writer) note(err error) error {
	if err != nil && !constraint(err) && !errors.Is(err, sql.ErrNoRows) {
		w.broken = err
	}
	return err
}

// close is for Close, after the loop has ended.
func (w *Writer) close() {
	for _, statement := range w.texts {
		_ = statement.Close()
	}
	_ = w.conn.Close()
}
