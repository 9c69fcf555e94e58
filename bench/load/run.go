package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Step is one request, or one whole login, of one of the connections. Steps of one connection come one after the other.
type Step func(ctx context.Context, connection int) error

// Result is what a run came to.
type Result struct {
	Done    int           // steps that went as they should
	Elapsed time.Duration // of the wall
	Took    []time.Duration
}

// Rate is steps per second.
func (r *Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Done) / r.Elapsed.Seconds()
}

// Add puts another run of the same steps behind this one.
func (r *Result) Add(other Result) {
	r.Done += other.Done
	r.Elapsed += other.Elapsed
	r.Took = append(r.Took, other.Took...)
}

// Quantile is the time within which this part of the steps was done: 0.5 is the median.
func (r *Result) Quantile(part float64) time.Duration {
	if len(r.Took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.Took))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// Mean is the mean time of a step.
func (r *Result) Mean() time.Duration {
	if len(r.Took) == 0 {
		return 0
	}
	var sum time.Duration
	for _, took := range r.Took {
		sum += took
	}
	return sum / time.Duration(len(r.Took))
}

// Run repeats step on so many connections for so long. The first step that fails ends it: a rate of refusals is none.
func Run(ctx context.Context, connections int, length time.Duration, step Step) (Result, error) {
	return run(ctx, connections, step, func(begun time.Time, _ int64) bool { return time.Since(begun) < length })
}

// Times makes so many steps, spread over the connections.
func Times(ctx context.Context, connections, count int, step Step) (Result, error) {
	return run(ctx, connections, step, func(_ time.Time, started int64) bool { return started <= int64(count) })
}

func run(ctx context.Context, connections int, step Step, more func(begun time.Time, started int64) bool) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([][]time.Duration, connections)
	var started atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for connection := range connections {
		all.Go(func() {
			for ctx.Err() == nil && more(begun, started.Add(1)) {
				at := time.Now()
				if err := step(ctx, connection); err != nil {
					cancel(err)
					return
				}
				took[connection] = append(took[connection], time.Since(at))
			}
		})
	}
	all.Wait()
	result := Result{Elapsed: time.Since(begun), Took: slices.Concat(took...)}
	result.Done = len(result.Took)
	if err := context.Cause(ctx); err != nil {
		return result, err
	}
	if result.Done == 0 {
		return result, errors.New("not one step was done in the time")
	}
	return result, nil
}
