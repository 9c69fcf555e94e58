package authcmd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

func (o outcome) want(t *testing.T, code int, out, err string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit %d, want %d", o.code, code)
	}
	if diff := cmp.Diff(out, o.out); diff != "" {
		t.Errorf("standard output: %s", diff)
	}
	if diff := cmp.Diff(err, o.err); diff != "" {
		t.Errorf("standard error: %s", diff)
	}
}

func login(t *testing.T, m *machine, args ...string) {
	t.Helper()
	if got := m.run(append([]string{"auth", "login", "--device"}, args...)...); got.code != 0 {
		t.Fatalf("login: exit %d, %s%s", got.code, got.out, got.err)
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	host := strings.TrimPrefix(s.URL, "http://")

	m.run("auth", "status").want(t, 4, "", "Error: Not logged in.\nRun 'acmectl auth login' to log in.\n")
	m.run("auth", "token").want(t, 4, "", "Error: Not logged in.\nRun 'acmectl auth login' to log in.\n")
	m.run("auth", "logout").want(t, 0, "", "Nobody is logged in; nothing to do.\n")
	got := m.run("auth", "login", "--device")
	got.want(t, 0, "", "Sign in to "+host+" for acmectl on build-7.\n"+
		"Open this address in a browser: "+s.URL+"/device?code=WDJB-MJHT\nThe code is WDJB-MJHT\n"+
		"Waiting for your approval, for at most 10 minutes. Press Ctrl-C to stop.\n"+
		"✓ Logged in as user@example.com. Ends 22 Dec, or after 14 days without use.\n")

	before := s.total()
	m.run("auth", "token").want(t, 0, "access-1\n", "")
	if s.total() != before {
		t.Error("token from the cache asked the server")
	}
	m.run("auth", "status").want(t, 0, "✓ Logged in as user@example.com.\n  The access token renews itself; this one is good for 10 minutes.\n  Ends 22 Dec, or after 14 days without use.\n", "")
	me := m.run("auth", "me")
	if !strings.Contains(me.out, "Account: user@example.com\n") || !strings.Contains(me.out, "ID:      usr_1\n") || strings.Contains(me.out, "\x1b") {
		t.Errorf("me: %q", me.out)
	}
	m.run("auth", "refresh").want(t, 0, "", "✓ The login was renewed. Ends 22 Dec, or after 14 days without use.\n")
	m.run("auth", "token").want(t, 0, "access-2\n", "")
	m.run("auth", "logout").want(t, 0, "", "✓ Logged out. The session was ended at the server.\n")
	if diff := cmp.Diff([]string{"refresh-2", "access-2"}, s.gone()); diff != "" {
		t.Errorf("revoked: %s", diff)
	}
	m.run("auth", "status").want(t, 4, "", "Error: Not logged in.\nRun 'acmectl auth login' to log in.\n")
}

func TestOutputAsObjects(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	var failure map[string]string
	got := m.run("auth", "status", "--output", "json")
	if err := json.Unmarshal([]byte(got.err), &failure); err != nil || got.out != "" || got.code != 4 {
		t.Fatalf("%v: %+v", err, got)
	}
	if diff := cmp.Diff(map[string]string{"code": "login_required", "message": "Not logged in.", "hint": "Run 'acmectl auth login' to log in."}, failure); diff != "" {
		t.Error(diff)
	}
	got = m.run("auth", "login", "--device", "--output=json")
	var account authcmd.Account
	if err := json.Unmarshal([]byte(got.out), &account); err != nil || !account.LoggedIn || account.Account != "user@example.com" || !account.Renewable {
		t.Errorf("login: %v, %s", err, got.out)
	}
	if !strings.Contains(got.err, "WDJB-MJHT") || strings.Contains(got.out, "access-1") || strings.Contains(got.out, "refresh-1") {
		t.Errorf("login: out %s, err %s", got.out, got.err)
	}
	m.run("auth", "token", "--output", "yaml").want(t, 0, "token: access-1\ntoken_type: Bearer\nexpires_at: \"2026-11-22T12:10:00Z\"\n", "")
	m.run("auth", "logout", "--output", "json").want(t, 0, "{\n  \"logged_in\": false,\n  \"revoked\": true\n}\n", "")
	m.run("auth", "logout", "--output", "json").want(t, 0, "{\n  \"logged_in\": false,\n  \"revoked\": false\n}\n", "")
	m.run("auth", "list", "--output", "json").want(t, 0, "[]\n", "")
	m.run("auth", "status", "--output", "yaml").want(t, 4, "", "code: login_required\nmessage: Not logged in.\nhint: \"Run 'acmectl auth login' to log in.\"\n")
}

func TestSecondLoginEndsTheFirst(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	login(t, m)
	login(t, m)
	if diff := cmp.Diff([]string{"refresh-1", "access-1"}, s.gone()); diff != "" {
		t.Errorf("revoked: %s", diff)
	}
	m.run("auth", "token").want(t, 0, "access-2\n", "")
}

func TestDeniedLoginKeepsTheEarlierOne(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	login(t, m)
	for code, want := range map[oauth.ErrorCode]int{oauth.AccessDenied: 5, oauth.ExpiredToken: 1, oauth.InvalidGrant: 1, oauth.UnauthorizedClient: 5, "<script>\x1b": 1} {
		s.set(func(s *server) { s.decide = &code })
		got := m.run("auth", "login", "--device")
		if got.code != want || !strings.Contains(got.err, "Error: ") || strings.Contains(got.err, "\x1b") {
			t.Errorf("%s: exit %d, %s", code, got.code, got.err)
		}
		m.run("auth", "token").want(t, 0, "access-1\n", "")
	}
	if len(s.gone()) != 0 {
		t.Errorf("revoked: %v", s.gone())
	}
}

func TestServerDown(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	login(t, m)
	s.set(func(s *server) { s.down = true })
	m.run("auth", "token").want(t, 0, "access-1\n", "") // the cache
	got := m.run("auth", "status")
	if got.code != 75 || !strings.Contains(got.err, "The login is kept.") || !strings.Contains(got.err, "Try again in 7 seconds.") {
		t.Errorf("status: %+v", got)
	}
	m.now = m.now.Add(time.Hour) // the token has ended
	if got := m.run("auth", "token"); got.code != 75 || got.out != "" {
		t.Errorf("token: %+v", got)
	}
	got = m.run("auth", "logout")
	if got.code != 0 || !strings.Contains(got.err, "may live on there") {
		t.Errorf("logout: %+v", got)
	}
	m.run("auth", "logout").want(t, 0, "", "Nobody is logged in; nothing to do.\n")
}

func TestEndedLogin(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	login(t, m)
	m.now = m.now.Add(time.Hour)
	ended := oauth.InvalidGrant
	s.set(func(s *server) { s.decide = &ended })
	want := "Error: The login has expired or was ended.\nRun 'acmectl auth login' to log in again.\n"
	m.run("auth", "token").want(t, 4, "", want)
	m.run("auth", "status").want(t, 4, "", want)
	m.run("auth", "refresh").want(t, 4, "", want)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	login(t, m)
	pending := oauth.AuthorizationPending
	s.set(func(s *server) { s.decide = &pending })
	ctx, cancel := context.WithCancel(t.Context())
	m.words.Code = func(flow.Prompt) string {
		cancel() // Ctrl-C while the code is on the screen
		return "code\n"
	}
	got := m.runContext(ctx, "auth", "login", "--device")
	got.want(t, 130, "", "code\nError: Interrupted. An earlier login is as it was.\n")
	m.words.Code = nil
	m.run("auth", "token").want(t, 0, "access-1\n", "")
}

func TestDamagedStore_SEC232(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	path := filepath.Join(m.folder, "credentials.json")
	if err := os.WriteFile(path, []byte(`{"cut`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"status", "token", "me", "refresh", "logout"} {
		got := m.run("auth", verb)
		if got.code != 78 || !strings.Contains(got.err, path) || !strings.Contains(got.err, "acmectl auth login") {
			t.Errorf("%s: %+v", verb, got)
		}
	}
	login(t, m)
	m.run("auth", "token").want(t, 0, "access-1\n", "")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	long := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"unknown flag":          {[]string{"auth", "login", "--bogus=SECRET"}, "unknown flag: --bogus"},
		"unknown short flag":    {[]string{"auth", "login", "-pSECRET"}, "unknown flag -p"},
		"unknown command":       {[]string{"auth", "lgoin"}, "did you mean login?"},
		"unknown top command":   {[]string{"bogus"}, `unknown command "bogus"`},
		"too many arguments":    {[]string{"auth", "status", "SECRET"}, "takes no arguments"},
		"too many for switch":   {[]string{"auth", "switch", "a", "b"}, "at most 1 arg"},
		"empty value":           {[]string{"auth", "login", "--profile="}, "--profile must not be empty"},
		"empty scope":           {[]string{"auth", "login", "--scope="}, "--scope must not be empty"},
		"a megabyte":            {[]string{"auth", "login", "--profile", long}, "--profile is longer than"},
		"a megabyte of command": {[]string{"auth", long}, "unknown command"},
		"control characters":    {[]string{"auth", "login", "--profile", "a\x1b[2J"}, "--profile holds control characters"},
		"bidi":                  {[]string{"auth", "login", "--issuer", "https://\u202e"}, "--issuer holds control characters"},
		"broken UTF-8":          {[]string{"auth", "switch", "\xff"}, "an argument holds control characters"},
		"both ways":             {[]string{"auth", "login", "--device", "--browser"}, "[browser device]"},
		"unknown output":        {[]string{"auth", "status", "--output", "xml"}, "must be text, json or yaml"},
		"flag without value":    {[]string{"auth", "login", "--issuer"}, "needs an argument"},
		"secret of nowhere":     {[]string{"auth", "login", "--client-secret-file", "/nowhere/at/all"}, "no such file"},
		"secret of nothing":     {[]string{"auth", "login", "--client-secret-stdin"}, "got nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			got := m.run(test.args...)
			if got.code != 2 || !strings.Contains(strings.ToLower(got.err), strings.ToLower(test.says)) || got.out != "" {
				t.Errorf("exit %d, out %.200q, err %.300q", got.code, got.out, got.err)
			}
			if strings.Contains(got.err, "SECRET") || strings.ContainsAny(got.err, "\x1b\u202e") || len(got.err) > 2000 {
				t.Errorf("the message is not fit to print: %.300q", got.err)
			}
		})
	}
	if s.total() != 0 {
		t.Errorf("%d requests were sent", s.total())
	}
}

