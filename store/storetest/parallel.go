package storetest

import (
	"errors"
	"sync"
	"testing"
)

// parallel runs do n times at once and returns what each answered. They begin together and not one after the other: a race
// that never happens proves nothing.
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

// once fails the test where not exactly one succeeded and the others got refusal. An error of another kind, such as "busy",
// fails it too: the loser of a race must hear what happened and not try again (SEC-300).
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
