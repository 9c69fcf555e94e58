//go:build unix

package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// another makes command run as another user where this one is root: PostgreSQL refuses to run as root.
func another(command *exec.Cmd, folder string) error {
	if os.Getuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		if found, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	id, err := strconv.Atoi(found.Uid)
	if err != nil {
		return err
	}
	group, err := strconv.Atoi(found.Gid)
	if err != nil {
		return err
	}
	// A group of its own, so that a Ctrl-C for the tests does not stop the server before them.
	command.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(id), Gid: uint32(group)}, Setpgid: true,
	}
	return os.Chown(folder, id, group)
}
