package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// block is a fenced block of a page, with the comment that stands before it.
type block struct{ page, mark, kind, text string }

var fence = regexp.MustCompile("(?ms)(?:^<!-- ([^\n]*) -->\n)?^```(\\w+)\n(.*?)^```$")

func blocks(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, found := range fence.FindAllStringSubmatch(string(text), -1) {
		all = append(all, block{page, found[1], found[2], found[3]})
	}
	return all
}

var pages = []string{"README.md", "docs/operators.md", "docs/apis.md", "docs/scripts.md"}

// TestDocsProgramsAreQuotedWhole holds the Go that pages quote to the examples that are compiled and tested.
func TestDocsProgramsAreQuotedWhole(t *testing.T) {
	t.Parallel()
	var code bytes.Buffer
	files, err := filepath.Glob("../docs/examples/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(regexp.MustCompile(`(?m)^\t`).ReplaceAll(text, nil))
	}
	for _, page := range pages {
		for _, b := range blocks(t, page) {
			if b.kind == "go" && !strings.Contains(code.String(), b.text) {
				t.Errorf("%s quotes what no example holds:\n%s", b.page, b.text)
			}
		}
	}
}

// TestDocsCommands runs every shell block of every page as it stands. What is replaced is said here: ports by free ones, and
// 0.0.0.0, since tests serve loopback addresses only.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, page := range pages {
		for i, b := range blocks(t, page) {
			if b.kind != "sh" {
				continue
			}
			run, ok := runs[b.mark]
			if !ok {
				t.Errorf("%s: no test knows the block marked %q", page, b.mark)
				continue
			}
			seen[b.mark] = true
			t.Run(fmt.Sprintf("%s/%d %s", page, i, b.mark), func(t *testing.T) {
				t.Parallel()
				run(newReader(t), b.text)
			})
		}
	}
	for mark := range runs {
		if !seen[mark] {
			t.Errorf("no page has a block marked %q", mark)
		}
	}
}

// reader is somebody who types what a page says.
type reader struct {
	*testing.T
	home home
	port string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	_, port, _ := net.SplitHostPort(freeAddress(t))
	h := newHome(t)
	for i, entry := range h.Env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			h.Env[i] = "PATH=" + bin + string(os.PathListSeparator) + path
		}
	}
	h.Env = append(h.Env, "XDG_STATE_HOME="+filepath.Join(h.Dir, ".local/state"), "DOORWARD_LISTEN=127.0.0.1:"+port)
	return &reader{t, h, port}
}

func (r *reader) issuer() string { return "http://localhost:" + r.port }

func (r *reader) shell(script string) *exec.Cmd {
	script = strings.NewReplacer("0.0.0.0:443", "127.0.0.1:"+r.port, "3667", r.port).Replace(script)
	cmd := exec.CommandContext(r.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Env, cmd.Dir = r.home.Env, r.home.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// do runs a script to its end and returns what it printed.
func (r *reader) do(script string) string {
	r.Helper()
	out, err := r.shell(script).CombinedOutput()
	if err != nil {
		r.Fatalf("%s\nended with %v:\n%s", script, err, out)
	}
	return string(out)
}

// background starts a server and waits until address answers 200.
func (r *reader) background(script, address string, browser *http.Client) *lines {
	r.Helper()
	log := &lines{}
	cmd := r.shell(script)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	eventually(r.T, address, func() error {
		response, err := browser.Get(address)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, log)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s\n%s", response.Status, log)
		}
		return nil
	})
	return log
}

func (r *reader) serve(extra string) *lines {
	r.Helper()
	return r.background("exec doorward serve "+extra, r.issuer()+"/readyz", http.DefaultClient)
}

