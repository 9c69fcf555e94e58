//go:build unix

package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/storetest"
)

// play is what a child process does: it acts, and tells what it saw on standard output.
func play(part, path string) {
	switch part {
	case "modes":
		syscall.Umask(0)
		playModes(path)
	case "write":
		playWrite(path)
	case "fill":
		playFill(path)
	}
}

func sure[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func playOpen(path string) *Store {
	return sure(Open(context.Background(), Config{
		Path: path, Now: storetest.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}))
}

// as makes this test's program a child with a part to play; wrap is the command that runs it.
func as(t *testing.T, part, path string, wrap ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(stop)
	argv := append(wrap, self)
	child := exec.CommandContext(ctx, argv[0], argv[1:]...)
	child.Env = append(os.Environ(), "STORE_PART="+part, "STORE_PATH="+path)
	return child
}

// tool skips the test where the machine lacks what injects the fault.
func tool(t *testing.T, probe ...string) {
	t.Helper()
	if out, err := exec.Command(probe[0], probe[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s does not work here: %v %s", probe[0], err, out)
	}
}

// said runs the child and returns its lines.
func said(t *testing.T, child *exec.Cmd) []string {
	t.Helper()
	var complaints strings.Builder
	child.Stderr = &complaints
	out, err := child.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, complaints.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func playModes(path string) {
	s := playOpen(path)
	if err := s.AddFamily(context.Background(), machine("f1"), authority.After{}); err != nil {
		panic(err)
	}
	if err := s.Backup(context.Background(), filepath.Join(filepath.Dir(path), "backup.db")); err != nil {
		panic(err)
	}
	folder := sure(os.Stat(filepath.Dir(path)))
	fmt.Printf("folder %o\n", folder.Mode().Perm())
	for _, entry := range sure(os.ReadDir(filepath.Dir(path))) {
		fmt.Printf("%s %o\n", entry.Name(), sure(entry.Info()).Mode().Perm())
	}
	if err := s.Close(); err != nil {
		panic(err)
	}
}

func TestModes_SEC301(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "by", "the", "store", "s.db")
	got := strings.Join(said(t, as(t, "modes", path)), ", ")
	want := "folder 700, backup.db 600, s.db 600, s.db-shm 600, s.db-wal 600, s.db.lock 600"
	if got != want {
		t.Fatalf("with umask 0 there are\n%s and not\n%s", got, want)
	}
	// What somebody opened to everybody in the meantime is closed again.
	for _, name := range []string{path, path + ".lock"} {
		if err := os.Chmod(name, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Config{Path: path})
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := s.Family(t.Context(), "f1"); err != nil {
		t.Fatal(err)
	}
}

// playWrite adds families and rotates each of them, by eight at once, and says each one that was acknowledged, until a change
// fails; then it says what is left of the store.
func playWrite(path string) {
	s := playOpen(path)
	ctx := context.Background()
	begun := os.Getpid()
	var all sync.WaitGroup
	var mutex sync.Mutex
	say := func(format string, args ...any) {
		mutex.Lock()
		defer mutex.Unlock()
		_, _ = fmt.Printf(format+"\n", args...)
	}
	for lane := range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", begun, lane, n)
				if err := s.AddFamily(ctx, machine(id), authority.After{}); err != nil {
					return
				}
				say("%s 0", id)
				for turn := range 3 {
					if _, err := s.ChangeFamily(ctx, id, func(f *authority.Family) (authority.After, error) {
						rotate(f, int64(turn))
						return authority.After{}, nil
					}); err != nil {
						say("refused %t", errors.Is(err, authority.ErrUnavailable))
						return
					}
					say("%s %d", id, turn+1)
				}
			}
		})
	}
	all.Wait()
	select {
	case <-s.Failed():
		say("failed")
	default:
		say("alive")
	}
	say("write %t", errors.Is(s.AddFamily(ctx, machine("late"), authority.After{}), authority.ErrUnavailable))
	say("ready %t", s.Ready(ctx) == nil)
	_, err := s.Family(ctx, "none")
	say("read %t", errors.Is(err, authority.ErrUnknown))
	say("close %v", s.Close())
}

// acknowledged sorts a child's lines: the highest generation that was acknowledged of each family, and the rest.
func acknowledged(lines []string) (map[string]int64, []string) {
	kept, rest := map[string]int64{}, []string(nil)
	for _, line := range lines {
		id, generation, _ := strings.Cut(line, " ")
		if n, err := strconv.ParseInt(generation, 10, 64); err == nil {
			kept[id] = max(kept[id], n)
		} else {
			rest = append(rest, line)
		}
	}
	return kept, rest
}

// whole fails the test where an acknowledged change is not there, or the file is not sound.
func whole(t *testing.T, s *Store, kept map[string]int64) {
	t.Helper()
	for id, generation := range kept {
		f, err := s.Family(t.Context(), id)
		if err != nil || f.Generation < generation {
			t.Fatalf("%s was acknowledged in generation %d, and there is %d, %v", id, generation, f.Generation, err)
		}
	}
	var found string
	if err := s.engine.Get(t.Context(), "PRAGMA integrity_check", nil, &found); err != nil || found != "ok" {
		t.Fatalf("integrity_check: %s, %v", found, err)
	}
}

