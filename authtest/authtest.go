// Package authtest is a whole authority inside anybody's test, in two lines:
//
//	auth := authtest.New(t)
//	err := mycli.Login(ctx, auth.Issuer)
//
// It is the real server over real HTTP on a loopback address, with a store of its own on the disk, a clock that the test
// moves, and people who sign in on the real pages: in a visitor's browser (Visitor) or behind a flow (UI). It ends with the
// test.
package authtest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/sqlite"
	"github.com/doorward/doorward/visitor"
)

// Person is somebody who can sign in. Empty fields are filled in from Username.
type Person struct {
	Username      string
	Password      string // "": the user name and "-has-a-password"
	Email         string // "": the user name at example.com
	Name          string // "": the user name
	ID            string // "": a new one
	Administrator bool
}

// Options say what is in an authority. The zero value is one person and one client.
type Options struct {
	// People may sign in; none: Ada, whose user name is ada. The first of them is the one that Visitor and UI act for.
	People []Person
	// Clients are registered; none: Client(). The first of them is ClientID.
	Clients []authority.Client
	// More is added to the store beside those: organisations, members, ready tokens.
	More server.Seed
	// Contracts are other wires that the authority is to speak.
	Contracts []server.Contract

	// Listen is where the authority listens; "": a free port of 127.0.0.1.
	Listen string
	// Issuer is the address by which the authority is known, where something of the test's stands before it (a proxy that
	// loses answers, say); "": its own.
	Issuer string
	// Open opens the store, again with every Start; nil: SQLite, in a folder of the test's. now is the store's clock.
	Open func(ctx context.Context, now func() time.Time, log *slog.Logger) (server.Store, error)
	// Log takes the server's log; nil: it goes to the test's, from warnings on.
	Log *slog.Logger
}

// Authority is one that runs.
type Authority struct {
	Issuer   string
	ClientID string
	Person   Person        // the first one, filled in
	Clock    *server.Clock // the server's; Advance moves it

	t       testing.TB
	options Options
	master  *keys.Master
	address string
	end     context.CancelFunc
	ended   chan error
}

// Client returns the client that an authority has by default: public, with logins in the browser and by device code, and
// refresh tokens. Its id is test-cli; its redirect is /callback on any port of 127.0.0.1 and localhost.
func Client() authority.Client {
	scope := oauth.Scope{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail}
	return authority.Client{
		ID: "test-cli", Name: "Test CLI", Redirects: []string{"http://127.0.0.1/callback", "http://localhost/callback"},
		Grants: []oauth.GrantType{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken},
		Scope:  scope, Default: scope, Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour,
	}
}

// New starts an authority with one person and one client. It ends with the test.
func New(t testing.TB) *Authority {
	t.Helper()
	return With(t, Options{})
}

// With starts an authority with these things in it.
func With(t testing.TB, options Options) *Authority {
	t.Helper()
	if len(options.People) == 0 {
		options.People = []Person{{Username: "ada", Name: "Ada Lovelace"}}
	}
	if len(options.Clients) == 0 {
		options.Clients = []authority.Client{Client()}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(output{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	for i := range options.People {
		options.People[i].fill()
	}
	if options.Open == nil {
		options.Open = inFolder(t.TempDir())
	}
	a := &Authority{
		Issuer: options.Issuer, ClientID: options.Clients[0].ID, Person: options.People[0], Clock: new(server.Clock),
		t: t, options: options, master: keys.NewMaster(), address: options.Listen,
	}
	if a.address == "" {
		a.address = "127.0.0.1:0"
	}
	a.Start()
	t.Cleanup(a.Stop)
	return a
}

// inFolder opens a SQLite store in the folder.
func inFolder(folder string) func(context.Context, func() time.Time, *slog.Logger) (server.Store, error) {
	return func(ctx context.Context, now func() time.Time, log *slog.Logger) (server.Store, error) {
		return sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "authority.db"), Now: now, Log: log})
	}
}

// fill sets what was left empty.
func (p *Person) fill() {
	for _, field := range []struct {
		value *string
		usual string
	}{
		{&p.Password, p.Username + "-has-a-password"},
		{&p.Email, p.Username + "@example.com"},
		{&p.Name, p.Username},
		{&p.ID, identity.NewPersonID()},
	} {
		if *field.value == "" {
			*field.value = field.usual
		}
	}
}

// Start starts the authority again after Stop: on the same address, with the same store.
func (a *Authority) Start() {
	a.t.Helper()
	if a.end != nil {
		a.t.Fatal("authtest: the authority runs already")
	}
	ctx, end := context.WithCancel(context.Background()) // the test's own context ends before its clean-up
	running, err := a.open(ctx)
	if err != nil {
		end()
		a.t.Fatalf("authtest: the authority does not start: %v", err)
	}
	// Both stay as they are when it starts again: others may be reading them by then.
	if a.Issuer == "" {
		a.Issuer = running.Issuer()
	}
	if strings.HasSuffix(a.address, ":0") {
		a.address = running.Addr().String()
	}
	a.end, a.ended = end, make(chan error, 1)
	go func() { a.ended <- running.Run(ctx) }()
	<-running.Ready()
}

// open opens the store and puts a server on the address. Where it fails, the server has closed what it was given.
func (a *Authority) open(ctx context.Context) (*server.Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.address)
	if err != nil {
		return nil, err
	}
	store, err := a.options.Open(ctx, a.Clock.Now, a.options.Log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return server.New(ctx, server.Config{
		Issuer: a.Issuer, Listener: listener, Store: store, Master: a.master, Seed: a.seed(), Clock: a.Clock, Log: a.options.Log,
		Contracts: a.options.Contracts, DrainTimeout: 2 * time.Second, PrivateProviders: true,
	})
}

// seed is what the options say, as the server takes it.
func (a *Authority) seed() *server.Seed {
	seed := a.options.More
	seed.Clients = append(append([]authority.Client(nil), a.options.Clients...), seed.Clients...)
	people := make([]server.SeedPerson, 0, len(a.options.People))
	for _, p := range a.options.People {
		people = append(people, server.SeedPerson{
			Person: identity.Person{
				ID: p.ID, Username: p.Username, Email: p.Email, EmailVerified: true, Name: p.Name, Administrator: p.Administrator,
				Created: a.Clock.Now(), PasswordChanged: a.Clock.Now(),
			},
			Clear: secret.New(p.Password),
		})
	}
	seed.People = append(people, seed.People...)
	return &seed
}

// Stop ends the authority in an orderly way: whoever asks it from then on finds nobody listening. It may be called twice.
func (a *Authority) Stop() {
	if a.end == nil {
		return
	}
	a.end()
	if err := <-a.ended; err != nil {
		a.t.Errorf("authtest: the authority ended with %v", err)
	}
	a.end = nil
}

// Address is where the authority listens, host and port.
func (a *Authority) Address() string { return a.address }

// Advance moves the authority's clock.
func (a *Authority) Advance(by time.Duration) { a.Clock.Advance(by) }

// Visitor returns a new browser, with the first person before it.
func (a *Authority) Visitor() *visitor.Visitor { return a.VisitorOf(a.Person) }

// VisitorOf returns a new browser with another person before it.
func (a *Authority) VisitorOf(p Person) *visitor.Visitor {
	return &visitor.Visitor{Base: a.Issuer, Name: p.Username, Password: secret.New(p.Password)}
}

// output writes the server's log into the test's.
type output struct{ t testing.TB }

// Write logs one line.
func (o output) Write(line []byte) (int, error) {
	o.t.Logf("authority: %s", line)
	return len(line), nil
}
