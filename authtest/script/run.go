package script

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// commands are those of every script, and the product's.
func (s *Stage) commands() map[string]Command {
	all := map[string]Command{"visit": s.visit, "typed": s.typed, "exits": exits, "server": s.server, "mode": mode}
	maps.Copy(all, s.Commands)
	return all
}

// typed is the command of that name.
func (s *Stage) typed(ts *testscript.TestScript, neg bool, args []string) {
	want, command := expected(ts, neg, args)
	text, code := s.Run(ts, command, nil)
	keep(ts, text, code, want)
}

// expected takes the code that a program is to end with, and the name of the one file that its screen is kept in, from before it.
func expected(ts *testscript.TestScript, neg bool, args []string) (code string, command []string) {
	code = "0"
	if neg {
		code = cmp.Or(ts.Getenv("EXIT"), "1")
	}
	if len(args) > 0 && strings.Trim(args[0], "0123456789") == "" {
		code, args = args[0], args[1:]
	}
	if len(args) > 0 && args[0] == "out" {
		args = args[1:]
	}
	if len(args) == 0 {
		ts.Fatalf("there is no command to run")
	}
	return code, args
}

// keep keeps a screen, and checks how its program ended.
func keep(ts *testscript.TestScript, text, code, want string) {
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(text), 0o600))
	ts.Logf("%s", text)
	if code != want {
		ts.Fatalf("the program ended with %s, want %s", code, want)
	}
}

// Run runs a program in the script's environment, for a minute at most, and returns what stood on its screen at the end and its
// exit code. watch, where there is one, is given all of standard output so far after each line of it.
func (s *Stage) Run(
	ts *testscript.TestScript, command []string, watch func(ctx context.Context, printed string, running *os.Process),
) (screen, code string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), s.environ(ts)
	if text := ts.Getenv("TYPE"); text != "" {
		cmd.Stdin = keyboard(ts, text)
	}
	var out, errs strings.Builder
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	for lines := bufio.NewReader(pipe); err == nil; {
		var line string
		line, err = lines.ReadString('\n')
		out.WriteString(line)
		if watch != nil {
			watch(ctx, out.String(), cmd.Process)
		}
	}
	if !errors.Is(err, io.EOF) {
		ts.Check(err)
	}
	code = ended(ts, cmd.Wait())
	if screen = out.String(); errs.Len() > 0 {
		screen += s.Heading + errs.String()
	}
	return s.same(screen), code
}

// keyboard is a terminal on which a text was typed.
func keyboard(ts *testscript.TestScript, text string) *os.File {
	keys, tty, err := pty.Open()
	ts.Check(err)
	ts.Defer(func() { _, _ = keys.Close(), tty.Close() })
	_, err = io.WriteString(keys, strings.ReplaceAll(text, "|", "\n")+"\n")
	ts.Check(err)
	return tty
}

// ended is the exit code of a program that ran; it is -1 where a signal ended it.
func ended(ts *testscript.TestScript, err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	ts.Check(err)
	return "0"
}

// exits is the command of that name.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := ended(ts, ts.Exec(args[1], args[2:]...))
	for file, stream := range map[string]string{"out": "stdout", "err": "stderr"} {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(ts.ReadFile(stream)), 0o600))
	}
	if code != args[0] {
		ts.Fatalf("the program ended with %s, want %s", code, args[0])
	}
}

// server is the command of that name.
func (s *Stage) server(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: server stop|start|hold|page|advance DURATION")
	}
	switch own := s.Commands["server "+args[0]]; {
	case own != nil:
		own(ts, neg, args[1:])
	case args[0] == "stop":
		s.Authority.Stop()
	case args[0] == "start":
		s.Authority.Start()
	case args[0] == "hold" && s.Wire != nil:
		s.Wire.Hold()
	case args[0] == "page" && s.Wire != nil:
		s.Wire.Page()
	case args[0] == "advance" && len(args) == 2:
		by, err := time.ParseDuration(args[1])
		ts.Check(err)
		s.Authority.Advance(by)
	default:
		ts.Fatalf("the server cannot %s", strings.Join(args, " "))
	}
}

// mode is the command of that name.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode MODE FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}