func TestFsyncFails_SEC297(t *testing.T) {
	t.Parallel()
	tool(t, "strace", "-f", "--seccomp-bpf", "-o", os.DevNull, "-e", "inject=fsync:error=EIO", "true")
	for name, fault := range map[string]struct{ file, when string }{
		"of the WAL":                       {"-wal", "30+"},
		"of the database, in a checkpoint": {"", "1+"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "s.db")
			if err := open(t, Config{Path: path}).Close(); err != nil {
				t.Fatal(err)
			}
			log := filepath.Join(t.TempDir(), "strace")
			lines := said(t, as(t, "write", path, "strace", "-f", "--seccomp-bpf", "-o", log, "-P", path+fault.file,
				"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when="+fault.when, "-e", "signal=none"))
			kept, rest := acknowledged(lines)
			for _, want := range []string{"failed", "write true", "ready false", "read true", "close <nil>"} {
				if !strings.Contains(strings.Join(rest, "\n"), want) {
					t.Errorf("the child does not say %q, but %q", want, rest)
				}
			}
			traced, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(traced), "(INJECTED)"); n != 1 {
				t.Errorf("a failed fsync was tried %d times\n%s", n, traced)
			}
			if len(kept) < 8 {
				t.Fatalf("only %d families were acknowledged before the fault", len(kept))
			}
			whole(t, open(t, Config{Path: path}), kept)
		})
	}
}

func TestKilled_SEC295(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	kept := map[string]int64{}
	for range 3 {
		child := as(t, "write", path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var lines []string
		heard := bufio.NewScanner(io.LimitReader(out, 1<<30))
		for len(lines) < 600 && heard.Scan() {
			lines = append(lines, heard.Text())
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for heard.Scan() { // what was acknowledged before the kill and not heard yet; the last line may be cut
			if line := heard.Text(); strings.Count(line, "-") == 2 && strings.Contains(line, " ") {
				lines = append(lines, line)
			}
		}
		_ = child.Wait()
		more, rest := acknowledged(lines)
		if len(more) < 30 || len(rest) > 0 {
			t.Fatalf("%d families acknowledged, %q", len(more), rest)
		}
		for id, generation := range more {
			kept[id] = generation
		}
		s, err := Open(t.Context(), Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		whole(t, s, kept)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// playFill fills a small disk, sees what a full one does to the store, makes room and goes on.
func playFill(path string) {
	ballast := path + ".ballast"
	if err := os.WriteFile(ballast, make([]byte, 512<<10), 0o600); err != nil {
		panic(err)
	}
	s, ctx := playOpen(path), context.Background()
	var err error
	n := 0
	for ; err == nil && n < 1_000_000; n++ {
		err = s.AddFamily(ctx, machine(strconv.Itoa(n)), authority.After{})
	}
	fmt.Println("full", errors.Is(err, authority.ErrUnavailable), n > 100)
	again := s.AddFamily(ctx, machine("again"), authority.After{})
	fmt.Println("write", errors.Is(again, authority.ErrUnavailable))
	_, err = s.Family(ctx, strconv.Itoa(n-2))
	fmt.Println("read", err, s.Ready(ctx))
	if err := os.Remove(ballast); err != nil {
		panic(err)
	}
	fmt.Println("freed", s.AddFamily(ctx, machine("freed"), authority.After{}))
	missing := 0
	for i := range n - 1 {
		if _, err := s.Family(ctx, strconv.Itoa(i)); err != nil {
			missing++
		}
	}
	fmt.Println("missing", missing)
	fmt.Println("close", s.Close())
}

func TestDiskFull_SEC298(t *testing.T) {
	t.Parallel()
	tool(t, "unshare", "--mount", "-r", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt")
	folder := t.TempDir()
	lines := said(t, as(t, "fill", filepath.Join(folder, "s.db"), "unshare", "--mount", "-r", "sh", "-c",
		`mount -t tmpfs -o size=3m none "`+folder+`" && exec "$0"`))
	want := []string{"full true true", "write true", "read <nil> <nil>", "freed <nil>", "missing 0", "close <nil>"}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Fatalf("the child says\n%s", got)
	}
}

func TestSecondServer_SEC302(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "s.db")
	first := open(t, Config{Path: path})
	link := filepath.Join(folder, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link, filepath.Join(folder, ".", "s.db")} {
		if _, err := Open(t.Context(), Config{Path: name}); !errors.Is(err, ErrInUse) {
			t.Fatalf("a second server on %s: %v", name, err)
		}
	}
	// Another process is refused, too, and the first goes on.
	out, err := as(t, "modes", path).CombinedOutput()
	if err == nil || !strings.Contains(string(out), ErrInUse.Error()) {
		t.Fatalf("a second process: %v %s", err, out)
	}
	if err := first.AddFamily(t.Context(), machine("f1"), authority.After{}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Path: link})
}
