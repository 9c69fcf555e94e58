package sqlite

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/doorward/doorward/store/storetest"
)

// TestMain also plays the servers that the fault tests start, kill and starve: this program with a part to play.
func TestMain(m *testing.M) {
	if part := os.Getenv("STORE_PART"); part != "" {
		play(part, os.Getenv("STORE_PATH"))
		return
	}
	goleak.VerifyTestMain(m)
}

// open makes a store in a folder of its own.
func open(t testing.TB, config Config) *Store {
	t.Helper()
	if config.Path == "" {
		config.Path = filepath.Join(t.TempDir(), "doorward.db")
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
