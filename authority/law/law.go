// Package law wires the services of the authority to one store and one clock.
//
// What comes in is a Config; what goes out are the services, which share one store, one clock, and one memory of what is
// over and decided. The law it keeps: nobody else makes a service, so that no two of them disagree about the time or a
// revocation.
package law

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
)

// waker is a store that knows at once when another replica has committed news. It only makes the catch-up come sooner:
// correctness never needs it.
type waker interface {
	Wake() <-chan struct{}
}

// Config is what an authority is made of. Issuer, Store and Master are needed; the rest has useful zero values.
type Config struct {
	Issuer   string // https://id.example, without a slash at the end
	Store    authority.Store
	People   identity.People   // to know whether somebody is still active
	Attempts identity.Attempts // to count guesses of user codes
	APIKeys  authority.APIKeys // nil: there are none
	Master   *keys.Master

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discards
	// Algorithms are those that tokens can be signed with; nil: ES256 and RS256. The first is the default of a client.
	Algorithms []keys.Alg
	// CatchUp is how often a replica asks for news; 0: 400 ms.
	CatchUp time.Duration
	// UserCodes makes user codes; nil: at random.
	UserCodes *usercode.Source
	// PendingPerAddress bounds the live pending device requests of one address; 0: 1,000.
	PendingPerAddress int
}

// Authority is the law, room by room.
type Authority struct {
	Issuer   string
	Registry *authority.Registry // clients
	Logins   *login.Logins       // authorization requests and codes
	Devices  *login.Devices      // device logins
	Sessions *login.Sessions     // families
	Tokens   *token.Tokens       // access tokens, ID tokens, ready tokens: making and checking
	Keyring  *token.Keyring      // signing keys
	Keys     *apikey.Keys        // API keys; nil where the store keeps none
	Recorder *authority.Recorder // audit events
	follower *replica.Follower
}

// New wires the services. Load must be called before any of them is used.
func New(config Config) *Authority {
	now := config.Now
	if now == nil {
		now = time.Now
	}
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	algorithms := config.Algorithms
	if len(algorithms) == 0 {
		algorithms = []keys.Alg{keys.ES256, keys.RS256}
	}
	a := &Authority{Issuer: config.Issuer}
	// One of each: what Sessions ends, Tokens must refuse at once, and what Devices decides, its own polls must hear of.
	marks, decided := replica.NewMarks(now), replica.NewDecided(now)
	a.Recorder = authority.NewRecorder(config.Store, log, now)
	a.Registry = authority.NewRegistry(config.Store, a.Recorder, now)
	a.Keyring = token.NewKeyring(config.Store, config.Master, algorithms, now, log)
	a.Sessions, a.Logins, a.Devices = login.New(login.Config{
		Issuer: config.Issuer, Store: config.Store, People: config.People, Attempts: config.Attempts, Master: config.Master,
		Marks: marks, Decided: decided, Recorder: a.Recorder, Now: now, PendingPerAddress: config.PendingPerAddress, UserCodes: cmp.Or(config.UserCodes, new(usercode.Source)),
	})
	if config.APIKeys != nil {
		a.Keys = apikey.New(config.APIKeys, config.People, a.Sessions, config.Master, a.Recorder, now)
	}
	a.follower = &replica.Follower{
		Store: config.Store, Marks: marks, Decided: decided, Woken: a.Devices.Wake, Every: config.CatchUp, Now: now, Log: log,
	}
	if store, ok := config.Store.(waker); ok {
		a.follower.Wake = store.Wake()
	}
	a.Tokens = token.New(token.Config{
		Issuer: config.Issuer, Keyring: a.Keyring, Registry: a.Registry, People: config.People, Sessions: a.Sessions,
		Marks: marks, Now: now, Fresh: a.follower.Fresh,
	})
	return a
}

// Load reads what must be known before the first request: signing keys (made where there are none), marks, decisions.
func (a *Authority) Load(ctx context.Context) error {
	// An error of either ends the start: without keys nothing can be signed, and without the news a token that was revoked
	// would pass.
	if err := a.Keyring.Load(ctx); err != nil {
		return err
	}
	return a.follower.Load(ctx)
}

// Run follows the news of other replicas and rotates keys until ctx ends. Drain first, to let waiting polls go.
func (a *Authority) Run(ctx context.Context) {
	go a.Keyring.Run(ctx)
	a.follower.Run(ctx)
}

// Fresh reports whether this replica has heard of the others within the last three seconds. A replica that has not
// answers checks with ErrUnavailable, never with "active".
func (a *Authority) Fresh() bool { return a.follower.Fresh() }

// Drain answers every waiting poll at once; new ones do not wait.
func (a *Authority) Drain() { a.Devices.Drain() }
