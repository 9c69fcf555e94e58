package cred

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is its own child: with CRED_CHILD set it makes one write and says how it ended. It stays on one thread,
// because strace counts system calls by thread.
func init() {
	if os.Getenv("CRED_CHILD") != "" {
		runtime.LockOSThread()
	}
}

// The child opens these names, which do not exist, so that a trace shows where the write begins and ends.
const (
	markBegin = "/cred-write-begins"
	markEnd   = "/cred-write-ends"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("CRED_CHILD"); path != "" {
		os.Exit(childMain(path))
	}
	os.Exit(m.Run())
}

func childMain(path string) int {
	if umask, err := strconv.ParseUint(os.Getenv("UMASK"), 8, 16); err == nil {
		syscall.Umask(int(umask))
	}
	f := &File{Path: path}
	_, _ = os.Open(markBegin)
	got, err := f.Update(context.Background(), testKey, put(sample("new")))
	_, _ = os.Open(markEnd)
	var failed *WriteError
	saved := errors.As(err, &failed) && failed.Saved
	if _, printErr := fmt.Printf("returned=%s failed=%v saved=%v err=%v\n", got.Access.Reveal(), err != nil, saved, err); printErr != nil {
		return 1
	}
	return 0
}

func child(t *testing.T, path string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "CRED_CHILD="+path, "GODEBUG=asyncpreemptoff=1", "GOCOVERDIR="+t.TempDir())...)
	return cmd
}

func TestModesWhateverTheUmask_SEC220(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "022", "077", "277"} {
		t.Run("SEC-220 umask "+umask, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a", "b", "login.json")
			if out, err := child(t, path, "UMASK="+umask).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700, filepath.Dir(filepath.Dir(path)): 0o700}
			for name, wanted := range want {
				if got := mode(t, name); got != wanted {
					t.Errorf("%s has mode %04o, want %04o", name, got, wanted)
				}
			}
			if got := mode(t, path+".lock"); got&0o077 != 0 {
				t.Errorf("the lock file has mode %04o", got)
			}
		})
	}
}

// traced runs the child under strace with this injection.
func traced(t *testing.T, path string, args ...string) (out string, killed bool) {
	t.Helper()
	cmd := child(t, path)
	args = append([]string{"-f", "-qq", "-o", filepath.Join(t.TempDir(), "ignored")}, args...)
	cmd.Args = append(append([]string{"strace"}, args...), os.Args[0])
	cmd.Path, _ = exec.LookPath("strace")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status := exit.Sys().(syscall.WaitStatus)
		return stdout.String(), status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return stdout.String(), false
}

func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is missing, and without it nothing is proven about crashes: install it")
		}
		t.Skip("strace is missing: nothing is proven here about crashes; install it to run this test")
	}
}

// call is the n-th system call of its name on the child's thread.
type call struct {
	name string
	n    int
	text string
}

// callsOfWrite lists the system calls that one write makes, the one before it among them and the one after.
func callsOfWrite(t *testing.T, path string) []call {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	cmd := child(t, path)
	cmd.Path, _ = exec.LookPath("strace")
	cmd.Args = []string{"strace", "-f", "-qq", "-o", log, os.Args[0]}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line := regexp.MustCompile(`^(\d+) +(\w+)\(`)
	counts := make(map[string]int)
	var calls []call
	var thread string
	within := false
	for text := range strings.Lines(content(t, log)) {
		m := line.FindStringSubmatch(text)
		if m == nil || thread != "" && m[1] != thread {
			continue
		}
		thread = m[1]
		counts[m[2]]++
		within = within || strings.Contains(text, markBegin)
		if within {
			calls = append(calls, call{m[2], counts[m[2]], strings.TrimSpace(text)})
		}
		if strings.Contains(text, markEnd) {
			return calls
		}
	}
	t.Fatalf("the trace has no end:\n%s", content(t, log))
	return nil
}

// find returns the first call of this name whose text matches.
func find(t *testing.T, calls []call, name, pattern string) call {
	t.Helper()
	for _, c := range calls {
		if c.name == name && regexp.MustCompile(pattern).MatchString(c.text) {
			return c
		}
	}
	t.Fatalf("no %s like %q in %v", name, pattern, calls)
	return call{}
}

// oldFile returns a path in a folder of its own where the credential "old" is stored.
func oldFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "login.json")
	mustUpdate(t, &File{Path: path}, sample("old"))
	return path
}

