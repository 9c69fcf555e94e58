package postgres

import (
	"time"

	"github.com/doorward/doorward/store/postgres/internal/engine"
)

const (
	// sweepEvery is how many changes of this replica there are between two of its sweeps.
	sweepEvery = 128
	// sweepMost is how many rows of each table a sweep takes at most: more than can have come in the meantime (a change
	// adds at most a few), so that the size is constant under constant load, and few enough to disturb nobody.
	sweepMost = "512"

	// late is how long a row outlives its expiry, so that a clock set right by an hour brings nothing back and loses nothing.
	late       = time.Hour
	keepEnded  = 30 * 24 * time.Hour
	keepEvents = 90 * 24 * time.Hour
)

// sweep deletes what is long over, a few rows of each table at a time. Rows that somebody else holds, another replica's sweep
// among them, are left for the next one. Partitions that are dropped would be cheaper by the row, but a user code has to be
// unique over all of them, and dropping one locks out all who write.
func (s *Store) sweep(tx *engine.Tx) {
	now := s.config.Now()
	for _, rows := range [...]struct {
		table, key, at string
		keep           time.Duration
	}{
		{"codes", "id", "expires", late},
		{"device_requests", "id", "expires", late},
		{"sign_ins", "id", "expires", late},
		{"invitations", "id", "expires", late},
		{"attempts", "id", "expires", late},
		{"families", "id", "ended", keepEnded},
		{"families", "id", "ends", keepEnded},
		{"events", "seq", "at", keepEvents},
	} {
		// An array, so that no statistics, or none yet, make the planner read the whole table.
		tx.Queue("DELETE FROM "+rows.table+" WHERE "+rows.key+" = ANY (ARRAY(SELECT "+rows.key+" FROM "+rows.table+
			" WHERE "+rows.at+" < $1 ORDER BY "+rows.at+" LIMIT "+sweepMost+" FOR UPDATE SKIP LOCKED))", cut(now.Add(-rows.keep)))
	}
	tx.Queue("DELETE FROM marks WHERE (kind, id) IN (SELECT kind, id FROM marks WHERE expires < $1 ORDER BY expires LIMIT "+
		sweepMost+" FOR UPDATE SKIP LOCKED)", cut(now.Add(-late)))
}
