package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const letters = `CREATE TABLE letters (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO letters (id, text) VALUES (1, 'first'), (2, 'second'), (3, 'third');
`

func openEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := Open(t.Context(), Config{
		Path: filepath.Join(t.TempDir(), "e.db"), Readers: 2, Log: slog.New(slog.DiscardHandler), SweepEvery: 1,
		Sweep:      func(*Writer) error { return nil },
		Migrations: fstest.MapFS{"0001_letters.sql": &fstest.MapFile{Data: []byte(letters)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// A reader that stays (a backup of a large file) makes the WAL grow and stops nobody; when it has gone the WAL begins anew.
func TestReaderThatStays(t *testing.T) {
	t.Parallel()
	e := openEngine(t)
	e.writer.checkpointEvery, e.writer.walMost = 5, 1
	write := func(times int) int64 {
		t.Helper()
		for range times {
			if err := e.Change(t.Context(), func(w *Writer) error {
				_, err := w.Exec("UPDATE letters SET text = text || '.' WHERE id = 1")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		info, err := os.Stat(e.config.Path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	staying, err := e.read.QueryContext(t.Context(), "SELECT text FROM letters ORDER BY id")
	if err != nil || !staying.Next() {
		t.Fatal(err)
	}
	before := write(1)
	held := write(20)
	if held <= before {
		t.Fatalf("the WAL has not grown: %d and %d bytes", before, held)
	}
	var text string
	for more := true; more; more = staying.Next() {
		if err := staying.Scan(&text); err != nil {
			t.Fatal(err)
		}
	}
	if err := staying.Close(); err != nil || text != "third" {
		t.Fatalf("%s, %v", text, err)
	}
	write(5)
	if after := write(40); after > held+16*4120 {
		t.Fatalf("the WAL grows on when the reader has gone: %d and %d bytes", held, after)
	}
}
