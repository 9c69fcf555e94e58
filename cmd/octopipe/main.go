// Command octopipe is the login of the Octopipe CLI, out of Doorward's toolkit: its commands, flags, file and sentences.
//
// What comes in are its arguments, $OCTOPIPE_SERVER and ~/.octopipe/auth.json; what goes out are the sentences of its page,
// and that file. The rules it keeps are authcmd's; what stands here is what this product has otherwise.
package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/page"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// What can be set at build time: -ldflags "-X main.server=https://api.example -X main.version=1.2.3".
var (
	server  = "http://localhost:3667"
	version = "dev"
)

const (
	clientID  = "octopipe"
	serverKey = "server"        // of a login: kept beside it
	insecure  = "insecure_http" // the same: this server may be spoken to without https
)

//go:embed help
var help embed.FS

func main() {
	term := terminal.New()
	term.Screen = term.Out // what this program says to the person is its output
	c := &cli{Program: &authcmd.Program{Terminal: term}}
	c.Words = c.words()
	os.Exit(c.Main(context.Background(), c.root(), os.Args[1:]))
}

// cli is the program. It is its own session.Refresher, because a login is renewed at the server that it is of and not at
// the one that is usual.
type cli struct {
	*authcmd.Program
	ask   ask
	debug bool
}

// The texts of the help stand in the folder help; flags that are not on its pages do not exist.
func (c *cli) root() *cobra.Command {
	pages := page.Pages{Files: help}
	login, logout, status := pages.Command("login", c.login), pages.Command("logout", c.logout), pages.Command("status", c.status)
	c.ask.flags(login.Flags())
	// Whether the port was named cannot be seen by its value: 8765 may be the default or meant.
	login.PreRun = func(cmd *cobra.Command, _ []string) { c.ask.fixed = cmd.Flags().Changed("port") }
	auth := pages.Group("auth", c.open, login, logout, status)
	auth.PersistentFlags().BoolVar(&c.debug, "debug", false, "Show every request; secrets show as ***")
	root := pages.Group("octopipe", nil, auth)
	root.Version = version
	c.AddPlain(root.PersistentFlags())
	return root
}

// open binds the session to the one file. The login in it says itself which server it is of.
func (c *cli) open() error {
	path, err := c.File("", ".octopipe", "auth.json")
	if err != nil {
		return err
	}
	// Without an issuer, since the file holds one login and names its server itself.
	key := cred.Key{Client: clientID}
	shape := cred.Flat{
		Key: key, Access: "token", Refresh: "refresh_token", Expires: "expires_at", Account: "username", Extra: []string{serverKey, insecure},
	}
	store := &cred.File{Path: path, Codec: shape, Exposed: cred.WarnOnly, Warn: c.Once()}
	c.Session = &session.Session{Store: store, Key: key, Refresher: c}
	return nil
}

// at speaks to the server of a login. A token goes to the server that it was made by, whatever the environment says now
// (SEC-264).
func (c *cli) at(login cred.Credential) flow.OAuth {
	speaker := &client.Client{Issuer: serverOf(login), ID: clientID, Machine: authcmd.Machine(), AllowHTTP: login.Extra[insecure] != ""}
	if c.debug {
		// The trace masks tokens, codes and headers (SEC-273).
		speaker.HTTP = &http.Client{Transport: client.Trace{To: c.Terminal.Errors()}}
	}
	return flow.OAuth{Client: speaker}
}

// Refresh renews a login at the server that it is of.
func (c *cli) Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	return c.at(old).Refresh(ctx, old)
}

// revoke ends a login at the server that it is of, which may be another than the one that is logged in to now.
func (c *cli) revoke(ctx context.Context, login cred.Credential) error {
	return c.at(login).Revoke(ctx, login)
}

// identify asks whose a login is; people here go by their user names.
func (c *cli) identify(ctx context.Context, login cred.Credential) (cred.Credential, error) {
	claims, err := c.at(login).Client.Userinfo(ctx, login.Access, login.TokenType)
	login.Account = cmp.Or(claims.Username, claims.Account(), login.Account)
	return login, err
}

// login ends the session that it replaces, at that session's own server, once the new one is stored.
func (c *cli) login(ctx context.Context) error {
	obtain, err := c.obtain()
	if err != nil {
		return err
	}
	if c.ask.token == "" { // which asks no server for anything
		c.Revoke = c.revoke
	}
	_, err = c.Login(ctx, obtain)
	return err
}

// logout asks nobody: the page knows no question.
func (c *cli) logout(ctx context.Context) error {
	c.Revoke = c.revoke
	return c.Logout(ctx, true)
}

// status asks the server. A token that was given may be of a kind that the server does not tell of, which is not a no.
func (c *cli) status(ctx context.Context) error {
	known, err := c.Session.Status(ctx, c.identify)
	who, said := known.Credential, "Logged in to "+serverOf(known.Credential)
	_, silent := client.FaultOf(err)
	switch {
	case err == nil:
		return c.Print(said+" as "+who.Account+"\n", nil)
	case errors.Is(err, session.ErrLoginRequired):
		return c.No("Not logged in\n")
	case who.Kind == cred.KindStatic && errors.Is(err, oauth.InvalidToken):
		return c.Print(said+" with an unverified token: the server does not know it\n", nil)
	case who.Kind == cred.KindStatic && silent:
		return c.Print(said+" with an unverified token: the server could not be asked\n", nil)
	}
	return err
}

// serverOf is the server that a login is of.
func serverOf(login cred.Credential) string { return cmp.Or(login.Extra[serverKey], server) }

// flags are those of login.
func (a *ask) flags(flags *pflag.FlagSet) {
	flags.StringVar(&a.key, "api-key", "", "Provide your unique API `key` for direct authentication; - reads it from standard input")
	flags.StringVar(&a.username, "username", "", "Specify your `username` for direct authentication (requires --password)")
	flags.StringVar(&a.password, "password", "", "Specify your `password` for direct authentication (requires --username); - reads it from standard input")
	flags.StringVar(&a.token, "token", "", "Use an existing authentication `token` if available; - reads it from standard input")
	flags.StringVar(&a.server, "server", "", "Define a custom server `url` if you are not using the default Octopipe endpoint")
	flags.IntVar(&a.port, "port", 8765, "Local `port` for the callback server if using the browser-based flow")
	flags.IntVar(&a.timeout, "timeout", 120, "Timeout in `seconds` before the browser-based login flow fails")
	flags.BoolVar(&a.insecure, "insecure-http", false, "Allow a server without https on another machine; everybody on the way can read the login")
	flags.SortFlags = false
}

// address is where to log in.
func (c *cli) address() string {
	return strings.TrimRight(cmp.Or(c.ask.server, c.Env("OCTOPIPE_SERVER"), server), "/")
}
