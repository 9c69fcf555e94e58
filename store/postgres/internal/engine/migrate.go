package engine

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// versions is the table that says which migrations have run.
const versions = "doorward_migrations"

// migrate brings the tables up to date: in one transaction, under a lock of the table of versions, so that of many that start at
// once one does it and the others wait. Tables that are newer than this program stay as they are: a schema N+1 serves N. Where
// there is nothing to do nothing is locked, and no right to make tables is needed.
func migrate(ctx context.Context, config *pgx.ConnConfig, files fs.FS, log *slog.Logger) error {
	config = config.Copy()
	config.RuntimeParams["statement_timeout"] = "0" // a large table takes its time
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return Unavailable(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := check(ctx, conn, log); err != nil {
		return err
	}
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := upgrade(ctx, conn, files, names)
		c := code(err)
		// CREATE TABLE IF NOT EXISTS of two at once: one of them is told that it does exist.
		if again := c == uniqueViolation || c == duplicateTable || undone(c); !again || try == 5 || !pause(ctx, try) {
			return told(err)
		}
	}
}

// told says what happened, what was kept and what to do next.
func told(err error) error {
	if err == nil || code(err) == "" {
		return Unavailable(err)
	}
	return fmt.Errorf("postgres: the tables could not be brought up to date and were left as they were; does the user of the "+
		"store's address own them, or may it make them (GRANT CREATE ON SCHEMA public)? %w", err)
}

// upgrade runs what has not run yet.
func upgrade(ctx context.Context, conn *pgx.Conn, files fs.FS, names []string) error {
	done, err := version(ctx, conn)
	if err != nil {
		return err
	}
	if newest, err := number(names[len(names)-1]); err != nil || done >= newest {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS `+versions+` (version BIGINT PRIMARY KEY, made TIMESTAMPTZ NOT NULL);
			LOCK TABLE `+versions+` IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		done, err := version(ctx, tx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := apply(ctx, tx, files, name, done); err != nil {
				return err
			}
		}
		return nil
	})
}

// apply runs one file, unless it has run.
func apply(ctx context.Context, tx pgx.Tx, files fs.FS, name string, done int64) error {
	n, err := number(name)
	if err != nil || n <= done {
		return err
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, string(text)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO "+versions+" (version, made) VALUES ($1, now())", n)
	return err
}

// version is the newest migration that has run; 0: none.
func version(ctx context.Context, from interface {
	QueryRow(ctx context.Context, text string, args ...any) pgx.Row
},
) (done int64, err error) {
	err = from.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+versions).Scan(&done)
	if code(err) == undefinedTable {
		return 0, nil
	}
	return done, err
}

// number is the version that a file's name begins with: 0001_start.sql.
func number(name string) (int64, error) {
	digits, _, _ := strings.Cut(path.Base(name), "_")
	return strconv.ParseInt(digits, 10, 64)
}

// check refuses a database that cannot hold what people write, and warns of one that forgets.
func check(ctx context.Context, conn *pgx.Conn, log *slog.Logger) error {
	var encoding, commit, sync string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_encoding'), current_setting('synchronous_commit'),
		current_setting('fsync')`).Scan(&encoding, &commit, &sync)
	if err != nil {
		return Unavailable(err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("postgres: the database has the encoding %s, and names of people need UTF8; nothing was changed; "+
			"make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	if commit == "off" || sync == "off" {
		log.Warn("postgres: the database may forget what it has acknowledged when its machine loses power, and people would be "+
			"logged out", "synchronous_commit", commit, "fsync", sync)
	}
	return nil
}
