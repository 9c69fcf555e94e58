package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
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
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/identity"
	authserver "github.com/doorward/doorward/server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rio": main})
}

// TestScreens runs the scripts, each against an authority of its own that is what `doorward serve --dev` is.
func TestScreens(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			s := &script{}
			s.start(env.T().(testing.TB))
			env.Values["script"] = s
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("RIO_SERVER", s.wire.URL)
			env.Setenv("EXIT", "1") // of what is expected to fail
			env.Setenv("BROWSER", "none")
			env.Setenv("NO_COLOR", "1")
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"visit": visit, "typed": typed, "server": control, "mode": mode, "requests": requests, "long": long, "good": good,
		},
	})
}

// script is an authority, and a wire before it that notes what was asked.
type script struct {
	auth  *authtest.Authority
	rooms authserver.Rooms
	wire  *httptest.Server

	mu    sync.Mutex
	asked []string
	page  bool          // answers with a page instead, as a hotel's network does
	gate  chan struct{} // what is polled waits for its closing
}

func (s *script) start(t testing.TB) {
	s.wire = httptest.NewUnstartedServer(s)
	look := func(rooms authserver.Rooms) (machines, entries map[string]http.Handler) {
		s.rooms = rooms
		return nil, nil
	}
	s.auth = authtest.With(t, authtest.Options{
		People: []authtest.Person{{Username: "grace", ID: "usr_grace", Name: "Grace"}, {Username: "linus"}}, More: *seed.Dev(""),
		Issuer: "http://" + s.wire.Listener.Addr().String(), Contracts: append(contracts.All(), look),
	})
	s.wire.Start()
	t.Cleanup(s.wire.Close)
	err := s.rooms.Factors.AddFactor(context.Background(), identity.Factor{
		ID: "f1", PersonID: "usr_grace", Kind: identity.FactorTOTP, LastStep: 1, Created: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ServeHTTP passes a request on to the authority.
func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	page, gate := s.page, s.gate
	s.mu.Unlock()
	if gate != nil && r.URL.Path == "/token" {
		<-gate
	}
	if page {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Welcome to the hotel</title>")
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", s.auth.Address()
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler) // nobody answers
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func of(ts *testscript.TestScript) *script { return ts.Value("script").(*script) }

var (
	deviceURL = regexp.MustCompile(`https?://\S+/device`)
	userCode  = regexp.MustCompile(`[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}`)
	aToken    = regexp.MustCompile(`(dwt|sat)_[0-9A-Za-z]+`)
)

// command runs a program, typing what TYPE holds on a terminal of its own where it is set.
func command(ts *testscript.TestScript, args []string, watch func(line string, running *os.Process)) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{
		"HOME", "XDG_CONFIG_HOME", "PATH", "RIO_SERVER", "RIO_CONFIG", "BROWSER", "NO_COLOR", "GORACE", "TESTSCRIPT_COMMAND", "GOCOVERDIR",
	} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if text := ts.Getenv("TYPE"); text != "" {
		keyboard, tty, err := pty.Open()
		ts.Check(err)
		defer keyboard.Close()
		defer tty.Close()
		cmd.Stdin = tty
		_, err = io.WriteString(keyboard, strings.ReplaceAll(text, "|", "\n")+"\n")
		ts.Check(err)
	}
	var out, errs bytes.Buffer
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	for lines := bufio.NewReader(pipe); err == nil; {
		var line string
		line, err = lines.ReadString('\n')
		out.WriteString(line)
		watch(line, cmd.Process)
	}
	err = cmd.Wait()
	text := strings.ReplaceAll(out.String(), of(ts).wire.URL, "SERVER")
	text = aToken.ReplaceAllString(userCode.ReplaceAllString(text, "WDJB-MJHT"), "TOKEN")
	if errs.Len() > 0 {
		text += "[stderr]\n" + strings.ReplaceAll(errs.String(), of(ts).wire.URL, "SERVER")
	}
	return text, err
}

// typed runs a program on a terminal: `typed OUT COMMAND…` types $TYPE, in which | is the enter key.
func typed(ts *testscript.TestScript, neg bool, args []string) {
	text, err := command(ts, args[1:], func(string, *os.Process) {})
	keep(ts, neg, args[0], text, err)
}

func keep(ts *testscript.TestScript, neg bool, file, text string, err error) {
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	ts.Logf("%s", text)
	if (err != nil) != neg {
		ts.Fatalf("the program ended with %v\n%s", err, text)
	}
	if want := strings.TrimSpace("exit status " + ts.Getenv("EXIT")); neg && err.Error() != want {
		ts.Fatalf("the program ended with %v, want %s", err, want)
	}
}

// visit runs a device login beside a person who reads the screen:
// `visit approve|deny|expire|interrupt OUT COMMAND…`.
func visit(ts *testscript.TestScript, neg bool, args []string) {
	link, visited := "", false
	text, err := command(ts, args[2:], func(line string, running *os.Process) {
		if found := deviceURL.FindString(line); found != "" {
			link = found
		}
		if code := userCode.FindString(line); code != "" && link != "" && !visited {
			visited = true
			if args[0] == "interrupt" {
				ts.Check(running.Signal(os.Interrupt))
			}
			ts.Check(of(ts).walk(args[0], link+"?code="+code))
		}
	})
	if !visited {
		ts.Fatalf("there was no code to enter:\n%s", text)
	}
	keep(ts, neg, args[1], text, err)
}

// walk does what the person does.
func (s *script) walk(what, link string) error {
	john := s.auth.VisitorOf(authtest.Person{Username: seed.John, Password: seed.JohnPassword})
	var err error
	switch what {
	case "approve":
		_, err = john.ApproveDevice(context.Background(), link)
	case "deny":
		_, err = john.DenyDevice(context.Background(), link)
	case "expire": // nobody comes
		s.auth.Advance(11 * time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.gate)
		s.gate = nil
	}
	return err
}

// control moves the server: `server advance 3h`, `server stop`, `server start`, `server page`, `server hold`.
func control(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	switch args[0] {
	case "stop":
		s.auth.Stop()
	case "start":
		s.auth.Start()
	case "hold":
		s.mu.Lock()
		s.gate = make(chan struct{})
		s.mu.Unlock()
	case "page":
		s.mu.Lock()
		s.page = true
		s.mu.Unlock()
	case "advance":
		by, err := time.ParseDuration(args[1])
		ts.Check(err)
		s.auth.Advance(by)
	}
}

// requests writes what the server was asked since the last time to a file.
func requests(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(append(s.asked, ""), "\n")), 0o600))
	s.asked = nil
}

// good asks the server itself about a token in a file: `good FILE LEVEL`, or `! good FILE` for one that is good no more. In a
// config.json it is the stored one.
func good(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	if found := regexp.MustCompile(`"auth_token": "([^"]+)"`).FindStringSubmatch(text); found != nil {
		text = found[1]
	}
	standing, err := of(ts).rooms.Authority.Tokens.Check(context.Background(), text)
	if (err != nil) != neg {
		ts.Fatalf("the server says %v of the token", err)
	}
	if !neg && fmt.Sprint(int(standing.Level)) != args[1] {
		ts.Fatalf("the token has level %d, want %s", standing.Level, args[1])
	}
}

// long runs a program with a value of so many bytes in the place of LONG, and wants exit code 2.
func long(ts *testscript.TestScript, _ bool, args []string) {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "LONG", strings.Repeat("x", 100_000)) // Linux takes 128 KiB for one
	}
	text, err := command(ts, args, func(string, *os.Process) {})
	if err == nil || err.Error() != "exit status 2" || len(text) > 1000 {
		ts.Fatalf("%v: %.1000s", err, text)
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
