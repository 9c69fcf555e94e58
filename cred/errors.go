package cred

import (
	"fmt"
)

// WriteError says that a change did not reach the disk as it should. It wraps what the system said, so that
// errors.Is(err, fs.ErrPermission) and errors.Is(err, syscall.ENOSPC) hold.
type WriteError struct {
	Path string
	// Saved reports that the new content stands in the file all the same and counts from now on, but that the disk did not
	// confirm it: a power cut may bring the old one back. Where it is false, the file is as it was.
	Saved bool
	Err   error
}

// Error says what was kept.
func (e *WriteError) Error() string {
	if e.Saved {
		return fmt.Sprintf("cred: %s was saved, but the disk did not confirm it, so that a power cut may undo it: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("cred: cannot write %s, which is as it was before: %v", e.Path, e.Err)
}

// Unwrap returns what the system said.
func (e *WriteError) Unwrap() error { return e.Err }

// RefusedError says that the file is not used because of what it is or whose it is. Nothing was read from it or changed.
type RefusedError struct {
	Path   string
	Reason string // "others can read it (mode 0644)"
	Mend   string // what to do about it: a command or a sentence
}

// Error names the file, the reason and the way to mend it.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("cred: refusing to use %s: %s; to mend it: %s", e.Path, e.Reason, e.Mend)
}
