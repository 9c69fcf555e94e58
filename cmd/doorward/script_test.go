package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// The scripts in testdata specify every screen. The programs of their command lines are real processes; the authority that
// they talk to runs in the test. UPDATE=1 writes the screens as they are; read the difference before you keep it.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"doorward":                   main,
		"docker-credential-doorward": main,
		"visit":                      func() { os.Exit(visit(os.Args[1:])) },
		"phone":                      func() { os.Exit(phone(os.Args[1:])) },
		"tty":                        func() { os.Exit(onTerminal(os.Args[1:])) },
		"longarg":                    func() { os.Exit(longArgument(os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := &script{t: t}
			testscript.Run(t, testscript.Params{
				Files: []string{file}, UpdateScripts: os.Getenv("UPDATE") != "", RequireExplicitExec: true,
				Setup: s.setup, Cmds: s.commands(),
			})
		})
	}
}

// script is what one script has beside its files.
type script struct {
	t         *testing.T
	authority *authtest.Authority
}

// setup makes an environment in which nothing of the real one is touched.
func (s *script) setup(env *testscript.Env) error {
	for name, value := range map[string]string{
		"HOME": env.WorkDir + "/home", "XDG_CONFIG_HOME": env.WorkDir + "/config", "XDG_STATE_HOME": env.WorkDir + "/state",
		"TMPDIR": env.WorkDir + "/tmp", "BROWSER": "none", "TERM": "xterm", "VISIT": "approve",
		"GORACE": "atexit_sleep_ms=0", // under -race, each of some hundred processes would end with a second of sleep
	} {
		env.Setenv(name, value)
	}
	return os.MkdirAll(env.WorkDir+"/tmp", 0o700)
}

// commands are those that a script has beside the usual ones.
func (s *script) commands() map[string]func(*testscript.TestScript, bool, []string) {
	commands := map[string]func(*testscript.TestScript, bool, []string){
		// authority starts one with Ada in it, and points doorward at it.
		"authority": func(ts *testscript.TestScript, _ bool, _ []string) {
			seeds := *seed.Base()
			s.authority = authtest.With(s.t, authtest.Options{
				People: []authtest.Person{{Username: "ada", Name: "Ada Lovelace", ID: "usr_ada", Administrator: true}}, Clients: seeds.Clients,
			})
			ts.Setenv("DOORWARD_ISSUER", s.authority.Issuer)
			ts.Setenv("VISIT_NAME", s.authority.Person.Username)
			ts.Setenv("VISIT_PASSWORD", s.authority.Person.Password)
		},
		"down":    func(*testscript.TestScript, bool, []string) { s.authority.Stop() },
		"up":      func(*testscript.TestScript, bool, []string) { s.authority.Start() },
		"await":   await,
		"advance": s.advance,
		"screen":  screen,
		// website starts a server that answers everything with a page, as a hotel's network does.
		"website": func(ts *testscript.TestScript, _ bool, _ []string) {
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<!doctype html><title>Welcome to the hotel</title>")
			}))
			s.t.Cleanup(site.Close)
			ts.Setenv("DOORWARD_ISSUER", site.URL)
		},
	}
	s.repositories(commands)
	s.sts(commands)
	return commands
}

func (s *script) advance(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	s.authority.Advance(by)
}

// await returns when a server answers on the socket; its path is a pattern.
func await(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 { // a broken program ends the test after 20 s; a whole one is not waited for
		found, _ := filepath.Glob(ts.MkAbs(args[0]))
		for _, socket := range found {
			if conn, err := net.Dial("unix", socket); err == nil {
				_ = conn.Close()
				return
			}
		}
		<-tick.C
	}
	ts.Fatalf("nobody answers on %s", args[0])
}

