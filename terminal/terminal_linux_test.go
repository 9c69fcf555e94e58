package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environ makes an environment of name, value, name, value.
func environ(pairs ...string) func(string) string {
	env := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return env[name] }
}

// person is the other end of a real terminal: what was shown, and a way to type.
type person struct {
	*os.File
	mu    sync.Mutex
	shown bytes.Buffer
	news  chan struct{}
}

func (p *person) read() {
	for buf := make([]byte, 4096); ; {
		n, err := p.Read(buf)
		p.mu.Lock()
		p.shown.Write(buf[:n])
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
		if err != nil {
			close(p.news)
			return
		}
	}
}

// sees waits until the terminal has shown text.
func (p *person) sees(t *testing.T, text string) {
	t.Helper()
	for {
		p.mu.Lock()
		found := strings.Contains(p.shown.String(), text)
		p.mu.Unlock()
		if found {
			return
		}
		if _, ok := <-p.news; !ok {
			t.Fatalf("the terminal ended without showing %q; it showed %q", text, p.screen())
		}
	}
}

func (p *person) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

// sit opens a real terminal of 80 × 24 and sits somebody in front of it.
func sit(t *testing.T) (*Terminal, *person) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	p := &person{File: master, news: make(chan struct{}, 1)}
	var done sync.WaitGroup
	done.Go(p.read)
	terminal := &Terminal{In: tty, Out: tty, Err: tty, Env: environ("TERM", "xterm-256color")}
	t.Cleanup(func() {
		_, _ = io.WriteString(master, "\n")
		terminal.reads.Wait() // an abandoned read would put its modes back on whatever terminal gets the number next
		tty.Close()
		master.Close()
		done.Wait()
	})
	return terminal, p
}

func (p *person) types(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		t.Fatal(err)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	var out, err, screen bytes.Buffer
	term := &Terminal{In: strings.NewReader(""), Out: &out, Err: &err, Env: environ()}
	if e := term.Result("token\n"); e != nil {
		t.Fatal(e)
	}
	term.Say("open %s", "the page")
	term.Warn("careful")
	if out.String() != "token\n" || err.String() != "open the page\ncareful\n" {
		t.Errorf("out %q, err %q", out.String(), err.String())
	}
	term.Screen = &screen
	term.Say("elsewhere")
	if screen.String() != "elsewhere\n" {
		t.Errorf("screen %q", screen.String())
	}
	if term.Interactive() || term.Redraws() || term.Coloured() {
		t.Error("buffers were taken for a terminal")
	}
	if got := term.Paint(Bold, "x"); got != "x" {
		t.Errorf("painted %q on a buffer", got)
	}
}

func TestColour(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env       func(string) string
		plain     bool
		redraws   bool
		coloured  bool
		wantPaint string
	}{
		"a terminal":     {environ("TERM", "xterm"), false, true, true, "\x1b[32mok\x1b[0m"},
		"NO_COLOR":       {environ("TERM", "xterm", "NO_COLOR", "1"), false, true, false, "ok"},
		"TERM=dumb":      {environ("TERM", "dumb"), false, false, false, "ok"},
		"--plain":        {environ("TERM", "xterm"), true, false, false, "ok"},
		"empty NO_COLOR": {environ("NO_COLOR", ""), false, true, true, "\x1b[32mok\x1b[0m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term, _ := sit(t)
			term.Env, term.Plain = test.env, test.plain
			if term.Redraws() != test.redraws || term.Coloured() != test.coloured {
				t.Errorf("redraws %v, coloured %v", term.Redraws(), term.Coloured())
			}
			if got := term.Paint(Green, "ok"); got != test.wantPaint {
				t.Errorf("painted %q, want %q", got, test.wantPaint)
			}
		})
	}
}

