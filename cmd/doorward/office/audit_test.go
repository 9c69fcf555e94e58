package office

import (
	"testing"
	"time"
)

func TestSpansAndMoments(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h": now.Add(-24 * time.Hour), "7d": now.Add(-7 * 24 * time.Hour), "1h30m": now.Add(-90 * time.Minute),
		"2026-01-31": time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC), "2026-11-22T13:00:00+02:00": now.Add(-time.Hour),
	} {
		var s since
		if err := s.Set(text); err != nil || !s.from(now).Equal(want) {
			t.Errorf("%s is %v, %v", text, s.from(now), err)
		}
	}
	for _, text := range []string{"", "0d", "-1h", "0s", "d", "1.5d", "99999d", "yesterday", "2026-02-30", "7", "-7d", "1d2h"} {
		var s since
		if err := s.Set(text); err == nil || !s.from(now).IsZero() {
			t.Errorf("%q is taken for %v", text, s.from(now))
		}
	}
}

// FuzzSince: what is taken is a moment, and one that was said by its distance lies before now.
func FuzzSince(f *testing.F) {
	for _, text := range []string{"24h", "7d", "2026-01-31", "2026-11-22T13:00:00+02:00", "-1h", "65535d", "1e9h"} {
		f.Add(text)
	}
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		var s since
		if s.Set(text) != nil {
			return
		}
		if s.ago.Duration < 0 || s.ago.Duration > 0 && !s.from(now).Before(now) {
			t.Errorf("%q is %v", text, s.from(now))
		}
	})
}
