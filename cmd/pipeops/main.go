// Command pipeops is the login of the PipeOps CLI, out of Doorward's toolkit: its commands, flags, file and sentences.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// What can be set at build time: -ldflags "-X main.server=https://api.example -X main.version=1.2.3".
var (
	server  = "http://localhost:3667"
	version = "dev"
)

const (
	clientID = "pipeops_public_client"
	// loginTime is how long a login waits for the person.
	loginTime = 10 * time.Minute
)

func main() {
	os.Exit(run(context.Background(), terminal.New(), os.Args[1:]))
}

// run is main with everything that is the process's given from outside.
func run(ctx context.Context, term *terminal.Terminal, args []string) int {
	term.Screen = term.Out // what this program says to the person is its output
	term.Private = append(term.Private, "PIPEOPS_AUTH_TOKEN")
	c := &cli{terminal: term}
	c.program = &authcmd.Program{Terminal: term, Words: c.words()}
	return c.program.Main(ctx, c.root(), args)
}

// cli is the program.
type cli struct {
	terminal *terminal.Terminal
	program  *authcmd.Program
	client   *client.Client
	store    *cred.Override
	warned   bool
	flow     flow.OAuth
}

// open binds the session to the server and the file that the environment names.
func (c *cli) open() error {
	api := strings.TrimRight(cmp.Or(c.env("PIPEOPS_API_URL"), server), "/")
	if err := oauth.CheckAddress(api); err != nil {
		return fmt.Errorf("PIPEOPS_API_URL: %w", err)
	}
	path, err := c.file()
	if err != nil {
		return err
	}
	machine, _ := os.Hostname() // a machine without a name has none on the page
	c.client = &client.Client{Issuer: api, ID: clientID, Machine: machine}
	c.flow = flow.OAuth{Client: c.client}
	key := cred.Key{Issuer: api, Client: clientID}
	c.store = &cred.Override{
		Token: secret.New(c.env("PIPEOPS_AUTH_TOKEN")),
		Store: &cred.File{Path: path, Codec: codec{key}, Exposed: cred.WarnOnly, Warn: c.warn},
	}
	c.program.Session = &session.Session{Store: c.store, Key: key, Refresher: c.flow}
	c.program.Identify = c.flow.Identify
	return nil
}

// warn says once what the file has to say each time that it is read.
func (c *cli) warn(text string) {
	if !c.warned {
		c.terminal.Warn("Warning: %s", terminal.Clean(text))
	}
	c.warned = true
}

func (c *cli) file() (string, error) {
	if path := c.env("PIPEOPS_CONFIG_PATH"); path != "" {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".pipeops.json"), err
}

func (c *cli) env(name string) string {
	if c.terminal.Env != nil {
		return c.terminal.Env(name)
	}
	return os.Getenv(name)
}

// login is `auth login`: the browser of this machine, or a link for any machine's.
func (c *cli) login(ctx context.Context, browser bool) error {
	if !c.store.Token.IsZero() {
		return &authcmd.Failure{
			Exit: 1, Code: "token_in_environment", Message: "PIPEOPS_AUTH_TOKEN is set and counts before any login",
			Hint: "Run 'unset PIPEOPS_AUTH_TOKEN' first; nothing was changed",
		}
	}
	scope := oauth.ParseScope("openid profile email")
	var way flow.Flow = flow.Browser{
		Client: c.client, Scope: scope, Name: "PipeOps CLI", Localhost: true, Timeout: loginTime,
	}
	if !browser {
		way = flow.Device{Wire: &flow.OAuthWire{Client: c.client, Scope: scope}, Issuer: c.client.Issuer, Hosts: []string{host(c.dashboard())}}
	}
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	c.program.Revoke = c.flow.Revoke // of the login that is replaced
	_, err := c.program.Login(ctx, way)
	return err
}

// dashboard is where people approve: the web console.
func (c *cli) dashboard() string {
	return strings.TrimRight(cmp.Or(c.env("PIPEOPS_DASHBOARD_URL"), c.client.Issuer), "/")
}

// logout is `auth logout`. It ends nothing at the server: that is done in the web console.
func (c *cli) logout(ctx context.Context, force bool) error {
	if err := c.program.Logout(ctx, force); err != nil {
		return err
	}
	if !c.store.Token.IsZero() {
		c.terminal.Warn("Warning: PIPEOPS_AUTH_TOKEN is still set and counts as a login; run 'unset PIPEOPS_AUTH_TOKEN'.")
	}
	return nil
}

// known asks the server whose login this is. A bare token that the server refuses before its end is not an expired one.
func (c *cli) known(ctx context.Context) (session.Status, error) {
	known, err := c.program.Session.Status(ctx, c.flow.Identify)
	if bare := known.Credential; errors.Is(err, session.ErrExpired) && bare.Kind == cred.KindStatic && bare.SessionEnds.IsZero() {
		err = oauth.Errorf(oauth.InvalidToken, "the server does not know the token")
	}
	return known, err
}

// status is `auth status`.
func (c *cli) status(ctx context.Context, asJSON bool) error {
	known, err := c.known(ctx)
	switch {
	case !asJSON && errors.Is(err, session.ErrLoginRequired):
		return errors.Join(c.terminal.Result(notAuthenticated), &authcmd.Failure{Exit: 1})
	case !asJSON && err != nil:
		return err
	case !asJSON:
		return c.program.Print(statusText(known.Credential), nil)
	}
	answer := statusAnswer{Authenticated: err == nil, TokenValid: err == nil}
	if err != nil && !decided(err) {
		return err
	}
	if stored := known.Credential; stored.Account != "" || !ends(stored).IsZero() {
		answer.Email, answer.ExpiresAt = text(stored.Account), moment(ends(stored))
	}
	c.program.Output = authcmd.JSON
	printed := c.program.Print("", answer)
	c.program.Output = authcmd.Text
	if err != nil {
		return &authcmd.Failure{Exit: 1} // the object has said it
	}
	return printed
}

// me is `auth me`.
func (c *cli) me(ctx context.Context, asJSON bool) error {
	known, err := c.known(ctx)
	if err != nil {
		return err
	}
	who := account{
		ID: known.Credential.Subject, Email: known.Credential.Account, Name: known.Credential.Name,
		Organization: known.Credential.Extra["organization"], Role: known.Credential.Extra["role"],
		CreatedAt: known.Credential.Extra["created_at"],
	}
	if asJSON {
		c.program.Output = authcmd.JSON
	}
	return c.program.Print(who.text(), who)
}
