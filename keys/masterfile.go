package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile is more than a full set takes, in bytes.
const maxFile = 4 << 10

// LoadMaster reads the master key file at path. Where there is none and create is true, it makes one with a random key
// (mode 0600, complete and on the disk before it has its name); of several programs that do so at once, one makes it
// and all read it. Callers set create only beside an empty store: a new key cannot open an old one's values.
//
// The error wraps fs.ErrNotExist where there is no file, and ErrMaster where other users can read the file or it
// does not parse; in both cases the file is left as it was.
func LoadMaster(path string, create bool) (*Master, error) {
	m, err := readMaster(path)
	if !create || !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	// A hard link gives the finished file its name, and refuses where there is one already.
	if err := NewMaster().write(path, os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keys: create the master key file: %w", err)
	}
	return readMaster(path)
}

// Save replaces the file at path by this set, as a whole: a crash leaves the old file or the new one. It is mode 0600
// and on the disk when Save returns.
func (m *Master) Save(path string) error {
	if err := m.write(path, os.Rename); err != nil {
		return fmt.Errorf("keys: save the master key file; the old one was kept: %w", err)
	}
	return nil
}

// write puts the set into a file of its own beside path and has publish give it the name.
func (m *Master) write(path string, publish func(oldpath, newpath string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".master-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already after a rename
	_, err = io.WriteString(f, m.Text().Reveal())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := publish(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir puts a new name on the disk: without it a power cut can take the file that the database already relies on.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // knows no such thing
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readMaster(path string) (*Master, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keys: open the master key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of the open file: a path could be exchanged in between
	if err != nil {
		return nil, fmt.Errorf("keys: read the master key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%w: other users can open %s (mode %04o). Nothing was changed. "+
			"Run `chmod 600 %s`; if strangers use this machine, rotate the master key too", ErrMaster, path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("keys: read the master key file: %w", err)
	}
	m, err := ParseMaster(string(text))
	if err != nil {
		return nil, fmt.Errorf("%w. The file %s was left as it is; restore it from the backup", err, path)
	}
	return m, nil
}
