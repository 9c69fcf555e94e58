// Command rio is the login of the rio CLI, out of Doorward's toolkit: its commands, flags, file and sentences.
//
// What comes in are its arguments, $RIO_SERVER, $RIO_CONFIG and the config file; what goes out are the sentences of its
// page, and that file, in which keys that are not ours stay as they are.
package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/ask"
	"github.com/doorward/doorward/authcmd/page"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// What can be set at build time: -ldflags "-X main.server=https://api.example -X main.version=1.2.3".
var (
	server  = "http://localhost:3667"
	version = "dev"
)

//go:embed help
var help embed.FS

func main() {
	term := &terminal.Terminal{Screen: os.Stdout} // what this program says to the person is its output
	c := &cli{Program: &authcmd.Program{Terminal: term, Words: words()}, ask: ask.Asker{Terminal: term}, level: "0"}
	os.Exit(c.Main(context.Background(), c.root(), os.Args[1:]))
}

// cli is the program.
type cli struct {
	*authcmd.Program
	api    api
	client *client.Client
	ask    ask.Asker

	// What was typed; given is the password.
	email, given, organization, project, authToken, level string
}

// root is the tree of commands; their words stand in help.
func (c *cli) root() *cobra.Command {
	pages := page.Pages{Files: help}
	login := pages.Command("login", c.login, page.Texts{
		"email": &c.email, "password": &c.given, "organization": &c.organization, "project": &c.project,
	})
	refresh := pages.Command("refresh-token", c.refresh, page.Texts{"password": &c.given})
	token := pages.Command("token", c.token, page.Texts{"email": &c.email, "password": &c.given, "level": &c.level})
	c.ask.AddFlags(login.Flags(), "Make login interactive", "Make login non-interactive")
	c.ask.AddFlags(refresh.Flags(), "Make login interactive", "Make login non-interactive")
	login.Flags().StringVar(&c.authToken, "auth-token", "", "Login with auth token only")
	// It asks nobody: the page knows no question.
	logout := func(ctx context.Context) error { return c.Logout(ctx, true) }
	auth := pages.Group("auth", c.open, login, pages.Command("logout", logout), refresh, pages.Command("status", c.status), token)
	root := pages.Group("rio", nil, auth)
	root.Version = version
	c.AddPlain(root.PersistentFlags())
	page.Click(root)
	return root
}

// open binds the session to the server and the file that the environment names.
func (c *cli) open() error {
	base, err := c.Server("RIO_SERVER", server)
	if err != nil {
		return err
	}
	path, err := c.ConfigFile("RIO_CONFIG", "rio-cli", "config.json")
	if err != nil {
		return err
	}
	c.api, c.client = api{contract.Server{Base: base}}, &client.Client{Issuer: base, ID: "rio-cli", Machine: authcmd.Machine()}
	c.Identify, c.Revoke = c.api.identify, c.api.revoke
	// The names are those of the clients in the field, whose file this may be; the last one of the first line is ours.
	shape := cred.Flat{
		Key: cred.Key{Issuer: base, Client: c.client.ID}, Account: "email_id", Access: "auth_token", Refresh: "auth_token", Given: "auth_token_given",
		Extra: []string{"organization_id", "organization_name", "organization_short_id", "project_id", "project_name"},
	}
	c.Session = &session.Session{
		Store: &cred.File{Path: path, Codec: shape, Exposed: cred.WarnOnly, Warn: c.Once()}, Key: shape.Key, Refresher: c.api,
	}
	return nil
}

// words are the sentences of the product's page.
func words() authcmd.Words {
	return authcmd.Words{
		Name: "rio", SimpleExits: true, Messages: page.Pages{Files: help}.Failures(),
		Code: func(prompt flow.Prompt) string {
			return "To log in, open this URL in any browser: " + prompt.URI + "\nThere, enter the code: " + prompt.UserCode + "\n"
		},
		LoggedIn: func(who cred.Credential, _ time.Time) string {
			text := "Logged in successfully!\n"
			for _, place := range []string{"organization", "project"} {
				if name := who.Extra[place+"_name"]; name != "" {
					text += strings.ToUpper(place[:1]) + place[1:] + ": " + name + "\n"
				}
			}
			return strings.TrimSpace(text)
		},
		Status:    func(cred.Credential, time.Time) string { return "You are logged in\n" },
		LoggedOut: "Logged out successfully!", NothingToLogout: "You are not logged in, nothing to do",
	}
}

// over reports whether the token is good no more, by the server's word: a server that cannot be asked has not said so.
func over(err error) bool {
	return errors.Is(err, session.ErrExpired) || errors.Is(err, oauth.InvalidToken)
}

// status asks the server. A server that cannot be asked has not said no: that is an error with its own sentence.
func (c *cli) status(ctx context.Context) error {
	err := c.Status(ctx)
	if over(err) || errors.Is(err, session.ErrLoginRequired) {
		return c.No("You are logged out\n")
	}
	return err
}

// refresh renews a token that lives, and logs in again with the password where it does not.
func (c *cli) refresh(ctx context.Context) error {
	old, err := c.Stored(ctx)
	if err != nil {
		return err
	}
	if _, err = c.Session.Refresh(ctx); over(err) && old.Account != "" { // the file keeps the token that has ended: it says whose it was
		var again flow.Flow
		if again, err = c.byPassword(ctx, old, old.Account, "med"); err == nil {
			_, err = c.LogIn(ctx, again)
		}
	}
	if err == nil {
		c.Terminal.Say("Token refreshed successfully!")
	}
	return err
}

// token prints a new token and nothing else; what is asked goes to standard error.
func (c *cli) token(ctx context.Context) error {
	c.Terminal.Screen = c.Terminal.Errors()
	level, known := map[string]string{"0": "low", "1": "med", "2": "high"}[c.level]
	if !known {
		return authcmd.Usagef("--level is 0 (low, 24 hours), 1 (medium, 7 days) or 2 (high, 30 days)")
	}
	old, _ := c.Stored(ctx) // without one that can be read, the address is asked for
	way, err := c.byPassword(ctx, cred.Credential{}, cmp.Or(c.email, old.Account), level)
	if err != nil {
		return err
	}
	// Beside the session and not through it: what is printed is not stored, and the login of this machine stays as it was.
	made, err := way.Login(ctx, nil)
	if err != nil {
		return err
	}
	return c.Terminal.Result(made.Access.Reveal() + "\n")
}
