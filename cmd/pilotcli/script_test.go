package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pilotcli": main})
}

func TestScreens(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			auth := authtest.With(t, authtest.Options{
				People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
			})
			env.Values["authority"] = auth
			home := filepath.Join(env.WorkDir, "home")
			for name, value := range map[string]string{
				"HOME": home, "PILOTCLI_SERVER": auth.Issuer, "BROWSER": "none", "NO_COLOR": "1", "SESSION": home + "/.pilotcli/session.json",
			} {
				env.Setenv(name, value)
			}
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"visit": visit, "server": control, "mode": mode, "exits": exits, "age": age,
		},
	})
}

var (
	address  = regexp.MustCompile(`https?://\S+`)
	userCode = regexp.MustCompile(`[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}`)
)

// command is the program in the script's environment.
func command(ctx context.Context, ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "PATH", "PILOTCLI_SERVER", "PILOT_API_KEY", "NO_COLOR", "GOCOVERDIR"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// code is the exit code of a program that ran.
func code(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	if exit != nil {
		return exit.ExitCode()
	}
	return 0
}

// exits runs a command and checks its exit code: `exits 2 pilotcli user login …`. stdout and stderr are kept in the files out and
// err.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := command(ctx, ts, args[1:])
	cmd.Stdout, cmd.Stderr = &out, &errs
	if got := strconv.Itoa(code(ts, cmd.Run())); got != args[0] {
		ts.Fatalf("exit code %s, want %s\n%s%s", got, args[0], out.String(), errs.String())
	}
	ts.Logf("%s%s", out.String(), errs.String())
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errs.Bytes(), 0o600))
}

// visit runs a login beside a person: `visit approve|deny|interrupt|expire CODE pilotcli user login …`. What the program printed
// goes to the file out, with SERVER and CODE in the places of what differs from run to run.
func visit(ts *testscript.TestScript, _ bool, args []string) {
	auth := ts.Value("authority").(*authtest.Authority)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := command(ctx, ts, args[2:])
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	visited := false
	for lines := bufio.NewReader(pipe); ; {
		line, err := lines.ReadString('\n')
		out.WriteString(line)
		if link := address.FindString(line); link != "" && !visited {
			visited = true
			walk(ctx, ts, auth, args[0], link, cmd.Process)
		}
		if err == io.EOF {
			break
		}
		ts.Check(err)
	}
	got := code(ts, cmd.Wait())
	ts.Logf("[stdout]\n%s[stderr]\n%s", out.String(), errs.String())
	if strconv.Itoa(got) != args[1] || !visited {
		ts.Fatalf("the program ended with %d, want %s", got, args[1])
	}
	text := userCode.ReplaceAllString(strings.ReplaceAll(out.String()+errs.String(), auth.Issuer, "SERVER"), "CODE")
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(text), 0o600))
}

// walk does what the person does with a link.
func walk(ctx context.Context, ts *testscript.TestScript, auth *authtest.Authority, what, link string, process *os.Process) {
	v := auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	switch what {
	case "interrupt":
		ts.Check(process.Signal(os.Interrupt))
	case "deny":
		_, err := v.DenyDevice(ctx, link)
		ts.Check(err)
	case "expire": // nobody comes; the restart lets the waiting poll go
		auth.Advance(11 * time.Minute)
		auth.Stop()
		auth.Start()
	default:
		_, err := v.ApproveDevice(ctx, link)
		ts.Check(err)
	}
}

// age makes the session look older: `age 2m FILE` moves what it says of this machine's clock back.
func age(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	var file map[string]any
	ts.Check(json.Unmarshal(text, &file))
	for _, name := range []string{"refreshed_at", "expires_at"} {
		at, err := time.Parse(time.RFC3339Nano, file[name].(string))
		ts.Check(err)
		file[name] = at.Add(-by).Format(time.RFC3339Nano)
	}
	text, err = json.Marshal(file)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o600))
}

// control moves the server: `server advance 3h`, `server stop`, `server start`.
func control(ts *testscript.TestScript, _ bool, args []string) {
	auth := ts.Value("authority").(*authtest.Authority)
	switch args[0] {
	case "stop":
		auth.Stop()
	case "start":
		auth.Start()
	case "advance":
		by, err := time.ParseDuration(args[1])
		ts.Check(err)
		auth.Advance(by)
	}
}

// mode checks a file's mode: `mode 0600 FILE`.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}
