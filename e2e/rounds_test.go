package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// round is the whole life of a product's login, in the words of its page.
type round struct {
	program string
	server  string   // the variable that names the server
	asks    string   // the application's name on the approval page
	login   []string // prints a link
	browser bool     // the link is opened on this machine
	done    string
	uses    []string // says that the login is good
	good    string
	over    string // how far the clock goes until the login has ended; "": it lives until logout
	aged    string // the file in which the program's own clock goes along; "": it asks the server anyway
	ended   string
	renews  []string // renews the login while it lives; nil: by itself
	logout  []string
	gone    string
}

var rounds = []round{
	{
		program: "octopipe", server: "OCTOPIPE_SERVER", asks: "Octopipe CLI", login: []string{"auth", "login"}, browser: true,
		uses: []string{"auth", "status"}, good: "Logged in to", logout: []string{"auth", "logout"}, gone: "Not logged in",
	},
	{
		program: "pipeops", server: "PIPEOPS_API_URL", asks: "PipeOps CLI", login: []string{"auth", "login", "--no-browser"},
		done: "✓ Successfully authenticated as user@example.com", uses: []string{"auth", "status"}, good: "✓ Authenticated as user@example.com",
		over: "337h", ended: "Error: authentication token has expired", logout: []string{"auth", "logout", "--force"}, gone: "✗ Not authenticated",
	},
	{
		program: "rio", server: "RIO_SERVER", asks: "Rio CLI", login: []string{"auth", "login"}, done: "Logged in successfully!",
		uses: []string{"auth", "status"}, good: "You are logged in", over: "169h", ended: "You are logged out",
		renews: []string{"auth", "refresh-token"}, logout: []string{"auth", "logout"}, gone: "You are logged out",
	},
	{
		program: "pilotcli", server: "PILOTCLI_SERVER", asks: "Pilot CLI", login: []string{"user", "login"},
		done: "Welcome to the Pilot Command Line Interface!", uses: []string{"user", "token"}, good: "ey", over: "61m", aged: ".pilotcli/session.json",
		ended: "The current login session is invalid. Please login to continue.", logout: []string{"user", "logout", "-y"},
		gone: "The current login session is invalid. Please login to continue.",
	},
}

// TestRounds goes through each product's login with a person in Chromium: login, use, a server that was killed and started in
// between, renewal, the end by itself, login again, logout.
func TestRounds_OCT05_PIP02_RIO01_PIL02(t *testing.T) {
	t.Parallel()
	for _, r := range rounds {
		t.Run(r.program, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			me := newHome(t, r.server+"="+s.Issue, noBrowser)
			if r.browser {
				me = newHome(t, r.server+"="+s.Issue)
			}
			says := func(code int, words string, args ...string) {
				t.Helper()
				got := me.run(t, r.program, args...)
				if got.Code != code || !strings.Contains(got.Stdout+got.Stderr, words) {
					t.Fatalf("%s ends with %d, want %d and %q:\n%s%s", strings.Join(args, " "), got.Code, code, words, got.Stdout, got.Stderr)
				}
			}
			r.approve(t, s, &me)
			says(0, r.good, r.uses...)
			s.Kill()
			s.Start()
			says(0, r.good, r.uses...)
			if r.renews != nil {
				says(0, "", r.renews...)
				says(0, r.good, r.uses...)
			}
			if r.over != "" {
				w := newWire(t, s, "doorward")
				must(w.post(t.Context(), "/dev/clock", url.Values{"advance": {r.over}}))(t)
				me.age(t, r.aged, r.over)
				says(1, r.ended, r.uses...)
				r.approve(t, s, &me)
				says(0, r.good, r.uses...)
			}
			says(0, "", r.logout...)
			says(1, r.gone, r.uses...)
		})
	}
}

// age makes what a file says of the past so much older, as if this machine's clock had gone along.
func (h *home) age(t *testing.T, name, by string) {
	t.Helper()
	if name == "" {
		return
	}
	d, err := time.ParseDuration(by)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.Dir, name)
	text, err := os.ReadFile(path)
	var file map[string]any
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	for _, member := range []string{"refreshed_at", "expires_at"} {
		at, parsed := time.Parse(time.RFC3339Nano, fmt.Sprint(file[member]))
		if err == nil {
			err = parsed
		}
		file[member] = at.Add(-d).Format(time.RFC3339Nano)
	}
	if err == nil {
		text, err = json.Marshal(file)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// typedCode is a user code as a terminal shows it.
var typedCode = regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`)

// approve logs in with a person at Chromium.
func (r *round) approve(t *testing.T, s *server, me *home) {
	t.Helper()
	b := newBrowser(t, s.Issue)
	if r.browser {
		cli, address := me.loopback(t, r.program)
		b.leadsTo(redirectOf(t, address))
		b.open(address).asJohn().sees(headingFor(r.asks)).presses("Approve").sees("You are signed in")
		cli.ends(0, "")
		return
	}
	cli := me.start(t, r.program, r.login...)
	link := cli.link("/")
	b.open(link).asJohn()
	if code := typedCode.FindString(strings.Replace(cli.Stdout.String(), link, "", 1)); !strings.Contains(link, "=") {
		b.sees("Enter the code from your terminal").fill("Code", code).presses("Continue")
	}
	b.sees(headingFor(r.asks)).presses("Approve").sees("You approved the login")
	cli.ends(0, r.done)
}

// TestRoundThroughAProvider is the same for plexctl, whose operator signs in at the second authority.
func TestRoundThroughAProvider_PLX01_PLX16(t *testing.T) {
	t.Parallel()
	s := serve(t)
	me := newHome(t, "PLEXSPHERE_URL="+s.Issue, noBrowser)
	whoami := func(code int, words string) {
		t.Helper()
		if got := me.run(t, "plexctl", "whoami"); got.Code != code || !strings.Contains(got.Stdout+got.Stderr, words) {
			t.Fatalf("whoami ends with %d, want %d and %q:\n%s%s", got.Code, code, words, got.Stdout, got.Stderr)
		}
	}
	login := func() {
		t.Helper()
		cli := me.start(t, "plexctl", "login", "--domain-id", "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0a0",
			"--idp-binding-id", "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0b0")
		link := cli.link("/device/")
		provider := providerOf(t, link)
		b := newBrowser(t, s.Issue)
		b.leadsTo(provider)
		b.open(link).asJohn().presses("Approve").sees("Sign plexctl in?").presses("Approve").sees("You approved the login")
		cli.ends(0, `Logged in. Saved profile "default".`)
	}
	login()
	whoami(0, "usr_")
	s.Kill()
	s.Start()
	whoami(0, "usr_")
	must(newWire(t, s, "doorward").post(t.Context(), "/dev/clock", url.Values{"advance": {"61m"}}))(t)
	whoami(1, "plexctl: ")
	login()
	whoami(0, "usr_")
}

// providerOf is where the page of a binding sends a browser first.
func providerOf(t *testing.T, link string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	address, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	return address.Scheme + "://" + address.Host
}
