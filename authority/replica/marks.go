package replica

import (
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
)

// Marks is what this replica knows to be over. It is asked at every token check and so lives in memory; the follower
// keeps it up to date.
type Marks struct {
	now func() time.Time

	mu    sync.RWMutex
	known map[markKey]authority.Mark
	swept time.Time
}

type markKey struct {
	kind authority.MarkKind
	id   string
}

// NewMarks makes it empty: nothing is over.
func NewMarks(now func() time.Time) *Marks {
	return &Marks{now: now, known: make(map[markKey]authority.Mark)}
}

// Learn takes in a mark; the one that reaches further wins, so that news may come twice and in any order.
func (m *Marks) Learn(mark authority.Mark) {
	key := markKey{mark.Kind, mark.ID}
	m.mu.Lock()
	defer m.mu.Unlock()
	// One mark for each person, client or family: a later one says all that the earlier ones said.
	if old, ok := m.known[key]; !ok || mark.Before.After(old.Before) {
		m.known[key] = mark
	}
	if now := m.now(); now.Sub(m.swept) > time.Minute {
		m.swept = now
		// At most once a minute, and only as many as there were revocations in an hour.
		for key, mark := range m.known {
			if now.After(mark.Expires) {
				delete(m.known, key)
			}
		}
	}
}

// Over reports whether a mark ends what the family, the person or the client holds; began is when the family did. It is
// asked at every token check, and mostly of an authority that has just revoked nothing.
func (m *Marks) Over(family, person, client string, began time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.known) == 0 {
		return false
	}
	return family != "" && m.ends(authority.MarkFamily, family, began) ||
		person != "" && m.ends(authority.MarkPerson, person, began) ||
		m.ends(authority.MarkClient, client, began)
}

func (m *Marks) ends(kind authority.MarkKind, id string, began time.Time) bool {
	mark, ok := m.known[markKey{kind, id}]
	// A family that was ended is over whenever it began. For people and clients it counts which came first: who logs in
	// again after "end all sessions" must not be thrown out by the mark of it. A tie ends it, since ids tell the time by
	// the millisecond only.
	return ok && (kind == authority.MarkFamily || !began.After(mark.Before))
}
