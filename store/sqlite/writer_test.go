package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/sqlite/internal/engine"
)

// generation is a change that sets the family's generation.
func generation(n int64) func(*authority.Family) (authority.After, error) {
	return func(f *authority.Family) (authority.After, error) {
		f.Generation = n
		return authority.After{}, nil
	}
}

// held changes f0 and stays in the middle of that until let is called. It returns when the writer has taken it.
func held(t *testing.T, s *Store, answered chan<- error) (let func()) {
	t.Helper()
	gate := make(chan struct{})
	go func() {
		_, err := s.ChangeFamily(t.Context(), "f0", func(f *authority.Family) (authority.After, error) {
			<-gate
			f.Generation = 1
			return authority.After{}, nil
		})
		answered <- err
	}()
	synctest.Wait()
	return func() { close(gate) }
}

func TestWhatIsQueuedIsOneBatch(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/s.db"
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Path: path})
		fill(t, s, 41)
		if err := s.AddFamily(t.Context(), authority.Family{ID: "f0"}, authority.After{}); err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 100)
		let := held(t, s, answered)
		no := errors.New("no")
		for n := range 41 {
			go func() {
				_, err := s.ChangeFamily(t.Context(), fmt.Sprintf("family-%08d", n), func(f *authority.Family) (authority.After, error) {
					f.Generation = int64(n)
					if n == 7 {
						return authority.After{}, no
					}
					return authority.After{}, nil
				})
				answered <- err
			}()
		}
		synctest.Wait()
		if len(answered) != 0 {
			t.Fatalf("%d were answered before their batch was on the disk", len(answered))
		}
		before, _ := s.Statements()
		let()
		failed := 0
		for range 42 {
			if err := <-answered; errors.Is(err, no) {
				failed++
			} else if err != nil {
				t.Error(err)
			}
		}
		after, _ := s.Statements()
		// The first: UPDATE, RELEASE. 40 more: SAVEPOINT, SELECT, UPDATE, RELEASE; the one that fails rolls back instead.
		// One COMMIT for all of them.
		if want := uint64(2 + 41*4 + 1); failed != 1 || after-before != want {
			t.Fatalf("%d failed; %d statements and not %d", failed, after-before, want)
		}
		for n := range 41 {
			want := int64(n)
			if n == 7 {
				want = 0
			}
			if f, err := s.Family(t.Context(), fmt.Sprintf("family-%08d", n)); err != nil || f.Generation != want {
				t.Errorf("family %d is in generation %d, %v", n, f.Generation, err)
			}
		}
	})
}

func TestWhoHasLeft(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/s.db"
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Path: path})
		fill(t, s, 2)
		if err := s.AddFamily(t.Context(), authority.Family{ID: "f0"}, authority.After{}); err != nil {
			t.Fatal(err)
		}
		first, second := make(chan error, 1), make(chan error, 1)
		let := held(t, s, first)
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			_, err := s.ChangeFamily(ctx, "family-00000000", func(*authority.Family) (authority.After, error) {
				t.Error("the change of somebody who has left ran")
				return authority.After{}, nil
			})
			second <- err
		}()
		synctest.Wait()
		leave()
		// Whoever waits in the queue goes at once, and does not wait for the disk.
		if err := <-second; !errors.Is(err, context.Canceled) || !errors.Is(err, authority.ErrUnavailable) {
			t.Fatal(err)
		}
		let()
		if err := <-first; err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhoLeavesInTheMiddle(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fill(t, s, 1)
	ctx, leave := context.WithCancel(t.Context())
	_, err := s.ChangeFamily(ctx, "family-00000000", func(f *authority.Family) (authority.After, error) {
		leave()
		f.Generation = 5
		return authority.After{}, nil
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// Its change counts like all others; the next change comes after it.
	f, err := s.ChangeFamily(t.Context(), "family-00000000", func(*authority.Family) (authority.After, error) {
		return authority.After{}, authority.ErrNoChange
	})
	if err != nil || f.Generation != 5 {
		t.Fatalf("generation %d, %v", f.Generation, err)
	}
}

func TestChangeThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fill(t, s, 1)
	_, err := s.ChangeFamily(t.Context(), "family-00000000", func(f *authority.Family) (authority.After, error) {
		f.Generation = 5
		runtime.Goexit()
		return authority.After{}, nil
	})
	if !errors.Is(err, authority.ErrUnavailable) {
		t.Fatal(err)
	}
	f, err := s.ChangeFamily(t.Context(), "family-00000000", generation(6))
	if err != nil || f.Generation != 6 {
		t.Fatalf("generation %d, %v", f.Generation, err)
	}
}

// A full disk, as SQLite sees one, fails the whole batch and keeps what was there; with room the store goes on.
func TestFull_SEC298(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fill(t, s, 10)
	limit := func(pages int) {
		if err := s.engine.Change(t.Context(), func(w *engine.Writer) error {
			_, err := w.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite takes what there is
	var err error
	added := 0
	for ; err == nil && added < 10_000; added++ {
		err = s.AddFamily(t.Context(), machine(fmt.Sprint(added)), authority.After{})
	}
	if !errors.Is(err, authority.ErrUnavailable) || added == 10_000 {
		t.Fatalf("after %d: %v", added, err)
	}
	if _, err := s.ChangeFamily(t.Context(), "family-00000003", generation(3)); err != nil {
		t.Fatalf("what needs no room failed: %v", err)
	}
	limit(100_000)
	if err := s.AddFamily(t.Context(), machine("late"), authority.After{}); err != nil {
		t.Fatal(err)
	}
	for n := range added - 1 {
		if _, err := s.Family(t.Context(), fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-s.Failed():
		t.Fatal("a full disk is not a failed one")
	default:
	}
}

func TestManyWriters_SEC300(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fill(t, s, 100)
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			id := fmt.Sprintf("family-%08d", n)
			for turn := range int64(6) {
				if _, err := s.ChangeFamily(t.Context(), id, generation(turn)); err != nil {
					t.Error(err)
				}
				if f, err := s.Family(t.Context(), id); err != nil || f.Generation != turn {
					t.Errorf("%s was answered in generation %d and read in %d, %v", id, turn, f.Generation, err)
				}
			}
		})
	}
	all.Wait()
}
