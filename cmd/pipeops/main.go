// Command pipeops is the login of the PipeOps CLI, out of Doorward's toolkit: its commands, flags, file and sentences.
//
// What comes in are its arguments, four variables and ~/.pipeops.json; what goes out are the sentences of its page, and
// that file, in which keys that are not ours stay as they are.
package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/page"
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
	clientID  = "pipeops_public_client"
	loginTime = 10 * time.Minute // how long a login waits for the person
)

//go:embed help
var help embed.FS

var pages = page.Pages{Files: help}

func main() {
	term := terminal.New()
	term.Screen = term.Out // what this program says to the person is its output
	// A browser that is started has no need of it (SEC-272).
	term.Private = []string{"PIPEOPS_AUTH_TOKEN"}
	c := &cli{Program: &authcmd.Program{Terminal: term}}
	c.Words = c.words()
	os.Exit(c.Main(context.Background(), c.root(), os.Args[1:]))
}

// cli is the program.
type cli struct {
	*authcmd.Program
	client *client.Client
	oauth  flow.OAuth
	store  *cred.Override

	noBrowser, browser, force, json bool
}

// The texts of the help stand in the folder help.
func (c *cli) root() *cobra.Command {
	login, logout := pages.Command("login", c.login), pages.Command("logout", c.logout)
	status, me := pages.Command("status", c.status), pages.Command("me", c.me)
	login.Flags().BoolVar(&c.browser, "browser", true, "Open browser automatically")
	login.Flags().BoolVar(&c.noBrowser, "no-browser", false, "Display auth URL without opening browser")
	logout.Flags().BoolVar(&c.force, "force", false, "Skip confirmation prompt")
	status.Flags().BoolVar(&c.json, "json", false, "Print the status as JSON")
	me.Flags().BoolVar(&c.json, "json", false, "Print the account as JSON")
	root := pages.Group("pipeops", nil, pages.Group("auth", c.open, login, logout, status, me))
	root.Version = version
	root.SetVersionTemplate("pipeops {{.Version}}\n")
	c.AddPlain(root.PersistentFlags())
	return root
}

// open binds the session to the server and the file that the environment names.
func (c *cli) open() error {
	api, err := c.Server("PIPEOPS_API_URL", server)
	if err != nil {
		return err
	}
	path, err := c.File("PIPEOPS_CONFIG_PATH", ".pipeops.json")
	if err != nil {
		return err
	}
	c.client = &client.Client{Issuer: api, ID: clientID, Machine: authcmd.Machine()}
	c.oauth = flow.OAuth{Client: c.client}
	key := cred.Key{Issuer: api, Client: clientID}
	// The variable stands above the file for reading; nothing that is renewed is ever written over it.
	c.store = &cred.Override{
		Token: secret.New(c.Env("PIPEOPS_AUTH_TOKEN")),
		Store: &cred.File{Path: path, Codec: codec{key}, Exposed: cred.WarnOnly, Warn: c.Once()},
	}
	c.Session = &session.Session{Store: c.store, Key: key, Refresher: c.oauth}
	return nil
}

// login uses the browser of this machine, or a link for any machine's.
func (c *cli) login(ctx context.Context) error {
	// A login beside the variable would be stored and never used; the person is told instead.
	if !c.store.Token.IsZero() {
		return authcmd.Fail("token_in_environment")
	}
	// Both ways end by it, and with the listener of the browser's (SEC-259).
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	c.Revoke = c.oauth.Revoke // of the login that is replaced
	scope := oauth.ParseScope("openid profile email")
	if c.browser && !c.noBrowser {
		_, err := c.Login(ctx, flow.Browser{Client: c.client, Scope: scope, Name: "PipeOps CLI", Localhost: true, Timeout: loginTime})
		return err
	}
	console, _ := url.Parse(c.dashboard()) // one that is none is trusted with nothing
	_, err := c.Login(ctx, flow.Device{
		Wire: &flow.OAuthWire{Client: c.client, Scope: scope}, Issuer: c.client.Issuer, Hosts: []string{console.Hostname()},
	})
	return err
}

// dashboard is where people approve: the web console. It is the one host beside the issuer whose device page is believed
// (SEC-269).
func (c *cli) dashboard() string {
	return strings.TrimRight(cmp.Or(c.Env("PIPEOPS_DASHBOARD_URL"), c.client.Issuer), "/")
}

// logout ends nothing at the server: that is done in the web console.
func (c *cli) logout(ctx context.Context) error {
	if err := c.Logout(ctx, c.force); err != nil {
		return err
	}
	if !c.store.Token.IsZero() {
		c.Terminal.Warn("Warning: PIPEOPS_AUTH_TOKEN is still set and counts as a login; run 'unset PIPEOPS_AUTH_TOKEN'.")
	}
	return nil
}

// status asks the server, and exits with 1 where the answer is no: scripts go by it.
func (c *cli) status(ctx context.Context) error {
	known, err := c.Session.Status(ctx, c.oauth.Identify)
	who := known.Credential
	no := errors.Is(err, session.ErrExpired) || errors.Is(err, session.ErrLoginRequired) || errors.Is(err, oauth.InvalidToken)
	switch {
	case c.json && (err == nil || no):
		return c.printStatus(who, err == nil)
	case errors.Is(err, session.ErrLoginRequired):
		return c.No("✗ Not authenticated\nRun 'pipeops auth login' to authenticate\n")
	case err != nil:
		return err
	}
	text := "✓ Authenticated as " + who.Account + "\n"
	if end := ends(who); !end.IsZero() {
		text += "Token expires: " + end.UTC().Format(time.DateTime) + "\n"
	}
	return c.Print(text, nil)
}

// me has nothing to show without a server's answer.
func (c *cli) me(ctx context.Context) error {
	known, err := c.Session.Status(ctx, c.oauth.Identify)
	if err != nil {
		return err
	}
	return c.printAccount(known.Credential)
}
