package credential_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/credential"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// machine is one with a credential file, on which the commands are called as other programs call them: each call is a
// process of its own.
type machine struct {
	*testing.T
	file string
	now  time.Time
	env  map[string]string
	http *http.Client
	down bool // the issuer cannot be reached

	refreshed, opened atomic.Int32
}

var key = cred.Key{Issuer: "https://id.example", Client: "doorward"}

func newMachine(t *testing.T) *machine {
	t.Helper()
	return &machine{
		T: t, file: filepath.Join(t.TempDir(), "credentials.json"), now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
		env: make(map[string]string),
	}
}

// loggedIn has a login with an hour to live.
func loggedIn(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.store(m.credential())
	return m
}

func (m *machine) credential() cred.Credential {
	return cred.Credential{
		Kind: cred.KindOAuth, Access: secret.New("token-0"), Refresh: secret.New("refresh-0"), TokenType: "Bearer",
		Account: "ada@example.com", Renewed: m.now, Expires: m.now.Add(time.Hour),
	}
}

func (m *machine) store(c cred.Credential) {
	m.Helper()
	put := func(cred.Credential, bool) (cred.Credential, error) { return c, nil }
	if _, err := (&cred.File{Path: m.file}).Update(m.Context(), key, put); err != nil {
		m.Fatal(err)
	}
}

// Refresh makes the machine the issuer too.
func (m *machine) Refresh(_ context.Context, old cred.Credential) (cred.Credential, error) {
	if m.down {
		return old, &oauth.TemporaryError{Err: io.ErrUnexpectedEOF}
	}
	n := strconv.Itoa(int(m.refreshed.Add(1)))
	old.Access, old.Refresh, old.Expires = secret.New("token-"+n), secret.New("refresh-"+n), m.now.Add(time.Hour)
	return old, nil
}

// result is what a call left.
type result struct {
	code     int
	out, err string
}

func (m *machine) call(stdin io.Reader, args ...string) result {
	m.Helper()
	var out, errs bytes.Buffer
	program := &authcmd.Program{
		Terminal: &terminal.Terminal{In: stdin, Out: &out, Err: &errs, Env: func(name string) string { return m.env[name] }},
		Words:    authcmd.Words{Name: "doorward"}, Now: func() time.Time { return m.now },
	}
	commands := &credential.Commands{Program: program, HTTP: m.http, Open: func(context.Context) error {
		m.opened.Add(1)
		program.Session = &session.Session{
			Store: &cred.File{Path: m.file}, Key: key, Refresher: m, Now: func() time.Time { return m.now },
		}
		return nil
	}}
	root := &cobra.Command{Use: "doorward"}
	program.AddOutput(root.PersistentFlags())
	root.AddCommand(commands.Command())
	code := program.Main(m.Context(), root, append([]string{"credential"}, args...))
	return result{code, out.String(), errs.String()}
}

func (m *machine) want(got, want result) {
	m.Helper()
	if got.code != want.code || got.out != want.out {
		m.Errorf("ended with %d and printed %q; want %d and %q (stderr %q)", got.code, got.out, want.code, want.out, got.err)
	}
	if want.err == "" && got.err != "" || !strings.Contains(got.err, want.err) {
		m.Errorf("stderr is %q; want %q in it", got.err, want.err)
	}
}

// calls are the four commands as they are called when a token is due.
func calls(m *machine) map[string]func() result {
	return map[string]func() result{
		"git":        func() result { return m.git("get", "protocol=https\nhost=git.example\n\n") },
		"docker":     func() result { return m.docker("get", "https://registry.example") },
		"kubernetes": func() result { return m.call(strings.NewReader(""), "kubernetes") },
		"aws": func() result {
			return m.call(strings.NewReader(""), "aws", "--role-arn", "arn:aws:iam::123456789012:role/deploy", "--endpoint", "http://127.0.0.1:1/")
		},
	}
}

func TestWithoutALoginNothingIsAnswered(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for name, call := range calls(m) {
		t.Run(name, func(t *testing.T) {
			m.want(call(), result{authcmd.ExitLoginRequired, "", "Error: Not logged in.\nRun 'doorward auth login' to log in.\n"})
		})
	}
}

func TestATokenThatCannotBeRenewedIsNotAnswered(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	m.down, m.now = true, m.now.Add(2*time.Hour)
	for name, call := range calls(m) {
		t.Run(name, func(t *testing.T) {
			m.want(call(), result{authcmd.ExitTryAgain, "", "The login is kept."})
		})
	}
}

func TestTheTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	m.now = m.now.Add(2 * time.Hour)
	for name, call := range calls(m) {
		if got := call(); name != "aws" && !strings.Contains(got.out, "token-1") {
			t.Errorf("%s answers %q, %q", name, got.out, got.err)
		}
	}
	if n := m.refreshed.Load(); n != 1 {
		t.Errorf("renewed %d times", n)
	}
}

// TestManyAtTheMomentOfExpiryRenewOnce has git, docker and kubectl ask at the same moment, each in a process of its own.
func TestManyAtTheMomentOfExpiryRenewOnce(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	m.now = m.now.Add(2 * time.Hour)
	var asking sync.WaitGroup
	for range 5 {
		for name, call := range calls(m) {
			if name == "aws" {
				continue
			}
			asking.Go(func() {
				if got := call(); !strings.Contains(got.out, "token-1") {
					t.Errorf("%s answers %q, %q", name, got.out, got.err)
				}
			})
		}
	}
	asking.Wait()
	if n := m.refreshed.Load(); n != 1 {
		t.Errorf("renewed %d times", n)
	}
}

// TestAStoredTokenWithALineFeedIsNotAnswered_SEC270 has a credential file that somebody has put a second line into.
func TestAStoredTokenWithALineFeedIsNotAnswered_SEC270(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"token\npassword=of-mallory", "token\r", "to\x00ken", "token of ada", "tökén"} {
		m := newMachine(t)
		c := m.credential()
		c.Access = secret.New(token)
		m.store(c)
		for name, call := range calls(m) {
			t.Run(name, func(*testing.T) {
				m.want(call(), result{authcmd.ExitFailed, "", "It was given to nobody."})
			})
		}
	}
}

func TestABoundTokenIsNotAnswered(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	c := m.credential()
	c.TokenType = "DPoP"
	m.store(c)
	for name, call := range calls(m) {
		t.Run(name, func(t *testing.T) {
			m.want(call(), result{authcmd.ExitFailed, "", "bound to a key"})
		})
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"":                      {},
		"auth token":            {"/usr/bin/doorward", "auth", "token"},
		"credential docker get": {"/home/ada/.local/bin/docker-credential-doorward", "get"},
		"credential docker":     {"docker-credential-doorward.EXE"},
		"get":                   {"docker-credential-other", "get"},
	} {
		if got := strings.Join(credential.Arguments(args), " "); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}
