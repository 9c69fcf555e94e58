// Package script is the stage on which testscript files specify every screen of a program. Each script has an authority of its
// own and somebody with a browser beside the screen; the program is a real process. A product's test says what differs:
//
//	func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"mycli": main}) }
//
//	func TestScreens(t *testing.T) {
//		t.Parallel()
//		script.Run(t, func(t *testing.T) *script.Stage {
//			auth := authtest.New(t)
//			return &script.Stage{Authority: auth, Person: auth.Person, Env: map[string]string{"MYCLI_SERVER": auth.Issuer}}
//		})
//	}
//
// Beside the usual commands, and those of the product, a script has these:
//
//	visit WHAT [CODE] [out] COMMAND…   runs a login; a person does WHAT with the first link on the screen: see Act
//	typed [CODE] [out] COMMAND…        runs a program with nobody beside it
//	exits CODE COMMAND…                runs a program to its end, for stdout and stderr, and for the files out and err
//	server stop|start                  ends the authority, and starts it again
//	server hold|page                   lets who asks for tokens wait, lets a web page answer everything: see Wire
//	server advance DURATION            moves its clock
//	mode MODE FILE                     checks a file's mode: mode 0600 FILE
//
// visit and typed keep what was printed in the file out: standard output, then standard error, with SERVER, QUERY and what
// Differs says in the places of what is never the same twice. A program ends with CODE; without one it ends with 0 or, after
// `!`, with $EXIT or else 1. What $TYPE holds is typed on a terminal; | is the enter key.
package script

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
)

// UserCode is the pattern of the codes that people enter, as the server makes them (RFC 8628 section 6.1).
const UserCode = `\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b`

// Command is what testscript calls for a command of a script.
type Command = func(ts *testscript.TestScript, neg bool, args []string)

// Difference is a part of a screen that is never the same twice, as a regular expression, and what stands there instead.
type Difference struct{ Pattern, Instead string }

// Stage is what one script has beside its files.
type Stage struct {
	Authority *authtest.Authority
	Wire      *Wire           // before the authority; nil: nothing is
	Person    authtest.Person // beside the screen

	// Env is the environment, in which $WORK and $HOME (which is $WORK/home) may be used. Beside it there is no browser and there
	// are no colours: BROWSER=none, NO_COLOR=1. A variable with "" is not set; one that scripts set for a visit stands here so.
	Env map[string]string
	// Acts are what a person can do beside the usual, or in its place, by WHAT.
	Acts map[string]Act
	// Commands are the product's own; one that is called "server x" is what `server x` does.
	Commands map[string]Command

	// Link finds in the lines printed so far the address that the person opens, or ""; nil: FirstLink.
	Link func(printed string) string
	// Differs is replaced in what is kept of a screen.
	Differs []Difference
	// Heading stands before standard error, where there is any, in what is kept of a screen.
	Heading string
}

// Run runs every script of the folder testdata at once with the others, each on a stage of its own. With $UPDATE it writes the
// screens as they are; read the difference before you keep it.
func Run(t *testing.T, set func(t *testing.T) *Stage) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := set(t)
			deadline, _ := t.Deadline()
			testscript.RunT(inline{t}, testscript.Params{
				Files: []string{file}, Deadline: deadline, UpdateScripts: os.Getenv("UPDATE") != "", Setup: s.setUp, Cmds: s.commands(),
			})
		})
	}
}

// inline lets testscript run its one script in the test that is there already.
type inline struct{ *testing.T }

func (t inline) Run(_ string, script func(testscript.T)) { script(t) }
func (inline) Parallel()                                 {}
func (inline) Verbose() bool                             { return testing.Verbose() }

// setUp makes an environment in which nothing of the real one is touched.
func (s *Stage) setUp(env *testscript.Env) error {
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	vars := map[string]string{"BROWSER": "none", "NO_COLOR": "1"}
	vars["GORACE"] = "atexit_sleep_ms=0" // under -race every process would end with a second of sleep
	maps.Copy(vars, s.Env)
	for name, value := range vars {
		if value != "" {
			env.Setenv(name, os.Expand(value, env.Getenv))
		}
	}
	return os.MkdirAll(env.Getenv("HOME"), 0o700)
}

// environ is the script's environment as it is now, which testscript tells nobody as a whole.
func (s *Stage) environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range slices.AppendSeq([]string{"HOME", "PATH", "BROWSER", "NO_COLOR", "GORACE", "GOCOVERDIR"}, maps.Keys(s.Env)) {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// same is a screen with what differs from run to run replaced.
func (s *Stage) same(screen string) string {
	screen = strings.ReplaceAll(screen, s.Authority.Issuer, "SERVER")
	for _, d := range append([]Difference{{`/authorize\?\S+`, "/authorize?QUERY"}}, s.Differs...) {
		screen = regexp.MustCompile(d.Pattern).ReplaceAllString(screen, d.Instead)
	}
	return screen
}
