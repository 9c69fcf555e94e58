package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/doorward/doorward/store/sqlite"
)

// exchange is a refresh whose handler has begun and waits for the body.
type exchange struct {
	conn   net.Conn
	reader *bufio.Reader
	body   string
}

// begin sends the header alone; the server's 100 Continue says that the handler reads.
func beginExchange(ctx context.Context, address, refresh string) (*exchange, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	e := &exchange{conn, bufio.NewReader(conn), url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"doorward"}, "refresh_token": {refresh},
	}.Encode()}
	_, err = fmt.Fprintf(conn, "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", len(e.body))
	if err != nil {
		return nil, err
	}
	line, err := e.reader.ReadString('\n')
	if err == nil && !strings.Contains(line, "100 Continue") {
		err = fmt.Errorf("the server says %q, want 100 Continue", line)
	}
	if err == nil {
		_, err = e.reader.ReadString('\n')
	}
	return e, err
}

// finish sends the body and reads the answer.
func (e *exchange) finish() (answer, error) {
	defer func() { _ = e.conn.Close() }()
	if _, err := io.WriteString(e.conn, e.body); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(e.reader, nil)
	if err != nil {
		return answer{}, err
	}
	return readAnswer(response)
}

// TestEndUnderLoad_SEC292 ends the server while a hundred exchanges are in flight. Those that send on are finished; those
// that break off are not committed.
func TestEndUnderLoad_SEC292(t *testing.T) {
	t.Parallel()
	s := serve(t)
	w := newWire(t, s, "doorward")
	held := families(t, s, w, 100)
	flying := together(t, len(held), 100, func(i int) (*exchange, error) {
		return beginExchange(t.Context(), s.Addr, held[i].refresh())
	})

	ended := make(chan struct{})
	go func() {
		s.Stop()
		close(ended)
	}()
	eventually(t, "the server to take no more", func() error {
		conn, err := net.Dial("tcp", s.Addr)
		if err == nil {
			_ = conn.Close()
			return fmt.Errorf("it still listens")
		}
		return nil
	})
	const broken = 10
	for _, e := range flying[:broken] {
		_ = e.conn.Close()
	}
	finished := together(t, len(held)-broken, 100, func(i int) (answer, error) { return flying[broken+i].finish() })
	<-ended

	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: s.Store})
	if err != nil {
		t.Fatal(err)
	}
	for i := range held {
		family, err := store.Family(t.Context(), familyOf(held[i].refresh()))
		if want := min(int64(i/broken), 1); err != nil || family.Generation != want {
			t.Errorf("exchange %d left generation %d (%v), want %d", i, family.Generation, err, want)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	s.Start()
	for i, got := range finished {
		if got.Status != 200 {
			t.Errorf("exchange %d was answered %s", i, got.said())
			continue
		}
		if next := must(w.rotate(t.Context(), got.refresh()))(t); next.Status != 200 {
			t.Errorf("the successor of exchange %d answers %s", i, next.said())
		}
	}
}

func TestSecondServer_SEC302(t *testing.T) {
	t.Parallel()
	s := serve(t)
	got := newHome(t).run(t, "doorward", "serve", "--dev", "--listen", "127.0.0.1:0", "--store", "sqlite:"+s.Store)
	if got.Code == 0 || !strings.Contains(got.Stderr, "The store is open in another server. Nothing was changed.") {
		t.Errorf("a second server on the same file ends with %d and says %s", got.Code, got.Stderr)
	}
	w := newWire(t, s, "doorward")
	if got := must(w.login(t.Context(), john(s)))(t); got.Status != 200 {
		t.Errorf("the first server now answers %s", got.said())
	}
	s.Kill()
	s.Start() // the lock goes with its process
}

// TestModes_SEC301_SEC220: nothing that is kept can be read by others, whatever the umask.
func TestModes_SEC301_SEC220(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "022", "077"} {
		t.Run(umask, func(t *testing.T) {
			t.Parallel()
			masked := []string{"/bin/sh", "-c", "umask " + umask + `; exec "$@"`, "sh"}
			s := newServer(t)
			s.wrap = masked
			s.Start()
			m := newMachine(t, s)
			login := m.startUnder(t, masked, "doorward", "auth", "login", "--device")
			must(john(s).ApproveDevice(t.Context(), login.link("/device?")))(t)
			if got := login.wait(); got.Code != 0 {
				t.Fatalf("the login ends with %d: %s", got.Code, got.Stderr)
			}
			if n := private(t, filepath.Dir(s.Store)); n < 5 { // database, WAL, shared memory, lock, key
				t.Errorf("the server keeps %d files, fewer than there must be", n)
			}
			if n := private(t, filepath.Dir(m.file())); n < 2 { // credential, lock
				t.Errorf("the client keeps %d files, fewer than there must be", n)
			}
		})
	}
}

// private checks every mode in a folder and returns how many files it has.
func private(t *testing.T, folder string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			n++
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// startUnder is start below a command of its own.
func (h home) startUnder(t *testing.T, wrap []string, name string, args ...string) *started {
	t.Helper()
	s := &started{t, h.command(t.Context(), name, args...), &lines{}, &lines{}}
	s.Cmd.Path, s.Cmd.Args = wrap[0], append(append(append([]string{}, wrap...), program(name)), args...)
	s.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.Cmd.Stdout, s.Cmd.Stderr = s.Stdout, s.Stderr
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}
