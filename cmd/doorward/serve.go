package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/office"
	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/cmd/doorward/settings"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/server"
)

// serve is the command that runs the authority.
type serve struct {
	program *authcmd.Program

	settings *settings.Set
	place    place.Flags
	listen   string
	issuer   string
	cert     string
	key      string
	proxies  []string
	metrics  string
	logForm  string
	logLevel string
	brand    brandFlags
	pending  int
	dev      bool
	seeded   *server.Seed // what --dev has added, for whoever reads the start
}

// command is `doorward serve`.
func (s *serve) command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the authority", Args: arguments(0, ""),
		Long: "Run the authority until it is told to end (SIGTERM or Ctrl-C; what has begun may finish).\n\n" +
			"Every setting but --dev may also stand in a DOORWARD_ variable (DOORWARD_TLS_CERT) or in the YAML file of --config\n" +
			"(tls-cert: FILE). A flag wins over a variable, and that over the file.",
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	s.settings = settings.New(environment(s.program.Terminal.Env))
	flags := s.settings.Flags
	flags.StringVar(&s.listen, "listen", server.DefaultListen, "address to listen on; port 0 takes a free one")
	flags.StringVar(&s.issuer, "issuer", "", "address by which everybody knows this authority (default "+defaultIssuer+", with the port listened on)")
	s.place.Add(s.settings)
	flags.StringVar(&s.cert, "tls-cert", "", "PEM file with the certificate; it is read again when it changes")
	flags.StringVar(&s.key, "tls-key", "", "PEM file with the certificate's key")
	flags.StringSliceVar(&s.proxies, "trusted-proxy", nil, "network (CIDR) of proxies whose forwarded headers are believed (repeat, or separate with commas)")
	flags.StringVar(&s.metrics, "metrics", "", "address of /metrics, in Prometheus' text format (default none)")
	flags.StringVar(&s.logForm, "log", "text", "form of the log on standard error: text or json")
	flags.StringVar(&s.logLevel, "log-level", "info", "least severe lines to log: debug, info, warn or error")
	s.brand.add(s.settings)
	flags.IntVar(&s.pending, "pending-per-address", 0, "device logins of one address that may wait at once (default 1000)")
	cmd.Flags().AddFlagSet(flags)
	// Accounts with known passwords are asked for by hand, each time: no variable and no file turns them on.
	cmd.Flags().BoolVar(&s.dev, "dev", false, "for development on this machine: known accounts, a clock that can be moved, and a store that goes at the end unless --store is given")
	return cmd
}

// run serves until ctx ends.
func (s *serve) run(ctx context.Context) (err error) {
	defer patiently(ctx)()
	if err := s.settings.Settle(); err != nil {
		return err
	}
	config, err := s.config()
	if err != nil {
		return err
	}
	where, err := s.where()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, where.Remove()) }()
	if config.Listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.listen); err != nil {
		return err
	}
	if err := s.identify(&config); err != nil {
		return errors.Join(err, config.Listener.Close())
	}
	store, master, err := where.Open(ctx, config.Now, config.Log)
	if err != nil {
		return errors.Join(err, config.Listener.Close())
	}
	config.Store, config.Master = store, master
	// The store is this server's alone from here on, and so is what lies beside it.
	beside, err := s.beside(ctx, &config, where)
	if err != nil {
		return errors.Join(err, store.Close(), config.Listener.Close())
	}
	defer func() { err = errors.Join(err, beside.close()) }()
	return s.serve(ctx, config, where, beside)
}

// serve starts the server, says so, and runs it.
func (s *serve) serve(ctx context.Context, config server.Config, where place.Place, beside *upstream) error {
	running, err := server.New(ctx, config) // it closes the store and the listener where it fails
	if err != nil {
		return err
	}
	desk, err := office.Open(ctx, running.Issuer(), config, where)
	if err != nil {
		// Without it everything else works; administration then waits for the server's end.
		s.program.Terminal.Warn("Warning: 'doorward admin' cannot reach this server: %s", err)
	}
	defer func() { _ = desk.Close() }() // the server has ended; the next one replaces what is left
	beside.wait()
	if err := s.announce(running, where); err != nil {
		return err
	}
	return running.Run(ctx)
}

