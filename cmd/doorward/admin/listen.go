package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// maxSocket is the longest path of a socket that every system takes (sun_path of the BSDs, less its end).
const maxSocket = 103

// Open is an office that is open on a socket.
type Open struct {
	socket string
	server *http.Server
}

// Listen opens the office on a socket that only this user can open (mode 0600). What a killed server left there is
// replaced; that no other server lives is the caller's to know, by the store's lock.
func Listen(socket string, office *Office) (*Open, error) {
	// The socket is made in a folder of its own with mode 0700 and moved from there: at its place it would be open to
	// everybody for a moment, before its mode is set.
	folder, err := os.MkdirTemp(filepath.Dir(socket), ".s")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	made := filepath.Join(folder, "s")
	if len(made) > maxSocket || len(socket) > maxSocket {
		return nil, fmt.Errorf("the path of its socket is longer than the %d bytes that a system takes; use a shorter --store", maxSocket)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // it has another name by then
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, socket)); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	open := &Open{socket, &http.Server{Handler: office.Handler(), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}}
	go func() { _ = open.server.Serve(listener) }() // it ends with Close
	return open, nil
}

// Close closes the office and removes the socket; of nil, there is nothing to close.
func (o *Open) Close() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.server.Close(), os.Remove(o.socket))
}
