package main

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
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/store/sqlite"
)

// place is where an authority keeps what it must remember.
type place struct {
	store  string // the database file
	master string // the master key's
	// temporary is the folder of a place that goes at the end; "": it stays.
	temporary string
}

// placeFlags are the settings that say where the store is; serve and admin share them.
type placeFlags struct{ store, master string }

func (f *placeFlags) add(s *settings) {
	s.flags.StringVar(&f.store, "store", "", "where everything is kept: sqlite:PATH (default a file in the state folder)")
	s.flags.StringVar(&f.master, "master-key", "", "file with the master key (default beside the store)")
}

// place finds the place.
func (f *placeFlags) place(env func(string) string) (place, error) {
	path, isSQLite := strings.CutPrefix(f.store, "sqlite:")
	switch {
	case f.store == "":
		folder, err := stateFolder(env)
		if err != nil {
			return place{}, err
		}
		path = filepath.Join(folder, "doorward.db")
	case strings.HasPrefix(f.store, "postgres://"), strings.HasPrefix(f.store, "postgresql://"):
		return place{}, authcmd.Usagef("this version keeps its store in SQLite only; give --store sqlite:PATH")
	case !isSQLite || path == "":
		return place{}, authcmd.Usagef("--store must be sqlite: and a path, such as sqlite:/var/lib/doorward/doorward.db")
	}
	// One name for one file: the socket and the key stand beside it, whatever folder the command was started in.
	path, err := filepath.Abs(path)
	if err != nil {
		return place{}, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	p := place{store: path, master: f.master}
	if p.master == "" {
		p.master = path + ".key"
	}
	return p, nil
}

// temporaryPlace is one that goes with remove.
func temporaryPlace(prefix string) (place, error) {
	folder, err := os.MkdirTemp("", prefix)
	if err != nil {
		return place{}, err
	}
	return place{
		store: filepath.Join(folder, "doorward.db"), master: filepath.Join(folder, "doorward.db.key"), temporary: folder,
	}, nil
}

// remove removes a temporary place.
func (p place) remove() error {
	if p.temporary == "" {
		return nil
	}
	return os.RemoveAll(p.temporary)
}

// exists reports whether there is a store.
func (p place) exists() bool {
	_, err := os.Stat(p.store)
	return !errors.Is(err, fs.ErrNotExist)
}

// socket is where the running server answers `doorward admin`.
func (p place) socket() string { return p.store + ".sock" }

// open opens the store and reads its master key. The key comes first: a crash in between leaves a key without a store,
// which the next start takes, and never a store whose key is lost.
func (p place) open(ctx context.Context, now func() time.Time, log *slog.Logger) (*sqlite.Store, *keys.Master, error) {
	if err := os.MkdirAll(filepath.Dir(p.master), 0o700); err != nil {
		return nil, nil, err
	}
	master, err := keys.LoadMaster(p.master, !p.exists())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &authcmd.Failure{
			Exit: authcmd.ExitStoreDamaged, Code: "master_key",
			Message: "The store " + p.store + " is there, but its master key " + p.master + " is not. Nothing was changed.",
			Hint:    "Put the key back from the backup, or name it with --master-key FILE. A new one cannot open this store.",
		}
	}
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: p.store, Now: now, Log: log})
	return store, master, err
}
