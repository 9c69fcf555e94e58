// Package office is the commands of `doorward admin`: what people type, and what they see. What is done is package admin's.
package office

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cmd/doorward/settings"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/terminal"
)

// Commands is the command group admin. Both fields are needed.
type Commands struct {
	Program *authcmd.Program
	Issuer  string // of an authority that was told none

	settings *settings.Set
	place    place.Flags
	issuer   string
	guessed  bool // nobody has said what the issuer is
}

// Command is `doorward admin`.
func (o *Commands) Command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "admin", Short: "Administer the authority of this machine",
		Long: "Administer the authority of this machine: through its socket beside the store where it runs, else by opening the\n" +
			"store. The store is found by --store, DOORWARD_STORE or --config, as 'doorward serve' finds it.",
	}
	env := o.Program.Terminal.Env
	if env == nil {
		env = os.Getenv
	}
	o.settings = settings.New(env)
	o.settings.Partial = true
	o.place.Add(o.settings)
	o.settings.Flags.StringVar(&o.issuer, "issuer", "",
		"address by which everybody knows the authority, where no server of this machine says it (default "+o.Issuer+")")
	cmd.PersistentFlags().AddFlagSet(o.settings.Flags)
	cmd.AddCommand(o.users(), o.organisations(), o.projects(), o.clients(), o.domains(), o.bindings(), o.apiKeys(), o.sessions(),
		o.keys(), o.audit(), o.backup())
	return cmd
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(commands...)
	return cmd
}

// arguments refuses another number of arguments than least to most, without repeating them.
func arguments(least, most int, words string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case least <= len(args) && len(args) <= most:
			return nil
		case most == 0:
			return authcmd.Usagef("this command takes no arguments, only flags")
		}
		return authcmd.Usagef("this command takes %s", words)
	}
}

// optional is the only argument, which may be left out.
func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// at runs do with a desk: that of the running server, else one over the store itself.
func (o *Commands) at(ctx context.Context, do func(*desk.Desk) error) error {
	if err := o.settings.Settle(); err != nil {
		return err
	}
	o.issuer = strings.TrimSuffix(o.issuer, "/")
	guess := o.issuer == ""
	if guess {
		o.issuer = o.Issuer
	}
	if err := oauth.CheckAddress(o.issuer); err != nil {
		return authcmd.Usagef("--issuer must be the address of the authority, such as https://id.example")
	}
	where, err := o.place.Find(o.settings.Env)
	if err != nil {
		return err
	}
	// The running server has the store's lock; whoever answers on the socket beside it is that server.
	if socket := where.Socket(); socket != "" {
		if running, ok := desk.Dial(ctx, socket); ok {
			return refused(do(running))
		}
	}
	if !where.Exists() {
		return &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "no_store", Message: "There is no store at " + where.String() + ". Nothing was changed.",
			Hint: "Name the server's store with --store sqlite:PATH, or start 'doorward serve' once to make one.",
		}
	}
	o.guessed = guess // a running server knows its own
	log := slog.New(slog.DiscardHandler)
	store, master, err := where.Open(ctx, nil, log)
	if errors.Is(err, authority.ErrUnavailable) {
		return &authcmd.Failure{
			Exit: authcmd.ExitTryAgain, Code: "busy", Message: "The store, " + where.String() + ", cannot be reached at this moment. Nothing was changed.",
			Hint: "See that the database runs and lets this machine in, and try again.",
		}
	}
	if err != nil {
		return err
	}
	local, err := open(ctx, o.issuer, server.Config{Store: store, Master: master, Log: log}, where)
	if err == nil {
		err = do(desk.Local(local.Handler()))
	}
	return refused(errors.Join(err, store.Close()))
}

// refused gives the office's no its exit code.
func refused(err error) error {
	var no *desk.Refusal
	if !errors.As(err, &no) {
		return err
	}
	failure := &authcmd.Failure{Exit: authcmd.ExitFailed, Code: no.Code, Message: no.Message}
	// What was kept is a part of every refusal; one that came half-way says itself what was done.
	if no.Code != desk.Partly {
		failure.Message += " Nothing was changed."
	}
	switch no.Code {
	case "unknown":
		failure.Hint = "The 'list' commands show what there is."
	case "busy":
		failure.Exit, failure.Hint = authcmd.ExitTryAgain, "Try again in a moment."
	}
	return failure
}

// table is how a list is printed for people.
type table[T any] struct {
	none string // what is said where it is empty
	head []string
	row  func(T) []string
}

// list is the work of a command that prints a table.
func list[T any](o *Commands, t table[T], ask func(context.Context, *desk.Desk, []string) ([]T, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return o.at(cmd.Context(), func(d *desk.Desk) error {
			items, err := ask(cmd.Context(), d, args)
			if err != nil {
				return err
			}
			if len(items) == 0 && !o.Program.Output.Structured() {
				o.Program.Terminal.Say("%s", t.none)
				return nil
			}
			rows := [][]string{t.head}
			for _, item := range items {
				rows = append(rows, t.row(item))
			}
			return o.Program.Print(terminal.Columns(rows, 2), items)
		})
	}
}

// act is the work of a command that does one thing and says so.
func act[T any](o *Commands, do func(context.Context, *desk.Desk, []string) (T, error), say func(T) string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return o.at(cmd.Context(), func(d *desk.Desk) error {
			done, err := do(cmd.Context(), d, args)
			if err != nil {
				return err
			}
			return o.done(done, "%s", say(done))
		})
	}
}

// once prints what is shown once, alone on standard output; with an output for programs, the object had it.
func (o *Commands) once(words, text string) error {
	if o.Program.Output.Structured() {
		return nil
	}
	o.Program.Terminal.Say("%s", words)
	return o.Program.Terminal.Result(text + "\n")
}

// done says that something was done: a sentence for people, the object for programs.
func (o *Commands) done(object any, format string, args ...any) error {
	if o.Program.Output.Structured() {
		return o.Program.Print("", object)
	}
	o.Program.Terminal.Say("%s", "✓ "+terminal.Clean(fmt.Sprintf(format, args...)))
	return nil
}
