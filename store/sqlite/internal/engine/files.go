package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// ErrInUse says that another server has the file open.
const ErrInUse fault = "sqlite: another server has this store open; stop it first, or give this one a store of its own"

// The modes of everything that is made here. They hold whatever the umask says, since a chmod follows.
const (
	fileMode   = 0o600
	folderMode = 0o700
)

// take makes the folder and the file where they are not there, closes them to others and locks the store for this
// process. It returns the path by which everybody means the same file.
func take(path string) (string, *flock.Flock, error) {
	if path == "" {
		return "", nil, errors.New("sqlite: the store needs a path")
	}
	path, err := place(path)
	if err != nil {
		return "", nil, fmt.Errorf("sqlite: the store's folder cannot be used: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(fileMode))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		err = ErrInUse
	}
	if err == nil {
		err = private(path)
	}
	if err != nil {
		_ = lock.Close()
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return path, lock, nil
}

// place resolves links, so that two names of one file share one lock, and makes the folder.
func place(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return "", err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(folder, filepath.Base(path)), err
}

// private makes the database file before SQLite would, since SQLite takes the mode of the others from it, and
// closes those that are there to everybody else.
func private(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		if err := os.Chmod(path+end, fileMode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFolder(path)
}

// syncFolder makes the name of a new file survive a power cut. Windows has no such call, and needs none.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}
