// Command pilotcli is the login of the Pilot CLI, out of Doorward's toolkit: its commands, flags, file and sentences.
//
// What comes in are its arguments, $PILOTCLI_SERVER, $PILOT_API_KEY and ~/.pilotcli/session.json; what goes out are the
// sentences of its page, and that file.
package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

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
	clientID  = "cli"
	serverKey = "server"    // of a login: kept beside it
	useAge    = time.Minute // a command counts as use of the session where the last refresh is older
)

//go:embed help
var help embed.FS

func main() {
	term := terminal.New()
	term.Screen = term.Out // what this program says to the person is its output
	term.Private = []string{"PILOT_API_KEY"}
	c := &cli{Program: &authcmd.Program{Terminal: term, Words: words()}}
	os.Exit(c.Main(context.Background(), c.root(), os.Args[1:]))
}

// cli is the program.
type cli struct {
	*authcmd.Program
	base string // of the server to log in to

	key string // what was typed
	yes bool
}

// The hidden command token is for scripts; the product's page does not name it.
func (c *cli) root() *cobra.Command {
	pages := page.Pages{Files: help}
	login, logout, token := pages.Command("login", c.login), pages.Command("logout", c.logout), pages.Command("token", c.Token)
	login.Flags().StringVar(&c.key, "api-key", "", "Specify API Key for login.")
	logout.Flags().BoolVarP(&c.yes, "yes", "y", false, "Input Y/yes to confirm you want to logout, otherwise input N/no to remain logged in.")
	token.Hidden = true
	root := pages.Group("pilotcli", nil, pages.Group("user", c.open, login, logout, token))
	root.Version = version
	c.AddPlain(root.PersistentFlags())
	page.Click(root)
	return root
}

// open binds the session to the one file. The login in it says itself which server it is of.
func (c *cli) open() (err error) {
	if c.base, err = c.Server("PILOTCLI_SERVER", server); err != nil {
		return err
	}
	path, err := c.File("", ".pilotcli", "session.json")
	if err != nil {
		return err
	}
	key := cred.Key{Client: clientID}
	// A file that others can read is refused and not only warned of (cred.Refuse): an API key may stand in it.
	shape := cred.Flat{
		Key: key, Access: "access_token", Refresh: "refresh_token", APIKey: "api_key", Expires: "expires_at", Renewed: "refreshed_at",
		Extra: []string{serverKey},
	}
	c.Session = &session.Session{
		Store: &cred.File{Path: path, Codec: shape, Exposed: cred.Refuse}, Key: key, Refresher: c, MaxAge: useAge,
	}
	c.Revoke = c.revoke
	return nil
}

// login waits for the link to be approved, or exchanges an API key without a question.
func (c *cli) login(ctx context.Context) error {
	var way flow.Flow = flow.Device{Wire: &flow.OAuthWire{Client: c.at(c.base)}, Issuer: c.base}
	if key := cmp.Or(c.key, c.Env("PILOT_API_KEY")); key != "" {
		c.Terminal.Say("Trying to log in using %q method.", "api-key")
		way = exchange{c, key}
	}
	_, err := c.Login(ctx, authcmd.Remember{Flow: way, Extra: map[string]string{serverKey: c.base}})
	return err
}

// logout refuses to ask whoever is not logged in, or not any more. A server that cannot be asked is no reason against it.
func (c *cli) logout(ctx context.Context) error {
	_, err := c.Session.Token(ctx)
	if errors.Is(err, session.ErrLoginRequired) || errors.Is(err, session.ErrExpired) {
		return err
	}
	return c.Logout(ctx, c.yes)
}

// at speaks to the realm of a server. The wire's addresses are fixed, and so nothing is discovered: one request less at
// every login.
func (c *cli) at(base string) *client.Client {
	protocol := base + "/realms/pilot/protocol/openid-connect"
	return &client.Client{ID: clientID, Machine: authcmd.Machine(), Metadata: oauth.Metadata{
		Issuer: base, DeviceAuthorizationEndpoint: protocol + "/auth/device", TokenEndpoint: protocol + "/token",
		RevocationEndpoint: protocol + "/revoke",
	}}
}

// home is the server that a login is of. A token goes to the server that it was made by, whatever the environment says now
// (SEC-264).
func (c *cli) home(login cred.Credential) string { return cmp.Or(login.Extra[serverKey], c.base) }

// revoke ends a session at the server that it is of.
func (c *cli) revoke(ctx context.Context, login cred.Credential) error {
	return flow.OAuth{Client: c.at(c.home(login))}.Revoke(ctx, login)
}

// Refresh renews a session; where it has ended and began with an API key, the key begins another one.
func (c *cli) Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	kind := old.Kind
	old.Kind = cred.KindOAuth // or the key would begin a session at every use
	fresh, err := flow.OAuth{Client: c.at(c.home(old))}.Refresh(ctx, old)
	if !old.APIKey.IsZero() && (errors.Is(err, oauth.InvalidGrant) || errors.Is(err, flow.ErrNotRenewable)) {
		// At the login's own server again: a key must not be shown to another one (SEC-264).
		return c.collect(ctx, c.home(old), old.APIKey)
	}
	fresh.Kind = kind
	return fresh, err
}
