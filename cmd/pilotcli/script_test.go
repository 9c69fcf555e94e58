package main

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pilotcli": main})
}

// authority is what `doorward serve --dev` is, as far as this program sees it.
func authority(t *testing.T) (*authtest.Authority, *script.Wire) {
	wire := script.NewWire()
	return wire.Lead(t, authtest.Options{
		People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
	}), wire
}

func TestScreens(t *testing.T) {
	t.Parallel()
	script.Run(t, func(t *testing.T) *script.Stage {
		auth, wire := authority(t)
		return &script.Stage{
			Authority: auth, Wire: wire, Person: authtest.Person{Username: seed.John, Password: seed.JohnPassword},
			Env:      map[string]string{"PILOTCLI_SERVER": wire.URL, "PILOT_API_KEY": "", "SESSION": "$HOME/.pilotcli/session.json"},
			Differs:  []script.Difference{{Pattern: script.UserCode, Instead: "CODE"}},
			Commands: map[string]script.Command{"age": age},
		}
	})
}

// age makes the session look older: `age 2m FILE` moves what it says of this machine's clock back.
func age(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	var file map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &file))
	for _, name := range []string{"refreshed_at", "expires_at"} {
		at, err := time.Parse(time.RFC3339Nano, file[name].(string))
		ts.Check(err)
		file[name] = at.Add(-by).Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(file)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o600))
}
