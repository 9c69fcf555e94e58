package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemoPasses(t *testing.T) {
	t.Parallel()
	h := newHome(t, "TMPDIR="+t.TempDir())
	got := h.run(t, "doorward", "demo", "--auto")
	if got.Code != 0 || !strings.Contains(got.Stdout, "That was it.") {
		t.Fatalf("the demo ends with %d:\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
	if left, err := filepath.Glob(filepath.Join(h.Dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v in the home folder", left)
	}
	if left, err := filepath.Glob(filepath.Join(h.Env[len(h.Env)-1][len("TMPDIR="):], "*")); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v in the temporary folder", left)
	}
}

// TestDemoFailsWithItsPages builds the program with one page broken, each in the way that pages break, and has the demo
// notice: it walks the pages, and not only the addresses behind them.
func TestDemoFailsWithItsPages(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]struct{ page, text, step string }{
		"a page that fails half-way": {"signin.html", `{{define "content"}}<h1>Sign in</h1>{{.Nothing.There}}{{end}}`, "step 2"},
		"a button that has gone":     {"decide.html", `{{define "content"}}<h1>Sign in?</h1><form method="post"></form>{{end}}`, "step 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			built := buildOver(t, filepath.Join("console", "pages", broken.page), broken.text)
			h := newHome(t, "TMPDIR="+t.TempDir())
			cmd := exec.CommandContext(t.Context(), built, "demo", "--auto")
			cmd.Env, cmd.Dir = h.Env, h.Dir
			out, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() != 1 {
				t.Fatalf("the demo ends with %d (%v), want 1:\n%s", cmd.ProcessState.ExitCode(), err, out)
			}
			if !strings.Contains(string(out), "The demo stopped at "+broken.step) {
				t.Errorf("the demo does not say where it stopped:\n%s", out)
			}
		})
	}
}

// buildOver builds doorward with another text in the place of one of its files.
func buildOver(t *testing.T, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	original, err := filepath.Abs(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(original); err != nil {
		t.Fatal(err)
	}
	replaced := filepath.Join(dir, "text")
	overlay := must(json.Marshal(map[string]any{"Replace": map[string]string{original: replaced}}))(t)
	for path, data := range map[string][]byte{replaced: []byte(text), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	built := filepath.Join(dir, "doorward")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", built, "../cmd/doorward")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not build: %v\n%s", err, out)
	}
	return built
}
