package engine

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is what engines of one database listen to.
const channel = "doorward_news"

// again is how long the bell waits before it connects anew.
const again = time.Second

// bell tells other engines that there is news, and hears them. It is an accelerator: what it misses, the next catch-up finds.
type bell struct {
	engine  *Engine
	config  *pgx.ConnConfig
	name    string // ours, so that we do not wake ourselves
	rung    chan struct{}
	wake    chan struct{}
	ctx     context.Context
	close   context.CancelFunc
	failing bool
}

func newBell(e *Engine, config *pgx.ConnConfig) *bell {
	b := &bell{engine: e, config: config.Copy(), name: rand.Text(), rung: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	b.ctx, b.close = context.WithCancel(context.Background())
	e.beside(&e.bells, b.ringing)
	e.beside(&e.bells, b.listening)
	return b
}

// ring is called after a commit. It does not wait, and many rings are one.
func (b *bell) ring() { signal(b.rung) }

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// ringing sends one notification at a time: while it is on its way the rings after it gather. (Every NOTIFY takes a lock of
// the whole server at its COMMIT; one in each change would put all changes in a row.)
func (b *bell) ringing() {
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.rung:
			_ = b.engine.tries(b.ctx, b.engine.pool, func(ctx context.Context, conn *pgx.Conn) failure {
				_, err := conn.Exec(ctx, "SELECT pg_notify($1, $2)", channel, b.name)
				return failure{err: err}
			})
		}
	}
}

// listening hears the others until the engine closes.
func (b *bell) listening() {
	for b.ctx.Err() == nil {
		err := b.listen()
		if b.ctx.Err() == nil && !b.failing {
			b.failing = true
			b.engine.config.Log.Info("postgres: no notifications; news takes until the next catch-up", "error", err)
		}
		select {
		case <-b.ctx.Done():
		case <-time.After(again):
		}
	}
}

// listen hears the others over one connection, as long as that lives.
func (b *bell) listen() error {
	conn, err := pgx.ConnectConfig(b.ctx, b.config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(b.ctx) }()
	if _, err := conn.Exec(b.ctx, "LISTEN "+channel); err != nil {
		return err
	}
	b.failing = false
	signal(b.wake) // for what was told while nobody listened
	for {
		heard, err := conn.WaitForNotification(b.ctx)
		if err != nil {
			return err
		}
		if heard.Payload != b.name {
			signal(b.wake)
		}
	}
}
