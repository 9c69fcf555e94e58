// Package ask gets what a command needs: from its flags, else from the person, where there is one who may be asked.
package ask

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

// Asker knows whether a command may ask. The zero value with a Terminal may.
type Asker struct {
	Terminal *terminal.Terminal

	never  bool // --no-interactive
	silent bool
}

// AddFlags adds --interactive, --no-interactive and --silent. Of the first two, the one typed last counts.
func (a *Asker) AddFlags(flags *pflag.FlagSet, interactive, silent string) {
	a.flag(flags, "interactive", interactive, false)
	a.flag(flags, "no-interactive", interactive, true)
	flags.BoolVar(&a.silent, "silent", false, silent)
}

func (a *Asker) flag(flags *pflag.FlagSet, name, usage string, never bool) {
	flags.BoolFunc(name, usage, func(text string) error {
		on, err := strconv.ParseBool(text)
		a.never = on == never
		return err
	})
}

// Refuses reports whether the command line says that nobody is to be asked.
func (a *Asker) Refuses() bool { return a.never || a.silent }

// Asks reports whether somebody may be asked and is there: without a terminal a command behaves as with --no-interactive.
func (a *Asker) Asks() bool { return !a.Refuses() && a.Terminal.Interactive() }

// Text is what a flag gave, else what the person types. missing is the error where neither is to be had.
func (a *Asker) Text(ctx context.Context, given, question string, missing error) (string, error) {
	if given != "" || !a.Asks() {
		return given, unless(given != "", missing)
	}
	typed, err := a.Terminal.Ask(ctx, terminal.Question{Text: question})
	typed = strings.TrimSpace(typed)
	if err == nil {
		err = unless(typed != "", missing)
	}
	return typed, err
}

// Secret is Text for what must not be shown.
func (a *Asker) Secret(ctx context.Context, given, question string, missing error) (secret.String, error) {
	if given != "" || !a.Asks() {
		return secret.New(given), unless(given != "", missing)
	}
	typed, err := a.Terminal.AskSecret(ctx, terminal.Question{Text: question})
	if err == nil {
		err = unless(!typed.IsZero(), missing)
	}
	return typed, err
}

func unless(there bool, missing error) error {
	if there {
		return nil
	}
	return missing
}

// Item is something that people choose by its name and programs by its id.
type Item struct{ ID, Name string }

// Pick returns the index of the item whose id, or else whose name, a flag gave; where it gave none, of the one that the
// person chooses. It is -1 where nothing was given and nobody is asked, or there is nothing to choose from. kind is what the
// items are, and the name of the flag: "project" for --project. What is not there, or there more than once, is a failure
// that names it.
func (a *Asker) Pick(ctx context.Context, kind, given string, items []Item) (int, error) {
	if given != "" {
		return find(kind, given, items)
	}
	if !a.Asks() || len(items) == 0 {
		return -1, nil
	}
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.Name + " (" + item.ID + ")"
	}
	return a.Terminal.Choose(ctx, terminal.Question{Text: "Select the " + kind + ": ", Flag: "--" + kind}, texts)
}

func find(kind, given string, items []Item) (int, error) {
	found, several := -1, false
	for i, item := range items {
		switch {
		case item.ID == given:
			return i, nil
		case item.Name == given:
			several = found >= 0
			found = i
		}
	}
	name := strconv.Quote(terminal.Shorten(given, 100))
	switch {
	case several:
		return -1, &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "several", Message: "more than one " + kind + " is named " + name,
			Hint: "Give its id instead; nothing was changed",
		}
	case found < 0:
		return -1, &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "unknown", Message: "no " + kind + " " + name + " was found for this account",
			Hint: "Check the name; nothing was changed",
		}
	}
	return found, nil
}
