package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/doorward/doorward/bench/load"
	"github.com/doorward/doorward/bench/process"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// reference is what the bare server answers on the machine that the aims were set on, in requests/s at 8 connections. An
// aim is met where the rate is reached, or where the ratio to the bare server is that of aim and reference.
const reference = 14_238

// row is a line of the first table.
type row struct {
	name, workload string
	connections    int
	rate           float64 // the aim, in steps per second; 0: ratio is the aim
	ratio          float64 // × the bare server
	cpu            float64 // the aim, in ms of processor time of the server; 0: none
}

func rows() []row {
	return []row{
		{name: "refresh with rotation, 8 connections", workload: "refresh", connections: 8, rate: 2000, cpu: 0.45},
		{name: "refresh with rotation, 64 connections", workload: "refresh", connections: 64, rate: 2000, cpu: 0.45},
		{name: "device_authorization, 8 connections", workload: "device_authorization", connections: 8, rate: 8000},
		{name: "device_authorization, 64 connections", workload: "device_authorization", connections: 64, rate: 8000},
		{name: "pending poll", workload: "pending", connections: 8, ratio: 0.9},
		{name: "introspection", workload: "introspect", connections: 8, rate: 8000},
		{name: "userinfo", workload: "userinfo", connections: 8, rate: 8000},
		{name: "client_credentials", workload: "client_credentials", connections: 8, rate: 8000},
		{name: "full login (code + PKCE)", workload: "login", connections: 8, rate: 600},
		{name: "full device login", workload: "device_login", connections: 8, rate: 600},
	}
}

// maxMemory is the aim for the server's memory under these loads, in bytes.
const maxMemory = 64 << 20

// tables measures the working tree.
func tables(ctx context.Context, s *settings, out io.Writer) error {
	folder, err := os.MkdirTemp("", "doorward-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for _, name := range []string{"cmd/doorward", "bench/cached", "bench/empty"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(folder, filepath.Base(name)), "./"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as releases are built: one file, and no loader before main
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, text)
		}
	}
	// First, while this process is small: the memory of a child counts from ours, before it becomes another program.
	if err := startTable(ctx, folder, out); err != nil {
		return err
	}
	return serverTable(ctx, s, folder, out)
}

// serverTable starts the server and prints what it does under load.
func serverTable(ctx context.Context, s *settings, folder string, out io.Writer) (err error) {
	stub, err := startStub(ctx)
	if err != nil {
		return err
	}
	defer stub.stop()
	tree := &tree{program: filepath.Join(folder, "doorward"), store: "sqlite:" + filepath.Join(folder, "doorward.db")}
	server, err := tree.serve(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := server.Stop(); err == nil {
			err = stopped
		}
	}()
	bench, err := tree.open(ctx, server, s.pending)
	if err != nil {
		return err
	}
	defer bench.Close()
	_, _ = fmt.Fprintf(out, "Durable SQLite (synchronous=FULL), server and load generator on this machine.\n"+
		"An aim is met by its rate, or by its ratio to the bare net/http server (%d/s where the aims were set).\n\n"+
		"%-38s %10s %10s %8s %7s %7s %8s %8s %8s\n", reference, "", "per second", "aim", "× bare", "aim", "CPU ms", "aim", "× bare", "med. ms")
	var quiet error
	for i, row := range rows() {
		if err := row.print(ctx, stub, server, bench, s.length(), out); err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		if i == 0 { // by now what the passwords took (19 MiB each, while it is hashed) was given back: it is not what the loads take
			quiet = server.ForgetPeak()
		}
	}
	_, _ = fmt.Fprintln(out)
	if err := printApprove(ctx, bench, out); err != nil {
		return err
	}
	for _, presenters := range []int{20, 100} {
		if err := printCrowd(ctx, bench, presenters, out); err != nil {
			return err
		}
	}
	return printMemory(server, quiet, out)
}

func (r *row) print(
	ctx context.Context, stub *stub, server *process.Server, bench *load.Bench, length time.Duration, out io.Writer,
) error {
	step, err := bench.Prepare(ctx, r.workload, r.connections)
	if err != nil {
		return err
	}
	got, err := measure(ctx, stub, server, r.connections, length, step)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%-38s %10.0f %10s %8.2f %7.2f %7.3f %8s %8.1f %8.2f %s\n",
		r.name, got.work.Rate(), number("%.0f", r.rate), got.ratio(), r.wanted(), got.perStep(), number("%.2f", r.cpu), got.perBare(),
		millis(got.work.Quantile(0.5)), sign(r.met(got.work.Rate(), got.ratio(), got.perStep())))
	return nil
}

// wanted is the aim as a ratio to the bare server.
func (r *row) wanted() float64 {
	if r.rate > 0 {
		return r.rate / reference
	}
	return r.ratio
}

