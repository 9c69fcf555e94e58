package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"mycli": mycli}) }

// mycli is a program under test: `mycli device` and `mycli browser` log in, and anything else is asked on the terminal.
func mycli() {
	c := &client.Client{Issuer: os.Getenv("MYCLI_SERVER"), ID: "test-cli"}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var way flow.Flow
	switch os.Args[1] {
	case "device":
		way = flow.Device{Wire: &flow.OAuthWire{Client: c}, Issuer: c.Issuer}
	case "browser":
		way = flow.Browser{Client: c, Name: "mycli"}
	default:
		var answer string
		_, err := fmt.Scanln(&answer)
		fmt.Println("answered", answer, err)
		return
	}
	made, err := way.Login(ctx, screen{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", ctx.Err() != nil)
		os.Exit(3)
	}
	fmt.Println("logged in as", made.Account)
}

// screen prints what there is to open.
type screen struct{}

func (screen) ShowCode(_ context.Context, prompt flow.Prompt) error {
	fmt.Println("open", prompt.URIComplete)
	return nil
}

func (screen) OpenPage(_ context.Context, url string) error {
	fmt.Println("open", url)
	return nil
}

func (screen) AskSecret(context.Context, string) (secret.String, error) {
	return secret.String{}, errors.New("nobody is asked")
}

// stage is one with something of everything.
func stage(t *testing.T) *Stage {
	var rooms server.Rooms
	wire := NewWire()
	auth := wire.Lead(t, authtest.Options{Contracts: []server.Contract{Look(&rooms)}})
	return &Stage{
		Authority: auth, Wire: wire, Person: auth.Person,
		Env: map[string]string{"MYCLI_SERVER": wire.URL, "BELOW": "$HOME/below", "LATER": ""},
		Acts: map[string]Act{"wait": func(ctx context.Context, v *Visit) error {
			if v.Process == nil || rooms.Issuer != wire.URL {
				return errors.New("there is no program, or no room")
			}
			return v.Saw(v.ApproveDevice(ctx, v.Link))
		}},
		Commands: map[string]Command{
			"server sleep": func(*testscript.TestScript, bool, []string) {},
			"asked": func(ts *testscript.TestScript, _ bool, args []string) {
				if got := strings.Join(wire.Asked(), "\n"); !strings.Contains(got, args[0]) {
					ts.Fatalf("asked was\n%s", got)
				}
			},
			"later": func(ts *testscript.TestScript, _ bool, args []string) {
				if got := time.Until(auth.Clock.Now()).Round(time.Hour).String(); got != args[0] {
					ts.Fatalf("the clock is ahead by %s", got)
				}
			},
		},
		Differs: []Difference{{UserCode, "CODE"}},
		Heading: "[stderr]\n",
	}
}

func TestStage(t *testing.T) {
	t.Parallel()
	Run(t, stage)
}

// refusing is a testscript.T that notes that its script failed.
type refusing struct {
	inline
	failed bool
	said   string
}

func (r *refusing) Run(_ string, script func(testscript.T)) { script(r) }
func (r *refusing) Log(args ...any)                         { r.said += fmt.Sprintln(args...) }
func (r *refusing) Fatal(args ...any)                       { r.Log(args...); r.FailNow() }
func (r *refusing) FailNow()                                { r.failed = true; runtime.Goexit() }

// TestWhatIsNotSoFails: every check of the room fails the script where what it checks is not so.
func TestWhatIsNotSoFails(t *testing.T) {
	t.Parallel()
	s := stage(t)
	for line, want := range map[string]string{
		"exits 1 sh -c true":           "ended with 0, want 1",
		"exits 0 sh -c 'exit 4'":       "ended with 4, want 0",
		"exits 0":                      "usage",
		"typed 1 out sh -c true":       "ended with 0, want 1",
		"! typed out sh -c 'exit 2'":   "ended with 2, want 1",
		"typed":                        "no command",
		"typed 1 out":                  "no command",
		"visit approve out sh -c true": "no link to open",
		"visit dance out mycli device": "nobody knows how to dance",
		"visit deny 0 mycli device":    "ended with 3, want 0",

		"visit":                          "usage",
		"mode 0600 .":                    "has mode 0",
		"mode 600 .":                     "want 600",
		"mode 0600":                      "usage",
		"mode 0600 gone":                 "no such file",
		"server":                         "usage",
		"server dance":                   "the server cannot dance",
		"server advance":                 "the server cannot advance",
		"server advance soon":            "invalid duration",
		"visit approve 0 sh -c 'echo h'": "no link",
	} {
		file := filepath.Join(t.TempDir(), "line.txtar")
		if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r, done := &refusing{inline: inline{t}}, make(chan struct{})
		go func() { // which ends where the script fails
			defer close(done)
			testscript.RunT(r, testscript.Params{Files: []string{file}, Setup: s.setUp, Cmds: s.commands()})
		}()
		<-done
		if !r.failed || !strings.Contains(r.said, want) {
			t.Errorf("%s: failed is %v, and the log says %q; want %q", line, r.failed, r.said, want)
		}
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	wire := NewWire()
	wire.Ask = func(r *http.Request) { r.URL.Path = "/.well-known/openid-configuration" }
	wire.Answer = func(r *http.Response) error { r.Header.Set("Passed", r.Request.URL.Path); return nil }
	auth := wire.Lead(t, authtest.Options{})
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // or it would ask twice
	get := func() string {
		answer, err := browser.Get(wire.URL + "/metadata?x")
		if err != nil {
			return "nobody"
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return fmt.Sprintf("%s%.10s", answer.Header.Get("Passed"), body)
	}
	if got := get(); got != `/.well-known/openid-configuration{"issuer":` {
		t.Errorf("answered was %s", got)
	}
	auth.Stop()
	if got := get(); got != "nobody" {
		t.Errorf("the authority has stopped, and answered was %s", got)
	}
	wire.Page()
	if got := get(); got != "<!doctype " {
		t.Errorf("answered was %s", got)
	}
	if got := strings.Join(wire.Asked(), " "); got != "GET /metadata?x GET /metadata?x GET /metadata?x" || len(wire.Asked()) != 0 {
		t.Errorf("asked was %s", got)
	}
}
