package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres/pgtest"
	"github.com/doorward/doorward/store/storetest"
)

// server is this test run's PostgreSQL; each test has a database of its own in it.
var server = pgtest.Server{Prepare: prepare}

// durable waits for the disk: benchmarks would lie without.
var durable = pgtest.Server{Prepare: prepare, Durable: true}

// prepare makes the tables once; each test gets a copy.
func prepare(ctx context.Context, address string) error {
	s, err := Open(ctx, Config{URL: secret.New(address), Log: slog.New(slog.DiscardHandler), Now: storetest.Now})
	if err != nil {
		return err
	}
	return s.Close()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := errors.Join(server.Stop(), durable.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// open makes a store over a database of its own, unless config names one.
func open(t testing.TB, config Config) *Store {
	t.Helper()
	if config.URL.IsZero() {
		config.URL = secret.New(server.Database(t))
	}
	if config.Now == nil {
		config.Now = storetest.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, Config{}) })
}

func TestMore(t *testing.T) {
	t.Parallel()
	storetest.RunMore(t, func(t *testing.T) storetest.More { return open(t, Config{}) })
}
