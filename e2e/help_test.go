package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// programs are those that people install.
var programs = []string{"doorward", "octopipe", "pipeops", "rio", "pilotcli", "plexctl"}

var (
	commandsOf = regexp.MustCompile(`(?m)^(?:Available Commands|Commands):\n((?:  .*\n)+)`)
	commandOf  = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*)`)
)

// TestHelpCopies holds docs/help to what the built programs print: the help of every command that help lists, so that a change
// of a page is seen where it is reviewed. With UPDATE=1 it writes them.
func TestHelpCopies(t *testing.T) {
	t.Parallel()
	h := newHome(t, "COLUMNS=80")
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			text.WriteString("# The help of `" + name + "`\n\nWhat each command prints with `--help`; `UPDATE=1 go test -run TestHelpCopies ./e2e` writes it.\n")
			helpOf(t, h, &text, []string{name})
			got := strings.ReplaceAll(text.String(), h.Dir, "~")
			path := filepath.Join("..", "docs", "help", name+".md")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			kept, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(kept) != got {
				t.Errorf("docs/help/%s.md is not what the program prints; look at `UPDATE=1 go test -run TestHelpCopies ./e2e && git diff`", name)
			}
		})
	}
	t.Run("no other program", func(t *testing.T) {
		files, err := filepath.Glob("../docs/help/*.md")
		if os.Getenv("UPDATE") == "" && (err != nil || len(files) != len(programs)) {
			t.Errorf("%d copies for %d programs: %v", len(files), len(programs), err)
		}
	})
}

// helpOf writes the help of a command and of all below it. `help` itself, which repeats the others, is left out.
func helpOf(t *testing.T, h home, text *strings.Builder, command []string) {
	t.Helper()
	got := h.run(t, command[0], append(command[1:len(command):len(command)], "--help")...)
	name := strings.Join(command, " ")
	if got.Code != 0 || got.Stdout == "" || got.Stderr != "" {
		t.Fatalf("%s --help ends with %d: %s", name, got.Code, got.Stderr)
	}
	text.WriteString("\n## `" + name + "`\n\n```\n" + strings.TrimRight(got.Stdout, "\n") + "\n```\n")
	below := commandsOf.FindStringSubmatch(got.Stdout + "\n")
	if below == nil {
		return
	}
	for _, found := range commandOf.FindAllStringSubmatch(below[1], -1) {
		if found[1] != "help" {
			helpOf(t, h, text, append(command[:len(command):len(command)], found[1]))
		}
	}
}
