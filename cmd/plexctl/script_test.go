package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plexctl": main})
}

// TestScreens runs the scripts, each against two authorities of its own: what `doorward serve --dev` is, and the identity
// provider beside it.
func TestScreens(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			s := start(env.T().(testing.TB))
			env.Values["house"] = s
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("SERVER", s.wire.URL)
			env.Setenv("PLEXSPHERE_URL", s.wire.URL)
			env.Setenv("DOMAIN", seed.DomainID)
			env.Setenv("BINDING", seed.BindingID)
			env.Setenv("OTHERDOMAIN", seed.OtherDomainID)
			env.Setenv("OTHERBINDING", seed.OtherBindingID)
			env.Setenv("BROWSER", "none")
			env.Setenv("NO_COLOR", "1")
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"visit": visit, "exits": exits, "server": control, "mode": mode, "requests": requests, "config": config, "token": token, "long": long,
		},
	})
}

// house is an authority, the provider of its operators, and a wire before the first that notes and changes what passes.
type house struct {
	auth, upstream *authtest.Authority
	rooms          server.Rooms
	wire           *httptest.Server

	mu    sync.Mutex
	asked []string
	edit  map[string]string // of the answer to device-code: numbers to replace
	polls string            // what becomes of polls: "" as they are, "short" without waiting
	page  bool              // every answer is a web page
}

func start(t testing.TB) *house {
	h := &house{}
	h.wire = httptest.NewUnstartedServer(h)
	issuer := "http://" + h.wire.Listener.Addr().String()
	h.upstream = authtest.With(t, authtest.Options{People: []authtest.Person{{Username: "somebody"}}, More: *seed.Upstream(issuer)})
	more := seed.Dev("")
	seed.Federate(more, h.upstream.Issuer)
	more.Bindings[1].ACR = []string{"urn:example:never"} // what the provider cannot say
	look := func(rooms server.Rooms) (machines, entries map[string]http.Handler) {
		h.rooms = rooms
		return nil, nil
	}
	h.auth = authtest.With(t, authtest.Options{
		People: []authtest.Person{{Username: "somebody"}}, More: *more, Issuer: issuer, Contracts: append(contracts.All(), look),
	})
	h.wire.Start()
	t.Cleanup(h.wire.Close)
	return h
}

var number = regexp.MustCompile(`"(expires_in|interval)":\d+`)

// ServeHTTP passes a request on to the authority.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	edit, polls, page := h.edit, h.polls, h.page
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		h.asked = append(h.asked, r.Method+" "+r.URL.Path)
	}
	h.mu.Unlock()
	if page {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Welcome to the hotel</title>")
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", h.auth.Address()
	if polls == "short" {
		out.Header.Del("Prefer")
	}
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler) // nobody answers
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if r.URL.Path == "/v1/auth/device-code" && len(edit) > 0 {
		body = number.ReplaceAllFunc(body, func(member []byte) []byte {
			name := strings.Trim(strings.Split(string(member), ":")[0], `"`)
			if value := edit[name]; value != "" {
				return []byte(`"` + name + `":` + value)
			}
			return member
		})
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

func of(ts *testscript.TestScript) *house { return ts.Value("house").(*house) }

var (
	address  = regexp.MustCompile(`https?://\S+/device/\S+`)
	userCode = regexp.MustCompile(`\b[A-Z2-7]{4}-[A-Z2-7]{4}\b`)
)

// visit runs a login beside a person: `visit approve|deny|refuse|unmet|expire|nobody EXIT OUT COMMAND…`. What the program printed goes to
// OUT with SERVER and CODE in the places of what differs from run to run, standard error after standard output.
func visit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: visit approve|deny|refuse|unmet|expire|nobody EXIT OUT COMMAND…")
	}
	h := of(ts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, args[3], args[4:]...)
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
			ts.Check(h.walk(ctx, args[0], link))
		}
		if err == io.EOF {
			break
		}
		ts.Check(err)
	}
	code := exitOf(ts, cmd.Wait())
	text := strings.ReplaceAll(out.String()+errs.String(), h.wire.URL, "SERVER")
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(userCode.ReplaceAllString(text, "CODE")), 0o600))
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("the program ended with %d\n%s", code, text)
	}
}

