package postgres

import (
	"context"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// NewsSince implements authority.Feed. It is one statement, and the only one that Statements counts as catchUp. Both halves
// are read from an index by time, so that it costs what there is to tell, and not what there is.
func (s *Store) NewsSince(ctx context.Context, since, now time.Time) (authority.News, error) {
	var news authority.News
	err := s.engine.CatchUp(ctx, `
		SELECT '', id, state, NULL::timestamptz, decided, expires FROM device_requests
			WHERE decided IS NOT NULL AND decided >= $1 AND expires > $2
		UNION ALL SELECT kind, id, '', before_, made, expires FROM marks WHERE made >= $1 AND expires > $2`,
		[]any{cut(since), cut(now)}, func(scan func(...any) error) error {
			var m authority.Mark
			var state authority.DeviceState
			if err := scan((*string)(&m.Kind), &m.ID, (*string)(&state), moment{&m.Before}, moment{&m.Made},
				moment{&m.Expires}); err != nil {
				return err
			}
			if m.Kind != "" {
				news.Marks = append(news.Marks, m)
			} else {
				news.Decisions = append(news.Decisions,
					authority.Decision{ID: m.ID, State: state, Decided: m.Made, Expires: m.Expires})
			}
			return nil
		})
	if err != nil {
		return authority.News{}, err
	}
	return news, nil
}

// AddMarks implements authority.Feed. All of after is stored, or nothing.
func (s *Store) AddMarks(ctx context.Context, after authority.After) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error { return s.after(tx, after) })
}

// addMark stores a mark. A second one for the same thing never takes back what the first said: the later times win.
func addMark(tx *engine.Tx, m authority.Mark) error {
	args, err := values([]any{(*string)(&m.Kind), &m.ID, moment{&m.Before}, moment{&m.Made}, moment{&m.Expires}})
	if err != nil {
		return err
	}
	tx.Queue(`INSERT INTO marks (kind, id, before_, made, expires) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (kind, id) DO UPDATE SET
			before_ = CASE WHEN marks.before_ > excluded.before_ THEN marks.before_ ELSE excluded.before_ END,
			made = CASE WHEN marks.made > excluded.made THEN marks.made ELSE excluded.made END,
			expires = CASE WHEN marks.expires > excluded.expires THEN marks.expires ELSE excluded.expires END`, args...)
	tx.Tell()
	return nil
}
