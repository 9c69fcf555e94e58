package e2e

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestDiskFailsTheServer_SEC297_SEC118: a disk that refuses to keep what was written ends the server, with 503 to who asked
// and never a refusal. Nobody has lost anything when it is started on a disk that works.
func TestDiskFailsTheServer_SEC297_SEC118(t *testing.T) {
	t.Parallel()
	strace := needs(t, "strace")
	s := serve(t)
	w := newWire(t, s, "doorward")
	held := families(t, s, w, 8)
	next := make([]string, len(held))
	for i := range held {
		next[i] = must(w.rotate(t.Context(), held[i].refresh()))(t).refresh()
	}
	s.Stop()
	s.wrap = []string{
		strace, "-f", "-o", "/dev/null", "-P", s.Store + "-wal", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO",
	}
	s.plain = true
	s.Start() // which has nothing to write
	unavailable := 0
	for i, got := range together(t, len(next), len(next), func(i int) (answer, error) {
		got, err := w.rotate(t.Context(), next[i])
		if errors.Is(err, errNoAnswer) {
			err = nil // the server has ended
		}
		return got, err
	}) {
		again := got.Header.Get("Retry-After")
		switch {
		case got.Status == http.StatusServiceUnavailable && got.text("error") == "temporarily_unavailable" && again != "":
			unavailable++
		case got.Status != 0:
			t.Errorf("machine %d is answered %s, Retry-After %q; want 503", i, got.said(), again)
		}
	}
	if unavailable == 0 {
		t.Error("nobody was told to try again")
	}
	code := s.wait()
	if code == 0 || !strings.Contains(s.Log(), "will not be written again") {
		t.Errorf("the server ends with %d and says:\n%s", code, s.Log())
	}
	s.wrap = nil
	s.Start()
	for i, refresh := range next {
		if got := must(w.rotate(t.Context(), refresh))(t); got.Status != 200 || generation(t, got.refresh()) != 2 {
			t.Errorf("after the failure, machine %d is answered %s", i, got.said())
		}
	}
	if n := len(audit(t, s, "refresh_token.replayed")); n != 0 {
		t.Errorf("%d replays were recorded, want none", n)
	}
}

// wait waits for the server to end by itself and returns its code.
func (s *server) wait() int {
	s.mu.Lock()
	cmd := s.cmd
	s.cmd = nil
	s.mu.Unlock()
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
