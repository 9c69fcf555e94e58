// Package place says where on this machine an authority keeps what it must remember, and where people keep their logins.
package place

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/settings"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/store/sqlite"
)

// Place is where an authority keeps what it must remember.
type Place struct {
	Store  string // the database file
	Master string // the file of its master key
	// Temporary is the folder of a place that goes at the end; "": it stays.
	Temporary string
}

// Flags are the settings that say where the store is; serve and admin share them.
type Flags struct{ Store, Master string }

// Add adds the flags to the settings.
func (f *Flags) Add(s *settings.Set) {
	s.Flags.StringVar(&f.Store, "store", "", "where everything is kept: sqlite:PATH (default a file in the state folder)")
	s.Flags.StringVar(&f.Master, "master-key", "", "file with the master key (default beside the store)")
}

// Find finds the place; env looks up variables. It touches nothing there.
func (f *Flags) Find(env func(string) string) (Place, error) {
	path, isSQLite := strings.CutPrefix(f.Store, "sqlite:")
	switch {
	case f.Store == "":
		folder, err := StateFolder(env)
		if err != nil {
			return Place{}, err
		}
		path = filepath.Join(folder, "doorward.db")
	case strings.HasPrefix(f.Store, "postgres://"), strings.HasPrefix(f.Store, "postgresql://"):
		return Place{}, authcmd.Usagef("this version keeps its store in SQLite only; give --store sqlite:PATH")
	case !isSQLite || path == "":
		return Place{}, authcmd.Usagef("--store must be sqlite: and a path, such as sqlite:/var/lib/doorward/doorward.db")
	}
	// One name for one file: the socket and the key stand beside it, whatever folder the command was started in.
	path, err := filepath.Abs(path)
	if err != nil {
		return Place{}, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	p := Place{Store: path, Master: f.Master}
	if p.Master == "" {
		p.Master = path + ".key"
	}
	return p, nil
}

// NewTemporary is a place that goes with Remove.
func NewTemporary(prefix string) (Place, error) {
	folder, err := os.MkdirTemp("", prefix)
	if err != nil {
		return Place{}, err
	}
	return Place{
		Store: filepath.Join(folder, "doorward.db"), Master: filepath.Join(folder, "doorward.db.key"), Temporary: folder,
	}, nil
}

// Remove removes a temporary place.
func (p Place) Remove() error {
	if p.Temporary == "" {
		return nil
	}
	return os.RemoveAll(p.Temporary)
}

// Exists reports whether there is a store.
func (p Place) Exists() bool {
	_, err := os.Stat(p.Store)
	return !errors.Is(err, fs.ErrNotExist)
}

// Socket is where the running server answers `doorward admin`.
func (p Place) Socket() string { return p.Store + ".sock" }

// Open opens the store and reads its master key. The key comes first: a crash in between leaves a key without a store,
// which the next start takes, and never a store whose key is lost.
func (p Place) Open(ctx context.Context, now func() time.Time, log *slog.Logger) (*sqlite.Store, *keys.Master, error) {
	if err := os.MkdirAll(filepath.Dir(p.Master), 0o700); err != nil {
		return nil, nil, err
	}
	master, err := keys.LoadMaster(p.Master, !p.Exists())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &authcmd.Failure{
			Exit: authcmd.ExitStoreDamaged, Code: "master_key",
			Message: "The store " + p.Store + " is there, but its master key " + p.Master + " is not. Nothing was changed.",
			Hint:    "Put the key back from the backup, or name it with --master-key FILE. A new one cannot open this store.",
		}
	}
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: p.Store, Now: now, Log: log})
	return store, master, err
}
