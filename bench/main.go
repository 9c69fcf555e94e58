// Command bench measures the whole program. Without a workload it builds the working tree, starts `doorward serve --dev` on a
// durable store, and prints the tables that say how fast it is, each value beside its aim. With workloads and --url it is
// a load generator for any authorization server:
//
//	go run ./bench --url https://id.example --client-id app --refresh-token-file tokens.txt refresh
//
// Every workload runs beside a bare net/http server, slice by slice, because absolute figures wander from machine to machine
// and from minute to minute; the ratio does not.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/doorward/doorward/bench/load"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	server      load.Server
	person      string
	password    secret.String
	refresh     string // a file
	connections int
	pending     int
	seconds     float64
	stub        bool
	workloads   []string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args)
	switch {
	case err != nil:
		return err
	case s.stub:
		return serveStub(ctx, out)
	case s.server.Issuer == "" && len(s.workloads) == 0:
		return tables(ctx, s, out)
	case s.server.Issuer == "" || len(s.workloads) == 0:
		return fmt.Errorf("give --url and the workloads to run against it (%s), or neither for the tables of the working tree",
			strings.Join(load.Names(), ", "))
	}
	return against(ctx, s, out)
}

// parse reads flags; BENCH_SECONDS is the default of --seconds. Secrets come from the environment, never from flags, which
// every user of the machine can read.
func parse(args []string) (*settings, error) {
	s := &settings{seconds: 2}
	if text := os.Getenv("BENCH_SECONDS"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds <= 0 {
			return nil, errors.New("BENCH_SECONDS must be a number of seconds")
		}
		s.seconds = seconds
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.server.Issuer, "url", "", "issuer of the server to measure; none: the working tree")
	flags.StringVar(&s.server.ClientID, "client-id", "doorward", "client that logs in; its secret: BENCH_CLIENT_SECRET")
	flags.StringVar(&s.server.Redirect, "redirect", "", "redirect URI of that client; nobody has to listen there")
	flags.StringVar(&s.server.ServiceID, "service-id", "", "client for client_credentials and introspection; its secret: BENCH_SERVICE_SECRET")
	scope := flags.String("scope", "openid profile email", "scope to ask for")
	flags.StringVar(&s.person, "person", "", "who signs in on pages that are Doorward's; the password: BENCH_PASSWORD")
	flags.StringVar(&s.refresh, "refresh-token-file", "", "file with a refresh token a line, for servers with other pages; they are used up")
	flags.IntVar(&s.connections, "connections", 8, "how many connections at once")
	flags.IntVar(&s.pending, "pending", 10_000, "how many device logins wait while pending ones are polled")
	flags.Float64Var(&s.seconds, "seconds", s.seconds, "how long each workload runs")
	many := flags.Bool("many-addresses", false, "come from a thousand addresses, for a server that trusts this machine as its proxy")
	flags.BoolVar(&s.stub, "stub", false, "be the bare server that others are compared with")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if s.connections <= 0 || s.seconds <= 0 || s.pending <= 0 {
		return nil, errors.New("--connections, --seconds and --pending must be above 0")
	}
	s.server.Scope = oauth.ParseScope(*scope)
	s.server.Secret = secret.New(os.Getenv("BENCH_CLIENT_SECRET"))
	s.server.ServiceSecret = secret.New(os.Getenv("BENCH_SERVICE_SECRET"))
	s.password = secret.New(os.Getenv("BENCH_PASSWORD"))
	if *many {
		s.server.Address = load.ManyAddresses()
	}
	s.workloads = flags.Args()
	return s, nil
}

func (s *settings) length() time.Duration { return time.Duration(s.seconds * float64(time.Second)) }

// against runs workloads against somebody's server, which is not stopped, started or looked into.
func against(ctx context.Context, s *settings, out io.Writer) error {
	stub, err := startStub(ctx)
	if err != nil {
		return err
	}
	defer stub.stop()
	if err := s.server.Open(ctx, s.connections); err != nil {
		return err
	}
	defer s.server.Close()
	bench := &load.Bench{Server: &s.server, Pending: s.pending}
	if s.person != "" {
		browser, err := s.server.SignIn(ctx, s.person, s.password)
		if err != nil {
			return err
		}
		bench.Browsers = append(bench.Browsers, browser)
	}
	if bench.Refresh, err = readTokens(s.refresh); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%-22s %12s %12s %12s %10s\n", "", "requests/s", "median ms", "99 % ms", "× stub")
	for _, name := range s.workloads {
		step, err := bench.Prepare(ctx, name, s.connections)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		got, err := measure(ctx, stub, nil, s.connections, s.length(), step)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		_, _ = fmt.Fprintf(out, "%-22s %12.0f %12.2f %12.2f %10.2f\n",
			name, got.work.Rate(), millis(got.work.Quantile(0.5)), millis(got.work.Quantile(0.99)), got.ratio())
	}
	return nil
}

// readTokens reads one refresh token a line.
func readTokens(path string) ([]secret.String, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var tokens []secret.String
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			tokens = append(tokens, secret.New(text))
		}
	}
	return tokens, lines.Err()
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
