package terminal

import (
	"os/exec"
	"syscall"

	"github.com/cli/browser"
)

// systemBrowsers is Windows' own ShellExecute: it starts no program of ours and knows no command line to break out of.
func systemBrowsers(address string) [][]string { return [][]string{{builtin, address}} }

func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func openBuiltin(address string) error { return browser.OpenURL(address) }
