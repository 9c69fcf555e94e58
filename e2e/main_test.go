// Package e2e runs the built programs against each other: real processes, real files, real kills, a real browser.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// bin is the folder of the programs under test, built once for the whole run.
var bin string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "doorward-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	build := exec.Command("go", "build", "-o", dir, "../cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the programs do not build: %v\n%s", err, out)
		return 1
	}
	defer quitChromium()
	return m.Run()
}

// program returns the path of a built program.
func program(name string) string { return filepath.Join(bin, name) }

// needs skips the test where a program of the machine is missing, and fails it in CI.
func needs(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI must not skip", name)
	}
	t.Skipf("%s is not installed on this machine", name)
	return ""
}

// server is a running `doorward serve --dev` on a store that outlives it.
type server struct {
	t     *testing.T
	Addr  string
	Issue string // the issuer
	Store string // the database file
	extra []string
	wrap  []string // a command to run it under (strace)
	plain bool     // without --dev: what that added is in the store already

	mu  sync.Mutex
	cmd *exec.Cmd
	log *lines
}

// serve starts a server of its own for the test. Its store stays in a folder of the test, so that it can be killed and
// started again.
func serve(t *testing.T, extra ...string) *server {
	t.Helper()
	s := newServer(t, extra...)
	s.Start()
	return s
}

func newServer(t *testing.T, extra ...string) *server {
	t.Helper()
	addr := freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	s := &server{
		t: t, Addr: addr, Issue: "http://localhost:" + port, Store: filepath.Join(t.TempDir(), "store", "doorward.db"), extra: extra,
	}
	t.Cleanup(s.Kill)
	return s
}

// Start starts the server (again) and returns when it is ready.
func (s *server) Start() {
	s.t.Helper()
	args := append([]string{}, s.wrap...)
	args = append(args, program("doorward"), "serve", "--listen", s.Addr, "--issuer", s.Issue, "--store", "sqlite:"+s.Store)
	if !s.plain {
		args = append(args, "--dev")
	}
	args = append(args, s.extra...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log := &lines{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.cmd, s.log = cmd, log
	s.mu.Unlock()
	eventually(s.t, "the server to be ready", func() error {
		response, err := http.Get(s.Issue + "/readyz")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, log)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz answers %s\n%s", response.Status, log)
		}
		return nil
	})
}

// Kill ends the server with SIGKILL, as a power cut would, and waits for it.
func (s *server) Kill() { s.signal(syscall.SIGKILL) }

// Stop ends the server with SIGTERM and waits for it.
func (s *server) Stop() { s.signal(syscall.SIGTERM) }

func (s *server) signal(signal syscall.Signal) {
	s.mu.Lock()
	cmd := s.cmd
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = syscall.Kill(-cmd.Process.Pid, signal)
	_ = cmd.Wait()
}

// Log returns what the server has printed.
func (s *server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// lines collects output that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// eventually tries until check succeeds. Real processes have no clock to inject; the limit is only there so that a broken
// one ends the test.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var err error
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if err = check(); err == nil {
			tick.Stop()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// ports are tried one after the other. They lie below those that the system gives to outgoing connections, so that a server
// finds its port free when it is started again; runs of other packages begin elsewhere. The port behind each is left free: the
// second authority of --dev takes it.
var ports atomic.Int64

func freeAddress(t *testing.T) string {
	t.Helper()
	ports.CompareAndSwap(0, int64(os.Getpid())*128)
	// A program that is just being started has every socket of this one until it runs: the port would still be taken.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range 1000 {
		port := 10_000 + ports.Add(2)%20_000
		if free(port) && free(port+1) {
			return net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10))
		}
	}
	t.Fatal("no port is free")
	return ""
}

func free(port int64) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10)))
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}

// result is how a program ended.
type result struct {
	Code   int
	Stdout string
	Stderr string
}

// home is a person's home folder and environment of its own.
type home struct {
	Dir string
	Env []string
}

func newHome(t *testing.T, env ...string) home {
	t.Helper()
	dir := t.TempDir()
	return home{dir, append([]string{
		"HOME=" + dir, "XDG_CONFIG_HOME=" + filepath.Join(dir, ".config"), "PATH=" + os.Getenv("PATH"), "NO_COLOR=1",
	}, env...)}
}

// command prepares a program in this home, without a terminal.
func (h home) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(name), args...)
	cmd.Env, cmd.Dir = h.Env, h.Dir
	return cmd
}

// run runs a program to its end.
func (h home) run(t *testing.T, name string, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := h.command(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// started is a program that still runs; its output can be waited for.
type started struct {
	t      *testing.T
	Cmd    *exec.Cmd
	Stdout *lines
	Stderr *lines
}

// start starts a program and leaves it running; it is killed at the end of the test.
func (h home) start(t *testing.T, name string, args ...string) *started {
	t.Helper()
	s := &started{t, h.command(t.Context(), name, args...), &lines{}, &lines{}}
	s.Cmd.Stdout, s.Cmd.Stderr = s.Stdout, s.Stderr
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// wait waits for the program to end by itself.
func (s *started) wait() result {
	s.t.Helper()
	_ = s.Cmd.Wait()
	return result{s.Cmd.ProcessState.ExitCode(), s.Stdout.String(), s.Stderr.String()}
}

// link waits until the program has printed an address that contains part, on either stream.
func (s *started) link(part string) string {
	s.t.Helper()
	var found string
	eventually(s.t, "an address with "+part, func() error {
		text := s.Stdout.String() + "\n" + s.Stderr.String()
		for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
			for _, word := range strings.Fields(scanner.Text()) {
				if strings.HasPrefix(word, "http") && strings.Contains(word, part) {
					found = word
					return nil
				}
			}
		}
		return fmt.Errorf("not printed yet:\n%s", text)
	})
	return found
}
