//go:build !unix

package cred

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// lockFlags open the lock file and make it where it is missing.
const lockFlags = os.O_CREATE | os.O_RDWR

// sharingRetries bounds how often an access is tried again that another process stands in the way of: on Windows a file
// that somebody reads at this moment cannot be renamed over, nor one be opened that is being renamed.
const sharingRetries = 200

func openFile(path string) (file *os.File, err error) {
	err = insist(func() error {
		file, err = os.Open(path)
		return err
	})
	return file, err
}

func rename(from, to string) error { return insist(func() error { return os.Rename(from, to) }) }

// insist tries again, for a second at most, what failed by the presence of another process.
func insist(try func() error) (err error) {
	for range sharingRetries {
		if err = try(); err == nil || errors.Is(err, fs.ErrNotExist) || !sharing(err) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// syncFolder does nothing: there is no flush of a folder here, and the rename is in the file system's own log.
func syncFolder(string) error { return nil }

// exposed says no: access is by lists that the folder of the user's profile hands down, not by mode bits.
func exposed(fs.FileInfo) bool { return false }

func foreign(fs.FileInfo, string) bool { return false }

// owner has no meaning here: nobody works as somebody else by accident.
type owner struct{}

func ownerOf(string) (owner, error) { return owner{}, nil }

func (owner) take(string) error { return nil }

func (owner) adopt(string) error { return nil }

func own(*os.File, string) error { return nil }
