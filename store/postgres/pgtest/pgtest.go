// Package pgtest gives a test run a PostgreSQL of its own, made of the programs that the machine has: on a socket in a
// folder that goes with it, with a database of its own for each test.
//
// It is for tests alone, of any room. It does not import testing, so that the law of the house holds for it, too.
package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// TB is what of a testing.TB is needed.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Skip(args ...any)
	Fatal(args ...any)
}

// Server is a PostgreSQL of the test run. The zero value is ready; it starts with the first Database. TestMain calls Stop; a
// test run that is killed takes its server with it all the same.
type Server struct {
	// Prepare fills the database that every test gets a copy of; nil: it is empty. address is a URL.
	Prepare func(ctx context.Context, address string) error
	// Durable makes it wait for the disk, as a server in use does. Tests of what happens in the server's memory need not.
	Durable bool

	starting sync.Once
	failed   error
	folder   string
	shell    *exec.Cmd
	orders   io.WriteCloser
	answers  *bufio.Reader
	mutex    sync.Mutex // held by one order
	count    atomic.Int64
}

// ErrMissing says that the machine has no PostgreSQL.
var ErrMissing = errors.New("pgtest: this machine has no PostgreSQL: neither /usr/lib/postgresql/*/bin nor PATH holds initdb " +
	"(Debian: apt-get install postgresql)")

// Available reports whether the machine has a PostgreSQL: nil, or ErrMissing.
func Available() error {
	_, err := find()
	return err
}

// pattern is the database that the tests get copies of.
const pattern = "pattern"

// Database makes a database for t and returns its address, a postgres:// URL. It goes with the server. Where the machine
// has no PostgreSQL the test is skipped; in CI (CI=true) it fails.
func (s *Server) Database(t TB) string {
	t.Helper()
	return s.Make(t, "TEMPLATE "+pattern)
}

// Make is Database with options of its own for CREATE DATABASE, such as TEMPLATE template0; Prepare has no part in it.
func (s *Server) Make(t TB, options string) string {
	t.Helper()
	s.starting.Do(func() { s.failed = s.start() })
	if errors.Is(s.failed, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(s.failed)
	}
	if s.failed != nil {
		t.Fatal(s.failed)
	}
	name := fmt.Sprintf("test%d", s.count.Add(1))
	if err := s.Exec(t.Context(), "CREATE DATABASE "+name+" "+options); err != nil {
		t.Fatal(err)
	}
	return s.address(name)
}

// Exec runs a statement as the superuser, in no test's database.
func (s *Server) Exec(ctx context.Context, text string) error {
	return Run(ctx, s.address("postgres"), text)
}

// Run runs a statement over a connection of its own, outside of a transaction.
func Run(ctx context.Context, address, text string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, text)
	return err
}

// Crash stops the server as a power cut would: nothing is said to clients and nothing is written. Revive starts it again.
func (s *Server) Crash(t TB) { t.Helper(); s.order(t, "crash") }

// Revive starts a server that Crash has stopped and returns when it answers.
func (s *Server) Revive(t TB) { t.Helper(); s.order(t, "revive") }

// Standby starts a second server that follows this one, which from then on answers a COMMIT when both have it. It returns
// the address of the database of address at whichever of the two is the primary one.
func (s *Server) Standby(t TB, address string) string {
	t.Helper()
	s.order(t, "standby")
	for _, text := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := s.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	return address + "," + s.folder + "/standby"
}

// Promote makes the standby the primary server; the old one must have been stopped (Crash), and stays so.
func (s *Server) Promote(t TB) { t.Helper(); s.order(t, "promote") }

// Stop stops the server and removes its folder. One that never started, or was stopped before, is no error.
func (s *Server) Stop() error {
	if s.shell == nil {
		return nil
	}
	shell := s.shell
	s.shell = nil
	_ = s.orders.Close() // the shell reads its end and cleans up
	return shell.Wait()
}

func (s *Server) order(t TB, word string) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := io.WriteString(s.orders, word+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.answer(); err != nil {
		t.Fatal(err)
	}
}

