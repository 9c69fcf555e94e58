package sqlite

import (
	"time"

	"github.com/doorward/doorward/store/sqlite/internal/engine"
)

const (
	// sweepEvery is how many changes there are between two sweeps.
	sweepEvery = 128
	// sweepMost is how many rows of each table a sweep takes at most: more than can have come in the meantime (a change
	// adds at most a few), so that the size is constant under constant load, and few enough to be no pause.
	sweepMost = 512

	// late is how long a row outlives its expiry, so that a clock set right by an hour brings nothing back and loses nothing.
	late       = time.Hour
	keepEnded  = 30 * 24 * time.Hour
	keepEvents = 90 * 24 * time.Hour
)

// sweep deletes what is long over, a few rows of each table at a time.
func (s *Store) sweep(w *engine.Writer) error {
	now := s.config.Now()
	for _, rows := range [...]struct {
		text string
		keep time.Duration
	}{
		{"DELETE FROM codes WHERE id IN (SELECT id FROM codes WHERE expires < $1 ORDER BY expires LIMIT $2)", late},
		{"DELETE FROM device_requests WHERE id IN (SELECT id FROM device_requests WHERE expires < $1 ORDER BY expires LIMIT $2)", late},
		{"DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE expires < $1 ORDER BY expires LIMIT $2)", late},
		{"DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires < $1 ORDER BY expires LIMIT $2)", late},
		{"DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE expires < $1 ORDER BY expires LIMIT $2)", late},
		{"DELETE FROM marks WHERE (kind, id) IN (SELECT kind, id FROM marks WHERE expires < $1 ORDER BY expires LIMIT $2)", late},
		{"DELETE FROM families WHERE id IN (SELECT id FROM families WHERE ended < $1 ORDER BY ended LIMIT $2)", keepEnded},
		{"DELETE FROM families WHERE id IN (SELECT id FROM families WHERE ends < $1 ORDER BY ends LIMIT $2)", keepEnded},
		{"DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < $1 ORDER BY at LIMIT $2)", keepEvents},
	} {
		if _, err := w.Exec(rows.text, micros(now.Add(-rows.keep)), sweepMost); err != nil {
			return err
		}
	}
	return nil
}
