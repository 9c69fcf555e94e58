package engine

import (
	"database/sql"
	"errors"
	"fmt"

	driversqlite "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/doorward/doorward/authority"
)

// ErrDamaged says that the file is not, or no longer, a database; the message tells how to restore it.
const ErrDamaged fault = "sqlite: the store is damaged"

// fault is an error that costs nothing at the program's start, as a variable of another package would.
type fault string

func (f fault) Error() string { return string(f) }

// What is answered when there is nobody left to ask.
const (
	errFailed unavailable = "the disk has failed; nothing was changed since; restart the server"
	errClosed unavailable = "the store is closed"
)

// unavailable is why the store cannot be reached.
type unavailable string

func (u unavailable) Error() string { return authority.ErrUnavailable.Error() + ": " + string(u) }
func (unavailable) Unwrap() error   { return authority.ErrUnavailable }

// code is SQLite's extended result code; 0 where err did not come from SQLite.
func code(err error) int {
	var from *driversqlite.Error
	if errors.As(err, &from) {
		return from.Code()
	}
	return 0
}

// Unavailable marks an error of the database as "cannot be reached"; sql.ErrNoRows is an answer and stays.
func Unavailable(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) || errors.Is(err, authority.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", authority.ErrUnavailable, err)
}

// constraint reports whether err is a law of the tables that said no: an answer, and not a fault of the store.
func constraint(err error) bool { return code(err)&0xff == codes.SQLITE_CONSTRAINT }

// Refused turns a law of the tables that said no into the noun's own error: in use, or not there (a foreign key).
func Refused(err, taken, unknown error) error {
	switch code(err) {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
		return taken
	case codes.SQLITE_CONSTRAINT_FOREIGNKEY:
		return unknown
	}
	return Unavailable(err)
}

// fatal reports whether nothing may be written any more. After a failed fsync the kernel may have dropped what it
// could not write and call the next fsync a success, so it is never tried again (PostgreSQL learned it in 2018). A
// full disk, a quota or too little memory are not fatal: nothing was acknowledged, and it goes on when there is room.
func fatal(err error) bool {
	switch c := code(err); c {
	case codes.SQLITE_IOERR_FSYNC, codes.SQLITE_IOERR_DIR_FSYNC:
		return true
	default:
		return broken(c)
	}
}

// broken reports whether the file is not a sound database.
func broken(code int) bool {
	return code&0xff == codes.SQLITE_CORRUPT || code&0xff == codes.SQLITE_NOTADB
}

// damaged adds the way out to an error that says that the file is not a sound database.
func damaged(path string, err error) error {
	if !broken(code(err)) {
		return err
	}
	return fmt.Errorf("%w: %w", restore(path), err)
}

// restore says what happened, what was kept and what to do next.
func restore(path string) error {
	return fmt.Errorf("%w: %s was left as it is. To restore: move it away together with %[2]s-wal and %[2]s-shm, "+
		"copy the latest backup to %[2]s and start again", ErrDamaged, path)
}