// walk does what the person does with a link.
func (h *house) walk(ctx context.Context, what, link string) error {
	switch what {
	case "nobody":
		return nil
	case "expire":
		h.auth.Advance(11 * time.Minute)
		return nil
	}
	john := authtest.Person{Username: seed.John, Password: seed.JohnPassword}
	here, there := h.auth.VisitorOf(john), h.upstream.VisitorOf(john)
	page, err := here.Open(ctx, link)
	if err != nil {
		return err
	}
	if !page.Away || !strings.HasPrefix(page.URL.String(), h.upstream.Issuer+"/authorize?") {
		return fmt.Errorf("PLX-16: the page does not send the operator to the provider but to %s", page.URL)
	}
	decide := there.Authorize
	if what == "refuse" {
		decide = there.Refuse
	}
	back, err := decide(ctx, page.URL.String())
	if err != nil {
		return err
	}
	page, err = here.Open(ctx, back)
	var said *visitor.PageError
	if (what == "refuse" || what == "unmet") && errors.As(err, &said) {
		return nil
	}
	if err != nil {
		return err
	}
	_, code, _ := strings.Cut(link, "user_code=")
	if _, err := h.rooms.Authority.Devices.Lookup(ctx, code, login.Guesser{PersonID: "x"}); err != nil {
		return fmt.Errorf("PLX-16: the login was decided before anybody pressed Approve: %w", err)
	}
	_, err = page.Press(ctx, map[string]string{"approve": visitor.ButtonApprove, "deny": visitor.ButtonDeny}[what])
	return err
}

func exitOf(ts *testscript.TestScript, err error) int {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.ExitCode()
	}
	ts.Check(err)
	return -1
}

// exits runs a command whose exit code is known: `exits CODE COMMAND…`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(exitOf(ts, ts.Exec(args[1], args[2:]...))); got != args[0] {
		ts.Fatalf("the program ended with %s", got)
	}
}

func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"HOME", "PATH", "XDG_CONFIG_HOME", "PLEXSPHERE_URL", "PLEXSPHERE_TOKEN", "BROWSER", "NO_COLOR", "GORACE", "TESTSCRIPT_COMMAND", "GOCOVERDIR",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// control moves the server: advance DURATION, stop, start, page (a web page answers), polls short (nobody is made to wait), and
// says NAME VALUE (a number in the answer to device-code).
func control(ts *testscript.TestScript, _ bool, args []string) {
	h := of(ts)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch args[0] {
	case "stop":
		h.auth.Stop()
	case "start":
		h.auth.Start()
	case "advance":
		by, err := time.ParseDuration(args[1])
		ts.Check(err)
		h.auth.Advance(by)
		h.upstream.Advance(by)
	case "page":
		h.page = true
	case "polls":
		h.polls = args[1]
	case "says":
		if h.edit == nil {
			h.edit = map[string]string{}
		}
		h.edit[args[1]] = args[2]
	default:
		ts.Fatalf("the server cannot %s", args[0])
	}
}

// requests says what was asked of the contract since it last was: `requests LINE…`.
func requests(ts *testscript.TestScript, _ bool, args []string) {
	h := of(ts)
	h.mu.Lock()
	defer h.mu.Unlock()
	if got, want := strings.Join(h.asked, "\n"), strings.Join(args, "\n"); got != want {
		ts.Fatalf("asked was\n%s\nwant\n%s", got, want)
	}
	h.asked = nil
}

// mode checks a file's mode: `mode 0600 FILE`.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

const configPath = "home/.config/plexctl/config.json"

// config writes the config file to OUT with SERVER, TOKEN and TIME in the places of what differs from run to run.
func config(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(configPath)
	for pattern, with := range map[string]string{
		`"ey[^"]+"`: `"TOKEN"`, `"expires_at": "20[^"]+Z"`: `"expires_at": "TIME"`, regexp.QuoteMeta(of(ts).wire.URL): "SERVER",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// token takes the token of a profile: `token PROFILE FILE` writes it, `! token PROFILE FILE` makes sure that it is not in FILE.
func token(ts *testscript.TestScript, neg bool, args []string) {
	var file struct {
		Profiles map[string]struct{ Token string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(configPath)), &file))
	value := file.Profiles[args[0]].Token
	if value == "" {
		ts.Fatalf("there is no token in the profile %s", args[0])
	}
	if !neg {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(value+"\n"), 0o600))
		ts.Setenv("TOKEN", value)
	} else if strings.Contains(ts.ReadFile(args[1]), value[:40]) {
		ts.Fatalf("the token is in %s", args[1])
	}
}

// long writes a megabyte into a variable.
func long(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.Repeat("a", 100<<10))
}