func TestNothingAsksWithoutATerminal_PIP09_PIL09(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	term := &Terminal{In: strings.NewReader("y\n"), Err: &screen, Env: environ()}
	q := Question{"Are you sure you want to logout? [y/N]: ", "--yes"}
	for name, ask := range map[string]func() error{
		"line":    func() error { _, err := term.Ask(t.Context(), q); return err },
		"secret":  func() error { _, err := term.AskSecret(t.Context(), q); return err },
		"confirm": func() error { _, err := term.Confirm(t.Context(), q); return err },
		"choose":  func() error { _, err := term.Choose(t.Context(), q, []string{"a"}); return err },
	} {
		var typed *NotATerminalError
		err := ask()
		if !errors.Is(err, ErrNotATerminal) || !errors.As(err, &typed) || typed.Flag != "--yes" || !strings.Contains(err.Error(), "--yes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if screen.Len() != 0 {
		t.Errorf("something was asked: %q", screen.String())
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]bool{
		"y\n": true, "Y\n": true, "yes\n": true, "YES \n": true,
		"n\n": false, "\n": false, "yess\n": false, "ja\n": false, "\x04": false,
	} {
		t.Run(strings.TrimSpace(typed), func(t *testing.T) {
			t.Parallel()
			term, p := sit(t)
			p.types(t, typed)
			got, err := term.Confirm(t.Context(), Question{Text: "Sure? [y/N] "})
			if err != nil || got != want {
				t.Errorf("Confirm after %q = %v, %v", typed, got, err)
			}
			p.sees(t, "Sure? [y/N] ")
		})
	}
}

func TestAskKeepsTheNextLine(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	p.types(t, "ada\nlovelace\n")
	first, err1 := term.Ask(t.Context(), Question{Text: "First: "})
	second, err2 := term.Ask(t.Context(), Question{Text: "Second: "})
	if first != "ada" || second != "lovelace" || err1 != nil || err2 != nil {
		t.Errorf("%q %v, %q %v", first, err1, second, err2)
	}
}

func TestAskSecretWithoutEcho(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	done := make(chan error, 1)
	go func() {
		got, err := term.AskSecret(t.Context(), Question{Text: "Password: "})
		if err == nil && got.Reveal() != "hunter2" {
			err = errors.New("got another password")
		}
		done <- err
	}()
	p.sees(t, "Password: ")
	waitEcho(t, term.In.(*os.File), false)
	p.types(t, "hunter2\n")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.screen(), "hunter2") {
		t.Errorf("the password was shown: %q", p.screen())
	}
	waitEcho(t, term.In.(*os.File), true)
}

func TestCtrlCRestoresEcho(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := term.AskSecret(ctx, Question{Text: "Password: "})
		done <- err
	}()
	p.sees(t, "Password: ")
	waitEcho(t, term.In.(*os.File), false)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("AskSecret after Ctrl-C: %v", err)
	}
	if !echoes(t, term.In.(*os.File)) {
		t.Error("the echo stayed off")
	}
	p.types(t, "\n") // lets the abandoned read end
}

// The signal goes to the whole test program, so this test has it to itself: it is not parallel, and asks alone.
func TestSignalRestoresEcho(t *testing.T) {
	term, p := sit(t)
	done := make(chan error, 1)
	go func() {
		_, err := term.AskSecret(context.Background(), Question{Text: "Password: "})
		done <- err
	}()
	p.sees(t, "Password: ")
	waitEcho(t, term.In.(*os.File), false)
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Errorf("AskSecret after SIGINT: %v", err)
	}
	if !echoes(t, term.In.(*os.File)) {
		t.Error("the echo stayed off")
	}
	p.types(t, "\n")
}

func TestChoose(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	p.types(t, "9\nGlobex\n")
	got, err := term.Choose(t.Context(), Question{Text: "Organisation: "}, []string{"Acme\x1b[2J Corp", "Globex"})
	if got != 1 || err != nil {
		t.Errorf("Choose = %d, %v", got, err)
	}
	p.sees(t, `  1  Acme\x1b[2J Corp`)
	p.sees(t, "Please answer with a number from 1 to 2.")

	p.types(t, "1\n")
	if got, err := term.Choose(t.Context(), Question{Text: "? "}, []string{"a", "b"}); got != 0 || err != nil {
		t.Errorf("Choose by number = %d, %v", got, err)
	}
	p.types(t, "x\ny\nz\n")
	if _, err := term.Choose(t.Context(), Question{Text: "? "}, []string{"a"}); !errors.Is(err, ErrNoChoice) {
		t.Errorf("three wrong answers: %v", err)
	}
}

