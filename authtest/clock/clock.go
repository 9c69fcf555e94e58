// Package clock is a clock for tests: it stands still until somebody moves it.
package clock

import (
	"sync"
	"time"
)

// Clock may be read and moved by many at once. Its Now is what the Now fields of the house take.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// New makes a clock that shows a moment of 2026 which no unit above the nanosecond divides.
func New() *Clock {
	return &Clock{now: time.Date(2026, 11, 22, 12, 0, 0, 123_456_789, time.UTC)}
}

// Now tells the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by some time, backwards where that is below zero.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// Set makes the clock show now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}
