package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// The login that is meant where nothing else is said.
const (
	defaultIssuer = "http://localhost:3667"
	defaultClient = "doorward"
)

// login is the client: `doorward auth` against any issuer.
type login struct {
	program *authcmd.Program
	group   *authcmd.Group
	folder  string // of the credential file
	missing error  // why there is no folder

	// lead, where set, stands between each flow and the person (the demo's visitor).
	lead func(flow.Flow) flow.Flow
}

// newLogin makes the client on a terminal. It touches no file and no network.
func newLogin(term *terminal.Terminal) *login {
	l := &login{program: &authcmd.Program{Terminal: term}}
	machine, _ := os.Hostname() // a machine without a name has none on the page
	l.program.Words = authcmd.Words{Name: "doorward", Machine: machine, Explain: explain}
	l.folder, l.missing = place.ConfigFolder(environment(term.Env))
	l.group = &authcmd.Group{
		Program: l.program,
		Flags: authcmd.Flags{
			Default:  authcmd.Target{Issuer: defaultIssuer, ClientID: defaultClient},
			Variable: "DOORWARD",
		},
		Open: l.open,
	}
	if l.missing == nil {
		l.group.Flags.Choice.Path = filepath.Join(l.folder, "chosen.json")
	}
	return l
}

// command is the toolkit's group with the flags that say which login is meant.
func (l *login) command() *cobra.Command {
	command := l.group.Command()
	l.group.AddGlobals(command.PersistentFlags())
	return command
}

// open binds the session to the target. Nothing is sent: a token that is still good is printed without the network.
func (l *login) open(_ context.Context, target authcmd.Target) (authcmd.Flows, error) {
	if l.missing != nil {
		return authcmd.Flows{}, l.missing
	}
	if err := oauth.CheckAddress(target.Issuer); err != nil {
		return authcmd.Flows{}, &authcmd.UsageError{Err: err}
	}
	p := l.program
	server := &client.Client{Issuer: target.Issuer, ID: target.ClientID, Secret: target.Secret, Machine: p.Words.Machine}
	keeper := flow.OAuth{Client: server}
	p.Session = &session.Session{
		Store: &cred.File{
			Path: filepath.Join(l.folder, "credentials.json"), Codec: cred.Standard{},
			Warn: func(text string) { p.Terminal.Warn("Warning: %s", terminal.Clean(text)) },
		},
		Key: target.Key(), Refresher: keeper,
	}
	p.Identify, p.Revoke = keeper.Identify, keeper.Revoke
	flows := authcmd.Flows{
		Browser: flow.Browser{Client: server, Scope: target.Scope, Name: "doorward"},
		Device: flow.Device{
			Wire: &flow.OAuthWire{Client: server, Scope: target.Scope}, Issuer: target.Issuer,
			Open: p.Terminal.HasBrowser() && !p.NoBrowser,
		},
	}
	if l.lead != nil {
		flows = authcmd.Flows{Browser: l.lead(flows.Browser), Device: l.lead(flows.Device)}
	}
	return flows, nil
}
