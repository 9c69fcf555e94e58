package cred

import (
	"errors"
	"syscall"
)

// The answers of Windows to an access that another open handle forbids.
const (
	accessDenied     = syscall.Errno(5)
	sharingViolation = syscall.Errno(32)
)

func sharing(err error) bool {
	return errors.Is(err, sharingViolation) || errors.Is(err, accessDenied)
}
