// Command cached is a program of the client wing with one command, `token`, which prints the token that is stored. No
// product has a command that does just that, so the measurement brings its own: it links what the products link and
// builds the same tree of commands.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

func main() {
	program := &authcmd.Program{Terminal: terminal.New(), Words: authcmd.Words{Name: "cached"}}
	os.Exit(program.Main(context.Background(), root(program), os.Args[1:]))
}

// root is the tree of a product's front end, with `token` in the place of `status`.
func root(program *authcmd.Program) *cobra.Command {
	root := &cobra.Command{Use: "cached", Short: "A program of the client wing"}
	program.AddOutput(root.PersistentFlags())
	auth := &cobra.Command{Use: "auth", Short: "Manage the login"}
	verb := func(use string, run func(ctx context.Context) error) {
		auth.AddCommand(&cobra.Command{Use: use, Short: "The verb " + use, RunE: func(cmd *cobra.Command, _ []string) error {
			if err := open(program); err != nil {
				return err
			}
			return run(cmd.Context())
		}})
	}
	verb("login", func(ctx context.Context) error { return login(ctx, program) })
	verb("logout", func(ctx context.Context) error { return program.Logout(ctx, false) })
	verb("me", program.Me)
	verb("token", program.Token)
	root.AddCommand(auth)
	return root
}

// open binds the session to CACHED_ISSUER and the file CACHED_FILE, as the products do to theirs.
func open(program *authcmd.Program) error {
	issuer := os.Getenv("CACHED_ISSUER")
	if err := oauth.CheckAddress(issuer); err != nil {
		return err
	}
	keeper := flow.OAuth{Client: &client.Client{Issuer: issuer, ID: "doorward"}}
	program.Session = &session.Session{
		Store: &cred.File{Path: os.Getenv("CACHED_FILE"), Codec: cred.Standard{}},
		Key:   cred.Key{Issuer: issuer, Client: "doorward"}, Refresher: keeper,
	}
	program.Identify, program.Revoke = keeper.Identify, keeper.Revoke
	return nil
}

// login is there so that the ways to log in are linked, as they are in every product.
func login(ctx context.Context, program *authcmd.Program) error {
	server := &client.Client{Issuer: os.Getenv("CACHED_ISSUER"), ID: "doorward"}
	var way flow.Flow = flow.Browser{Client: server, Name: "cached"}
	if !program.Terminal.HasBrowser() {
		way = flow.Device{Wire: &flow.OAuthWire{Client: server}, Issuer: server.Issuer}
	}
	_, err := program.Login(ctx, way)
	return err
}