// differs are the parts of a screen that are never the same twice.
var differs = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(localhost|127\.0\.0\.1):\d+`), "$1:PORT"},
	{regexp.MustCompile(`\b[B-Z]{4}-[B-Z]{4}\b`), "WDJB-MJHT"},
	{regexp.MustCompile(`\b(state|nonce|code_challenge|machine)=[^&\s]+`), "$1=…"},
	{regexp.MustCompile(`%3A\d+%2F`), "%3APORT%2F"},
	{regexp.MustCompile(`_expiry_utc=\d+`), "_expiry_utc=SECONDS"},
	{regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`), "TOKEN"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`), "MOMENT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`), "DATE-AND-TIME"},
	{regexp.MustCompile(`\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)( \d{4})?`), "DAY"},
	{regexp.MustCompile(`\d+ minutes?( \d+ seconds?)?`), "MINUTES"},
	{regexp.MustCompile(`\b0[0-9a-z]{25}\b`), "SESSION-ID"},
	{regexp.MustCompile(`\b[a-z2-7]{4}(-[a-z2-7]{4}){3}\b`), "PASSWORD"},
	{regexp.MustCompile(`usr_[0-9a-z]{16}`), "usr_SOMEBODY"},
	{regexp.MustCompile(`\b(org|project)-[a-z2-7]{16}\b`), "$1-RANDOM"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\bon ` + regexp.QuoteMeta(host()) + `\b`), "on MACHINE"},
	{regexp.MustCompile(`doorward-(dev|demo)-\d+`), "doorward-$1-TEMPORARY"},
}

func host() string {
	name, _ := os.Hostname()
	return name
}

// screen writes what was printed last to the file `screen`, with what differs each time replaced, for cmp.
func screen(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	for _, d := range differs {
		text = d.pattern.ReplaceAllString(text, d.instead)
	}
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(text), 0o600))
}

// visit is the program in $BROWSER: it does with the address what VISIT says.
func visit(args []string) int {
	v := &visitor.Visitor{
		Base: os.Getenv("DOORWARD_ISSUER"), Name: os.Getenv("VISIT_NAME"), Password: secret.New(os.Getenv("VISIT_PASSWORD")),
	}
	if err := walk(context.Background(), v, args[0]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func walk(ctx context.Context, v *visitor.Visitor, address string) error {
	deny := os.Getenv("VISIT") == "deny"
	if strings.Contains(address, visitor.PathDevice+"?") {
		decide := v.ApproveDevice
		if deny {
			decide = v.DenyDevice
		}
		_, err := decide(ctx, address)
		return err
	}
	leave := v.Authorize
	if deny {
		leave = v.Refuse
	}
	back, err := leave(ctx, address)
	if err == nil {
		_, err = v.Arrive(ctx, back)
	}
	if deny {
		return nil // the program's own page is an error then
	}
	return err
}

// phone runs a program, and does on another machine what its screen asks for: it opens the address with the code there.
func phone(args []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = os.Stdin
	p := &reader{name: os.Getenv("VISIT_NAME"), password: os.Getenv("VISIT_PASSWORD"), stop: func() { _ = cmd.Process.Kill() }}
	out, err := cmd.StdoutPipe()
	var errs io.ReadCloser
	if err == nil {
		errs, err = cmd.StderrPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(out, os.Stdout) })
	reading.Go(func() { p.read(errs, os.Stderr) })
	reading.Wait()
	_ = cmd.Wait() // the code says it
	return cmd.ProcessState.ExitCode()
}

// reader is somebody who reads a screen.
type reader struct {
	mu             sync.Mutex
	name, password string
	done           bool
	stop           func()
}

var (
	onScreenName     = regexp.MustCompile(`^ +Email or username +(\S+)`)
	onScreenPassword = regexp.MustCompile(`^ +Password +(\S+)`)
	onScreenAddress  = regexp.MustCompile(`(https?://[^/\s]+)/device\?code=\S+`)
)

// read passes a stream on, line by line, and acts on what stands there.
func (p *reader) read(from io.Reader, to io.Writer) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		fmt.Fprint(to, line)
		p.act(line)
		if err != nil {
			return
		}
	}
}

func (p *reader) act(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := onScreenName.FindStringSubmatch(line); found != nil {
		p.name = found[1]
	}
	if found := onScreenPassword.FindStringSubmatch(line); found != nil {
		p.password = found[1]
	}
	found := onScreenAddress.FindStringSubmatch(line)
	if found == nil || p.done {
		return
	}
	p.done = true
	v := &visitor.Visitor{Base: found[1], Name: p.name, Password: secret.New(p.password)}
	if err := walk(context.Background(), v, found[0]); err != nil {
		fmt.Fprintln(os.Stderr, "phone:", err)
		p.stop()
	}
}

// longArgument runs a program with an argument of so many bytes in the place of LONG.
func longArgument(args []string) int {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "LONG", strings.Repeat("x", 100_000)) // Linux takes 128 KiB for one
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode()
}

// onTerminal runs a program on a terminal of its own, and prints what it draws there.
func onTerminal(args []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 60, Cols: 120})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	if typed, ok := os.LookupEnv("TYPE"); ok {
		fmt.Fprintln(screen, typed)
	}
	_, _ = io.Copy(os.Stdout, screen) // Linux ends it with an error when the program has gone
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