func (r *row) met(rate, ratio, cpu float64) bool {
	fast := ratio >= r.wanted() || r.rate > 0 && rate >= r.rate
	return fast && (r.cpu == 0 || cpu <= r.cpu)
}

// number leaves out what is 0.
func number(format string, value float64) string {
	if value == 0 {
		return "–"
	}
	return fmt.Sprintf(format, value)
}

func sign(met bool) string {
	if met {
		return "✓"
	}
	return "✗"
}

// approvals is how many times the way from Approve to the token is measured.
const approvals = 30

func printApprove(ctx context.Context, bench *load.Bench, out io.Writer) error {
	got, err := bench.ApproveToToken(ctx, approvals)
	if err != nil {
		return fmt.Errorf("approve → token: %w", err)
	}
	_, err = fmt.Fprintf(out, "%-38s mean %.1f ms, median %.1f ms, aim < 50 ms %s\n", "approve → token",
		millis(got.Mean()), millis(got.Quantile(0.5)), sign(got.Mean() < 50*time.Millisecond))
	return err
}

func printCrowd(ctx context.Context, bench *load.Bench, presenters int, out io.Writer) error {
	got, err := bench.AtOnce(ctx, presenters)
	if err != nil {
		return fmt.Errorf("one refresh token, %d at once: %w", presenters, err)
	}
	met := got.Answered == presenters && got.Successors == 1 && got.Alive && got.Caught
	_, err = fmt.Fprintf(out, "%-38s %d answered, %d successor, session alive: %t, replay found: %t %s\n",
		fmt.Sprintf("one refresh token, %d at once", presenters), got.Answered, got.Successors, got.Alive, got.Caught, sign(met))
	return err
}

// printMemory says what the loads took; forgotten is why that does not begin after the passwords.
func printMemory(server *process.Server, forgotten error, out io.Writer) error {
	now, most, err := server.Memory()
	if err != nil {
		_, err = fmt.Fprintf(out, "%-38s not known here: %v\n", "memory of the server", err)
		return err
	}
	since := "since the first row"
	if forgotten != nil {
		since = "ever"
	}
	_, err = fmt.Fprintf(out, "%-38s now %.1f MiB, most %s %.1f MiB, aim < 64 MiB %s\n", "memory of the server",
		float64(now)/(1<<20), since, float64(most)/(1<<20), sign(most < maxMemory))
	return err
}

// rounds is how many times each program is started.
const rounds = 40

// startTable prints what it costs to print a cached token.
func startTable(ctx context.Context, folder string, out io.Writer) error {
	const issuer = "https://id.example"
	home := filepath.Join(folder, "doorward-config")
	token := "bench-token-" + strconv.Itoa(os.Getpid())
	store := &cred.File{Path: filepath.Join(home, "doorward", "credentials.json"), Codec: cred.Standard{}}
	_, err := store.Update(ctx, cred.Key{Issuer: issuer, Client: "doorward"}, func(cred.Credential, bool) (cred.Credential, error) {
		now := time.Now()
		return cred.Credential{
			Kind: cred.KindOAuth, Access: secret.New(token), Refresh: secret.New("bench-refresh"), Expires: now.Add(time.Hour),
			Renewed: now, Account: "user@example.com", Scope: []string{"openid"},
		}, nil
	})
	if err != nil {
		return err
	}
	own := []string{"HOME=" + folder, "XDG_CONFIG_HOME=" + home, "CACHED_ISSUER=" + issuer, "CACHED_FILE=" + store.Path}
	laps, err := process.Race(ctx, rounds,
		process.Program{Name: "empty Go program", Path: filepath.Join(folder, "empty"), Env: own},
		process.Program{Name: "token, client wing alone", Path: filepath.Join(folder, "cached"), Args: []string{"auth", "token"}, Env: own, Want: token},
		process.Program{
			Name: "doorward auth token", Path: filepath.Join(folder, "doorward"), Args: []string{"auth", "token", "--issuer", issuer}, Env: own, Want: token,
		})
	if err != nil {
		return err
	}
	printStart(laps, out)
	return nil
}

// printStart prints the second table. The second program is not one of the products: none of them has a command that
// prints the cached token and does nothing else.
func printStart(laps []process.Lap, out io.Writer) {
	_, _ = fmt.Fprintf(out, "%-38s %10s %8s %8s %8s %8s\n", "whole process, in turn", "× empty", "aim", "ms", "CPU ms", "MiB")
	for i, aim := range []float64{0, 2.2, 3} {
		lap := laps[i]
		met := aim == 0 || lap.Ratio <= aim && lap.Memory <= 16<<20
		_, _ = fmt.Fprintf(out, "%-38s %10.2f %8s %8.2f %8.2f %8.1f %s\n", lap.Name, lap.Ratio, number("%.1f", aim),
			millis(lap.Wall), millis(lap.CPU), float64(lap.Memory)/(1<<20), sign(met))
	}
	_, _ = fmt.Fprintln(out)
}
