package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/doorward/doorward/authority"
)

// SQLSTATE codes that are told apart (PostgreSQL documentation, appendix A).
const (
	foreignKeyViolation  = "23503"
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	noSuchStatement      = "26000" // a pooler between us forgot what was prepared
	planChanged          = "0A000" // a newer program has changed a table under a prepared statement
	undefinedTable       = "42P01"
	duplicateTable       = "42P07"
)

// code is the SQLSTATE of err; "" where the server did not say it.
func code(err error) string {
	var from *pgconn.PgError
	if errors.As(err, &from) {
		return from.Code
	}
	return ""
}

// Unavailable marks an error of the database as "cannot be reached"; pgx.ErrNoRows is an answer and stays.
func Unavailable(err error) error {
	if err == nil || errors.Is(err, pgx.ErrNoRows) || errors.Is(err, authority.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", authority.ErrUnavailable, err)
}

// Refused turns a law of the tables that said no into the noun's own error: in use, or not there (a foreign key).
func Refused(err, taken, unknown error) error {
	switch c := code(err); {
	case c == uniqueViolation && taken != nil:
		return taken
	case c == foreignKeyViolation && unknown != nil:
		return unknown
	}
	return Unavailable(err)
}

// verdict says what an error means for the transaction that met it.
type verdict int

const (
	final  verdict = iota // an answer, or a fault that another try would meet again, or nobody knows whether it was kept
	yields                // undone, because somebody else came first: wait a little, then try again
	lost                  // undone with its connection: try again on another one
)

// failure is how a try went wrong.
type failure struct {
	err error
	// closed: the connection did not outlive it.
	closed bool
	// twice: another try might do a thing twice, since nobody knows whether this one was undone.
	twice bool
}

// verdict decides what is to be done about a failure.
func (f failure) verdict() verdict {
	c := code(f.err)
	var dial *pgconn.ConnectError
	switch {
	case errors.As(f.err, &dial): // nobody is there; the caller hears so at once
		return final
	case f.twice && !pgconn.SafeToRetry(f.err):
		return final
	case undone(c), c == noSuchStatement, c == planChanged:
		return yields
	case ended(c), c == "" && f.closed:
		return lost
	}
	return final
}

// undone reports whether the server has undone the transaction in favour of another one, which it may also say at COMMIT.
func undone(c string) bool { return c == serializationFailure || c == deadlockDetected }

// ended reports whether the server has ended the connection, or will do nothing more over it: it is shutting down (57P01 to
// 57P05), it has become a standby, a limit of time has passed.
func ended(c string) bool {
	return c == readOnlyTransaction || c == idleInTransaction || strings.HasPrefix(c, "57P") || strings.HasPrefix(c, "08")
}
