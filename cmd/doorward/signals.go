package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// twice is how long after the first signal another one still counts as the same.
const twice = time.Second

// patiently keeps the second of two signals that come at once from ending the process before it has cleaned up: a second
// one is for people who do not want to wait, but timeout(1), and wrappers in the foreground of a terminal, send each signal
// twice (to the process, and to its group). ctx ends with the first one; stop gives the signals back.
func patiently(ctx context.Context) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer signal.Stop(signals)
		select {
		case <-ctx.Done():
		case <-done:
			return
		}
		same := time.NewTimer(twice)
		defer same.Stop()
		select {
		case <-same.C:
		case <-done:
		}
	}()
	return func() { close(done) }
}
