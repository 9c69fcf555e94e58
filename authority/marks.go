package authority

import (
	"sync"
	"time"
)

// marks is what this replica knows to be over. It is asked at every token check and so lives in memory; the follower
// keeps it up to date.
type marks struct {
	now func() time.Time

	mu    sync.RWMutex
	known map[markKey]Mark
	swept time.Time
}

type markKey struct {
	kind MarkKind
	id   string
}

func newMarks(now func() time.Time) *marks {
	return &marks{now: now, known: make(map[markKey]Mark)}
}

// learn takes in a mark; the one that reaches further wins, so that news may come twice and in any order.
func (m *marks) learn(mark Mark) {
	key := markKey{mark.Kind, mark.ID}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.known[key]; !ok || mark.Before.After(old.Before) {
		m.known[key] = mark
	}
	if now := m.now(); now.Sub(m.swept) > time.Minute {
		m.swept = now
		for key, mark := range m.known {
			if now.After(mark.Expires) {
				delete(m.known, key)
			}
		}
	}
}

// over reports whether a mark ends what the family, the person or the client holds; began is when the family did.
func (m *marks) over(family, person, client string, began time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.known) == 0 {
		return false
	}
	return family != "" && m.ends(MarkFamily, family, began) ||
		person != "" && m.ends(MarkPerson, person, began) ||
		m.ends(MarkClient, client, began)
}

func (m *marks) ends(kind MarkKind, id string, began time.Time) bool {
	mark, ok := m.known[markKey{kind, id}]
	return ok && (kind == MarkFamily || !began.After(mark.Before))
}
