package engine

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// migrate brings the tables up to date, in one transaction. How far they are is the file's own user_version, the number that
// the newest migration's name begins with. Tables that are newer than this program stay as they are: a schema N+1 serves N.
func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	done, err := version(ctx, tx)
	if err != nil {
		return err
	}
	before := done
	for _, name := range names {
		if done, err = apply(ctx, tx, files, name, done); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if done == before {
		return nil
	}
	// The version stands in the file's first page and is rolled back with it.
	if _, err := tx.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(done)); err != nil {
		return err
	}
	return tx.Commit()
}

// apply runs one file, unless it has run, and returns the version that the tables then have.
func apply(ctx context.Context, tx *sql.Tx, files fs.FS, name string, done int) (int, error) {
	digits, _, _ := strings.Cut(path.Base(name), "_")
	number, err := strconv.Atoi(digits)
	if err != nil || number <= done {
		return done, err
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return done, err
	}
	_, err = tx.ExecContext(ctx, string(text))
	return number, err
}

// version is the newest migration that has run; 0: none. Files of before user_version have it in a table.
func version(ctx context.Context, tx *sql.Tx) (done int, err error) {
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&done); err != nil || done > 0 {
		return done, err
	}
	const older = "goose_db_version"
	var tables int
	err = tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = ?", older).Scan(&tables)
	if err != nil || tables == 0 {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+older).Scan(&done)
	return done, err
}

// check reads the whole file once and refuses a damaged one before anything is written to it.
func check(ctx context.Context, db *sql.DB, path string) error {
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return damaged(path, err)
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", restore(path), found)
	}
	return nil
}
