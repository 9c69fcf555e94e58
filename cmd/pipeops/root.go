package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
)

// root is the tree of commands; descriptions and flags are those of the product's page.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{Use: "pipeops", Short: "PipeOps CLI", Version: version}
	root.SetVersionTemplate("pipeops {{.Version}}\n")
	c.program.AddPlain(root.PersistentFlags())
	auth := &cobra.Command{
		Use: "auth", Short: "Manage authentication and user account information",
		Long: "Manage authentication and user account information: login, logout, and session management for the PipeOps CLI.",
	}
	auth.AddCommand(c.loginCommand(), c.logoutCommand(), c.statusCommand(), c.meCommand())
	root.AddCommand(auth)
	return root
}

// command is one without arguments, whose run finds the session bound.
func (c *cli) command(use, short, long, example string, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return authcmd.Usagef("this command takes no arguments, only flags")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.open(); err != nil {
				return err
			}
			return run(cmd.Context())
		},
	}
}

func (c *cli) loginCommand() *cobra.Command {
	var browser, none bool
	cmd := c.command("login", "Authenticate with PipeOps using OAuth 2.0 with PKCE flow",
		"Opens your default web browser to complete OAuth authentication. Once authenticated, the CLI stores your access token\n"+
			"locally for future commands.",
		"  pipeops auth login\n  pipeops auth login --no-browser",
		func(ctx context.Context) error { return c.login(ctx, browser && !none) })
	cmd.Flags().BoolVar(&browser, "browser", true, "Open browser automatically")
	cmd.Flags().BoolVar(&none, "no-browser", false, "Display auth URL without opening browser")
	return cmd
}

func (c *cli) logoutCommand() *cobra.Command {
	var force bool
	cmd := c.command("logout", "Sign out and remove local credentials",
		"Removes the authentication token from local configuration. After logout, you'll need to run `pipeops auth login` again\n"+
			"to use authenticated commands.\n\n"+
			"Logging out does not revoke the token on the server. To fully revoke access, log in to the web console and revoke the CLI\n"+
			"application under Settings > Security > Authorized Applications.",
		"  pipeops auth logout\n  pipeops auth logout --force",
		func(ctx context.Context) error { return c.logout(ctx, force) })
	cmd.Flags().BoolVar(&force, "force", false, "Skip confirmation prompt")
	return cmd
}

func (c *cli) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := c.command("status", "Check current authentication status",
		"Verifies if you're currently authenticated and displays session information.\n\n"+
			"Exit code 0: authenticated and token is valid. Exit code 1: not authenticated or token is invalid.",
		"  pipeops auth status\n  pipeops auth status --json",
		func(ctx context.Context) error { return c.status(ctx, asJSON) })
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print the status as JSON")
	return cmd
}

func (c *cli) meCommand() *cobra.Command {
	var asJSON bool
	cmd := c.command("me", "Display current user information",
		"Shows detailed information about the currently authenticated user.",
		"  pipeops auth me\n  pipeops auth me --json",
		func(ctx context.Context) error { return c.me(ctx, asJSON) })
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print the account as JSON")
	return cmd
}
