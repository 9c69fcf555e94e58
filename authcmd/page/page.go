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
type Pages struct{ Files fs.FS }

// Command makes the command of a page: without arguments, and with run behind it; nil: a group of commands. A page that is
// not there is a mistake of the program's author and ends it.
func (p Pages) Command(name string, run func(ctx context.Context) error) *cobra.Command {
	text, err := fs.ReadFile(p.Files, "help/"+name+".txt")
	if err != nil {
		panic("page: " + err.Error())
	}
	use, rest, _ := strings.Cut(strings.TrimRight(string(text), "\n"), "\n")
	short, rest, _ := strings.Cut(rest, "\n")
	long, examples, _ := strings.Cut(rest, "\nExamples:\n")
	cmd := &cobra.Command{Use: use, Short: short, Long: strings.TrimSpace(long), Example: examples}
	if run != nil {
		cmd.Args = none
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) }
	}
	return cmd
}

func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return authcmd.Usagef("this command takes no arguments, only flags")
	}
	return nil
}
