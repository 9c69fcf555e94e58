package page

import (
	"cmp"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The measures of click's pages, in characters.
const (
	clickWidth  = 78 // of a line: a terminal of 80 less two
	clickIndent = 2
	clickColumn = 30 // an option that is wider has its text on a line of its own
)

// Click gives root and all commands below it the help pages that programs made with Python's click have, line by line:
//
//	Usage: product auth login [OPTIONS]
//
//	  What it does.
//
//	Options:
//	  --email TEXT                    What it is for
//	  --interactive / --no-interactive
//	                                  Whether it asks
//	  --help                          Show this message and exit.
//
// A page shows the command's own flags in the order in which they were added, --help last, and never those of the commands
// above it; a flag and its no- twin stand in one line. The description is the command's Long, else its Short. Paragraphs
// are wrapped; one that begins with a space stands as it is. Call it when the tree is complete and root's Version is set.
func Click(root *cobra.Command) {
	root.PersistentFlags().Bool("help", false, "Show this message and exit.")
	if root.Version != "" {
		root.Flags().Bool("version", false, "Show the version and exit.")
		root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	}
	inOrder(root)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		_, _ = io.WriteString(cmd.OutOrStdout(), clickPage(cmd)) // whoever closed it wants no help
	})
}

// inOrder keeps the flags of all commands as they were added.
func inOrder(cmd *cobra.Command) {
	cmd.Flags().SortFlags, cmd.PersistentFlags().SortFlags, cmd.LocalFlags().SortFlags = false, false, false
	for _, child := range cmd.Commands() {
		inOrder(child)
	}
}

func clickPage(cmd *cobra.Command) string {
	var page strings.Builder
	page.WriteString("Usage: " + cmd.CommandPath() + " [OPTIONS]" + clickArguments(cmd) + "\n")
	for paragraph := range strings.SplitSeq(cmp.Or(cmd.Long, cmd.Short), "\n\n") {
		if strings.TrimSpace(paragraph) != "" {
			page.WriteString("\n" + clickParagraph(paragraph))
		}
	}
	page.WriteString(clickTable("Options", clickOptions(cmd)))
	var commands [][2]string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && child.Name() != "help" {
			commands = append(commands, [2]string{child.Name(), child.Short})
		}
	}
	page.WriteString(clickTable("Commands", commands))
	return page.String()
}

func clickArguments(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return " COMMAND [ARGS]..."
	}
	if _, arguments, more := strings.Cut(cmd.Use, " "); more {
		return " " + arguments
	}
	return ""
}

// clickParagraph wraps a paragraph, or only moves one whose lines are set.
func clickParagraph(paragraph string) string {
	lines := strings.Split(strings.Trim(paragraph, "\n"), "\n")
	if !strings.HasPrefix(lines[0], " ") {
		lines = wrap(paragraph, clickWidth-clickIndent)
	}
	indent := strings.Repeat(" ", clickIndent)
	return indent + strings.Join(lines, "\n"+indent) + "\n"
}

// clickOptions are the rows of a command's own flags.
func clickOptions(cmd *cobra.Command) [][2]string {
	var rows [][2]string
	own := cmd.NonInheritedFlags() // makes cobra gather them; not in our order
	add := func(flag *pflag.Flag) {
		if flag.Hidden || flag.Name == "help" || own.Lookup(flag.Name) == nil {
			return
		}
		if twin, negative := strings.CutPrefix(flag.Name, "no-"); negative && own.Lookup(twin) != nil {
			return
		}
		rows = append(rows, clickOption(flag, own.Lookup("no-"+flag.Name) != nil))
	}
	cmd.Flags().VisitAll(add)
	return append(rows, clickOption(cmd.Flag("help"), false))
}

// metavars are click's names for the kinds of values.
var metavars = map[string]string{"string": "TEXT", "int": "INTEGER", "strings": "TEXT"}

func clickOption(flag *pflag.Flag, twin bool) [2]string {
	kind, usage := pflag.UnquoteUsage(flag)
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand + ", " + name
	}
	switch {
	case twin:
		name += " / --no-" + flag.Name
	case kind != "":
		name += " " + cmp.Or(metavars[kind], strings.ToUpper(kind))
	}
	return [2]string{name, usage}
}

// clickTable writes a section of two columns.
func clickTable(title string, rows [][2]string) string {
	if len(rows) == 0 {
		return ""
	}
	column := 0
	for _, row := range rows {
		column = max(column, utf8.RuneCountInString(row[0]))
	}
	column = min(column, clickColumn) + clickIndent
	margin := "\n" + strings.Repeat(" ", column+clickIndent)
	var table strings.Builder
	table.WriteString("\n" + title + ":\n")
	for _, row := range rows {
		table.WriteString(strings.Repeat(" ", clickIndent) + row[0])
		lines := wrap(row[1], clickWidth-column-clickIndent)
		if len(lines) > 0 {
			if pad := column - utf8.RuneCountInString(row[0]); pad >= clickIndent {
				table.WriteString(strings.Repeat(" ", pad))
			} else {
				table.WriteString(margin)
			}
		}
		table.WriteString(strings.Join(lines, margin) + "\n")
	}
	return table.String()
}

// wrap breaks a text at its spaces; a word that is too long has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
