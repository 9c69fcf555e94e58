package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plexctl": main})
}

// TestScreens runs the scripts, each against two authorities of its own: what `doorward serve --dev` is, and the identity
// provider beside it.
func TestScreens(t *testing.T) {
	t.Parallel()
	script.Run(t, func(t *testing.T) *script.Stage {
		h := start(t)
		return &script.Stage{
			Authority: h.auth, Wire: h.wire, Person: john(),
			Env: map[string]string{
				"SERVER": h.wire.URL, "PLEXSPHERE_URL": h.wire.URL, "PLEXSPHERE_TOKEN": "", "XDG_CONFIG_HOME": "",
				"DOMAIN": seed.DomainID, "BINDING": seed.BindingID, "OTHERDOMAIN": seed.OtherDomainID, "OTHERBINDING": seed.OtherBindingID,
			},
			Acts: map[string]script.Act{"approve": h.approve, "deny": h.deny, "refuse": h.refuse, "unmet": h.unmet, "expire": h.expire},
			Commands: map[string]script.Command{
				"server advance": h.advance, "server polls": h.polls, "server says": h.says,
				"requests": h.requests, "config": h.config, "token": token, "long": long,
			},
			Link:    func(printed string) string { return regexp.MustCompile(`https?://\S+/device/\S+`).FindString(printed) },
			Differs: []script.Difference{{Pattern: `\b[A-Z2-7]{4}-[A-Z2-7]{4}\b`, Instead: "CODE"}},
		}
	})
}

// requests says what was asked of the contract since it last was: `requests LINE…`.
func (h *house) requests(ts *testscript.TestScript, _ bool, args []string) {
	var asked []string
	for _, line := range h.wire.Asked() {
		if strings.Contains(line, " /v1/") {
			asked = append(asked, line)
		}
	}
	if diff := cmp.Diff(strings.Join(args, "\n"), strings.Join(asked, "\n")); diff != "" {
		ts.Fatalf("what was asked is not what was wanted: %s", diff)
	}
}

const configPath = "home/.config/plexctl/config.json"

// config writes the config file to a file with SERVER, TOKEN and TIME in the places of what differs from run to run.
func (h *house) config(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(configPath), h.wire.URL, "SERVER")
	text = regexp.MustCompile(`"ey[^"]+"`).ReplaceAllString(text, `"TOKEN"`)
	text = regexp.MustCompile(`"expires_at": "20[^"]+Z"`).ReplaceAllString(text, `"expires_at": "TIME"`)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// token takes the token of a profile: `token PROFILE FILE` writes it, `! token PROFILE FILE` makes sure that it is not in FILE.
func token(ts *testscript.TestScript, neg bool, args []string) {
	var file struct {
		Profiles map[string]struct{ Token string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(configPath)), &file))
	value := file.Profiles[args[0]].Token
	if value == "" {
		ts.Fatalf("there is no token in the profile %s", args[0])
	}
	if !neg {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(value+"\n"), 0o600))
		ts.Setenv("TOKEN", value)
	} else if strings.Contains(ts.ReadFile(args[1]), value[:40]) {
		ts.Fatalf("the token is in %s", args[1])
	}
}

// long writes 100 KiB into a variable.
func long(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.Repeat("a", 100<<10))
}