// config makes the server's configuration of the settings that need no listener.
func (s *serve) config() (config server.Config, err error) {
	config = server.Config{
		Issuer: strings.TrimSuffix(s.issuer, "/"), Metrics: s.metrics, TLSCert: s.cert, TLSKey: s.key,
		Seed: seed.Base(), Invite: s.invite, PendingPerAddress: s.pending,
		Contracts: contracts.All(), OpenAPI: contracts.OpenAPI(),
	}
	if s.pending < 0 {
		return config, authcmd.Usagef("--pending-per-address must not be negative")
	}
	if config.Brand, err = s.brand.brand(); err != nil {
		return config, err
	}
	if config.TrustedProxies, err = parseProxies(s.proxies); err != nil {
		return config, err
	}
	if config.Log, err = s.logger(); err != nil {
		return config, err
	}
	if (s.cert == "") != (s.key == "") {
		return config, authcmd.Usagef("--tls-cert and --tls-key go together: give both or none")
	}
	if s.dev {
		config.Clock = new(server.Clock)
		config.Now = config.Clock.Now
	}
	return config, s.check(config)
}

// check refuses what would not be safe, before anything is opened.
func (s *serve) check(config server.Config) error {
	host, _, err := net.SplitHostPort(s.listen)
	if err != nil {
		return authcmd.Usagef("--listen must be HOST:PORT, such as %s", server.DefaultListen)
	}
	local := oauth.Loopback(host)
	switch {
	case s.dev && !local:
		return authcmd.Usagef("--dev has accounts with known passwords and listens on this machine only; give --listen 127.0.0.1:PORT, or leave --dev out")
	case config.Issuer == "" && !local:
		return authcmd.Usagef("others can reach this address, so it needs the name that they know it by: give --issuer https://HOST")
	case config.Issuer == "":
		return nil
	}
	return s.checkIssuer(config)
}

// checkIssuer refuses an address that people would type their passwords into without anybody keeping them from being read on
// the way.
func (s *serve) checkIssuer(config server.Config) error {
	issuer, err := url.Parse(config.Issuer)
	switch {
	case err != nil || issuer.Host == "" || config.Issuer != issuer.Scheme+"://"+issuer.Host:
		return authcmd.Usagef("--issuer must be scheme, host and port and nothing more, such as https://id.example")
	case s.dev && !oauth.Loopback(issuer.Hostname()):
		return authcmd.Usagef("--dev is for this machine only; leave --issuer out, or --dev")
	case issuer.Scheme == "http" && oauth.Loopback(issuer.Hostname()):
		return nil
	case issuer.Scheme != "https":
		return authcmd.Usagef("--issuer must be https: passwords and tokens would travel readable (http is for localhost only)")
	case s.cert == "" && len(config.TrustedProxies) == 0:
		return authcmd.Usagef("the issuer is https, but nothing here speaks it: give --tls-cert and --tls-key, or name the proxy that does with --trusted-proxy CIDR")
	}
	return nil
}

// where is the place of the store.
func (s *serve) where() (place.Place, error) {
	if s.dev && s.place.Store == "" {
		return place.NewTemporary("doorward-dev-")
	}
	return s.place.Find(s.settings.Env)
}

// identify sets what depends on the port that was given: the issuer, and the seed that is made for it.
func (s *serve) identify(config *server.Config) error {
	if config.Issuer == "" {
		_, port, err := net.SplitHostPort(config.Listener.Addr().String())
		if err != nil {
			return err
		}
		config.Issuer = scheme(config) + "://localhost:" + port
	}
	if s.dev {
		config.Seed = seed.Dev(config.Issuer)
		config.Invite = nil // there are people
	}
	return nil
}

// scheme is what the listener speaks.
// beside starts the second authority of --dev; without that there is none.
func (s *serve) beside(ctx context.Context, config *server.Config, where place.Place) (*upstream, error) {
	if !s.dev {
		return nil, nil
	}
	beside, err := startUpstream(ctx, s.listen, *config, where)
	if err != nil {
		return nil, err
	}
	config.PrivateProviders = true
	seed.Federate(config.Seed, beside.issuer)
	s.seeded = config.Seed
	return beside, nil
}

func scheme(config *server.Config) string {
	if config.TLSCert != "" {
		return "https"
	}
	return "http"
}

// parseProxies reads networks and single addresses. Bits behind the mask are no mistake: people copy an address and add /24.
func parseProxies(texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if address, bad := netip.ParseAddr(text); err != nil && bad == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil // one proxy
		}
		if err != nil {
			return nil, authcmd.Usagef("--trusted-proxy must be a network such as 10.0.0.0/8, or one address")
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// logger makes the log on standard error.
func (s *serve) logger() (*slog.Logger, error) {
	var options slog.HandlerOptions
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil || strings.ContainsAny(s.logLevel, "+-") {
		return nil, authcmd.Usagef("--log-level must be debug, info, warn or error")
	}
	options.Level = level
	switch out := s.program.Terminal.Errors(); s.logForm {
	case "text":
		return slog.New(slog.NewTextHandler(out, &options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, &options)), nil
	}
	return nil, authcmd.Usagef("--log must be text or json")
}
