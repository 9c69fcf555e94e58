package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"octopipe": main})
}

func TestScreens(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			auth := authtest.With(t, authtest.Options{
				People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
			})
			env.Values["authority"], env.Values["asked"] = auth, new(atomic.Int32)
			home := filepath.Join(env.WorkDir, "home")
			for name, value := range map[string]string{
				"HOME": home, "OCTOPIPE_SERVER": auth.Issuer, "BROWSER": "true", "NO_COLOR": "1", "GORACE": "atexit_sleep_ms=0", "AUTH": home + "/.octopipe/auth.json",
				"FREE": freePort(t),
			} {
				env.Setenv(name, value)
			}
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"visit": visit, "server": control, "mode": mode, "exits": exits, "take": take, "stranger": stranger, "kept": kept,
		},
	})
}

// freePort returns a port that nobody has at this moment.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

var (
	address = regexp.MustCompile(`https?://\S+`)
	query   = regexp.MustCompile(`/authorize\?\S+`)
)

// command is the program in the script's environment.
func command(ctx context.Context, ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "PATH", "OCTOPIPE_SERVER", "BROWSER", "NO_COLOR", "GORACE", "HTTP_PROXY", "GOCOVERDIR", "OUT"} {
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

// exits runs a command and checks its exit code: `exits 2 octopipe auth login …`. stdout and stderr are kept in the files out and
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

// visit runs a login beside a person: `visit approve|deny|interrupt|forge CODE octopipe auth login …`. What the program printed goes to the file
// out, with SERVER and QUERY in the places of what differs from run to run; the link to link, the browser's last page to page.
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
			ts.Check(os.WriteFile(ts.MkAbs("link"), []byte(link+"\n"), 0o600))
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
	text := query.ReplaceAllString(strings.ReplaceAll(out.String()+errs.String(), auth.Issuer, "SERVER"), "/authorize?QUERY")
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(text), 0o600))
}

// walk does what the person does with a link.
func walk(ctx context.Context, ts *testscript.TestScript, auth *authtest.Authority, what, link string, process *os.Process) {
	v := auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	decide := v.Authorize
	switch what {
	case "interrupt":
		ts.Check(process.Signal(os.Interrupt))
		return
	case "deny":
		decide = v.Refuse
	}
	callback, err := decide(ctx, link)
	ts.Check(err)
	if what == "forge" { // somebody else's answer first: it must not count
		forged := strings.Replace(callback, "state=", "state=x", 1)
		answer, err := http.Get(forged)
		ts.Check(err)
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			ts.Fatalf("a forged callback is answered with %s", answer.Status)
		}
	}
	text := ""
	page, err := v.Arrive(ctx, callback)
	switch {
	case err == nil:
		text = page.Text()
	case what == "deny": // the page is an error, which quotes it
		text = err.Error()
	default:
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("page"), []byte(text+"\n"), 0o600))
}

// take listens on a port of 127.0.0.1 until the script ends, if nobody else does.
func take(ts *testscript.TestScript, _ bool, args []string) {
	if l, err := net.Listen("tcp4", "127.0.0.1:"+args[0]); err == nil {
		ts.Defer(func() { l.Close() })
	}
}

// stranger starts a server that fails: as HTTP_PROXY it stands for every host without https. `stranger STATUS` sets the variables
// HTTP_PROXY and STRANGER; `kept N` checks how many requests it got.
func stranger(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	asked := ts.Value("asked").(*atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("X-Request-Id", "id-of-the-request")
		w.WriteHeader(status)
	}))
	ts.Defer(s.Close)
	ts.Setenv("HTTP_PROXY", s.URL)
	ts.Setenv("STRANGER", s.URL)
}

func kept(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(int(ts.Value("asked").(*atomic.Int32).Load())); got != args[0] {
		ts.Fatalf("%s requests were sent, want %s", got, args[0])
	}
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