func TestHelpVersionCompletion(t *testing.T) {
	t.Parallel()
	m := install(t, serve(t))
	m.run("--version").want(t, 0, "acmectl version 1.2.3\n", "")
	for _, args := range [][]string{{}, {"--help"}, {"auth"}, {"auth", "--help"}, {"help", "auth", "login"}} {
		if got := m.run(args...); got.code != 0 || got.err != "" || !strings.Contains(got.out, "auth") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := m.run("completion", shell); got.code != 0 || !strings.Contains(got.out, "acmectl") {
			t.Errorf("completion %s: exit %d, %s", shell, got.code, got.err)
		}
	}
	if got := m.run("completion", "tcsh"); got.code != 2 {
		t.Errorf("an unknown shell: exit %d", got.code)
	}
	if got := m.run("__complete", "auth", "lo"); got.code != 0 || !strings.Contains(got.out, "login") {
		t.Errorf("__complete: %+v", got)
	}
}

func TestProfilesListSwitch(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	m.run("auth", "list").want(t, 0, "", "No logins on this machine. Run 'acmectl auth login' to log in.\n")
	m.run("auth", "switch", "work").want(t, 4, "", "Error: There is no login to switch to.\nRun 'acmectl auth login' to log in.\n")
	login(t, m)
	login(t, m, "--profile", "work")
	m.run("auth", "token").want(t, 0, "access-1\n", "")
	m.run("auth", "token", "--profile", "work").want(t, 0, "access-2\n", "")
	m.run("auth", "token", "--profile", "default").want(t, 0, "access-1\n", "")
	m.run("auth", "switch", "nobody").want(t, 2, "", "Error: There is no such login; there are: default at "+s.URL+" as acme, work at "+s.URL+" as acme.\nSee 'acmectl --help'.\n")
	if got := m.run("auth", "switch", "work"); got.code != 0 {
		t.Fatalf("switch: %+v", got)
	}
	m.run("auth", "token").want(t, 0, "access-2\n", "")
	list := "   PROFILE  ACCOUNT           ISSUER                  CLIENT  ENDS\n" +
		"   default  user@example.com  " + s.URL + "  acme    22 Dec\n*  work     user@example.com  " + s.URL + "  acme    22 Dec\n"
	list = strings.Replace(list, "ISSUER                ", "ISSUER"+strings.Repeat(" ", len(s.URL)-6), 1)
	m.run("auth", "list").want(t, 0, list, "")
	m.env["ACME_PROFILE"] = "default"
	m.run("auth", "token").want(t, 0, "access-1\n", "")
	delete(m.env, "ACME_PROFILE")
	m.run("auth", "switch").want(t, 1, "", "Error: Cannot ask \"Which login?\" without a terminal; use the name of a profile.\n")
	if err := os.WriteFile(filepath.Join(m.folder, "choice.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := m.run("auth", "token"); got.code != 1 || !strings.Contains(got.err, "choice.json") {
		t.Errorf("a damaged choice: %+v", got)
	}
}

func TestWay_SEC094(t *testing.T) {
	t.Parallel()
	browser := filepath.Join(t.TempDir(), "browser") // $BROWSER stands for a desktop with one
	if err := os.WriteFile(browser, []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		browser string
		args    []string
		device  int
	}{
		"a desktop, no flag":   {browser, nil, 0},
		"a desktop, --device":  {browser, []string{"--device"}, 1},
		"no browser, no flag":  {"none", nil, 1},
		"no browser, --device": {"none", []string{"--device"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			m := install(t, s)
			m.env["BROWSER"] = test.browser
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m.words.Page = func(string) string { cancel(); return "page\n" }
			m.runContext(ctx, append([]string{"auth", "login"}, test.args...)...)
			if got := s.count("/device_authorization"); got != test.device {
				t.Errorf("SEC-094 %d device requests, want %d", got, test.device)
			}
		})
	}
}

func TestBrowserLogin(t *testing.T) {
	t.Parallel()
	if os.Getenv("PATH") == "" {
		t.Skip("no PATH")
	}
	s := serve(t)
	m := install(t, s)
	got := make(chan outcome, 1)
	pages := make(chan string, 1)
	m.words.Page = func(address string) string { pages <- address; return "Open " + address + "\n" }
	m.tune = func(p *authcmd.Program) { p.NoBrowser = true }
	go func() { got <- m.run("auth", "login", "--browser", "--scope", "openid,email") }()
	visit(t, <-pages)
	result := <-got
	if result.code != 0 || !strings.Contains(result.err, "Waiting for the browser") || !strings.HasSuffix(result.err, "✓ Logged in as user@example.com. Ends 22 Dec, or after 14 days without use.\n") {
		t.Errorf("%+v", result)
	}
	m.run("auth", "token").want(t, 0, "access-1\n", "")
}

func TestUntrustedTextIsInert_SEC268(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.complete = "https://evil.example/\x1b[2J"
	m := install(t, s)
	var seen flow.Prompt
	login(t, m)
	m.words.Code = func(p flow.Prompt) string { seen = p; return p.URI + "\n" }
	got := m.run("auth", "login", "--device")
	if strings.Contains(got.err, "evil.example") || strings.ContainsAny(got.err+seen.URIComplete, "\x1b\u202e") {
		t.Errorf("shown: %q, prompt %+v", got.err, seen)
	}
}

func TestConfirmation_PIP09_PIL09(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	login(t, m)
	m.words.LogoutQuestion = terminal.Question{Text: "Are you sure? [y/N] ", Flag: "--force"}
	m.in = "y\n"
	m.run("auth", "logout").want(t, 1, "", "Error: Cannot ask \"Are you sure? [y/N]\" without a terminal; use --force.\n")
	m.run("auth", "token").want(t, 0, "access-1\n", "")
}

func TestClientSecret(t *testing.T) {
	t.Parallel()
	s := serve(t)
	m := install(t, s)
	file := filepath.Join(m.folder, "secret")
	if err := os.WriteFile(file, []byte("the-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	login(t, m, "--client-secret-file", file)
	m.in = "the-secret\n"
	login(t, m, "--client-secret-stdin")
	for content, says := range map[string]string{"": "does not hold", "two\nlines\n": "does not hold", strings.Repeat("x", 1<<20): "too long"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := m.run("auth", "token", "--client-secret-file", file); got.code != 2 || !strings.Contains(got.err, says) {
			t.Errorf("%.10q: %+v", content, got)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	p := &authcmd.Program{Words: authcmd.Words{Name: "acmectl"}}
	for name, test := range map[string]struct {
		err  error
		exit int
		code string
	}{
		"login required":  {session.ErrLoginRequired, 4, "login_required"},
		"expired":         {fmt.Errorf("x: %w", session.ErrExpired), 4, "login_expired"},
		"invalid token":   {&oauth.Error{Code: oauth.InvalidToken}, 4, "login_invalid"},
		"denied":          {&oauth.Error{Code: oauth.AccessDenied, Description: "no \x1b"}, 5, "access_denied"},
		"scope":           {&oauth.Error{Code: oauth.InsufficientScope}, 5, "insufficient_scope"},
		"temporary":       {&oauth.TemporaryError{Err: errors.New("no route")}, 75, "try_again"},
		"busy server":     {&oauth.TemporaryError{Err: &oauth.Error{Code: oauth.ServerError}}, 75, "try_again"},
		"lock":            {cred.ErrBusy, 75, "store_busy"},
		"damaged":         {&cred.DamagedError{Path: "/x", Err: errors.New("cut")}, 78, "store_damaged"},
		"newer":           {cred.ErrNewer, 78, "store_newer"},
		"refused":         {&cred.RefusedError{Path: "/x", Reason: "others can read it", Mend: "chmod 600 /x"}, 1, "store_refused"},
		"disk":            {&cred.WriteError{Path: "/x", Err: errors.New("no space left")}, 1, "store_not_written"},
		"permission":      {&cred.WriteError{Path: "/x", Err: fs.ErrPermission}, 1, "store_not_permitted"},
		"interrupted":     {context.Canceled, 130, "interrupted"},
		"interrupted ask": {terminal.ErrInterrupted, 130, "interrupted"},
		"timeout":         {flow.ErrTimeout, 1, "timed_out"},
		"code expired":    {flow.ErrExpired, 1, "code_expired"},
		"usage":           {authcmd.Usagef("bad"), 2, "usage"},
		"own failure":     {&authcmd.Failure{Exit: 42, Code: "mine", Message: "m"}, 42, "mine"},
		"anything":        {errors.New("terminal: boom\x1b"), 1, "failed"},
		"wire":            {&oauth.Error{Code: "evil\x1b"}, 1, "refused"},
	} {
		got := p.Explain(test.err)
		if got.Exit != test.exit || got.Code != test.code || strings.Contains(got.Message+got.Hint, "\x1b") || !strings.HasSuffix(got.Message, ".") && got.Message != "m" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	p.Words.Explain = func(err error) (authcmd.Failure, bool) {
		return authcmd.Failure{Exit: 3, Message: "ours"}, errors.Is(err, session.ErrExpired)
	}
	if p.Explain(session.ErrExpired).Exit != 3 || p.Explain(session.ErrLoginRequired).Exit != 4 {
		t.Error("a product's mapping does not come first, or hides the standard one")
	}
}

// A product's own command over the verbs, with its own streams, sentences and exit codes: what a front end is made of.
func TestProductOfItsOwn_PIP02_PIP17(t *testing.T) {
	t.Parallel()
	var out, errs safeBuffer
	p := &authcmd.Program{
		Terminal: &terminal.Terminal{In: strings.NewReader(""), Out: &out, Err: &errs, Screen: &out, Env: func(string) string { return "" }},
		Session:  &session.Session{Store: &cred.File{Path: filepath.Join(t.TempDir(), "x.json")}},
		Words: authcmd.Words{
			Name:      "acme",
			NoWaiting: true,
			Code: func(p flow.Prompt) string {
				return "Please open this URL in your browser to authenticate:\n" + p.URIComplete + "\n\nWaiting for authentication...\n"
			},
			LoggedIn: func(c cred.Credential, _ time.Time) string { return "✓ Successfully authenticated as " + c.Account },
			Explain: func(err error) (authcmd.Failure, bool) {
				return authcmd.Failure{Exit: 1, Code: "x", Message: "not authenticated", Hint: "Run 'acme auth login' to authenticate"}, errors.Is(err, session.ErrLoginRequired)
			},
		},
	}
	run := func(use string, do func(context.Context) error) int {
		root := &cobra.Command{Use: "acme"}
		root.AddCommand(&cobra.Command{Use: use, RunE: func(cmd *cobra.Command, _ []string) error { return do(cmd.Context()) }})
		return p.Main(t.Context(), root, []string{use})
	}
	if code := run("status", p.Status); code != 1 {
		t.Errorf("status: exit %d", code)
	}
	if diff := cmp.Diff("Error: not authenticated\nRun 'acme auth login' to authenticate\n", errs.String()); diff != "" {
		t.Error(diff)
	}
	code := run("login", func(ctx context.Context) error {
		_, err := p.Login(ctx, approved{})
		return err
	})
	want := "Please open this URL in your browser to authenticate:\nhttps://id.example/cli-auth?code=ABC123\n\nWaiting for authentication...\n✓ Successfully authenticated as user@example.com\n"
	if diff := cmp.Diff(want, out.String()); diff != "" || code != 0 {
		t.Errorf("exit %d: %s", code, diff)
	}
}

func TestHooksAndRequiredFlags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hook error
		args []string
		want int
	}{
		"a hook that fails":  {session.ErrLoginRequired, []string{"do", "--id=1"}, 4},
		"a required flag":    {nil, []string{"do"}, 2},
		"a hook's own usage": {authcmd.Usagef("bad"), []string{"do", "--id=1"}, 2},
		"nothing wrong":      {nil, []string{"do", "--id=1"}, 0},
	} {
		var errs safeBuffer
		p := &authcmd.Program{Terminal: &terminal.Terminal{Err: &errs, Out: &errs}}
		root := &cobra.Command{Use: "acme", PersistentPreRunE: func(*cobra.Command, []string) error { return test.hook }}
		do := &cobra.Command{Use: "do", RunE: func(*cobra.Command, []string) error { return nil }}
		do.Flags().String("id", "", "")
		if err := do.MarkFlagRequired("id"); err != nil {
			t.Fatal(err)
		}
		root.AddCommand(do)
		if code := p.Main(t.Context(), root, test.args); code != test.want {
			t.Errorf("%s: exit %d, %s", name, code, errs.String())
		}
	}
}

// approved is a flow that shows a code and is approved at once.
type approved struct{}

func (approved) Login(ctx context.Context, ui flow.UI) (cred.Credential, error) {
	err := ui.ShowCode(ctx, flow.Prompt{UserCode: "ABC123", URI: "https://id.example/cli-auth", URIComplete: "https://id.example/cli-auth?code=ABC123"})
	return cred.Credential{Kind: cred.KindStatic, Account: "user@example.com"}, err
}