// runs says, for the mark of a block, how its reader goes about it.
var runs = map[string]func(r *reader, script string){
	"test": func(*reader, string) {}, // this very run
	"demo": func(r *reader, script string) {
		script = strings.TrimSpace(script)
		if script != "go run ./cmd/doorward demo" {
			r.Fatalf("the demo is %q", script)
		}
		out := r.do("doorward demo --auto")
		if !strings.Contains(out, "Logged in as") {
			r.Errorf("the demo says:\n%s", out)
		}
	},
	"start": func(r *reader, script string) {
		log := r.background("exec "+script, r.issuer()+"/readyz", http.DefaultClient)
		if !strings.Contains(log.String(), r.issuer()+"/welcome/") {
			r.Errorf("no link for the first administrator:\n%s", log)
		}
		for _, name := range []string{"doorward.db", "doorward.db.key"} {
			info, err := os.Stat(filepath.Join(r.home.Dir, ".local/state/doorward", name))
			if err != nil || info.Mode().Perm() != 0o600 {
				r.Errorf("%s: %v, %v", name, info, err)
			}
		}
	},
	"": func(r *reader, script string) {
		switch {
		case strings.Contains(script, "admin user add"):
			r.serve("")
			if err := os.WriteFile(filepath.Join(r.home.Dir, "password.txt"), []byte("a-long-password-1815\n"), 0o600); err != nil {
				r.Fatal(err)
			}
			out := r.do(script)
			for _, want := range []string{"ada@example.com", "my-cli", "person.added", "client.added"} {
				if !strings.Contains(out, want) {
					r.Errorf("no %q in:\n%s", want, out)
				}
			}
		case strings.Contains(script, "curl"):
			needs(r.T, "curl")
			r.serve("--dev")
			var answer map[string]any
			if out := r.do(script); json.Unmarshal([]byte(out), &answer) != nil || answer["active"] != true {
				r.Errorf("introspection says %s", out)
			}
		case strings.Contains(script, "auth login"):
			r.serve("--dev")
			r.login(strings.ReplaceAll(strings.Split(script, "\n")[0], "https://id.example", r.issuer()))
			if out := r.do("export DOORWARD_ISSUER=" + r.issuer() + "; " + strings.Split(script, "\n")[1]); !strings.HasPrefix(out, "ey") {
				r.Errorf("token prints %s", out)
			}
		case strings.Contains(script, "auth token"):
			r.serve("--dev")
			r.login("doorward auth login --issuer http://localhost:3667")
			if out := r.do(script); !strings.HasPrefix(out, "ey") || !strings.Contains(out, `"logged_in": true`) {
				r.Errorf("printed:\n%s", out)
			}
		default:
			r.background("exec "+script, r.issuer()+"/readyz", http.DefaultClient)
		}
	},
	"tls": func(r *reader, script string) {
		pool := r.certificate("id.example")
		browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "id.example"}}}
		r.background("exec "+script, "https://127.0.0.1:"+r.port+"/readyz", browser)
		r.expectIssuer(browser, "https://127.0.0.1:"+r.port)
	},
	"proxy": func(r *reader, script string) {
		r.background("exec "+script, "http://127.0.0.1:"+r.port+"/readyz", http.DefaultClient)
		r.expectIssuer(http.DefaultClient, "http://127.0.0.1:"+r.port)
	},
	"backup": func(r *reader, script string) {
		r.serve("")
		r.do("echo a-long-password-1815 | doorward admin user add ada --name Ada --email ada@example.com --password-stdin")
		r.do(script)
		// What the page says of restoring, on a second machine.
		other := newReader(r.T)
		state := filepath.Join(other.home.Dir, ".local/state/doorward")
		r.do("mkdir -p -m 700 " + state + " && cp backup.db " + state + "/doorward.db && cp backup.key " + state + "/doorward.db.key && chmod 600 " + state + "/*")
		other.serve("")
		if out := other.do("doorward admin user list"); !strings.Contains(out, "ada@example.com") {
			r.Errorf("after the restore:\n%s", out)
		}
	},
	"credential": func(r *reader, script string) {
		if strings.Contains(script, "git ") {
			needs(r.T, "git")
		}
		r.serve("--dev")
		r.login("doorward auth login --issuer http://localhost:3667")
		if out := r.do("export DOORWARD_ISSUER=http://localhost:3667\n" + script); !regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.`).MatchString(out) {
			r.Errorf("no token in what is printed:\n%s", out)
		}
	},
	"rotate": func(r *reader, script string) {
		r.serve("")
		r.do(script)
	},
	"admin": func(r *reader, script string) {
		r.serve("")
		if err := os.WriteFile(filepath.Join(r.home.Dir, "client-secret.txt"), []byte("what-the-provider-gave\n"), 0o600); err != nil {
			r.Fatal(err)
		}
		for _, person := range []string{"ada --administrator", "bob"} {
			name, _, _ := strings.Cut(person, " ")
			r.do("echo a-long-password-1815 | doorward admin user add " + person + " --name " + name + " --email " + name + "@example.com --password-stdin")
		}
		out := r.do(script)
		if strings.Contains(out, "what-the-provider-gave") || strings.Contains(out, "dwk_") && !strings.Contains(out, "dwk…") {
			r.Errorf("a secret was printed:\n%s", out)
		}
		if strings.Contains(script, "idp add") && !strings.Contains(out, r.issuer()+"/federation/") {
			r.Errorf("no redirect URI in:\n%s", out)
		}
	},
}

// login runs a login in the background with a person beside it.
func (r *reader) login(command string) {
	r.Helper()
	out := &lines{}
	cmd := r.shell(command + " --device")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	s := &started{t: r.T, Cmd: cmd, Stdout: out, Stderr: &lines{}}
	person := &visitor.Visitor{Base: r.issuer(), Name: seed.John, Password: secret.New(seed.JohnPassword)}
	if _, err := person.ApproveDevice(r.Context(), s.link("/device")); err != nil {
		r.Fatal(err)
	}
	if got := s.wait(); got.Code != 0 {
		r.Fatalf("%s ended with %d:\n%s", command, got.Code, got.Stdout)
	}
}

func (r *reader) expectIssuer(browser *http.Client, base string) {
	r.Helper()
	response, err := browser.Get(base + "/.well-known/openid-configuration")
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	var metadata struct{ Issuer string }
	if err := json.NewDecoder(response.Body).Decode(&metadata); err != nil || metadata.Issuer != "https://id.example" {
		r.Errorf("issuer %q, %v", metadata.Issuer, err)
	}
}

// certificate writes cert.pem and key.pem for a name.
func (r *reader) certificate(name string) *x509.CertPool {
	r.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		r.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		r.Fatal(err)
	}
	for file, part := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(r.home.Dir, file), pem.EncodeToMemory(part), 0o600); err != nil {
			r.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}
