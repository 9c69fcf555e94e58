package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/store/postgres/pgtest"
	"github.com/doorward/doorward/terminal"
)

// output is a stream that is read while it is written.
type output chan string

// Write hands on what was printed.
func (o output) Write(p []byte) (int, error) {
	o <- string(p)
	return len(p), nil
}

// on runs the program in this process.
func on(ctx context.Context, stdin string, args ...string) (code int, screen string) {
	var out strings.Builder
	term := &terminal.Terminal{In: strings.NewReader(stdin), Out: &out, Err: &out, Env: func(string) string { return "" }}
	return run(ctx, term, args), out.String()
}

// TestReplicasShareADatabase runs two servers on one PostgreSQL, and administration without either's socket. A key that is
// lost is not replaced by a new one.
func TestReplicasShareADatabase(t *testing.T) {
	t.Parallel()
	var cluster pgtest.Server
	t.Cleanup(func() { cluster.Stop() })
	address := cluster.Database(t)
	key := filepath.Join(t.TempDir(), "master.key")
	store := []string{"--store", address, "--master-key", key}

	ctx, end := context.WithCancel(t.Context())
	ended := make(chan int, 2)
	for range 2 {
		printed := make(output, 100)
		term := &terminal.Terminal{In: strings.NewReader(""), Out: printed, Err: make(output, 100), Env: func(string) string { return "" }}
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--issuer", "http://localhost:3667", "--log-level", "error"}, store...)
		go func() { ended <- run(ctx, term, args) }()
		select {
		case text := <-printed:
			if !strings.Contains(text, "Everything is kept in PostgreSQL at ") {
				t.Errorf("it says %q", text)
			}
		case code := <-ended:
			t.Fatalf("a replica ended with code %d", code)
		case <-time.After(time.Minute): // a broken one ends the test
			t.Fatal("a replica does not start")
		}
	}
	add := append([]string{"admin", "user", "add", "ada", "--email", "ada@example.com", "--name", "Ada", "--password-stdin"}, store...)
	if code, text := on(ctx, "lovelace-1815-engine", add...); code != authcmd.ExitDone {
		t.Errorf("administration ended with %d: %s", code, text)
	}
	if _, text := on(ctx, "", append([]string{"admin", "user", "list"}, store...)...); !strings.Contains(text, "ada@example.com") {
		t.Errorf("the people are: %s", text)
	}
	end()
	for range 2 {
		if code := <-ended; code != authcmd.ExitDone {
			t.Errorf("a replica ended with code %d", code)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	code, text := on(t.Context(), "", append([]string{"admin", "user", "list"}, store...)...)
	if code != authcmd.ExitStoreDamaged || !strings.Contains(text, "A new one cannot open this store.") {
		t.Errorf("without its key: %d, %s", code, text)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made for a store that has one")
	}
}
