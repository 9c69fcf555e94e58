package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

const eventColumns = "id, at, kind, person_id, actor, client_id, family_id, address, machine, detail"

// eventFields lists an event's fields in the order of eventColumns.
func eventFields(e *authority.Event) []any {
	return []any{
		&e.ID, moment{&e.At}, (*string)(&e.Kind), &e.PersonID, &e.Actor, &e.ClientID, &e.FamilyID, &e.Address, &e.Machine, &e.Detail,
	}
}

// addEvent tells one event. Ids are not checked: an audit that could refuse a line could be made to.
func addEvent(tx *engine.Tx, e authority.Event) error {
	args, err := values(eventFields(&e))
	if err != nil {
		return err
	}
	tx.Queue("INSERT INTO events ("+eventColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", args...)
	return nil
}

// AddEvents implements authority.Events: all of them or none.
func (s *Store) AddEvents(ctx context.Context, events ...authority.Event) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error { return s.after(tx, authority.After{Events: events}) })
}

// ListEvents implements authority.Events; of those at the same time the one told last comes first.
func (s *Store) ListEvents(ctx context.Context, filter authority.EventFilter) ([]authority.Event, error) {
	text, args := chosen(filter)
	var events []authority.Event
	err := s.engine.Each(ctx, text, args, func(scan func(...any) error) error {
		var e authority.Event
		if err := scan(eventFields(&e)...); err != nil {
			return err
		}
		events = append(events, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// chosen writes the statement for a filter. Each field that is set is a term of its own, so that its index is used.
func chosen(filter authority.EventFilter) (string, []any) {
	limit := filter.Limit
	if limit <= 0 {
		limit = 100
	}
	text, args := "SELECT "+eventColumns+" FROM events WHERE TRUE", []any{limit}
	term := func(name, value string) {
		if value != "" {
			args = append(args, value)
			text += " AND " + name + " <> '' AND " + name + " = " + parameters(len(args), len(args))
		}
	}
	term("person_id", filter.PersonID)
	term("client_id", filter.ClientID)
	term("family_id", filter.FamilyID)
	term("kind", string(filter.Kind))
	if !filter.Since.IsZero() {
		args = append(args, cut(filter.Since))
		text += " AND at >= " + parameters(len(args), len(args))
	}
	return text + " ORDER BY at DESC, seq DESC LIMIT $1", args
}
