package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/endpoint"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/server/certificate"
)

// Server is an authority that answers.
type Server struct {
	config     Config // as given, with the defaults filled in
	proxies    proxies
	authority  *law.Authority
	granter    *grant.Granter
	hasher     *identity.Hasher
	doorkeeper *identity.Doorkeeper
	totp       *identity.TOTP
	endpoint   *endpoint.Endpoint
	console    *console.Console

	listener net.Listener
	metrics  net.Listener      // nil: none
	cert     *certificate.Pair // nil: plain http
	routes   []route
	handler  http.Handler // everything of the public address

	started     time.Time     // for the metrics
	serving     chan struct{} // closed by Run
	draining    atomic.Bool   // from the beginning of the end
	connections atomic.Int64  // open ones
}

// New puts the server together, listens, reads what must be known before the first request and adds the seed. Nothing is
// answered before Run. The store is the server's from here on; where New fails, it is closed.
func New(ctx context.Context, config Config) (*Server, error) {
	config.fill()
	s := &Server{config: config, proxies: config.TrustedProxies, serving: make(chan struct{}), started: time.Now()}
	if err := s.assemble(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// It goes from what costs nothing to what writes: a mistake in the configuration changes nothing in the store.
func (s *Server) assemble(ctx context.Context) error {
	if s.config.Store == nil || s.config.Master == nil {
		return errors.New("server: a store and a master key are needed")
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	if err := s.config.check(s.listener.Addr()); err != nil {
		return err
	}
	if s.config.TLSCert != "" {
		cert, err := certificate.Load(s.config.TLSCert, s.config.TLSKey)
		if err != nil {
			return err
		}
		s.cert = cert
	}
	s.wire()
	// Signing keys, revocations and decisions are known before the first request: a replica that learned them later would
	// accept for a moment what was taken back.
	if err := s.authority.Load(ctx); err != nil {
		return fmt.Errorf("server: the store cannot be read: %w", err)
	}
	if err := s.seed(ctx, s.config.Seed); err != nil {
		return err
	}
	// Last, since a seed that brings people makes the invitation needless.
	return s.invite(ctx)
}

// listen takes the sockets first: the issuer may depend on the port.
func (s *Server) listen(ctx context.Context) (err error) {
	var config net.ListenConfig
	if s.listener = s.config.Listener; s.listener == nil {
		if s.listener, err = config.Listen(ctx, "tcp", s.config.Listen); err != nil {
			return fmt.Errorf("server: %w", err)
		}
	}
	if s.config.Metrics != "" {
		if s.metrics, err = config.Listen(ctx, "tcp", s.config.Metrics); err != nil {
			return fmt.Errorf("server: metrics: %w", err)
		}
	}
	if s.config.Issuer == "" {
		_, port, err := net.SplitHostPort(s.listener.Addr().String())
		if err != nil {
			return fmt.Errorf("server: an issuer is needed where the listener has no port: %w", err)
		}
		s.config.Issuer = "http://localhost:" + port
	}
	return nil
}

// wire makes the rooms and the list of routes.
func (s *Server) wire() {
	c := &s.config
	s.authority = law.New(law.Config{
		Issuer: c.Issuer, Store: c.Store, People: c.Store, Attempts: c.Store, APIKeys: c.Store, Master: c.Master,
		Now: c.Now, Log: c.Log, PendingPerAddress: c.PendingPerAddress,
	})
	s.hasher = &identity.Hasher{}
	s.doorkeeper = &identity.Doorkeeper{People: c.Store, Attempts: c.Store, Hasher: s.hasher, Now: c.Now}
	s.totp = s.authenticator()
	s.granter = &grant.Granter{Authority: s.authority, Doorkeeper: s.doorkeeper, Factors: c.Store, Now: c.Now}
	s.console = s.furnish()
	s.endpoint = &endpoint.Endpoint{
		Authority: s.authority, Granter: s.granter, People: c.Store, Organisations: c.Store,
		Issuer: c.Issuer, ApprovePath: console.PathApprove, Address: s.proxies.address, Page: s.page, Now: c.Now, Log: c.Log,
	}
	s.routes = s.list()
	none := route{pattern: "(none)", counts: new(counts)}
	s.handler = &shell{Server: s, mux: s.mux(), hsts: s.secure(), slashed: slashed(s.routes), none: none}
	s.routes = append(s.routes, none)
}

// rooms is what contracts get. The endpoints are a copy of the map: a contract that changes it changes nobody's routes.
func (s *Server) rooms(endpoints map[string]http.Handler) Rooms {
	c := &s.config
	return Rooms{
		Issuer: c.Issuer, Authority: s.authority, Granter: s.granter, People: c.Store, Organisations: c.Store,
		Projects: c.Store, Domains: c.Store, Endpoints: endpoints, Address: s.proxies.address, Now: c.Now, Log: c.Log,
	}
}

// secure reports whether people reach this server by https, be it through a proxy.
func (s *Server) secure() bool { return strings.HasPrefix(s.config.Issuer, "https:") }

// Handler is everything that is served on the public address.
func (s *Server) Handler() http.Handler { return s.handler }

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// MetricsAddr is where /metrics is, or nil.
func (s *Server) MetricsAddr() net.Addr {
	if s.metrics == nil {
		return nil
	}
	return s.metrics.Addr()
}

// Patterns returns the patterns of all routes, as net/http's ServeMux reads them: tests go through the whole list, so that a
// new route cannot be forgotten.
func (s *Server) Patterns() []string {
	patterns := make([]string, 0, len(s.routes))
	for _, route := range s.routes[:len(s.routes)-1] { // the last one stands for "no route"
		patterns = append(patterns, route.pattern)
	}
	return patterns
}

// Issuer is the address by which this authority is known.
func (s *Server) Issuer() string { return s.config.Issuer }

// Ready is closed when Run answers requests.
func (s *Server) Ready() <-chan struct{} { return s.serving }

// ready says why requests should go elsewhere. The store is asked at each probe and not remembered: who watches wants to
// know of this moment.
func (s *Server) ready(ctx context.Context) error {
	switch {
	case s.draining.Load():
		return errors.New("the server is ending")
	case !s.authority.Fresh():
		return errors.New("the news of the other replicas is more than three seconds old")
	}
	return s.config.Store.Ready(ctx)
}

// Run serves until ctx ends (nil after an orderly end), a listener fails or the store does. Then held polls are answered,
// requests that have begun may finish within DrainTimeout (SEC-292), and the store is closed.
func (s *Server) Run(ctx context.Context) error {
	// The follower outlives ctx: requests that are let to finish still need fresh news, or their checks are refused.
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var rooms sync.WaitGroup
	// Before anything is served: a replica that answers and does not follow would be stale after three seconds.
	rooms.Go(func() { s.authority.Run(following) })

	public, metrics := s.public(), s.metricsServer()
	failed := make(chan error, 2)
	go func() { failed <- s.serve(public) }()
	if s.metrics != nil {
		go func() { failed <- metrics.Serve(s.metrics) }()
	}
	close(s.serving)

	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
		cause = fmt.Errorf("server: %w", cause)
	case <-s.config.Store.Failed():
		cause = errors.New("server: the store has refused to keep what was written and will not be written again; " +
			"everything that was acknowledged is kept. Look at the disk, then start the server again")
	}
	// The order matters: first the requests, then what they stand on, the store last.
	s.drain(ctx, public)
	_ = metrics.Close() // nobody's login depends on it
	stop()
	rooms.Wait()
	return errors.Join(cause, s.config.Store.Close())
}

// drain lets what has begun come to its end, and cuts what takes too long. ctx has ended as a rule, which is
// why this is called: the limit must not end with it.
func (s *Server) drain(ctx context.Context, public *http.Server) {
	s.draining.Store(true) // /readyz says so, and the load balancer looks elsewhere
	public.SetKeepAlivesEnabled(false)
	s.authority.Drain() // polls that wait are answered now, or they alone would use up the limit
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.DrainTimeout)
	defer cancel()
	if err := public.Shutdown(limit); err != nil {
		s.config.Log.Warn("requests were cut: they took longer than the end of the server waits", "limit", s.config.DrainTimeout)
		_ = public.Close() // there is nothing more to be done for them
	}
}

func (s *Server) serve(public *http.Server) error {
	if s.cert != nil {
		return public.ServeTLS(s.listener, "", "")
	}
	return public.Serve(s.listener)
}

// public is the server of the public address with all its limits. HTTP/2 is spoken over TLS only, never in the clear
// (SEC-328).
func (s *Server) public() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: min(10*time.Second, s.config.ReadTimeout), ReadTimeout: s.config.ReadTimeout,
		// A held poll moves the limits of its own connection (endpoint); everything else keeps to these.
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, Protocols: protocols,
		ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug), ConnState: s.connection,
	}
	if s.cert != nil {
		protocols.SetHTTP2(true)
		server.TLSConfig = s.cert.Config()
		// A connection may hold many polls, but not so many, and not so much unread data, that one client is a load.
		server.HTTP2 = &http.HTTP2Config{
			MaxConcurrentStreams: 128, MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerConnection: 256 << 10,
			MaxReceiveBufferPerStream: 64 << 10, WriteByteTimeout: writeTimeout,
		}
	}
	return server
}

func (s *Server) metricsServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	return &http.Server{
		Handler: mux, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
}

// connection counts the open ones.
func (s *Server) connection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.connections.Add(-1)
	}
}

// close gives back what New took. It is for New alone; after Run, everything is closed already.
func (s *Server) close() error {
	var errs []error
	for _, listener := range []net.Listener{s.listener, s.metrics} {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	if s.config.Store != nil {
		errs = append(errs, s.config.Store.Close())
	}
	return errors.Join(errs...)
}
