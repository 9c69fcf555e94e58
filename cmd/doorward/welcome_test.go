package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// TestTheFirstAdministrator follows the link that a first start prints, once; then SIGTERM ends the server in an orderly way.
func TestTheFirstAdministrator(t *testing.T) {
	t.Parallel()
	serve := exec.Command("doorward", "serve", "--listen", "127.0.0.1:0", "--log-level", "error",
		"--store", "sqlite:"+filepath.Join(t.TempDir(), "doorward.db"))
	serve.Env = append(os.Environ(), "DOORWARD_ISSUER=", "DOORWARD_LISTEN=")
	screen, err := serve.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = serve.Process.Kill() })

	link := regexp.MustCompile(`(http://localhost:\d+)(/welcome\S+)`)
	var found []string
	for lines := bufio.NewScanner(screen); found == nil && lines.Scan(); {
		found = link.FindStringSubmatch(lines.Text())
	}
	if found == nil {
		t.Fatal("no link was printed")
	}
	v := &visitor.Visitor{Base: found[1]}
	page, err := v.Open(t.Context(), found[2])
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]string{
		"Your name": "Grace Hopper", "Username": "grace", "E-mail address": "grace@navy.example", "Password": "nanoseconds-of-wire",
	} {
		if err := page.Fill(field, value); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := page.Press(t.Context(), "Create the account"); err != nil {
		t.Fatal(err)
	}
	if err := (&visitor.Visitor{Base: found[1]}).SignIn(t.Context(), "grace", secret.New("nanoseconds-of-wire")); err != nil {
		t.Errorf("the first administrator cannot sign in: %v", err)
	}
	if _, err := v.Open(t.Context(), found[2]); !errors.Is(err, visitor.ErrRefused) {
		t.Errorf("the link works twice: %v", err)
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("it ended with %v, want an orderly end", err)
	}
}
