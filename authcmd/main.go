package authcmd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorward/doorward/terminal"
)

// Main runs a command tree and returns the process's exit code: it connects the streams, turns SIGINT and SIGTERM into the
// end of the context (a second one ends the process at once), checks what was typed, and prints an error once, as Explain
// and the output's form say. args are without the program's name. A command that never waits for its context is ended by the
// signal itself.
//
// Every command of the tree gets the same manners: what fails before its RunE runs is a UsageError; flags and arguments
// that are empty, longer than MaxValue or hold control characters are refused; a group without its command shows its help.
func (p *Program) Main(ctx context.Context, root *cobra.Command, args []string) int {
	_ = growStack(len(args))
	if p.Terminal == nil {
		p.Terminal = terminal.New()
	}
	// Here and not in main: a test that runs the tree is no process that gets signals of its own.
	ctx, stop := untilSignal(ctx)
	defer stop()

	running := false                                   // whether a RunE has begun: what fails earlier is the command line's fault
	root.SilenceErrors, root.SilenceUsage = true, true // one message, ours; pages of usage hide it
	root.SetArgs(args)
	root.SetIn(p.Terminal.Input())
	root.SetOut(p.Terminal.Output())
	root.SetErr(p.Terminal.Errors())
	root.InitDefaultHelpCmd()
	if root.CompletionOptions.DisableDefaultCmd = namesCommand(root, args); !root.CompletionOptions.DisableDefaultCmd {
		root.InitDefaultCompletionCmd(args...) // it takes the streams as they are now
	}
	prepare(root, &running)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	// What failed before a RunE began was cobra's own refusal; Ctrl-C there is no mistake of the command line.
	if !running && !errors.Is(err, context.Canceled) {
		err = asUsage(err)
	}
	failure := p.Explain(err)
	p.printFailure(p.Terminal.Errors(), failure)
	return failure.Exit
}

// namesCommand reports whether args begin with one of root's own commands. Nobody then sees cobra's tree of completion
// commands, which costs more than a look into the credential file.
func namesCommand(root *cobra.Command, args []string) bool {
	return len(args) > 0 && args[0] != "help" && slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool {
		return c.Name() == args[0]
	})
}

// asUsage marks an error of the command line. asUsage keeps what is a UsageError already, and drops what pflag repeats of
// the value.
func asUsage(err error) error {
	var usage *UsageError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &usage):
		return err
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		// pflag repeats all that followed the dash, which may be a password: -pSECRET.
		return Usagef("unknown flag -%s", unknown.GetSpecifiedName())
	}
	return &UsageError{Err: err}
}

// prepare gives every command of the tree the manners that Main promises.
func prepare(cmd *cobra.Command, running *bool) {
	for _, child := range cmd.Commands() {
		prepare(child, running)
	}
	if !cmd.Runnable() && cmd.HasSubCommands() {
		cmd.Args = noSuchCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	// A hook that fails knows why; only cobra's own checks are the command line's fault.
	for _, hook := range []*func(*cobra.Command, []string) error{&cmd.PersistentPreRunE, &cmd.PreRunE} {
		if run := *hook; run != nil {
			*hook = func(cmd *cobra.Command, args []string) error {
				err := run(cmd, args)
				*running = *running || err != nil
				return err
			}
		}
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := checkTyped(cmd, args); err != nil {
				return err
			}
			*running = true
			return run(cmd, args)
		}
	}
}

// noSuchCommand refuses what follows a group and is none of its commands, with what may have been meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := "unknown command %q for %q"
	cmd.SuggestionsMinimumDistance = max(cmd.SuggestionsMinimumDistance, 2) // as cobra's own message has it
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 && len(args[0]) < 64 {
		err += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return Usagef(err, terminal.Shorten(args[0], 60), cmd.CommandPath())
}

// MaxValue is the longest value that a flag or an argument may have, in bytes. A token fits; a file by mistake does not.
const MaxValue = 16 << 10

// checkTyped checks the values of flags and arguments, without repeating them: they may be secrets.
func checkTyped(cmd *cobra.Command, args []string) error {
	var err error
	// Only what was typed: an empty default is nobody's mistake.
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains([]string{"string", "stringSlice", "stringArray"}, flag.Value.Type()) && err == nil {
			err = checkValue("--"+flag.Name, strings.TrimSuffix(strings.TrimPrefix(flag.Value.String(), "["), "]"))
		}
	})
	for _, arg := range args {
		if err == nil {
			err = checkValue("an argument", arg)
		}
	}
	return err
}

// checkValue refuses what no flag of ours can mean: nothing, a whole file by mistake, and text that would not be what it
// looks like on the screen.
func checkValue(name, value string) error {
	switch {
	case value == "":
		return Usagef("%s must not be empty", name)
	case len(value) > MaxValue:
		return Usagef("%s is longer than %d bytes", name, MaxValue)
	case terminal.Clean(value) != value:
		return Usagef("%s holds control characters or characters that cannot be seen", name)
	}
	return nil
}
