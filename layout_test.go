package doorward_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// law is the import law of the house (docs/decisions/0001-rooms.md): "a, b < c, d" means that c and d may import a and b.
// What is not said is forbidden. A folder below a room is the same room. The text changes only in a commit that brings its
// decision file.
const law = `
NONE                                                     < secret, authtest/clock
secret                                                   < oauth, cred, identity, keys, terminal, visitor
oauth, secret                                            < oauth/client
cred, oauth, secret                                      < session
cred, oauth, oauth/client, secret                        < flow
session, flow, cred, oauth, terminal, secret             < authcmd
oauth, identity, keys, secret                            < authority
oauth, secret                                            < federation
authority, identity, oauth, secret                       < store/sqlite, store/postgres, store/storetest
authority, identity, oauth, keys, secret                 < grant
authority, identity, oauth, federation, secret           < console
grant, authority, identity, oauth, secret                < endpoint, compat
grant, authority, identity, oauth, keys, federation, endpoint, console, compat, secret < server
server, authority, identity, oauth, keys, store/sqlite, flow, cred, visitor, secret    < authtest
authority, identity, store/sqlite, store/postgres, secret < authtest/stores
authcmd, session, flow, cred, oauth, oauth/client, terminal, secret < cmd/octopipe, cmd/pipeops, cmd/rio, cmd/pilotcli, cmd/plexctl, docs/examples
ANYTHING                                                 < cmd/doorward, bench
`

const module = "github.com/doorward/doorward/"

// products may be named on floor 6 and in compat only.
var products = []string{"octopipe", "pipeops", "pilotcli", "plexctl", "plexsphere", "rapyuta"}

type listed struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func TestLayoutFollowsTheLaw(t *testing.T) {
	t.Parallel()
	allowed, rooms := readLaw(t)
	for _, pkg := range list(t) {
		path, ok := strings.CutPrefix(pkg.ImportPath, module)
		if !ok {
			continue
		}
		room := roomOf(path, rooms)
		if room == "" {
			if len(pkg.GoFiles) > 0 {
				t.Errorf("%s: no room of the law holds this package", path)
			}
			continue
		}
		for _, imported := range pkg.Imports {
			checkImport(t, path, room, imported, allowed, rooms)
		}
	}
}

func checkImport(t *testing.T, path, room, imported string, allowed map[string][]string, rooms []string) {
	t.Helper()
	if imported == "testing" && !strings.HasPrefix(room, "authtest") && room != "store/storetest" {
		t.Errorf("%s imports testing outside its tests", path)
	}
	if room == "authority" || room == "identity" {
		for _, heavy := range []string{"net/http", "database/sql", "html/template", "text/template"} {
			if imported == heavy {
				t.Errorf("%s imports %s: the law of the server knows no wire, no SQL and no pages", path, heavy)
			}
		}
	}
	other, ok := strings.CutPrefix(imported, module)
	if !ok {
		return
	}
	target := roomOf(other, rooms)
	if target == room || slices.Contains(allowed[room], "ANYTHING") || slices.Contains(allowed[room], target) {
		return
	}
	t.Errorf("%s imports %s: the law does not let %s import %s", path, other, room, target)
}

// TestLayoutNamesNoProductBelow holds the rooms below the doors free of any product's name: a difference between products is
// a value that a door hands in.
func TestLayoutNamesNoProductBelow(t *testing.T) {
	t.Parallel()
	for _, pkg := range list(t) {
		path := strings.TrimPrefix(pkg.ImportPath, module)
		if strings.HasPrefix(path, "cmd/") || strings.HasPrefix(path, "compat") || path == "bench" {
			continue
		}
		for _, name := range pkg.GoFiles {
			text, err := os.ReadFile(filepath.Join(pkg.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, product := range products {
				if strings.Contains(strings.ToLower(string(text)), product) {
					t.Errorf("%s/%s names %s", path, name, product)
				}
			}
		}
	}
}

func readLaw(t *testing.T) (allowed map[string][]string, rooms []string) {
	t.Helper()
	allowed = make(map[string][]string)
	for line := range strings.Lines(strings.TrimSpace(law)) {
		left, right, ok := strings.Cut(line, "<")
		if !ok {
			t.Fatalf("the law has a line without '<': %q", line)
		}
		for _, room := range fields(right) {
			allowed[room] = append(allowed[room], fields(left)...)
			rooms = append(rooms, room)
		}
	}
	return allowed, rooms
}

func fields(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

// roomOf returns the longest room that path lies in.
func roomOf(path string, rooms []string) string {
	best := ""
	for _, room := range rooms {
		if (path == room || strings.HasPrefix(path, room+"/")) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles,Dir", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listed
		err := decoder.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pkg)
	}
}
