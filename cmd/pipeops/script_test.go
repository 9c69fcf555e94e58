package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/visitor"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pipeops": main})
}

// authority is what `doorward serve --dev` is, as far as this program sees it.
func authority(t testing.TB) *authtest.Authority {
	return authtest.With(t, authtest.Options{
		People: []authtest.Person{{Username: "somebody"}},
		More:   *seed.Dev(""), Contracts: contracts.All(),
	})
}

func TestScreens(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			auth := authority(t)
			env.Values["authority"] = auth
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("PIPEOPS_API_URL", auth.Issuer)
			env.Setenv("BROWSER", "none")
			env.Setenv("NO_COLOR", "1")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a program under the race detector ends a second later otherwise
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"visit": visit, "person": person, "server": control, "mode": mode,
		},
	})
}

var (
	address  = regexp.MustCompile(`https?://\S+`)
	userCode = regexp.MustCompile(`[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}`)
	query    = regexp.MustCompile(`/authorize\?\S+`)
)

// visit runs a login beside a person: `visit approve|deny|expire OUT pipeops auth login …`. What the program printed goes to OUT with
// SERVER, CODE and QUERY in the places of what differs from run to run; `! visit` expects it to fail.
func visit(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: visit approve|deny|expire OUT COMMAND…")
	}
	auth := ts.Value("authority").(*authtest.Authority)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, args[2], args[3:]...)
	cmd.Env, cmd.Dir = environ(ts), ts.MkAbs(".")
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
			ts.Check(walk(ctx, auth, args[0], link))
		}
		if err == io.EOF {
			break
		}
		ts.Check(err)
	}
	err = cmd.Wait()
	ts.Logf("[stderr]\n%s", errs.String())
	if (err != nil) != neg {
		ts.Fatalf("the program ended with %v\n%s", err, out.String())
	}
	text := strings.ReplaceAll(out.String()+errs.String(), auth.Issuer, "SERVER")
	text = query.ReplaceAllString(userCode.ReplaceAllString(text, "CODE"), "/authorize?QUERY")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"HOME", "PATH", "PIPEOPS_API_URL", "PIPEOPS_DASHBOARD_URL", "PIPEOPS_CONFIG_PATH", "PIPEOPS_AUTH_TOKEN", "BROWSER", "NO_COLOR",
		"TESTSCRIPT_COMMAND", "GOCOVERDIR", "GORACE",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func john(auth *authtest.Authority) *visitor.Visitor {
	return auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
}

// walk does what the person does with a link.
func walk(ctx context.Context, auth *authtest.Authority, what, link string) error {
	if what == "expire" { // nobody comes; the restart lets the waiting poll go
		auth.Advance(11 * time.Minute)
		auth.Stop()
		auth.Start()
		return nil
	}
	v := john(auth)
	if !strings.Contains(link, "/authorize") {
		decide := v.ApproveDevice
		if what == "deny" {
			decide = v.DenyDevice
		}
		_, err := decide(ctx, link)
		return err
	}
	decide := v.Authorize
	if what == "deny" {
		decide = v.Refuse
	}
	callback, err := decide(ctx, link)
	if err == nil {
		_, err = v.Arrive(ctx, callback)
	}
	return err
}

// person acts in the web console: `person lists APPLICATION` and `person revokes APPLICATION`.
func person(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: person lists|revokes APPLICATION")
	}
	ctx := context.Background()
	v := john(ts.Value("authority").(*authtest.Authority))
	ts.Check(v.SignIn(ctx, v.Name, v.Password))
	page, err := v.Open(ctx, visitor.PathApplications)
	ts.Check(err)
	if page.Says(args[1]) == neg {
		ts.Fatalf("the list of applications reads: %s", page.Text())
	}
	ts.Logf("%s", page.Text())
	if args[0] == "revokes" {
		page, err = page.PressIn(ctx, args[1], visitor.ButtonRevoke)
		ts.Check(err)
		if page.HasButton(visitor.ButtonRevoke) { // it asks once
			_, err = page.Press(ctx, visitor.ButtonRevoke)
			ts.Check(err)
		}
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
