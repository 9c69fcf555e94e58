package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// substitution is one of the few differences between what a source prints and what runs here.
type substitution struct {
	printed string // in the source
	typed   string // instead of it in what is typed; PORT is a free one and SERVER the server
	shown   string // the pattern that stands instead of it in what is shown; "": it stands as it is
}

// substitutions is the ONE table: placeholders become the seeds of --dev, example domains the server; typography is undone; dates
// and random codes are any; the command groups of others are left out.
var substitutions = []substitution{
	{"\n\n–organization", " --organization", ""}, // a missing line continuation
	{"–", "--", ""},
	{"YOUR_AUTH_TOKEN", "your-token-here", ""},
	{"YOUR_EMAIL", "user@example.com", ""},
	{"YOUR_PASSWORD", "MySecretPassword", ""},
	{"YOUR_ORG", "'Acme Corp'", ""},
	{"YOUR_PROJECT", "warehouse", ""},
	{"TOKEN_VALUE", "your-token-here", ""},
	{"${{ secrets.PIPEOPS_TOKEN }}", "your-token-here", ""},
	{"pP3*******************", "pP3devKeyOfAda01234567", ""},
	{"https://custom.octopipe.io", "SERVER", ""},
	{"https://console.pipeops.io", "SERVER", "SERVER"},
	{"https://localhost:8080", "https://localhost:8080", "SERVER"}, // the default of a variable that is set
	{"\nExample:--password", " --password", ""},                    // an option's example stands behind the command; these two need each other
	{"Example:", "octopipe auth login ", ""},
	{"Default:8765", "octopipe auth login --port PORT", ""},
	{"Default:120", "octopipe auth login --timeout 120", ""},
	{"pipeops project list\n", "\n", ""},
	{"pipeops deploy create --project my-app\n", "\n", ""},
	{"ABC123", "ABC123", "[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}"},
	{"2024-12-31 23:59:59", "", `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`},
	{"2024-12-31T23:59:59Z", "", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`},
}

// example is what a source prints.
type example struct {
	typed string
	shown string
	// how says what is before and beside it (after, later, set, as, types, nobody) and what is expected (exit, ends, spaces, shows,
	// then).
	how map[string]string
}

// examples reads an archive, whose files come in the order of the source.
func examples(t *testing.T, path string) (names []string, all map[string]*example) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all = make(map[string]*example)
	for _, file := range archive.Files {
		kind := filepath.Ext(file.Name)
		name := strings.TrimSuffix(file.Name, kind)
		if all[name] == nil {
			names, all[name] = append(names, name), &example{how: make(map[string]string)}
		}
		switch e := all[name]; kind {
		case ".sh":
			e.typed = string(file.Data)
		case ".out":
			e.shown = string(file.Data)
		case ".how":
			for line := range strings.Lines(string(file.Data)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				e.how[strings.TrimSuffix(key, ":")] = value
			}
		default:
			t.Fatalf("%s: what is %s?", path, file.Name)
		}
	}
	return names, all
}

// TestExamples runs every example of the five sources as printed against `doorward serve --dev`. A person with a browser stands
// beside it.
func TestExamples(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/examples/*.txtar")
	if err != nil || len(archives) != 5 {
		t.Fatalf("the archives are %v, %v", archives, err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			names, all := examples(t, path)
			shared := serve(t)
			for _, name := range names {
				e := all[name]
				t.Run(name, func(t *testing.T) {
					s := shared
					if e.how["later"] != "" || e.how["nobody"] != "" { // the clock is everybody's
						s = serve(t)
					}
					e.run(newTypist(t, s))
				})
			}
		})
	}
}

// run types the example and compares.
func (e *example) run(p *typist) {
	p.Helper()
	if before := e.how["after"]; before != "" {
		if out, code := p.types(before, nil); code != 0 {
			p.Fatalf("%s ends with %d:\n%s", before, code, out)
		}
	}
	if by := e.how["later"]; by != "" {
		p.advance(by)
	}
	if set := e.how["set"]; set != "" {
		p.home.Env = append(p.home.Env, set)
	}
	script := regexp.MustCompile(`(?m)^ *(\$ )?`).ReplaceAllString(e.typed, "")
	for _, s := range substitutions {
		script = strings.ReplaceAll(script, s.printed, s.typed)
	}
	script = strings.NewReplacer("PORT", p.port, "SERVER", p.s.Issue).Replace(script)
	out, code := p.types(script, e.how)
	if want := e.how["exit"]; want == "" && code != 0 || want == "1" && code != 1 {
		p.Errorf("exit code %d, want %q", code, want)
	}
	if e.shown != "" && !e.pattern().MatchString(strings.ReplaceAll(out, p.s.Issue, "SERVER")) {
		p.Errorf("typed:\n%s\nprinted:\n%s\nthe source has:\n%s", script, out, e.shown)
	}
	if shows := strings.ReplaceAll(e.how["shows"], "PORT", p.port); !regexp.MustCompile(shows).MatchString(out) {
		p.Errorf("%q is not in\n%s", shows, out)
	}
	if then := e.how["then"]; then != "" {
		if out, code := p.types(then, nil); code != 0 {
			p.Errorf("afterwards, %s ends with %d:\n%s", then, code, out)
		}
	}
}

// pattern is what the whole output must be; with `ends`, its end; with `spaces`, however it is spaced.
func (e *example) pattern() *regexp.Regexp {
	text := regexp.QuoteMeta(e.shown)
	for _, s := range substitutions {
		if s.shown != "" {
			text = strings.ReplaceAll(text, regexp.QuoteMeta(s.printed), s.shown)
		}
	}
	if e.how["spaces"] != "" {
		text = strings.Join(strings.Fields(text), `\s+`) + `\s*`
	}
	if e.how["ends"] != "" {
		return regexp.MustCompile(`(?:^|\n)` + text + `$`)
	}
	return regexp.MustCompile("^" + text + "$")
}

// typist is somebody who types what a source says, with a browser beside the terminal.
type typist struct {
	*testing.T
	s    *server
	home home
	port string
}

func newTypist(t *testing.T, s *server) *typist {
	t.Helper()
	_, port, _ := net.SplitHostPort(freeAddress(t))
	h := newHome(t)
	for i, entry := range h.Env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			h.Env[i] = "PATH=" + bin + string(os.PathListSeparator) + path
		}
	}
	h.Env = append(h.Env, "BROWSER=true", "TERM=xterm")
	for _, variable := range []string{
		"OCTOPIPE_SERVER", "PIPEOPS_API_URL", "PIPEOPS_DASHBOARD_URL", "RIO_SERVER", "PILOTCLI_SERVER", "PLEXSPHERE_URL",
	} {
		h.Env = append(h.Env, variable+"="+s.Issue)
	}
	return &typist{t, s, h, port}
}

var (
	anyLink = regexp.MustCompile(`(?:^|[ \n])(https?://\S+)\n`)
	anyCode = regexp.MustCompile(`\b[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}\b`)
	asks    = regexp.MustCompile(`\[y/N\]:? $`)
)

// types runs a script to its end, on a terminal where something is to be typed; what it printed and its exit code. The person
// opens every link that appears.
func (p *typist) types(script string, how map[string]string) (string, int) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Env, cmd.Dir = p.home.Env, p.home.Dir
	if how["as"] != "" { // somebody who may write nowhere
		cmd.Dir = "/"
		if os.Getuid() == 0 {
			_ = os.Chmod(bin, 0o755) // where it fails, nothing runs
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
	}
	tty, stdout := p.begin(cmd, how["types"] != "")
	defer stdout.Close()
	var screen bytes.Buffer
	visited, answered := make(map[string]bool), false
	for part := make([]byte, 4096); ; {
		n, err := stdout.Read(part)
		screen.Write(bytes.ReplaceAll(part[:n], []byte("\r\n"), []byte("\n")))
		text := screen.String()
		for _, found := range anyLink.FindAllStringSubmatch(text, -1) {
			link := found[1]
			if !visited[link] && (strings.Contains(link, "?") || anyCode.MatchString(text)) {
				visited[link] = true
				p.visit(ctx, link, anyCode.FindString(text), how["nobody"])
			}
		}
		if asks.MatchString(text) && !answered && tty != nil {
			answered = true
			_, _ = io.WriteString(tty, how["types"]+"\n") // a program that has gone shows in its code
		}
		if err != nil {
			break
		}
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	return screen.String(), cmd.ProcessState.ExitCode()
}

// begin starts a command whose output and errors can be read.
func (p *typist) begin(cmd *exec.Cmd, terminal bool) (tty, stdout *os.File) {
	p.Helper()
	if terminal {
		tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
		if err != nil {
			p.Fatal(err)
		}
		return tty, tty
	}
	stdout, into, err := os.Pipe()
	if err != nil {
		p.Fatal(err)
	}
	defer into.Close()
	cmd.Stdout, cmd.Stderr = into, into
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	return nil, stdout
}

// visit approves the login of a link; where nobody comes, the server's clock moves so far instead.
func (p *typist) visit(ctx context.Context, link, code, nobody string) {
	p.Helper()
	person := john(p.s)
	var err error
	switch {
	case nobody != "":
		p.advance(nobody)
	case strings.Contains(link, "/authorize?"), strings.Contains(link, "/auth/signin?"):
		var callback string
		if callback, err = person.Authorize(ctx, link); err == nil {
			_, err = person.Arrive(ctx, callback)
		}
	case regexp.MustCompile(`/device/[0-9a-f-]{36}\?`).MatchString(link):
		err = p.federated(ctx, link)
	case strings.Contains(link, "?"):
		_, err = person.ApproveDevice(ctx, link)
	default:
		_, err = person.ApproveCode(ctx, code)
	}
	if err != nil {
		p.Errorf("%s: %v", link, err)
	}
}

// federated signs in at the identity provider, which is the second authority of --dev, and approves at ours.
func (p *typist) federated(ctx context.Context, link string) error {
	jar, _ := cookiejar.New(nil) // it never fails without options
	browser := &visitor.Visitor{Base: p.s.Issue, HTTP: &http.Client{Jar: jar}}
	page, err := browser.Open(ctx, link)
	if err != nil {
		return err
	}
	if !page.Away {
		return errors.New("it does not lead to the identity provider")
	}
	provider := &visitor.Visitor{Base: page.URL.Scheme + "://" + page.URL.Host, Name: "johndoe", Password: secret.New("MySecretPassword")}
	back, err := provider.Authorize(ctx, page.URL.String())
	if err == nil {
		page, err = browser.Open(ctx, back)
	}
	if err == nil {
		_, err = page.Press(ctx, visitor.ButtonApprove)
	}
	return err
}

func (p *typist) advance(by string) {
	p.Helper()
	response, err := http.PostForm(p.s.Issue+"/dev/clock", url.Values{"advance": {by}})
	if err != nil {
		p.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		p.Fatalf("the clock answers %s", response.Status)
	}
}
