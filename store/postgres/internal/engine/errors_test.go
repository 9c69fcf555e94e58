package engine

import (
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/doorward/doorward/authority"
)

// safe is an error of which pgx knows that nothing was sent.
type safe struct{ error }

func (safe) SafeToRetry() bool { return true }

// What is tried again, and what must not be: the rule that neither loses a change nor makes it twice.
func TestVerdict_SEC294(t *testing.T) {
	t.Parallel()
	said := func(code string) error { return &pgconn.PgError{Code: code} }
	for name, test := range map[string]struct {
		failed failure
		want   verdict
	}{
		"serialization failure":                {failure{err: said("40001")}, yields},
		"deadlock":                             {failure{err: said("40P01")}, yields},
		"forgotten statement":                  {failure{err: said("26000")}, yields},
		"shutting down":                        {failure{err: said("57P01"), closed: true}, lost},
		"a standby now":                        {failure{err: said("25006")}, lost},
		"the wire broke":                       {failure{err: io.ErrUnexpectedEOF, closed: true}, lost},
		"the wire broke at COMMIT":             {failure{err: io.ErrUnexpectedEOF, closed: true, twice: true}, final},
		"shutting down at COMMIT":              {failure{err: said("57P01"), closed: true, twice: true}, final},
		"COMMIT was never sent":                {failure{err: safe{io.ErrClosedPipe}, closed: true, twice: true}, lost},
		"nobody there":                         {failure{err: &pgconn.ConnectError{Config: &pgconn.Config{}}, closed: true}, final},
		"a value that cannot be read":          {failure{err: errors.New("a hash has 3 bytes")}, final},
		"taken":                                {failure{err: authority.ErrTaken}, final},
		"too long":                             {failure{err: said("57014")}, final},
		"disk full":                            {failure{err: said("53100")}, final},
		"a change function's own, whatever it": {failure{err: said("40001"), twice: true}, final},
	} {
		if got := test.failed.verdict(); got != test.want {
			t.Errorf("%s: %v and not %v", name, got, test.want)
		}
	}
}

// Only "no such row" is an answer; everything else that is not a law of the tables says that the store cannot be reached.
func TestUnavailable_SEC118(t *testing.T) {
	t.Parallel()
	if err := Unavailable(pgx.ErrNoRows); !errors.Is(err, pgx.ErrNoRows) || errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("no row became %v", err)
	}
	taken, unknown := errors.New("taken"), errors.New("unknown")
	for code, want := range map[string]error{
		"23505": taken, "23503": unknown, "23502": authority.ErrUnavailable, "42501": authority.ErrUnavailable, "": authority.ErrUnavailable,
	} {
		if err := Refused(&pgconn.PgError{Code: code}, taken, unknown); !errors.Is(err, want) {
			t.Errorf("%s became %v", code, err)
		}
	}
	if err := Refused(&pgconn.PgError{Code: "23505"}, nil, nil); !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("a law that nobody asked about became %v", err)
	}
}
