// Package page makes cobra commands of pages of help, so that a product's words stand in text files and its front end holds
// what it does.
package page

import (
	"context"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
)

// Pages are the files of one front end, NAME.txt each:
//
//	login [flags]                 how it is used
//	Log in to the service         one line, for the list of commands
//
//	What it does, in lines.
//
//	Examples:
//	  product auth login
//
//	Options:
//	  account  Name of the account
//
// Options are the texts of the flags that are given to Command, in the order of the page.
type Pages struct{ Files fs.FS }

// Texts are the flags of a command that take a text, by name: where it goes. What stands there is the default.
type Texts map[string]*string

// Command makes the command of a page: without arguments, and with run behind it; nil: a group of commands. A page that is
// not there, or one without an option that is given, is a mistake of the program's author and ends it.
func (p Pages) Command(name string, run func(ctx context.Context) error, texts ...Texts) *cobra.Command {
	file, err := fs.ReadFile(p.Files, "help/"+name+".txt")
	if err != nil {
		panic("page: " + err.Error())
	}
	text, options, _ := strings.Cut(string(file), "\nOptions:\n")
	use, rest, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
	short, rest, _ := strings.Cut(rest, "\n")
	long, examples, _ := strings.Cut(rest, "\nExamples:\n")
	cmd := &cobra.Command{Use: use, Short: short, Long: strings.TrimSpace(long), Example: examples}
	if run != nil {
		cmd.Args = none
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) }
	}
	for _, flags := range texts {
		flags.add(cmd, options)
	}
	return cmd
}

// Group makes the command of a page that holds other commands; open, where there is one, runs before each of them.
func (p Pages) Group(name string, open func() error, commands ...*cobra.Command) *cobra.Command {
	cmd := p.Command(name, nil)
	if open != nil {
		cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return open() }
	}
	cmd.AddCommand(commands...)
	return cmd
}

// add adds the flags that the page has a line for.
func (t Texts) add(cmd *cobra.Command, options string) {
	added := 0
	for line := range strings.Lines(options) {
		name, usage, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value := t[name]; value != nil {
			cmd.Flags().StringVar(value, name, *value, strings.TrimSpace(usage))
			added++
		}
	}
	if added != len(t) {
		panic("page: " + cmd.Name() + " has an option without a line on its page")
	}
}

// Failures are the messages of a program's own failures and of the standard ones, for authcmd.Words.Messages: the file
// help/failures.txt, in which each line holds a code, the message, and what to do, with colons between them.
func (p Pages) Failures() map[string]authcmd.Failure {
	file, err := fs.ReadFile(p.Files, "help/failures.txt")
	if err != nil {
		panic("page: " + err.Error())
	}
	failures := make(map[string]authcmd.Failure)
	for line := range strings.Lines(string(file)) {
		code, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		message, hint, _ := strings.Cut(text, ": ")
		failures[code] = authcmd.Failure{Exit: authcmd.ExitFailed, Code: code, Message: message, Hint: hint}
	}
	return failures
}

func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return authcmd.Usagef("this command takes no arguments, only flags")
	}
	return nil
}
