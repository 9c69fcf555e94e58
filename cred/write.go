package cred

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// replace puts data in the place of the file, or removes the file where data is empty (an empty file would be a damaged
// one). Up to the rename every failure leaves the old file; after it the new one counts, whatever fails.
func (f *File) replace(data []byte) error {
	f.removeStale()
	if len(data) == 0 {
		return f.remove()
	}
	temp, err := f.writeTemp(data)
	if err != nil {
		return &WriteError{Path: f.Path, Err: err}
	}
	if err := rename(temp, f.Path); err != nil {
		_ = os.Remove(temp)
		return &WriteError{Path: f.Path, Err: err}
	}
	return f.confirm()
}

func (f *File) remove() error {
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &WriteError{Path: f.Path, Err: err}
	}
	return f.confirm()
}

// confirm flushes the folder, which is what makes a rename last.
func (f *File) confirm() error {
	if err := syncFolder(filepath.Dir(f.Path)); err != nil {
		return &WriteError{Path: f.Path, Saved: true, Err: err}
	}
	return nil
}

// writeTemp writes data to a new file in the same folder (a rename across file systems is no rename) and flushes it.
func (f *File) writeTemp(data []byte) (name string, err error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails
	name = filepath.Join(filepath.Dir(f.Path), f.tempPrefix()+hex.EncodeToString(random[:]))
	if err := writeNew(name, data); err != nil {
		return "", err
	}
	return name, nil
}

// tempPrefix begins the names of our unfinished files.
func (f *File) tempPrefix() string { return "." + filepath.Base(f.Path) + ".tmp-" }

// removeStale removes what killed writers left: there may be a secret in it. It runs under the lock, and who writes holds
// the lock, so that no file it finds is in use. Only names of our own exact shape are touched.
func (f *File) removeStale() {
	folder := filepath.Dir(f.Path)
	entries, _ := os.ReadDir(folder) // what cannot be listed cannot be cleaned; the write itself decides
	for _, entry := range entries {
		random, ours := strings.CutPrefix(entry.Name(), f.tempPrefix())
		if raw, err := hex.DecodeString(random); ours && err == nil && len(raw) == 16 && !entry.IsDir() {
			_ = os.Remove(filepath.Join(folder, entry.Name()))
		}
	}
}

// keepAside copies a damaged file to a name that says when it was found.
func (f *File) keepAside(data []byte) (name string, err error) {
	stamp := f.Path + ".damaged-" + f.now().UTC().Format("20060102T150405Z")
	name = stamp
	for n := 2; ; n++ {
		err = writeNew(name, data)
		if !errors.Is(err, fs.ErrExist) || n > 100 {
			return name, err
		}
		name = fmt.Sprintf("%s-%d", stamp, n)
	}
}

// writeNew makes a file that did not exist, with mode 0600 from its first moment on, and flushes it. A failure leaves
// nothing behind.
func writeNew(name string, data []byte) (err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(name)
		}
	}()
	err = errors.Join(own(file, filepath.Dir(name)), fill(file, data))
	return errors.Join(err, file.Close())
}

// fill writes and flushes. The mode is set once more for the umask that takes bits away from the owner.
func fill(file *os.File, data []byte) error {
	if err := file.Chmod(0o600); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.Sync()
}

// prepareFolder makes the missing folders with mode 0700 and says whom new files belong to.
func (f *File) prepareFolder() (owner, error) {
	folder := filepath.Dir(f.Path)
	if err := makeFolder(folder); err != nil {
		return owner{}, err
	}
	return ownerOf(folder)
}

// makeFolder is os.MkdirAll, with the owner of the folder above where root works in somebody's home.
func makeFolder(folder string) error {
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(folder)
	if parent != folder {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) && isFolder(folder) { // another process was faster
			return nil
		}
		return err
	}
	who, err := ownerOf(parent)
	if err != nil {
		return err
	}
	_ = syncFolder(parent) // a lost empty folder costs nothing; the file's own flush decides
	return errors.Join(os.Chmod(folder, 0o700), who.take(folder))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
