package main

import (
	"context"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/visitor"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pipeops": main})
}

func TestScreens(t *testing.T) {
	t.Parallel()
	script.Run(t, func(t *testing.T) *script.Stage {
		wire := script.NewWire()
		auth := wire.Lead(t, authtest.Options{
			People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
		})
		john := authtest.Person{Username: seed.John, Password: seed.JohnPassword}
		return &script.Stage{
			Authority: auth, Wire: wire, Person: john,
			Env: map[string]string{
				"PIPEOPS_API_URL": wire.URL, "PIPEOPS_DASHBOARD_URL": "", "PIPEOPS_CONFIG_PATH": "", "PIPEOPS_AUTH_TOKEN": "",
			},
			Differs: []script.Difference{{Pattern: script.UserCode, Instead: "CODE"}},
			Commands: map[string]script.Command{"person": func(ts *testscript.TestScript, neg bool, args []string) {
				person(ts, auth.VisitorOf(john), neg, args)
			}},
		}
	})
}

// person acts in the web console: `person lists APPLICATION` and `person revokes APPLICATION`.
func person(ts *testscript.TestScript, v *visitor.Visitor, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: person lists|revokes APPLICATION")
	}
	ctx := context.Background()
	ts.Check(v.SignIn(ctx, v.Name, v.Password))
	page, err := v.Open(ctx, visitor.PathApplications)
	ts.Check(err)
	if page.Says(args[1]) == neg {
		ts.Fatalf("the list of applications reads: %s", page.Text())
	}
	ts.Logf("%s", page.Text())
	if args[0] == "revokes" {
		page, err = page.PressIn(ctx, args[1], visitor.ButtonRevoke)
		ts.Check(err)
		if page.HasButton(visitor.ButtonRevoke) { // it asks once
			_, err = page.Press(ctx, visitor.ButtonRevoke)
			ts.Check(err)
		}
	}
}
