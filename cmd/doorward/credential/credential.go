// Package credential is the commands of `doorward credential`: git, docker, kubectl and the tools of AWS ask them for the
// token of a login, each in its own protocol.
//
// Standard output carries the protocol and nothing else, messages go to standard error, and nothing is ever asked. The token
// is that of the session: from the credential file while it is good, else renewed once, whatever number of processes ask.
package credential

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
)

// Commands is the command group credential.
type Commands struct {
	Program *authcmd.Program
	// Globals adds the flags that say which login is meant; nil: there are none.
	Globals func(*pflag.FlagSet)
	// Open fills in the Program's Session with the login that is meant. It is called when a token is due and not before:
	// a question that is not ours costs no look into the file.
	Open func(context.Context) error

	// HTTP asks AWS for its credentials; nil: one with the defaults of net/http. Its redirects are not followed.
	HTTP *http.Client
}

// Command is `doorward credential`.
func (c *Commands) Command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "credential", Short: "Give other tools the token of a login, in their own protocols",
		Long: "Give other tools the token of a login, in their own protocols. They are called by those tools: standard output\n" +
			"carries the protocol alone, and nothing is asked. Log in with 'doorward auth login' first.",
	}
	if c.Globals != nil {
		c.Globals(cmd.PersistentFlags())
	}
	cmd.AddCommand(c.git(), c.docker(), c.kubernetes(), c.aws())
	return cmd
}

// token is the login's access token, fit to stand in a protocol of lines and in a header.
func (c *Commands) token(ctx context.Context) (cred.Credential, error) {
	if err := c.open(ctx); err != nil {
		return cred.Credential{}, err
	}
	got, err := c.Program.Session.Token(ctx)
	if err != nil {
		return cred.Credential{}, err
	}
	switch {
	case !sendable(got.Access.Reveal()):
		return cred.Credential{}, &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "token_malformed",
			Message: "The stored token holds characters that no token has, such as a line feed. It was given to nobody.",
			Hint:    "Run 'doorward auth login' to log in again.",
		}
	case got.TokenType != "" && !strings.EqualFold(got.TokenType, "Bearer"):
		return cred.Credential{}, &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "token_bound",
			Message: "The token of this login is no bearer token: it is bound to a key, and of no use to another program. It was given to nobody.",
		}
	}
	return got, nil
}

// open opens the session, with its warnings on standard error.
func (c *Commands) open(ctx context.Context) error {
	if err := c.Open(ctx); err != nil {
		return err
	}
	if c.Program.Session.Warn == nil {
		c.Program.Session.Warn = c.Program.Warning
	}
	return nil
}

// env looks up a variable as the program's terminal sees it.
func (c *Commands) env(name string) string { return c.Program.Env(name) }

// sendable reports whether a text is one word of printable ASCII: a line feed in it would begin a line of its own in the
// protocols of lines (SEC-270), and be a header of its own behind them.
func sendable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != ""
}

// utc is a time as the JSON protocols have it, "" where it is not known.
func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// actions takes exactly one argument, which the calling tool appends.
func actions(words string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return authcmd.Usagef("this command takes one argument: %s", words)
		}
		return nil
	}
}

// noArguments refuses arguments without repeating them.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return authcmd.Usagef("this command takes no arguments, only flags")
	}
	return nil
}