func TestKilledAtEverySystemCall_SEC226_SEC227(t *testing.T) {
	t.Parallel()
	needStrace(t)
	calls := callsOfWrite(t, oldFile(t))
	for _, needed := range []string{"openat", "flock", "write", "fsync", "renameat", "close", "fchmod"} {
		find(t, calls, needed, "")
	}
	// A kill shows nothing about a power cut: there the order of the flushes decides.
	order := regexp.MustCompile(`(?s)write\(.*fsync\(.*renameat\(.*fsync\(.*` + markEnd)
	if all := fmt.Sprint(calls); !order.MatchString(all) {
		t.Errorf("the file is not flushed before the rename, or the folder after it: %s", all)
	}
	results := make(map[string]int)
	leftovers, kills := 0, 0
	for _, c := range calls {
		if strings.HasPrefix(c.name, "futex") || strings.Contains(c.name, "sig") || c.name == "nanosleep" {
			continue // the run-time's own, and not the same in every run
		}
		path := oldFile(t)
		_, killed := traced(t, path, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", c.name, c.n))
		if killed {
			kills++
		}
		got, err := (&File{Path: path}).Get(t.Context(), testKey)
		if err != nil || got.Access.Reveal() != "old" && got.Access.Reveal() != "new" {
			t.Errorf("SEC-226 killed at %s: %q, %v", c.text, got.Access.Reveal(), err)
		}
		results[got.Access.Reveal()]++
		temps := filepath.Join(filepath.Dir(path), ".login.json.tmp-*")
		for _, temp := range glob(t, temps) {
			leftovers++
			if mode(t, temp) != 0o600 {
				t.Errorf("SEC-220 %s has mode %04o", temp, mode(t, temp))
			}
		}
		// SEC-312: the lock died with its holder, else this ends with ErrBusy.
		mustUpdate(t, &File{Path: path, Wait: time.Second}, sample("next"))
		if stale := glob(t, temps); len(stale) > 0 {
			t.Errorf("SEC-227 killed at %s: %q is still there", c.text, stale)
		}
	}
	t.Logf("%d system calls, %d kills, %d left a temporary file, %v", len(calls), kills, leftovers, results)
	if kills < len(calls)/2 || leftovers == 0 || results["old"] == 0 || results["new"] == 0 {
		t.Errorf("the kills did not meet the write: %d kills, %d leftovers, %v", kills, leftovers, results)
	}
}

func TestFolderFlushFails_SEC229(t *testing.T) {
	t.Parallel()
	needStrace(t)
	calls := callsOfWrite(t, oldFile(t))
	first := find(t, calls, "fsync", "")
	path := oldFile(t)
	out, _ := traced(t, path, "-e", fmt.Sprintf("inject=fsync:error=EIO:when=%d", first.n+1))
	if !strings.HasPrefix(out, "returned=new failed=true saved=true") || !strings.Contains(out, "did not confirm") {
		t.Errorf("the child says: %s", out)
	}
	wantAccess(t, &File{Path: path}, "new")
}

func TestDiskFullOrFailing_SEC230(t *testing.T) {
	t.Parallel()
	needStrace(t)
	calls := callsOfWrite(t, oldFile(t))
	write := find(t, calls, "write", "access_token|credentials|version|account")
	faults := []string{
		fmt.Sprintf("inject=write:error=ENOSPC:when=%d", write.n),
		fmt.Sprintf("inject=write:error=EDQUOT:when=%d", write.n),
		fmt.Sprintf("inject=write:error=EFBIG:when=%d", write.n),
		fmt.Sprintf("inject=fsync:error=EIO:when=%d", find(t, calls, "fsync", "").n),
		fmt.Sprintf("inject=renameat:error=EACCES:when=%d", find(t, calls, "renameat", "").n),
	}
	for _, fault := range faults {
		t.Run("SEC-230 "+fault, func(t *testing.T) {
			t.Parallel()
			path := oldFile(t)
			out, _ := traced(t, path, "-e", fault)
			if !strings.HasPrefix(out, "returned=new failed=true saved=false") || !strings.Contains(out, "is as it was before") {
				t.Errorf("the child says: %s", out)
			}
			wantAccess(t, &File{Path: path}, "old")
			if left := glob(t, filepath.Join(filepath.Dir(path), ".login.json.tmp-*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
