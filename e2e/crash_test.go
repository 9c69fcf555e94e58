package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// under runs `doorward auth` with a fault at a chosen system call; folder: only where it is the credential's folder that is
// worked upon.
func (m *machine) under(fault string, folder bool, args ...string) result {
	m.t.Helper()
	calls, _, _ := strings.Cut(fault, ":")
	line := []string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e", "inject=" + fault}
	if folder {
		line = append(line, "-P", filepath.Dir(m.file()))
	}
	line = append(line, program("doorward"), "auth")
	cmd := exec.CommandContext(m.t.Context(), needs(m.t, "strace"), append(line, args...)...)
	cmd.Env, cmd.Dir = m.Env, m.Dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // how it ended is looked at
	code := cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal()) // strace ends as what it watched did
	}
	return result{code, stdout.String(), stderr.String()}
}

const killed = 128 + int(syscall.SIGKILL)

// TestClientKilled_SEC110_SEC226_SEC227 kills the client at each step between the server's answer and the end of the write.
// The server has rotated by then; the next try ends logged in, in the same session.
func TestClientKilled_SEC110_SEC226_SEC227(t *testing.T) {
	t.Parallel()
	needs(t, "strace")
	s := serve(t)
	for _, step := range []struct {
		name, fault string
		folder      bool
		rotated     int // of the file that is left
		unfinished  int // files beside it
	}{
		{"the new file gets its mode", "fchmod:signal=SIGKILL", false, 0, 1},
		{"the new file is flushed", "fsync:signal=SIGKILL", false, 0, 1},
		{"the new file gets its name", "rename,renameat,renameat2:signal=SIGKILL", false, 0, 1},
		{"the folder is flushed", "fsync:signal=SIGKILL", true, 1, 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, s)
			m.login()
			session := familyOf(m.stored().Refresh.Reveal())
			m.expire()
			if got := m.under(step.fault, step.folder, "refresh"); got.Code != killed {
				t.Fatalf("the client was to be killed, and ends with %d: %s", got.Code, got.Stderr)
			}
			if n := generation(t, m.stored().Refresh.Reveal()); n != step.rotated {
				t.Errorf("the kill leaves generation %d in the file, want %d", n, step.rotated)
			}
			if left := m.leftovers(); len(left) != step.unfinished {
				t.Errorf("the kill leaves %v, want %d", left, step.unfinished)
			}
			if got := m.auth("refresh"); got.Code != 0 {
				t.Fatalf("the next refresh ends with %d: %s", got.Code, got.Stderr)
			}
			m.token()
			if n := generation(t, m.stored().Refresh.Reveal()); n != step.rotated+1 {
				t.Errorf("after the next refresh it is generation %d, want %d", n, step.rotated+1)
			}
			if left := m.leftovers(); len(left) > 0 {
				t.Errorf("there is left, with secrets in it: %v", left)
			}
			if !holds(sessions(t, s, "johndoe"), session) || session != familyOf(m.stored().Refresh.Reveal()) {
				t.Errorf("the session %s was lost", session)
			}
		})
	}
}

// TestDiskRefuses_SEC230_SEC229 has the disk refuse the file after the server has rotated: the token is printed with a
// warning, and the next run finds its way back into the session.
func TestDiskRefuses_SEC230_SEC229(t *testing.T) {
	t.Parallel()
	needs(t, "strace")
	s := serve(t)
	for _, step := range []struct {
		name, fault string
		folder      bool
	}{
		{"SEC-230 no space", "fsync:error=ENOSPC", false},
		{"SEC-230 no space for the name", "rename,renameat,renameat2:error=EDQUOT", false},
		{"SEC-230 a disk only to be read", "rename,renameat,renameat2:error=EROFS", false},
		{"SEC-229 the folder is not flushed", "fsync:error=EIO", true},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, s)
			m.login()
			session := familyOf(m.stored().Refresh.Reveal())
			m.expire()
			got := m.under(step.fault, step.folder, "token")
			if got.Code != 0 || !strings.Contains(got.Stderr, "Warning:") {
				t.Errorf("it ends with %d and says %q, want 0 and a warning", got.Code, got.Stderr)
			}
			if err := newWire(t, s, "doorward").works(t.Context(), strings.TrimSpace(got.Stdout)); err != nil {
				t.Errorf("the printed token does not work: %v", err)
			}
			m.expire()
			m.token()
			if after := familyOf(m.stored().Refresh.Reveal()); after != session || !holds(sessions(t, s, "johndoe"), session) {
				t.Errorf("the session %s was lost", session)
			}
		})
	}
}
