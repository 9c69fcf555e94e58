package credential_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// git calls the helper of git.example and of a server on this machine.
func (m *machine) git(action, stdin string, flags ...string) result {
	m.Helper()
	return m.call(strings.NewReader(stdin), append([]string{"git", "--host", "git.example", "--host", "localhost:8080", action}, flags...)...)
}

func gitAnswer(m *machine, token string) string {
	return fmt.Sprintf("username=oauth2\npassword=%s\npassword_expiry_utc=%d\n", token, m.now.Add(time.Hour).Unix())
}

func TestGitGet(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	basic := gitAnswer(m, "token-0")
	bearer := "capability[]=authtype\nauthtype=Bearer\ncredential=token-0\nephemeral=1\n" + basic
	for name, c := range map[string]struct{ stdin, want string }{
		"plain":                       {"protocol=https\nhost=git.example\n\n", basic},
		"end of file":                 {"protocol=https\nhost=git.example\n", basic},
		"unknown keys":                {"protocol=https\nhost=git.example\npath=a.git\nx=1\ny[]=1\ny[]=1\nwwwauth[]=Basic realm=\"x=y\"\n", basic},
		"its user name":               {"protocol=https\nhost=git.example\nusername=oauth2\n", basic},
		"another user name":           {"protocol=https\nhost=git.example\nusername=ada\n", ""},
		"authtype":                    {"capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example\n", bearer},
		"authtype, Bearer challenged": {"capability[]=authtype\nprotocol=https\nhost=git.example\nwwwauth[]=Basic realm=x\nwwwauth[]=bearer realm=x\n", bearer},
		"authtype, Basic challenged":  {"capability[]=authtype\nprotocol=https\nhost=git.example\nwwwauth[]=Basic realm=x\n", basic},
		"authtype taken back":         {"capability[]=authtype\ncapability[]=\nprotocol=https\nhost=git.example\n", basic},
		"another capability":          {"capability[]=state\nprotocol=https\nhost=git.example\n", basic},
		"what follows":                {"protocol=https\nhost=git.example\n\nhost=evil.example\n", basic},
	} {
		t.Run(name, func(t *testing.T) {
			m.want(m.git("get", c.stdin), result{out: c.want})
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		m.want(m.call(iotest.OneByteReader(strings.NewReader("protocol=https\nhost=git.example\n\nx")), "git", "--host", "git.example", "get"), result{out: basic})
	})
	t.Run("a token without an end", func(t *testing.T) {
		m := newMachine(t)
		m.store(cred.Credential{Kind: cred.KindStatic, Access: secret.New("token-0")})
		m.want(m.git("get", "protocol=https\nhost=git.example\n"), result{out: "username=oauth2\npassword=token-0\n"})
	})
	t.Run("a caller that keeps the stream open", func(t *testing.T) {
		in, out := io.Pipe()
		go func() { _, _ = out.Write([]byte("protocol=https\nhost=git.example\n\n")) }()
		m.want(m.call(in, "git", "--host", "git.example", "get", "--username", "x-access-token"),
			result{out: strings.Replace(basic, "oauth2", "x-access-token", 1)})
	})
}

// TestGitGivesNoTokenToAForeignHost asks for what is not ours, spelled in all the ways that have fooled helpers. Nothing is
// answered, and the credential file is not even opened.
func TestGitGivesNoTokenToAForeignHost(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for _, where := range []string{
		"https evil.example", "https git.example.evil.example", "https evil-git.example", "https sub.git.example", "https git.example.",
		"https git.example:8443", "https git.example:", "https git.example@evil.example", "https evil.example/git.example",
		`https evil.example\@git.example`, "https evil.example#git.example", "https evil.example?git.example", "https git.example/",
		"https git.example%00.evil.example", "https  git.example", "https git.example%2eevil.example", "https [git.example]",
		"https gıt.example", "https ", " git.example", "http git.example", "http git.example:443", "ssh git.example", "HTTPS git.example",
		"http localhost", "http localhost:80", "http localhost:8081", "http 127.0.0.1:8080", "https localhost", "ftp localhost:8080",
		"http localhost.evil.example:8080", "cert git.example", "smtp git.example",
	} {
		protocol, host, _ := strings.Cut(where, " ")
		m.want(m.git("get", "protocol="+protocol+"\nhost="+host+"\n\n"), result{})
		m.want(m.git("erase", "protocol="+protocol+"\nhost="+host+"\npassword=token-0\n\n"), result{})
	}
	for _, stdin := range []string{"", "\n", "host=git.example\n", "protocol=https\n", "url=https://git.example\n"} {
		m.want(m.git("get", stdin), result{})
	}
	if n := m.opened.Load(); n != 0 {
		t.Errorf("the login was opened %d times", n)
	}
	for _, where := range []string{"https git.example", "https GIT.example", "https git.example:443", "http localhost:8080"} {
		protocol, host, _ := strings.Cut(where, " ")
		m.want(m.git("get", "protocol="+protocol+"\nhost="+host+"\n\n"), result{out: gitAnswer(m, "token-0")})
	}
}

// TestGitRefusesWhatItCannotRead_SEC270 puts into a description what other readers have taken for the end of a line, and
// what two readers would read in two ways.
func TestGitRefusesWhatItCannotRead_SEC270(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	good := "protocol=https\nhost=git.example\n"
	for name, stdin := range map[string]string{
		"CR at the end (CVE-2024-50338)":      "protocol=https\r\nhost=git.example\r\n\r\n",
		"CR in a value (CVE-2025-23040)":      "protocol=https\nhost=git.example\rhost=evil.example\n\n",
		"CR in an unknown value":              good + "path=a\rpassword=b\n\n",
		"NUL":                                 "protocol=https\nhost=git.example\x00.evil.example\n\n",
		"NUL in a key":                        good + "pa\x00th=x\n",
		"a line feed typed into the host":     "protocol=https\nhost=evil.example\nhost=git.example\n\n", // CVE-2020-5260
		"ESC":                                 good + "username=\x1b[2J\n",
		"next line of C1":                     good + "path=a\u0085b\n",
		"not UTF-8":                           good + "path=\xff\xfe\n",
		"a repeated key":                      good + "path=a\npath=a\n",
		"a repeated protocol":                 good + "protocol=http\n",
		"a broken-off line":                   "protocol=https\nhost=git.example",
		"a line without =":                    good + "quit\n",
		"a line without a key":                good + "=x\n",
		"more than 1 MiB":                     good + "path=" + strings.Repeat("x", 1<<20) + "\n",
		"more than 1 MiB without a line feed": strings.Repeat("x", 1<<20+1),
		"more than 1 MiB of lines":            strings.Repeat("x[]=1\n", 1<<18) + good,
	} {
		t.Run(name, func(t *testing.T) {
			for _, action := range []string{"get", "store", "erase"} {
				m.want(m.git(action, stdin), result{authcmd.ExitFailed, "", "No token was given, and nothing was changed."})
			}
		})
	}
	t.Run("a stream that breaks", func(t *testing.T) {
		stream := io.MultiReader(strings.NewReader(good), iotest.ErrReader(io.ErrClosedPipe))
		m.want(m.call(stream, "git", "--host", "git.example", "get"), result{authcmd.ExitFailed, "", "was refused"})
	})
	t.Run("a password is not repeated", func(t *testing.T) {
		if got := m.git("store", good+"password=hunter2\x01\n"); strings.Contains(got.err, "hunter2") {
			t.Error(got.err)
		}
	})
	if n := m.opened.Load(); n != 0 {
		t.Errorf("the login was opened %d times", n)
	}
}

func TestGitStoreAndWhatIsYetToComeDoNothing(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for _, action := range []string{"store", "capability", "something-new"} {
		m.want(m.git(action, "protocol=https\nhost=git.example\nusername=oauth2\npassword=other\n\n"), result{})
	}
	m.want(m.git("get", "protocol=https\nhost=git.example\n"), result{out: gitAnswer(m, "token-0")})
}

func TestGitErase(t *testing.T) {
	t.Parallel()
	const asked = "protocol=https\nhost=git.example\n"
	for name, form := range map[string]string{"password": "password=", "credential": "authtype=Bearer\ncredential="} {
		t.Run("the very token, as "+name, func(t *testing.T) {
			t.Parallel()
			m := loggedIn(t)
			m.want(m.git("erase", asked+form+"token-0\n\n"), result{})
			m.want(m.git("get", asked), result{out: gitAnswer(m, "token-1")})
			// What was given before is another token now, however late somebody comes to complain.
			m.want(m.git("erase", asked+form+"token-0\n\n"), result{})
			m.want(m.git("get", asked), result{out: gitAnswer(m, "token-1")})
			if n := m.refreshed.Load(); n != 1 {
				t.Errorf("renewed %d times", n)
			}
		})
	}
	t.Run("offline, the refused token is not given again", func(t *testing.T) {
		t.Parallel()
		m := loggedIn(t)
		m.want(m.git("erase", asked+"password=token-0\n\n"), result{})
		m.down = true
		m.want(m.git("get", asked), result{authcmd.ExitTryAgain, "", "The login is kept."})
		m.down = false
		m.want(m.git("get", asked), result{out: gitAnswer(m, "token-1")})
	})
	t.Run("another token, none, a login that is gone", func(t *testing.T) {
		t.Parallel()
		m := loggedIn(t)
		m.want(m.git("erase", asked+"password=token-7\n\n"), result{})
		m.want(m.git("erase", asked+"\n"), result{})
		m.want(m.git("get", asked), result{out: gitAnswer(m, "token-0")})
		m.want(newMachine(t).git("erase", asked+"password=token-0\n\n"), result{})
	})
	t.Run("a token that cannot be renewed is not lost", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.store(cred.Credential{Kind: cred.KindStatic, Access: secret.New("token-0")})
		m.want(m.git("erase", asked+"password=token-0\n\n"), result{})
		m.want(m.git("get", asked), result{out: "username=oauth2\npassword=token-0\n"})
	})
}

func TestGitUsage(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	asked := func() io.Reader { return strings.NewReader("protocol=https\nhost=git.example\n") }
	m.want(m.call(asked(), "git", "get"), result{authcmd.ExitUsage, "", "Error: --host is missing: the token is given to no host that is not named.\n"})
	m.want(m.call(asked(), "git", "--host", "git.example"), result{authcmd.ExitUsage, "", "one argument: get, store or erase"})
	for _, host := range []string{"https://git.example", "*.example", "git.example/a", "git.example:", "ada@git.example", "a,b", "git.example:x", "[::1"} {
		m.want(m.call(asked(), "git", "--host", "git.example", "--host", host, "get"), result{authcmd.ExitUsage, "", "--host takes a host such as"})
	}
	m.want(m.call(asked(), "git", "--host", "git.example", "--username", "a\nb", "get"), result{authcmd.ExitUsage, "", "control characters"})
}
