package postgres

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// table is how a noun lies in the database. Its statements are made of its columns when the store opens.
type table[T any] struct {
	columns string // all of them; the first is the id
	fields  func(*T) []any
	// Columns and fields are the one place where a noun's order is told; everything else is made of them, so that no statement
	// can forget a column.
	//
	// often is how many of the last columns change often: where nothing else did, nothing else is written, and no index
	// of the others is touched.
	often          int
	taken, unknown error

	insert, all, lock   string
	update, updateOften string
}

// nouns are the tables whose rows are added, read and changed whole.
type nouns struct {
	people        table[identity.Person]
	organisations table[identity.Organisation]
	signIns       table[identity.SignIn]
	invitations   table[identity.Invitation]
	clients       table[authority.Client]
	codes         table[authority.Code]
	requests      table[authority.DeviceRequest]
	families      table[authority.Family]
	apiKeys       table[authority.APIKey]
	keys          table[authority.SigningKey]
	projects      table[identity.Project]
	domains       table[identity.Domain]
	bindings      table[identity.Binding]
	links         table[identity.Link]
	factors       table[identity.Factor]

	replaceRequest string
}

// newNouns makes every table's statements, once for each store.
func newNouns() nouns {
	n := nouns{
		people:        people().in("people", identity.ErrTaken, identity.ErrUnknown),
		organisations: organisations().in("organisations", identity.ErrTaken, identity.ErrUnknown),
		signIns:       signIns().in("sign_ins", identity.ErrTaken, identity.ErrUnknown),
		invitations:   invitations().in("invitations", identity.ErrTaken, identity.ErrUnknown),
		clients:       clients().in("clients", authority.ErrTaken, authority.ErrUnknown),
		codes:         authorizationCodes().in("codes", authority.ErrTaken, authority.ErrUnknown),
		requests:      deviceRequests().in("device_requests", authority.ErrTaken, authority.ErrUnknown),
		families:      families().in("families", authority.ErrTaken, authority.ErrUnknown),
		apiKeys:       apiKeys().in("api_keys", authority.ErrTaken, authority.ErrUnknown),
		keys:          signingKeys().in("signing_keys", authority.ErrTaken, authority.ErrUnknown),
		projects:      projects().in("projects", identity.ErrTaken, identity.ErrUnknown),
		domains:       domains().in("domains", identity.ErrTaken, identity.ErrUnknown),
		bindings:      bindings().in("bindings", identity.ErrTaken, identity.ErrUnknown),
		links:         links().in("links", identity.ErrTaken, identity.ErrUnknown),
		factors:       factors().in("factors", identity.ErrTaken, identity.ErrUnknown),
	}
	n.replaceRequest = replaceRequest(n.requests)
	return n
}

// in writes the table's statements.
func (t table[T]) in(name string, taken, unknown error) table[T] {
	columns := strings.Split(t.columns, ", ")
	t.taken, t.unknown = taken, unknown
	t.insert = "INSERT INTO " + name + " (" + t.columns + ") VALUES (" + parameters(1, len(columns)) + ")"
	t.all = "SELECT " + t.columns + " FROM " + name
	t.lock = t.all + " WHERE id = $1 FOR UPDATE"
	set := func(columns []string) string {
		return "UPDATE " + name + " SET (" + strings.Join(columns, ", ") + ") = ROW(" +
			parameters(2, len(columns)+1) + ") WHERE id = $1"
	}
	t.update = set(columns[1:])
	t.updateOften = set(columns[max(1, len(columns)-t.often):])
	return t
}

// parameters is "$first, …, $last".
func parameters(first, last int) string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, "$"+strconv.Itoa(i))
	}
	return strings.Join(all, ", ")
}

// find reads the row that where (" WHERE …") tells, outside of changes.
func (t *table[T]) find(ctx context.Context, s *Store, where string, args ...any) (T, error) {
	var row, none T
	if err := s.engine.Get(ctx, t.all+where, args, t.fields(&row)...); err != nil {
		return none, missing(err, t.unknown)
	}
	return row, nil
}

// list reads the rows that rest (" WHERE … ORDER BY …") tells.
func (t *table[T]) list(ctx context.Context, s *Store, rest string, args ...any) ([]T, error) {
	var rows []T
	err := s.engine.Each(ctx, t.all+rest, args, func(scan func(...any) error) error {
		var row T
		if err := scan(t.fields(&row)...); err != nil {
			return err
		}
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// add inserts the row and cuts its times.
func (t *table[T]) add(tx *engine.Tx, row *T) error {
	args, err := values(t.fields(row))
	if err != nil {
		return err
	}
	tx.Try(t.taken, t.unknown, t.insert, args...)
	return nil
}

// change runs do on the row of id, which it locks, and saves what it left; the id itself stays. It returns the row as saved, and
// what else is to be done.
func (t *table[T]) change(
	tx *engine.Tx, id string, do func(*T) (authority.After, error),
) (saved T, after authority.After, err error) {
	var row, none T
	if err := tx.Get(t.lock, []any{id}, t.fields(&row)...); err != nil {
		return none, after, missing(err, t.unknown)
	}
	kept := row
	before, err := values(t.fields(&row)) // by value: do may write into what a slice holds
	if err != nil {
		return none, after, err
	}
	after, err = do(&row)
	if errors.Is(err, authority.ErrNoChange) {
		return kept, after, nil
	}
	if err == nil {
		err = t.save(tx, before, &row)
	}
	if err != nil {
		return none, authority.After{}, err
	}
	return row, after, nil
}

// save writes the columns that differ from before: all of them, or those that often do.
func (t *table[T]) save(tx *engine.Tx, before []any, row *T) error {
	*t.fields(row)[0].(*string) = before[0].(string)
	now, err := values(t.fields(row))
	if err != nil {
		return err
	}
	text, args := t.update, now
	if few := len(now) - t.often; t.often > 0 && reflect.DeepEqual(before[1:few], now[1:few]) {
		text, args = t.updateOften, append([]any{now[0]}, now[few:]...)
	}
	tx.Try(t.taken, t.unknown, text, args...)
	return nil
}

// changeRow is the whole of a noun's Change method; also is what else is to be done with the transaction.
func changeRow[T any](
	ctx context.Context, s *Store, t *table[T], id string, do func(*T) (authority.After, error), also ...func(*engine.Tx),
) (T, error) {
	var saved, none T
	err := s.engine.Change(ctx, func(tx *engine.Tx) (err error) {
		var after authority.After
		if saved, after, err = t.change(tx, id, do); err != nil {
			return err
		}
		for _, more := range also {
			more(tx)
		}
		return s.after(tx, after)
	})
	if err != nil {
		return none, err
	}
	return saved, nil
}

// addRow is the whole of a noun's Add method.
func addRow[T any](ctx context.Context, s *Store, t *table[T], row T, after authority.After) error {
	return s.engine.Change(ctx, func(tx *engine.Tx) error {
		if err := t.add(tx, &row); err != nil {
			return err
		}
		return s.after(tx, after)
	})
}

// must turns "no row was touched" into err.
func must(touched int64, err, unknown error) error {
	if err == nil && touched == 0 {
		return unknown
	}
	return err
}

// missing turns "no row" into the noun's own error.
func missing(err, unknown error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return unknown
	}
	return err
}
