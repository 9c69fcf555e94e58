package e2e

import (
	"debug/buildinfo"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// doors are the programs that were built; clients are those of the client wing alone.
func doors(t *testing.T) (clients []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(bin, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if name := filepath.Base(path); name != "doorward" {
			clients = append(clients, name)
		}
	}
	if !slices.Contains(clients, "pipeops") {
		t.Fatalf("the programs are %v; there is no pipeops among them", clients)
	}
	return clients
}

func TestClientWingLinksAtMostTwelveModules(t *testing.T) {
	t.Parallel()
	for _, name := range doors(t) {
		info, err := buildinfo.ReadFile(program(name))
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Deps) == 0 || len(info.Deps) > 12 {
			t.Errorf("%s links %d modules, want 1 to 12", name, len(info.Deps))
			for _, module := range info.Deps {
				t.Log(module.Path)
			}
		}
	}
}

// TestClientWingImports holds what makes a program slow to start, or is done by other means here, out of the client wing.
func TestClientWingImports(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`(?i)viper|/go-jose|/jwx|golang-jwt|prometheus|opentelemetry|go\.opentelemetry\.io|charm|` +
		`golang\.org/x/oauth2|^encoding/gob$|^gopkg\.in/yaml|^go\.yaml\.in|^sigs\.k8s\.io/yaml|ghodss/yaml|sqlite|pgx|` +
		`^database/sql|^html/template$|^github\.com/doorward/doorward/(authority|identity|keys|grant|endpoint|console|compat|server|store)`)
	for _, name := range doors(t) {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/"+name).Output()
		if err != nil {
			t.Fatal(err)
		}
		packages := strings.Fields(string(out))
		if !slices.Contains(packages, "github.com/doorward/doorward/session") {
			t.Errorf("%s is not made of the client wing", name)
		}
		for _, imported := range packages {
			if forbidden.MatchString(imported) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

// initialised sums the bytes that packages outside of the standard library allocate before main, those that want counts.
func initialised(t *testing.T, h home, counts func(path string) bool, name string, args ...string) (total int, most []string) {
	t.Helper()
	h.Env = append(slices.Clone(h.Env), "GODEBUG=inittrace=1")
	got := h.run(t, name, args...)
	lines := regexp.MustCompile(`(?m)^init (\S+) @.* clock, (\d+) bytes, \d+ allocs$`).FindAllStringSubmatch(got.Stderr, -1)
	if len(lines) < 20 {
		t.Fatalf("%s traces only %d packages: %s", name, len(lines), got.Stderr)
	}
	for _, line := range lines {
		host, _, _ := strings.Cut(line[1], "/")
		if !strings.Contains(host, ".") || !counts(line[1]) {
			continue
		}
		n, _ := strconv.Atoi(line[2]) // the pattern lets digits through
		if total += n; n > 1000 {
			most = append(most, line[1]+" "+line[2])
		}
	}
	return total, most
}

// TestInitOutsideTheLibrary: what a program of the client wing does before main is next to nothing. doorward itself carries
// both wings: there the limit holds for its own rooms, and what it links has a ceiling, so that it cannot grow unseen.
func TestInitOutsideTheLibrary(t *testing.T) {
	t.Parallel()
	all := func(string) bool { return true }
	own := func(path string) bool { return strings.HasPrefix(path, "github.com/doorward/") }
	for _, name := range doors(t) {
		if n, most := initialised(t, newHome(t), all, name, "auth", "status"); n > 20_000 {
			t.Errorf("%s allocates %d bytes before main, want 20,000 at most: %v", name, n, most)
		}
	}
	if n, most := initialised(t, newHome(t), own, "doorward", "auth", "token"); n > 20_000 {
		t.Errorf("the rooms of doorward allocate %d bytes before main, want 20,000 at most: %v", n, most)
	}
	if n, most := initialised(t, newHome(t), all, "doorward", "auth", "token"); n > 220_000 {
		t.Errorf("doorward allocates %d bytes before main, want 220,000 at most: %v", n, most)
	}
}
