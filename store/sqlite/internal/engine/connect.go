package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	driversqlite "modernc.org/sqlite"
)

// oldest is the first SQLite without the bug that could corrupt a database when its WAL was reset (3.51.3), as a number
// that compares.
const oldest = 3_051_003

// pragmas are set on every connection, and then read back: one that SQLite silently did not take would cost durability
// (synchronous, journal_mode) or a law (foreign_keys).
func pragmas() map[string]string {
	return map[string]string{
		"journal_mode": "wal",
		"synchronous":  "2", // FULL: an acknowledged rotation survives a power cut
		"foreign_keys": "1",
		"busy_timeout": "10000",
		// The writer checkpoints by itself: SQLite would swallow a failed fsync there.
		"wal_autocheckpoint": "0",
		"journal_size_limit": "67108864",
		"trusted_schema":     "0",     // a manipulated file runs no functions
		"cell_size_check":    "1",     // and a damaged page is seen when it is read
		"temp_store":         "2",     // memory: no copies of rows in other folders
		"cache_size":         "-4096", // KiB
		"mmap_size":          "0",     // a read error must be an error, not a signal
	}
}

// role is what a connection is for.
type role map[string]string

// The roles of a connection.
func writing() role { return role{"cache_size": "-8192"} }
func reading() role { return role{"query_only": "1"} }

// connect returns a pool whose every connection has the pragmas and was seen to have them.
func connect(path string, role role) (*sql.DB, error) {
	want := pragmas()
	maps.Copy(want, role)
	query := url.Values{"_txlock": {"immediate"}}
	for _, name := range ordered(want) {
		query.Add("_pragma", name+"("+want[name]+")")
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	connector, err := driversqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(&checked{Connector: connector, path: path, want: want}), nil
}

// ordered has busy_timeout first, so that the others can wait for a lock, and query_only last.
func ordered(want map[string]string) []string {
	names := []string{"busy_timeout"}
	for name := range want {
		if name != "busy_timeout" && name != "query_only" {
			names = append(names, name)
		}
	}
	if _, ok := want["query_only"]; ok {
		names = append(names, "query_only")
	}
	return names
}

// checked hands out only connections that are what they should be.
type checked struct {
	driver.Connector
	path string
	want map[string]string
}

// Connect opens a connection and reads its pragmas back.
func (c *checked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, damaged(c.path, err)
	}
	if err := c.assert(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, damaged(c.path, err)
	}
	return conn, nil
}

// assert asks the connection itself, and not the configuration, what it is.
func (c *checked) assert(ctx context.Context, conn driver.Conn) error {
	version, err := ask(ctx, conn, "SELECT sqlite_version()")
	if err != nil {
		return err
	}
	if number(version) < oldest {
		return fmt.Errorf("sqlite: SQLite %s is linked; 3.51.3 is the oldest that is safe", version)
	}
	for name, want := range c.want {
		got, err := ask(ctx, conn, "PRAGMA "+name)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("sqlite: %s is %s and not %s", name, got, want)
		}
	}
	return nil
}

// ask runs a statement that answers one value.
func ask(ctx context.Context, conn driver.Conn, text string) (string, error) {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", errors.New("sqlite: the driver cannot be asked")
	}
	rows, err := queryer.QueryContext(ctx, text, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	value := make([]driver.Value, 1)
	if err := rows.Next(value); err != nil {
		return "", fmt.Errorf("sqlite: %s: %w", text, err)
	}
	return fmt.Sprint(value[0]), nil
}

// number turns 3.51.3 into 3051003.
func number(version string) int {
	total := 0
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return 0
		}
		total = total*1000 + n
	}
	return total
}
