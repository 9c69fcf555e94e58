package storetest

import (
	"errors"
	"sync"
	"testing"
)

// parallel runs do n times at once and returns what each answered.
func parallel(n int, do func(n int) error) []error {
	answers := make([]error, n)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			answers[i] = do(i)
		})
	}
	close(begin)
	all.Wait()
	return answers
}

// once fails the test where not exactly one succeeded and the others got refusal.
func once(t *testing.T, answers []error, refusal error) {
	t.Helper()
	succeeded := 0
	for _, err := range answers {
		switch {
		case err == nil:
			succeeded++
		case !errors.Is(err, refusal):
			t.Fatalf("error is %v and not %v", err, refusal)
		}
	}
	if succeeded != 1 {
		t.Fatalf("%d of %d succeeded, and not one", succeeded, len(answers))
	}
}
