// Package server puts the rooms of the authority together: configuration in, a handler and its lifecycle out. It holds the
// one list of routes and all that concerns HTTP itself: limits, proxies, TLS, headers, logs, metrics, the end.
//
// What comes in is a Config with an open store; what goes out is a Server that listens, and that Run serves until its
// context ends. The law it keeps: what is not on the one list of routes does not exist; what protects a route stands around
// all of its kind, so that no page can be added without it; and nothing that decides security is believed of a request,
// neither its Host nor a header of an unlisted peer (SEC-211).
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
)

// DefaultListen is where a server listens that was told nothing else.
const DefaultListen = "127.0.0.1:3667"

// Store is everything that a server keeps, and the health of it.
type Store = interface {
	authority.Store
	authority.APIKeys
	identity.People
	identity.Organisations
	identity.Projects
	identity.Domains
	identity.Links
	identity.Factors
	identity.SignIns
	identity.Invitations
	identity.Attempts
	keeper
}

// keeper is a store as a thing that lives and dies.
type keeper interface {
	Ready(ctx context.Context) error // nil where the store answers
	Failed() <-chan struct{}         // closed where it can never be written again: the server ends
	Close() error
}

// Config is what a server is made of. Store and Master are needed; the rest has useful zero values.
type Config struct {
	// Issuer is the address by which everybody knows this authority, https://id.example: scheme, host, port and nothing
	// more. Every link is made from it, never from a request (SEC-211). "": http://localhost with the port listened on.
	Issuer string
	// Listen is host:port; "": 127.0.0.1:3667. Port 0 takes a free one; see Server.Addr.
	Listen string
	// Listener, where given, is listened on instead.
	Listener net.Listener
	// Metrics is the address of /metrics, of its own so that it is never public by accident (SEC-219); "": none.
	Metrics string

	// TLSCert and TLSKey are PEM files. They are read again when they change. Both or none.
	TLSCert, TLSKey string
	// TrustedProxies are the networks whose forwarded headers are believed; those of all others are ignored. Empty: nobody
	// is believed. A network that is too wide lets its machines choose the address that limits and audit go by (SEC-100).
	TrustedProxies []netip.Prefix

	// Store must keep time by the same clock as the server, or codes expire in one and live in the other.
	Store  Store        // the server's from New on: Run closes it, and New does where it fails
	Master *keys.Master // the master key
	Seed   *Seed        // what is added at the start where it is not there; nil: nothing

	// Clock, where given, is the clock of everything, and /dev/clock moves it. Loopback only.
	Clock *Clock
	// Now is the clock where Clock is nil; nil: time.Now.
	Now func() time.Time
	// Log takes requests and faults; nil: discards.
	Log *slog.Logger
	// Invite is called with the one-use link that makes the first administrator, where the store holds no people. It is a
	// secret: show it to whoever started the server, and do not log it. nil: no invitation is made.
	Invite func(link string)

	// ReadTimeout bounds the reading of one request, header and body; 0: 15 s.
	ReadTimeout time.Duration
	// DrainTimeout is how long requests may still take when the server ends; 0: 10 s.
	DrainTimeout time.Duration
	// Contracts are other wires that this authority speaks beside OAuth, for programs that are in the field already. nil:
	// none. Their order is that of their lines in the list of routes.
	Contracts []Contract
	// OpenAPI are the descriptions of the contracts, each an OpenAPI 3.1 document of its tags, paths and schemas alone. They
	// are joined to that of /openapi.json.
	OpenAPI [][]byte
	// PrivateProviders lets the providers of bindings be on this machine or in private networks: for development.
	PrivateProviders bool
	// Brand is what the operator puts on every page.
	Brand console.Brand
	// PendingPerAddress bounds the live pending device logins of one address; 0: the authority's default.
	PendingPerAddress int
}

const (
	readTimeout  = 15 * time.Second // a phone on a bad line sends a form in two
	writeTimeout = 30 * time.Second // a page after a password waits for its turn at the hash
	idleTimeout  = 2 * time.Minute  // longer than the interval of a poll: the next one comes by the same connection
	drainTimeout = 10 * time.Second
	// maxHeader bounds a request's header, in bytes: a scope of 50,000 bytes still gets its answer, a state of 1 MB is 431.
	maxHeader = 64 << 10
)

// fill sets the defaults that need no listener.
func (c *Config) fill() {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Clock != nil {
		c.Now = c.Clock.Now
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ReadTimeout <= 0 {
		c.ReadTimeout = readTimeout
	}
	if c.DrainTimeout <= 0 {
		c.DrainTimeout = drainTimeout
	}
}

// check says what is wrong, once the listener is known. Each of these would otherwise fail much later and at somebody else:
// a client compares the issuer letter by letter (RFC 8414 section 3.3, SEC-183), and a clock that strangers can move undoes
// every expiry.
func (c *Config) check(address net.Addr) error {
	issuer, err := url.Parse(c.Issuer)
	local := loopback(address)
	switch {
	case err != nil || issuer.Host == "" || c.Issuer != issuer.Scheme+"://"+issuer.Host:
		return fmt.Errorf("server: the issuer %q must be scheme, host and port and nothing more, such as https://id.example", c.Issuer)
	case issuer.Scheme != "https" && (issuer.Scheme != "http" || !loopbackName(issuer.Hostname())):
		return fmt.Errorf("server: the issuer %q must be https; http is for localhost only", c.Issuer)
	case issuer.Host != strings.ToLower(issuer.Host):
		return fmt.Errorf("server: the issuer %q must be in lower case: it is compared letter by letter", c.Issuer)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("server: a certificate needs its key, and a key its certificate")
	case c.Clock != nil && (!local || !loopbackName(issuer.Hostname())):
		return errors.New("server: a clock that can be moved is for this machine alone: listen on a loopback address")
	}
	return nil
}

// loopback is of the address that is listened on: 0.0.0.0 is none, though it answers on 127.0.0.1 too.
func loopback(address net.Addr) bool {
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// loopbackName takes no name but localhost: any other may be resolved to this machine by somebody else.
func loopbackName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
