//go:build !unix

package pgtest

import "os/exec"

// another has nothing to do where there is no root.
func another(*exec.Cmd, string) error { return nil }
