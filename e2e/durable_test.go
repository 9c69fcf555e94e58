package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
)

// TestGroupCommit_SEC295 has 64 machines refresh at the same moment, on a disk that needs 20 ms to keep something. What
// comes while it works is kept together.
func TestGroupCommit_SEC295(t *testing.T) {
	t.Parallel()
	strace := needs(t, "strace")
	calls := filepath.Join(t.TempDir(), "calls")
	s := serve(t)
	w := newWire(t, s, "doorward")
	held := families(t, s, w, 64)
	s.Stop()
	s.wrap = []string{
		strace, "-f", "--seccomp-bpf", "-o", calls, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit=20000",
	}
	s.Start()

	before := syncs(t, calls)
	next := together(t, 64, 64, func(i int) (answer, error) { return w.rotate(t.Context(), held[i].refresh()) })
	made := syncs(t, calls) - before

	for i, got := range next {
		if got.Status != 200 || generation(t, got.refresh()) != 1 {
			t.Errorf("refresh %d answers %s", i, got.said())
		}
	}
	if made == 0 {
		t.Error("64 refreshes were acknowledged without one synchronisation")
	}
	if made >= 32 {
		t.Errorf("64 refreshes took %d synchronisations, want fewer than 32", made)
	}
	t.Logf("64 refreshes took %d synchronisations", made)
}

// syncs counts the synchronisations that have ended.
func syncs(t *testing.T, calls string) int {
	t.Helper()
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	return len(regexp.MustCompile(`(?m)^.*(fsync|fdatasync).*= 0.*$`).FindAll(text, -1))
}

// TestKilledUnderLoad_SEC295 kills the server while 64 machines refresh as fast as they can. What any of them was given
// is worth something after the restart, and what none was given is not lost.
func TestKilledUnderLoad_SEC295(t *testing.T) {
	t.Parallel()
	s := serve(t)
	w := newWire(t, s, "doorward")
	held := families(t, s, w, 64)
	newest := make([]string, len(held))
	for i := range held {
		newest[i] = held[i].refresh()
	}
	var answers atomic.Int64
	enough := make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	refusals := make([]error, len(held))
	for i := range held {
		group.Go(func() {
			for {
				got, err := w.rotate(context.Background(), newest[i])
				if err != nil {
					return // the server has gone
				}
				if got.Status != 200 {
					refusals[i] = fmt.Errorf("machine %d was answered %s", i, got.said())
					once.Do(func() { close(enough) })
					return
				}
				newest[i] = got.refresh()
				if answers.Add(1) >= 200 {
					once.Do(func() { close(enough) })
				}
			}
		})
	}
	<-enough
	s.Kill()
	group.Wait()
	for _, err := range refusals {
		if err != nil {
			t.Error(err)
		}
	}
	s.Start()
	for i, refresh := range newest {
		got := must(w.rotate(t.Context(), refresh))(t)
		if got.Status != 200 || generation(t, got.refresh()) != generation(t, refresh)+1 {
			t.Errorf("machine %d holds generation %d, and after the kill it answers %s", i, generation(t, refresh), got.said())
		}
	}
	if n := len(audit(t, s, "refresh_token.replayed")); n != 0 {
		t.Errorf("%d replays were recorded, want none", n)
	}
}
