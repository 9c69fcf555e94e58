package main

import (
	"errors"
	"net"
	"syscall"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/store/sqlite"
)

// explain maps the errors of the server's side; the others are authcmd's.
func explain(err error) (authcmd.Failure, bool) {
	switch {
	case errors.Is(err, sqlite.ErrDamaged):
		return authcmd.Failure{
			Exit: authcmd.ExitStoreDamaged, Code: "store_damaged", Message: err.Error(),
			Hint: "The file was left as it is. Restore the store and its master key from the same backup.",
		}, true
	case errors.Is(err, sqlite.ErrInUse):
		return authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "store_in_use", Message: "The store is open in another server. Nothing was changed.",
			Hint: "Stop that server, or give this one a store of its own with --store sqlite:PATH.",
		}, true
	case errors.Is(err, keys.ErrMaster):
		return authcmd.Failure{
			Exit: authcmd.ExitStoreDamaged, Code: "master_key", Message: err.Error() + ". Nothing was changed.",
			Hint: "The master key belongs to the store: take both from the same backup, and see that only you can read it (mode 0600).",
		}, true
	case errors.Is(err, syscall.EADDRINUSE):
		return authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "address_in_use", Message: "The address is in use by another program. Nothing was changed.",
			Hint: "Stop that program, or choose another address with --listen HOST:PORT (port 0 takes a free one).",
		}, true
	case errors.Is(err, syscall.EACCES) && isListen(err):
		return authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "address_forbidden", Message: "This user may not listen on that address. Nothing was changed.",
			Hint: "Ports below 1024 are often kept for the system: choose another with --listen HOST:PORT.",
		}, true
	}
	return authcmd.Failure{}, false
}

// isListen tells a socket that may not be opened from a file that may not.
func isListen(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "listen"
}
