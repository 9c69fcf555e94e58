// Package place says where on this machine an authority keeps what it must remember, and where people keep their logins.
package place

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/settings"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/postgres"
	"github.com/doorward/doorward/store/sqlite"
)

// Place is where an authority keeps what it must remember.
type Place struct {
	Store  string // the database file; "": it is in PostgreSQL
	Master string // the file of its master key
	// Database is the address of a PostgreSQL database, its password included; empty: it is a file.
	Database secret.String
	// Temporary is the folder of a place that goes at the end; "": it stays.
	Temporary string
}

// Flags are the settings that say where the store is; serve and admin share them.
type Flags struct{ Store, Master string }

// Add adds the flags to the settings.
func (f *Flags) Add(s *settings.Set) {
	s.Flags.StringVar(&f.Store, "store", "", "where everything is kept: sqlite:PATH (default a file in the state folder) or postgres://HOST/DATABASE")
	s.Flags.StringVar(&f.Master, "master-key", "", "file with the master key (default beside the store; needed with PostgreSQL, and the same for all replicas)")
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
		return f.database()
	case !isSQLite || path == "":
		return Place{}, authcmd.Usagef("--store must be sqlite: and a path, such as sqlite:/var/lib/doorward/doorward.db, or postgres://HOST/DATABASE")
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

// database is a place in PostgreSQL. Its master key has no place of its own: the machine that this runs on is one of many.
func (f *Flags) database() (Place, error) {
	if f.Master == "" {
		return Place{}, authcmd.Usagef("a store in PostgreSQL needs --master-key FILE, the same key for all replicas")
	}
	if u, err := url.Parse(f.Store); err != nil || u.Host == "" && u.RawQuery == "" {
		return Place{}, authcmd.Usagef("--store is no address of a PostgreSQL database, such as postgres://HOST/DATABASE")
	}
	return Place{Master: f.Master, Database: secret.New(f.Store)}, nil
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

// String names the place without the database's password.
func (p Place) String() string {
	if p.Database.IsZero() {
		return p.Store
	}
	u, err := url.Parse(p.Database.Reveal())
	if err != nil {
		return "PostgreSQL"
	}
	return "PostgreSQL at " + u.Host + u.Path
}

// Exists reports whether there is a store; of a database only Open can tell.
func (p Place) Exists() bool {
	if !p.Database.IsZero() {
		return true
	}
	_, err := os.Stat(p.Store)
	return !errors.Is(err, fs.ErrNotExist)
}

// Socket is where the running server answers `doorward admin`; "" where that goes to the database instead.
func (p Place) Socket() string {
	if !p.Database.IsZero() {
		return ""
	}
	return p.Store + ".sock"
}

// Open opens the store and reads its master key.
func (p Place) Open(ctx context.Context, now func() time.Time, log *slog.Logger) (server.Store, *keys.Master, error) {
	if !p.Database.IsZero() {
		return p.openDatabase(ctx, now, log)
	}
	// The key comes first: a crash in between leaves a key without a store, which the next start takes, and never a store
	// whose key is lost.
	master, err := p.key(!p.Exists())
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: p.Store, Now: now, Log: log})
	if err != nil {
		return nil, nil, err // not the nil store in an interface that is not
	}
	return store, master, nil
}

// openDatabase makes a key only for a database without signing keys: those are sealed under the first replica's, and a new
// one would be of no use to anybody.
func (p Place) openDatabase(ctx context.Context, now func() time.Time, log *slog.Logger) (server.Store, *keys.Master, error) {
	store, err := postgres.Open(ctx, postgres.Config{URL: p.Database, Now: now, Notify: true, Log: log})
	if err != nil {
		return nil, nil, err
	}
	made, err := store.ListSigningKeys(ctx)
	var master *keys.Master
	if err == nil {
		master, err = p.key(len(made) == 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return database{store}, master, nil
}

// database is a store in PostgreSQL, which never fails for good: the server waits until it can be reached again.
type database struct{ *postgres.Store }

// Failed is never closed.
func (database) Failed() <-chan struct{} { return nil }

// key reads the master key, and makes one where that is wanted and there is none.
func (p Place) key(create bool) (*keys.Master, error) {
	if err := os.MkdirAll(filepath.Dir(p.Master), 0o700); err != nil {
		return nil, err
	}
	master, err := keys.LoadMaster(p.Master, create)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &authcmd.Failure{
			Exit: authcmd.ExitStoreDamaged, Code: "master_key",
			Message: "The store " + p.String() + " is there, but its master key " + p.Master + " is not. Nothing was changed.",
			Hint:    "Put the key back from the backup, or name it with --master-key FILE. A new one cannot open this store.",
		}
	}
	return master, err
}
