//go:build !windows

package terminal

import "io"

// prepare reports whether the screen understands escape sequences; terminals outside Windows do.
func prepare(io.Writer) bool { return true }
