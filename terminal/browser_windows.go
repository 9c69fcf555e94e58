package terminal

import (
	"os/exec"
	"syscall"

	"github.com/cli/browser"
)

// systemBrowsers is Windows' own ShellExecute: it starts no program of ours and knows no command line to break out of.
func systemBrowsers(address string) [][]string { return [][]string{{builtin, address}} }

// detach keeps Ctrl-C in our console from the browser.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// openBuiltin hands the address, which CheckAddress has passed, to the shell's API.
func openBuiltin(address string) error { return browser.OpenURL(address) }
