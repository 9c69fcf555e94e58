// Command doorward is login for command-line programs: the authority (`doorward serve`), a client for any issuer (`doorward
// auth`), a helper that gives its token to other tools (`doorward credential`), and a demonstration (`doorward demo`).
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/credential"
	"github.com/doorward/doorward/cmd/doorward/office"
	"github.com/doorward/doorward/terminal"
)

func main() {
	os.Exit(run(context.Background(), terminal.New(), credential.Arguments(os.Args)))
}

// run is main with everything that is the process's given from outside.
func run(ctx context.Context, term *terminal.Terminal, args []string) int {
	login := newLogin(term)
	// A script that asks for a token a thousand times, and git that asks at every fetch, need not have the other commands
	// made each time.
	if len(args) > 0 && args[0] == "credential" {
		root := login.bare()
		root.AddCommand(login.credential())
		return login.program.Main(ctx, root, args)
	}
	root := login.root()
	if len(args) == 0 || args[0] != "auth" {
		root.AddCommand(
			login.credential(),
			(&serve{program: login.program}).command(),
			(&demo{program: login.program}).command(),
			(&office.Commands{Program: login.program, Issuer: defaultIssuer}).Command(),
			versionCommand(login.program),
		)
	}
	return login.program.Main(ctx, root, args)
}

// root is the command above all others, with the login's commands below it and none else.
func (l *login) root() *cobra.Command {
	root := l.bare()
	root.AddCommand(l.command())
	return root
}

// bare is the command above all others, without any.
func (l *login) bare() *cobra.Command {
	root := &cobra.Command{
		Use: "doorward", Short: "Login for command-line programs",
		Long: "Login for command-line programs: an authority that programs log in at, and a client for any issuer.\n" +
			"'doorward demo' shows one login from start to finish.",
		Version: version(),
	}
	root.SetVersionTemplate("doorward {{.Version}}\n")
	l.program.AddOutput(root.PersistentFlags())
	return root
}

// credential is the commands that other tools call, on the same login.
func (l *login) credential() *cobra.Command {
	commands := &credential.Commands{Program: l.program, Globals: l.group.AddGlobals, Open: func(ctx context.Context) error {
		target, err := l.group.Target()
		if err == nil {
			_, err = l.group.Open(ctx, target)
		}
		return err
	}}
	return commands.Command()
}

// arguments refuses another number of arguments than the command has, without repeating them.
func arguments(count int, words string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == count {
			return nil
		}
		if count == 0 {
			return authcmd.Usagef("this command takes no arguments, only flags")
		}
		return authcmd.Usagef("this command takes %s", words)
	}
}

// environment is how variables are looked up: the process's own, where the terminal has none of its own.
func environment(lookup func(string) string) func(string) string {
	if lookup == nil {
		return os.Getenv
	}
	return lookup
}
