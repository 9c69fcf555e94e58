//go:build unix

package cred

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lockFlags open the lock file: made where it is missing, never through a link, and never waiting for the other end of a
// FIFO that somebody put there.
const lockFlags = os.O_CREATE | os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC

// openFile opens for reading without waiting: a FIFO at this name must not hang the program.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func rename(from, to string) error { return os.Rename(from, to) }

// syncFolder makes the names in a folder last.
func syncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil // a file system that knows no such flush has nothing to confirm
	}
	return err
}

// exposed reports whether anybody but the owner can do anything with the file.
func exposed(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// foreign reports whether the file belongs to another user. Root in somebody's folder works as the owner of the folder, for
// whom root's own files are foreign: else a link to one, read here and kept aside as damaged, would become the owner's.
func foreign(info fs.FileInfo, folder string) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	who, err := ownerOf(folder)
	if err != nil {
		return true
	}
	if who.other {
		return int(stat.Uid) != who.uid
	}
	return int(stat.Uid) != os.Geteuid()
}

// owner is whom new files in a folder belong to. The zero value: whoever runs the program.
type owner struct {
	other    bool // root works in a folder of somebody else
	uid, gid int
}

// ownerOf looks at the folder where root is at work; for everybody else new files are their own.
func ownerOf(folder string) (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	info, err := os.Stat(folder)
	if err != nil {
		return owner{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return owner{}, nil
	}
	return owner{other: true, uid: int(stat.Uid), gid: int(stat.Gid)}, nil
}

// take gives a folder that root just made to the owner.
func (o owner) take(path string) error {
	if !o.other {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}

// adopt makes the lock file and gives it to the owner, who could not open one of root's.
func (o owner) adopt(path string) error {
	if !o.other {
		return nil
	}
	file, err := os.OpenFile(path, lockFlags, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return file.Chown(o.uid, o.gid)
}

// own gives a file that was just made to the owner of its folder.
func own(file *os.File, folder string) error {
	who, err := ownerOf(folder)
	if err != nil || !who.other {
		return err
	}
	return file.Chown(who.uid, who.gid)
}
