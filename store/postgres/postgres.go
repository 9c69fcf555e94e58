// Package postgres keeps what the authority must remember in a PostgreSQL database, for any number of replicas at once.
//
// A Store is every noun of identity and authority; store/storetest says what it promises. A store that cannot be reached
// answers authority.ErrUnavailable, whatever the reason, and never "unknown". What was answered was committed; what was not
// answered may have been.
package postgres

import (
	"cmp"
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// Config says where the store is. Only URL must be set.
type Config struct {
	// URL of the database, as libpq and pgx read it: postgres://user:password@host/database?sslmode=verify-full, or
	// key=value pairs. The PG… variables fill in what it does not say. Several hosts may be named; a standby is never used.
	URL secret.String
	// MaxConns is how many connections there may be, two or three for news not counted; 0: pool_max_conns of the URL, else 10.
	MaxConns int
	// Log gets what nobody can be answered; nil: slog.Default().
	Log *slog.Logger
	// Now is the clock by which sign-ins and invitations expire and old rows go; nil: time.Now.
	Now func() time.Time
	// Notify tells other replicas of news at once (LISTEN and NOTIFY), and hears them: see Store.Wake. Poolers that hand a
	// connection on between transactions cannot do it.
	Notify bool
}

// migrations only ever go forward: a file here is never changed once it was released.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Store keeps everything in one database. Its methods may be called by many at once.
type Store struct {
	config Config
	engine *engine.Engine
	nouns  nouns
}

// The store is every noun.
var (
	_ identity.People        = (*Store)(nil)
	_ identity.Organisations = (*Store)(nil)
	_ identity.SignIns       = (*Store)(nil)
	_ identity.Invitations   = (*Store)(nil)
	_ identity.Attempts      = (*Store)(nil)
	_ identity.Projects      = (*Store)(nil)
	_ identity.Domains       = (*Store)(nil)
	_ identity.Links         = (*Store)(nil)
	_ identity.Factors       = (*Store)(nil)

	_ authority.Clients        = (*Store)(nil)
	_ authority.Codes          = (*Store)(nil)
	_ authority.DeviceRequests = (*Store)(nil)
	_ authority.Families       = (*Store)(nil)
	_ authority.APIKeys        = (*Store)(nil)
	_ authority.Feed           = (*Store)(nil)
	_ authority.SigningKeys    = (*Store)(nil)
	_ authority.Events         = (*Store)(nil)
)

// Open opens the store at config.URL and brings its tables up to date; of replicas that start at once, one does. Where the
// database cannot be reached, or is a standby, it fails with authority.ErrUnavailable; no error shows the password.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	s := &Store{config: config, nouns: newNouns()}
	s.engine, err = engine.Open(ctx, engine.Config{
		Address: config.URL, Conns: config.MaxConns, Log: config.Log, Migrations: files, Notify: config.Notify,
		Sweep: s.sweep, SweepEvery: sweepEvery,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close lets the calls that have begun end and refuses further ones.
func (s *Store) Close() error {
	s.engine.Close()
	return nil
}

// Wake gets a value soon after another replica has decided a device login or made a mark: a reason to call NewsSince at once.
// Values may be missing, and too many; correctness needs the regular look. Without Config.Notify it is nil, which never gets
// one.
func (s *Store) Wake() <-chan struct{} { return s.engine.Wake() }

// Ready reports whether the store answers and can be written to: nil, or ErrUnavailable.
func (s *Store) Ready(ctx context.Context) error { return s.engine.Ready(ctx) }

// Statements returns how many statements the store has run since Open, BEGIN, COMMIT and second tries among them: all of them
// but those of NewsSince, and those. The sweep's are in neither.
func (s *Store) Statements() (all, catchUp uint64) { return s.engine.Statements() }

// after does what else belongs to a change. Marks are made in one order everywhere, so that no two changes wait for each other.
func (s *Store) after(tx *engine.Tx, after authority.After) error {
	if after.Family != nil {
		family := *after.Family
		if err := s.nouns.families.add(tx, &family); err != nil {
			return err
		}
	}
	for _, mark := range slices.SortedFunc(slices.Values(after.Marks), func(a, b authority.Mark) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	}) {
		if err := addMark(tx, mark); err != nil {
			return err
		}
	}
	for _, event := range after.Events {
		if err := addEvent(tx, event); err != nil {
			return err
		}
	}
	return nil
}
