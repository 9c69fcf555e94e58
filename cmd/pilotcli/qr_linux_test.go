package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/terminal"
)

// TestQR_PIL01: on a terminal the code below the link is that of the link; where there is no room, the link stands alone. That
// a camera reads such a code is proven in room terminal.
func TestQR_PIL01(t *testing.T) {
	t.Parallel()
	auth, _ := authority(t)
	for name, size := range map[string]*pty.Winsize{"80x24": {Rows: 24, Cols: 80}, "too narrow": {Rows: 24, Cols: 30}, "too low": {Rows: 10, Cols: 80}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			screen := show(t, auth, size)
			link := script.FirstLink(screen)
			code, err := terminal.NewQR(link)
			if err != nil {
				t.Fatal(err)
			}
			drawn := false
			for _, quiet := range []int{1, 2, 4} {
				drawn = drawn || strings.Contains(screen, strings.Join(code.Lines(quiet, false), "\r\n"))
			}
			if drawn != (name == "80x24") || drawn != strings.Contains(screen, "█") || link == "" {
				t.Errorf("the code of %q: %v\n%s", link, drawn, screen)
			}
			if !strings.HasSuffix(screen, "Welcome to the Pilot Command Line Interface!\r\n") {
				t.Errorf("%q", screen)
			}
		})
	}
}

// show runs a login on a terminal of that size, with a person beside it.
func show(t *testing.T, auth *authtest.Authority, size *pty.Winsize) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pilotcli", "user", "login") // testscript.Main has put it into the PATH
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "PILOTCLI_SERVER="+auth.Issuer, "NO_COLOR=1", "TERM=xterm", "PILOT_API_KEY=")
	tty, err := pty.StartWithSize(cmd, size)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	var screen bytes.Buffer
	visited, part := false, make([]byte, 4096)
	for {
		n, err := tty.Read(part) // fails with EIO when the program has ended
		screen.Write(part[:n])
		if link := script.FirstLink(screen.String()); !visited && strings.Contains(screen.String(), link+"\r\n") && link != "" {
			visited = true
			v := auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
			if _, err := v.ApproveDevice(ctx, link); err != nil {
				t.Error(err)
			}
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, screen.String())
	}
	return screen.String()
}
