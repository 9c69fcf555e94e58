package cred

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxSize bounds what is read: no credential file comes near it.
const maxSize = 4 << 20

// read returns the whole file, or nil where there is none. What is looked at is the opened file, never the name a second
// time, so that nobody can swap it in between.
func (f *File) read() ([]byte, error) {
	file, err := openFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cred: cannot read the credential file: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("cred: cannot read the credential file: %w", err)
	}
	if err := f.check(file, info); err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, fmt.Errorf("cred: cannot read the credential file: %w", err)
	}
	return data, nil
}

// check refuses what is no credential file of this person.
func (f *File) check(file *os.File, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &RefusedError{f.Path, "it is a folder", "move it away, or name another file"}
	case !info.Mode().IsRegular():
		return &RefusedError{f.Path, "it is not a regular file", "move it away, or name another file"}
	case info.Size() > maxSize:
		return &RefusedError{f.Path, "it is too large for a credential file", "move it away, or name another file"}
	case foreign(info, filepath.Dir(f.Path)):
		return &RefusedError{f.Path, "it belongs to another user", "log in with a file of your own, or as its owner run: chown, or remove it"}
	case !exposed(info):
		return nil
	}
	return f.answerExposure(file, info)
}

func (f *File) answerExposure(file *os.File, info fs.FileInfo) error {
	others := fmt.Sprintf("others can read it (mode %04o)", info.Mode().Perm())
	mend := "chmod 600 " + f.Path
	if f.Exposed == Refuse {
		return &RefusedError{f.Path, others, mend}
	}
	text := others + "; run: " + mend
	// A link's target is somebody's arrangement: it is not ours to change.
	if f.Exposed == Repair && !isLink(f.Path) && file.Chmod(0o600) == nil {
		text = others + " until now; the mode is 0600 again. If others use this machine, log out and in again"
	}
	f.exposedOnce.Do(func() { f.warn("the credential file " + f.Path + ": " + text) })
	return nil
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}
