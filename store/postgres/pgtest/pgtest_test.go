package pgtest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/doorward/doorward/store/postgres/pgtest"
)

// Each test gets a database of its own, and a server that crashed comes back with what was committed.
func TestServer(t *testing.T) {
	t.Parallel()
	var s pgtest.Server
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	address, another := s.Database(t), s.Database(t)
	if address == another {
		t.Fatal("two tests got the same database")
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept ()"); err != nil {
		t.Fatal(err)
	}
	s.Crash(t)
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection has outlived the server")
	}
	if _, err := pgx.Connect(t.Context(), address); err == nil {
		t.Error("a crashed server answers")
	}
	s.Revive(t)
	conn, err = pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "SELECT FROM kept"); err != nil {
		t.Error(err)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(config.Host); !os.IsNotExist(err) {
		t.Errorf("the server's folder is still there: %v", err)
	}
}
