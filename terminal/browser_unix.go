//go:build !windows

package terminal

import (
	"os/exec"
	"runtime"
	"syscall"
)

// systemBrowsers are the programs that open pages on this system.
func systemBrowsers(address string) [][]string {
	if runtime.GOOS == "darwin" {
		return [][]string{{"/usr/bin/open", address}}
	}
	return [][]string{{"xdg-open", address}, {"x-www-browser", address}, {"www-browser", address}}
}

// detach gives the browser a session of its own: Ctrl-C in our terminal goes to our process group only.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// openBuiltin is never reached here: no list has the builtin entry.
func openBuiltin(string) error { return ErrNoBrowser }