func TestQuestionInAFileIsSeenAnyway(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	var file bytes.Buffer
	term.Screen = &file
	p.types(t, "y\n")
	if ok, err := term.Confirm(t.Context(), Question{Text: "Sure? "}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p.sees(t, "Sure? ")
	if file.String() != "Sure? " {
		t.Errorf("the screen got %q", file.String())
	}
}

func TestReadSecret_OCT11(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"pw\n": "pw", "pw\r\n": "pw", "pw": "pw", " p w \n\n": " p w \n", "": ""} {
		term := &Terminal{In: strings.NewReader(in)}
		got, err := term.ReadSecret("--password -")
		if err != nil || got.Reveal() != want {
			t.Errorf("%q read as %q, %v", in, got.Reveal(), err)
		}
	}
	term := &Terminal{In: strings.NewReader(strings.Repeat("x", MaxAnswer+1))}
	if _, err := term.ReadSecret("--password -"); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long secret: %v", err)
	}
	sitting, _ := sit(t)
	if _, err := sitting.ReadSecret("--password -"); err == nil || !strings.Contains(err.Error(), "--password -") {
		t.Errorf("on a terminal: %v", err)
	}
}

func TestWaitRedrawsOnATerminal(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	start := time.Now()
	term.Now = func() time.Time { return start }
	stop := term.Wait(t.Context(), Waiting{
		Line:  func(left time.Duration) string { return "Waiting, " + Clock(left) + " left." },
		Still: "Waiting.", Until: start.Add(9*time.Minute + 41*time.Second),
	})
	p.sees(t, "Waiting, 9:41 left.\x1b[K")
	p.sees(t, "⠙ Waiting") // the second frame: it turns
	stop()
	stop()
	p.sees(t, "\r\x1b[K")
	if strings.Contains(p.screen(), "\n") {
		t.Errorf("the waiting line left the line: %q", p.screen())
	}
	if shown := p.screen(); !strings.HasSuffix(shown, "\r\x1b[K") {
		t.Errorf("the line was not cleared: %q", shown)
	}
}

func TestWaitNeverWraps(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	term.Size = func() (int, int) { return 10, 24 }
	stop := term.Wait(t.Context(), Waiting{Line: func(time.Duration) string { return strings.Repeat("long ", 9) }})
	p.sees(t, "⠋ long l…\x1b[K")
	stop()
}

func TestWaitIsOneSentenceElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		term := &Terminal{Err: &screen, Env: environ()}
		stop := term.Wait(t.Context(), Waiting{Line: func(time.Duration) string { return "moving" }, Still: "Waiting for your approval."})
		time.Sleep(time.Hour) // of the bubble
		stop()
		if got := screen.String(); got != "Waiting for your approval.\n" {
			t.Errorf("printed %q", got)
		}
	})
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		0: {"0:00", "0 seconds"}, -time.Second: {"0:00", "0 seconds"}, 61 * time.Second: {"1:01", "1 minute 1 second"},
		581 * time.Second: {"9:41", "9 minutes 41 seconds"}, time.Hour + 5*time.Second: {"1:00:05", "1 hour"},
		14 * 24 * time.Hour: {"336:00:00", "14 days"}, 25 * time.Hour: {"25:00:00", "1 day 1 hour"},
	} {
		if Clock(d) != want[0] || Words(d) != want[1] {
			t.Errorf("%v: %q, %q; want %q", d, Clock(d), Words(d), want)
		}
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	term, p := sit(t)
	if !term.Copy("WDJB-MJHT") {
		t.Error("nothing was sent")
	}
	p.sees(t, "\x1b]52;c;V0RKQi1NSkhU\x07")
	term.Plain = true
	if term.Copy("WDJB-MJHT") {
		t.Error("--plain sends no sequences")
	}
}

// waitEcho waits until the terminal's echo is as wanted. It polls: a terminal tells nobody when its modes change.
func waitEcho(t *testing.T, tty *os.File, want bool) {
	t.Helper()
	for echoes(t, tty) != want {
		time.Sleep(time.Millisecond)
	}
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}
