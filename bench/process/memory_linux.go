package process

import (
	"os"
	"syscall"
)

// largest is the most memory that an ended program had, in bytes.
func largest(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10 // kilobytes
	}
	return 0
}
