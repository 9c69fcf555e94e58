package authcmd

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// untilSignal returns a context that SIGINT and SIGTERM end; the signals are given back then, so that a second one ends the
// process at once, and by stop. It listens from the first time that somebody waits for the context's end: a script that asks
// for the cached token waits for nothing, and need not pay for the threads that listening costs.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ended, cancel := context.WithCancel(parent)
	// Room for one: a signal that comes before the goroutine listens is not lost.
	signals := make(chan os.Signal, 1)
	listen := sync.OnceFunc(func() {
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		go func() {
			defer signal.Stop(signals)
			defer cancel()
			select {
			case <-signals:
			case <-ended.Done():
			}
		}()
	})
	return &awaited{Context: ended, listen: listen}, cancel
}

// awaited is a context that knows when somebody begins to wait for its end.
type awaited struct {
	context.Context
	listen func()
}

// Done begins to listen.
func (a *awaited) Done() <-chan struct{} {
	a.listen()
	return a.Context.Done()
}