// answer waits until the shell has done what it was told.
func (s *Server) answer() error {
	line, err := s.answers.ReadString('\n')
	if err == nil && line == "ok\n" {
		return nil
	}
	log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
	return fmt.Errorf("pgtest: the server did not do as told: %q\n%s", line, log)
}

func (s *Server) address(database string) string {
	return "postgres://postgres@/" + database + "?host=" + s.folder
}

// start makes the folder, the server and the database that the tests get copies of.
func (s *Server) start() (err error) {
	programs, err := find()
	if err != nil {
		return err
	}
	// Not under TMPDIR: a socket's path is 107 bytes at most, and another user has to reach it.
	if s.folder, err = os.MkdirTemp("/tmp", "pgtest"); err != nil {
		return err
	}
	s.shell = exec.Command("/bin/sh", "-c", script)
	s.shell.Dir = s.folder
	s.shell.Env = append(os.Environ(), "BIN="+programs, "DIR="+s.folder, "LC_ALL=C.UTF-8", "FSYNC=off")
	if s.Durable {
		s.shell.Env = append(s.shell.Env, "FSYNC=on")
	}
	if err := another(s.shell, s.folder); err != nil {
		return err
	}
	out, err := s.shell.StdoutPipe()
	if err != nil {
		return err
	}
	if s.orders, err = s.shell.StdinPipe(); err != nil {
		return err
	}
	s.answers = bufio.NewReader(out)
	if err := s.shell.Start(); err != nil {
		s.shell = nil
		return err
	}
	if err := s.answer(); err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.Exec(ctx, "CREATE DATABASE "+pattern); err != nil || s.Prepare == nil {
		return err
	}
	return s.Prepare(ctx, s.address(pattern))
}

// script makes a server, does what it is told line by line, and cleans up when nobody can tell it anything any more, which
// is also when the test run was killed. The locale of the server is one that does not sort by bytes, so that what the
// tests prove of an order they prove for every locale.
const script = `
{
	"$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US --no-sync ||
	"$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync
} >"$DIR/log" 2>&1 || { echo initdb; exit 1; }
cat >>"$DIR/data/postgresql.conf" <<-END
	listen_addresses = ''
	unix_socket_directories = '$DIR'
	max_connections = 300
	fsync = $FSYNC
	full_page_writes = $FSYNC
	autovacuum_naptime = 10s
	deadlock_timeout = 100ms
END
start() { "$BIN/pg_ctl" -D "$DIR/data" -l "$DIR/log" -w start >/dev/null 2>&1; }
start && echo ok || echo start
while read -r word; do
	case $word in
	crash) "$BIN/pg_ctl" -D "$DIR/data" -w -m immediate stop >/dev/null 2>&1 ;;
	revive) start ;;
	standby)
		mkdir -m 700 "$DIR/standby" &&
			"$BIN/pg_basebackup" -h "$DIR" -U postgres -D "$DIR/data2" -R --checkpoint=fast --no-sync >>"$DIR/log" 2>&1 &&
			echo "unix_socket_directories = '$DIR/standby'" >>"$DIR/data2/postgresql.conf" &&
			"$BIN/pg_ctl" -D "$DIR/data2" -l "$DIR/log2" -w start >/dev/null 2>&1
		;;
	promote) "$BIN/pg_ctl" -D "$DIR/data2" -w promote >/dev/null 2>&1 ;;
	esac && echo ok || echo "$word"
done
for data in "$DIR/data" "$DIR/data2"; do
	"$BIN/pg_ctl" -D "$data" -w -m immediate stop >/dev/null 2>&1
done
rm -rf "$DIR"
exit 0
`

// find returns the folder of the newest PostgreSQL's programs.
func find() (string, error) {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(all) > 0 {
		newest := slices.MaxFunc(all, func(a, b string) int {
			if len(a) != len(b) { // 9 is older than 15
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		return filepath.Dir(newest), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrMissing
	}
	return filepath.Dir(path), nil
}
