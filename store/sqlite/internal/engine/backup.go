package engine

import (
	"context"
	"fmt"
	"os"
)

// Backup writes a consistent copy of the store, as of one moment, to path, which must not be there; others may go on reading
// and writing. The copy is whole or absent, has mode 0600 and is on the disk when Backup returns. To restore it, copy it to
// the store's path while no server runs, without the old -wal and -shm.
func (e *Engine) Backup(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("sqlite: the backup was not made: %s is there already; name a new file", path)
	}
	partial := path + ".partial"
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return fmt.Errorf("sqlite: the backup was not made: %w", err)
	}
	defer func() {
		_ = file.Close()
		if err != nil {
			_ = os.Remove(partial)
		}
	}()
	// Not a reading connection: SQLite counts VACUUM INTO as writing, wherever it writes to.
	db, err := connect(e.config.Path, writing())
	if err != nil {
		return Unavailable(err)
	}
	defer func() { _ = db.Close() }()
	e.statements.Add(1)
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", partial); err != nil {
		return fmt.Errorf("sqlite: the backup was not made: %w", Unavailable(err))
	}
	return finish(file, partial, path)
}

// finish makes the copy durable, and only then gives it its name.
func finish(file *os.File, partial, path string) error {
	if err := file.Chmod(fileMode); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncFolder(path)
}
