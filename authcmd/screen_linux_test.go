package authcmd_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/terminal"
)

// watched is a real terminal of 80 × 24 that keeps what it shows.
func watched(t *testing.T) (*os.File, *watcher) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	w := &watcher{master: master}
	w.cond = sync.NewCond(&w.mu)
	w.done.Go(w.read)
	t.Cleanup(func() {
		tty.Close()
		master.Close()
		w.done.Wait()
	})
	return tty, w
}

type watcher struct {
	master *os.File
	done   sync.WaitGroup
	mu     sync.Mutex
	cond   *sync.Cond
	shown  bytes.Buffer
	ended  bool
}

func (w *watcher) read() {
	for buf := make([]byte, 4096); ; {
		n, err := w.master.Read(buf)
		w.mu.Lock()
		w.shown.Write(buf[:n])
		w.ended = err != nil
		w.cond.Broadcast()
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// until waits for text and returns everything shown so far.
func (w *watcher) until(t *testing.T, text string) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !strings.Contains(w.shown.String(), text) {
		if w.ended {
			t.Fatalf("the terminal ended without showing %q; it showed %q", text, w.shown.String())
		}
		w.cond.Wait()
	}
	return w.shown.String()
}

func TestDeviceLoginOnATerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env   map[string]string
		plain bool
	}{
		"colour": {map[string]string{"TERM": "xterm"}, false},
		"plain":  {map[string]string{"TERM": "xterm"}, true},
		"dumb":   {map[string]string{"TERM": "dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			m := install(t, s)
			m.env = test.env
			tty, w := watched(t)
			var out safeBuffer
			term := &terminal.Terminal{In: tty, Out: &out, Err: tty, Env: func(n string) string { return m.env[n] }}
			args := []string{"auth", "login", "--device"}
			if test.plain {
				args = append(args, "--plain")
			}
			if code := m.main(t.Context(), term, args); code != 0 {
				t.Errorf("exit %d", code)
			}
			shown := w.until(t, "Logged in")
			moving := strings.Contains(shown, "\x1b")
			if moving == (test.plain || name == "dumb") {
				t.Errorf("escape sequences: %v in %q", moving, shown)
			}
			if out.String() != "" {
				t.Errorf("standard output: %q", out.String())
			}
			if !moving {
				return
			}
			for _, fact := range []string{
				"Sign in to " + strings.TrimPrefix(s.URL, "http://") + " for acmectl on build-7", s.URL + "/device?code=WDJB-MJHT", "WDJB-MJHT",
				"Waiting for your approval, ", " left.  Ctrl-C stops.", "▀", "\x1b]52;c;", "\r\x1b[K\x1b[32m✓\x1b[0m Logged in as user@example.com. Ends 22 Dec, or after 14 days without use.",
			} {
				if !strings.Contains(shown, fact) {
					t.Errorf("the screen lacks %q: %q", fact, shown)
				}
			}
			if lines := strings.Count(shown, "\n"); lines > 24 {
				t.Errorf("%d lines do not fit the screen", lines)
			}
		})
	}
}

func TestPageThatIsNotTrustedHasNoPicture_SEC269(t *testing.T) {
	t.Parallel()
	m := install(t, serve(t))
	tty, w := watched(t)
	p := &authcmd.Program{Terminal: &terminal.Terminal{In: tty, Err: tty, Env: func(n string) string { return m.env[n] }}}
	ui, done := p.UI()
	ctx, cancel := context.WithCancel(t.Context())
	err := ui.ShowCode(ctx, flow.Prompt{UserCode: "WDJB-MJHT\x1b[2J", URI: "https://evil.example/\u202e", Warning: "On another host."})
	cancel()
	done()
	shown := w.until(t, "Warning: On another host.")
	if err != nil || strings.ContainsAny(shown, "▀▄█\u202e") || strings.Contains(shown, "\x1b]52") || strings.Contains(shown, "\x1b[2J") {
		t.Errorf("%v: %q", err, shown)
	}
}

// A device login that opens its page too shows one address and one line that moves.
func TestBrowserBesideTheCode(t *testing.T) {
	t.Parallel()
	m := install(t, serve(t))
	record := filepath.Join(m.folder, "opened")
	browser := filepath.Join(m.folder, "browser")
	if err := os.WriteFile(browser, []byte("#!/bin/sh\necho \"$1\" > "+record+".part && mv "+record+".part "+record+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var screen safeBuffer
	p := &authcmd.Program{Terminal: &terminal.Terminal{In: strings.NewReader(""), Err: &screen, Env: func(n string) string { return map[string]string{"BROWSER": browser}[n] }}}
	ui, done := p.UI()
	const page = "https://id.example/device?code=A"
	if err := ui.ShowCode(t.Context(), flow.Prompt{UserCode: "A", URI: page}); err != nil {
		t.Fatal(err)
	}
	if err := ui.OpenPage(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	done() // waits for the browser
	if data, err := os.ReadFile(record); err != nil || string(data) != page+"\n" {
		t.Errorf("opened %q, %v", data, err)
	}
	if n := strings.Count(screen.String(), page); n != 1 || strings.Count(screen.String(), "Waiting") != 1 {
		t.Errorf("shown %d times: %q", n, screen.String())
	}
}

func TestConfirmOnATerminal_PIP09(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	m.words = authcmd.Words{
		LogoutQuestion: terminal.Question{Text: "Are you sure you want to logout? [y/N] ", Flag: "--force"}, LoggedOut: "✓ Successfully logged out",
	}
	login(t, m)
	for _, step := range []struct{ typed, says string }{{"n\n", "Logout cancelled; still logged in."}, {"y\n", "✓ Successfully logged out"}} {
		tty, w := watched(t)
		if _, err := io.WriteString(w.master, step.typed); err != nil {
			t.Fatal(err)
		}
		term := &terminal.Terminal{In: tty, Out: tty, Err: tty, Screen: tty, Plain: true, Env: func(n string) string { return m.env[n] }}
		if code := m.main(t.Context(), term, []string{"auth", "logout"}); code != 0 {
			t.Fatalf("%q: exit %d", step.typed, code)
		}
		w.until(t, "Are you sure you want to logout? [y/N] ")
		w.until(t, step.says)
	}
	m.words.LogoutQuestion = terminal.Question{}
	m.run("auth", "logout").want(t, 0, "", "Nobody is logged in; nothing to do.\n")
}

// The signal goes to the whole test program, so this test is not parallel.
func TestSignalEndsTheLogin_SEC259(t *testing.T) {
	s := serve(t)
	pending := oauth.AuthorizationPending
	s.set(func(s *server) { s.decide = &pending })
	m := install(t, s)
	m.words.Code = func(flow.Prompt) string {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
		return "the code\n"
	}
	m.words.NoWaiting = true
	m.run("auth", "login", "--device").want(t, 130, "", "the code\nError: Interrupted. An earlier login is as it was.\n")
}
