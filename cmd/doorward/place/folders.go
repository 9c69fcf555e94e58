package place

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// The places of the XDG Base Directory Specification; where its variables are not set, those of the system.

// ConfigFolder is where the credentials are.
func ConfigFolder(env func(string) string) (string, error) {
	if folder := env("XDG_CONFIG_HOME"); filepath.IsAbs(folder) { // the specification: a relative one is to be ignored
		return filepath.Join(folder, "doorward"), nil
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", errors.New("there is no home folder to keep the login in; set HOME or XDG_CONFIG_HOME")
	}
	return filepath.Join(folder, "doorward"), nil
}

// StateFolder is where a server's store is.
func StateFolder(env func(string) string) (string, error) {
	if folder := env("XDG_STATE_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "doorward"), nil
	}
	var folder string
	var err error
	switch runtime.GOOS {
	case "windows", "darwin", "ios":
		folder, err = os.UserConfigDir() // what is not to travel with a roaming profile has no other place there
	default:
		folder, err = os.UserHomeDir()
		folder = filepath.Join(folder, ".local", "state")
	}
	if err != nil {
		return "", errors.New("there is no home folder to keep the store in; set HOME or XDG_STATE_HOME, or give --store")
	}
	return filepath.Join(folder, "doorward"), nil
}
