package terminal

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Errors of opening a browser. Neither is a reason to give up: the person can open the address by hand.
var (
	// ErrNoBrowser: no program was found that opens pages.
	ErrNoBrowser = errors.New("terminal: no browser was found")
	// ErrAddress: the address is none that may be handed to a browser.
	ErrAddress = errors.New("terminal: only http and https addresses are opened")
)

// browserTime is how long a program that opens pages is watched. One that still runs then is the browser itself, and
// goes on running.
const browserTime = 3 * time.Second

// maxAddress is the longest address that is handed on, in bytes: well below what an argument may hold on any system.
const maxAddress = 8 << 10

// CheckAddress reports with ErrAddress what must not be handed to a browser: other schemes than http and https, no host,
// a user part that hides the host, spaces and control characters, more than 8 KiB.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, len(address) > maxAddress, Clean(address) != address, strings.ContainsAny(address, " \"'`<>\\"):
		return ErrAddress
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil:
		return ErrAddress
	}
	return nil
}

// Browse opens the address in the person's browser: with $BROWSER where it is set, else with what the system has for it.
// The programs get the address as an argument of its own, never through a shell; none is taken from the current folder.
// It returns when the program has ended well, or still runs after three seconds.
func (t *Terminal) Browse(ctx context.Context, address string) error {
	if err := CheckAddress(address); err != nil {
		return err
	}
	failure := ErrNoBrowser
	for _, argv := range t.browsers(address) {
		err := t.start(ctx, argv)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, exec.ErrDot) {
			failure = fmt.Errorf("%w: %s: %w", ErrNoBrowser, filepath.Base(argv[0]), err)
		}
	}
	return failure
}

// HasBrowser reports whether a browser on this machine can show the person a page: not over SSH, not without a display.
// $BROWSER says yes, its value "none" says no.
func (t *Terminal) HasBrowser() bool {
	if b := t.env("BROWSER"); b != "" {
		return b != "none"
	}
	for _, name := range []string{"SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"} {
		if t.env(name) != "" {
			return false
		}
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return true
	}
	if t.env("DISPLAY") == "" && t.env("WAYLAND_DISPLAY") == "" && !t.wsl() {
		return false
	}
	return slices.ContainsFunc(t.browsers(""), func(argv []string) bool {
		_, err := look(argv[0])
		return err == nil
	})
}

// wsl reports whether this Linux runs inside Windows, whose browser the person uses.
func (t *Terminal) wsl() bool { return t.env("WSL_DISTRO_NAME") != "" || t.env("WSL_INTEROP") != "" }

// browsers lists the argument lists to try, best first.
func (t *Terminal) browsers(address string) [][]string {
	var list [][]string
	for _, entry := range filepath.SplitList(t.env("BROWSER")) {
		if argv := browserEntry(entry, address); argv != nil {
			list = append(list, argv)
		}
	}
	if t.wsl() {
		list = append(list, []string{"wslview", address},
			[]string{"/mnt/c/Windows/System32/rundll32.exe", "url.dll,FileProtocolHandler", address})
	}
	return append(list, systemBrowsers(address)...)
}

// browserEntry splits one entry of $BROWSER at spaces, unless the whole of it is a program whose path has spaces. Where
// an argument holds %s, the address stands there, else at the end.
func browserEntry(entry, address string) []string {
	argv := []string{entry}
	if _, err := look(entry); err != nil {
		argv = strings.Fields(entry)
	}
	if len(argv) == 0 || entry == "none" {
		return nil
	}
	placed := false
	for i := 1; i < len(argv); i++ {
		if strings.Contains(argv[i], "%s") {
			argv[i], placed = strings.ReplaceAll(argv[i], "%s", address), true
		}
	}
	if !placed {
		argv = append(argv, address)
	}
	return argv
}

// look finds a program by its absolute path or in PATH. What lies in the current folder is not run, whichever way PATH
// leads there: the folder may be a stranger's checkout.
func look(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		return "", &exec.Error{Name: name, Err: exec.ErrDot}
	}
	if here, err := os.Getwd(); err == nil && !filepath.IsAbs(name) && filepath.Dir(path) == filepath.Clean(here) {
		return "", &exec.Error{Name: name, Err: exec.ErrDot}
	}
	return path, nil
}

// start runs a program that opens pages. It is apart from our terminal, so that Ctrl-C here does not end the browser,
// and inherits neither our streams nor the private variables.
func (t *Terminal) start(ctx context.Context, argv []string) error {
	if argv[0] == builtin {
		return openBuiltin(argv[1])
	}
	path, err := look(argv[0])
	if err != nil {
		return err
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Env = t.childEnv(os.Environ())
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(browserTime)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// childEnv returns the environment without the private variables.
func (t *Terminal) childEnv(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(t.Private, name)
	})
}

// builtin stands in an argument list for the system call that opens pages where no program is needed.
const builtin = "\x00system"
