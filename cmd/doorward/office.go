package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/cmd/doorward/admin"
	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cmd/doorward/settings"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/terminal"
)

// newOffice makes the office over a store that is open, be it another's in this process: to the authority that serves, it
// is one more replica.
func newOffice(ctx context.Context, issuer string, config server.Config) (*admin.Office, error) {
	law := law.New(law.Config{
		Issuer: issuer, Store: config.Store, People: config.Store, Attempts: config.Store, Master: config.Master,
		Now: config.Now, Log: config.Log,
	})
	if err := law.Load(ctx); err != nil {
		return nil, err
	}
	made := &admin.Office{
		Authority: law, People: config.Store, SignIns: config.Store, Hasher: new(identity.Hasher), Now: config.Now,
	}
	if store, ok := config.Store.(interface {
		Backup(ctx context.Context, path string) error
	}); ok {
		made.Backup = store.Backup
	}
	return made, nil
}

// openDesk lets `doorward admin` reach the server that runs. nil is none.
func openDesk(ctx context.Context, issuer string, config server.Config, where place.Place) (*openedDesk, error) {
	if where.Socket() == "" {
		return nil, nil // administration goes to the database, from any machine
	}
	office, err := newOffice(ctx, issuer, config)
	if err != nil {
		return nil, err
	}
	open, err := admin.Listen(where.Socket(), office)
	if err != nil {
		return nil, err
	}
	return &openedDesk{open}, nil
}

type openedDesk struct{ open *admin.Open }

// close closes the desk; there may be none.
func (d *openedDesk) close() {
	if d != nil {
		_ = d.open.Close() // the server has ended; the next one replaces what is left
	}
}

// office is the command group admin.
type office struct {
	program *authcmd.Program

	settings *settings.Set
	place    place.Flags
}

// command is `doorward admin`.
func (o *office) command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "admin", Short: "Administer the authority of this machine",
		Long: "Administer the authority of this machine: through its socket beside the store where it runs, else by opening the\n" +
			"store. The store is found by --store, DOORWARD_STORE or --config, as 'doorward serve' finds it.",
	}
	o.settings = settings.New(environment(o.program.Terminal.Env))
	o.settings.Partial = true
	o.place.Add(o.settings)
	cmd.PersistentFlags().AddFlagSet(o.settings.Flags)
	cmd.AddCommand(o.users(), o.clients(), o.sessions(), o.audit(), o.keys(), o.backup())
	return cmd
}

// at runs do with a desk: that of the running server, else one over the store itself.
func (o *office) at(ctx context.Context, do func(*admin.Desk) error) error {
	if err := o.settings.Settle(); err != nil {
		return err
	}
	where, err := o.place.Find(o.settings.Env)
	if err != nil {
		return err
	}
	if socket := where.Socket(); socket != "" {
		if desk, ok := admin.Dial(ctx, socket); ok {
			return refused(do(desk))
		}
	}
	if !where.Exists() {
		return &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "no_store", Message: "There is no store at " + where.String() + ". Nothing was changed.",
			Hint: "Name the server's store with --store sqlite:PATH, or start 'doorward serve' once to make one.",
		}
	}
	log := slog.New(slog.DiscardHandler)
	store, master, err := where.Open(ctx, nil, log)
	if err != nil {
		return err
	}
	local, err := newOffice(ctx, defaultIssuer, server.Config{Store: store, Master: master, Log: log})
	if err == nil {
		err = do(admin.Local(local))
	}
	return refused(errors.Join(err, store.Close()))
}

// refused gives the office's no its exit code.
func refused(err error) error {
	var no *admin.Refusal
	if !errors.As(err, &no) {
		return err
	}
	exit := authcmd.ExitFailed
	if no.Code == "busy" {
		exit = authcmd.ExitTryAgain
	}
	return &authcmd.Failure{Exit: exit, Code: no.Code, Message: no.Message + " Nothing was changed."}
}

// list is a command that prints a table.
func list[T any](o *office, use, short, none string, head []string, ask func(context.Context, *admin.Desk, []string) ([]T, error), row func(T) []string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.at(cmd.Context(), func(desk *admin.Desk) error {
				items, err := ask(cmd.Context(), desk, args)
				if err != nil {
					return err
				}
				if len(items) == 0 && !o.program.Output.Structured() {
					o.program.Terminal.Say("%s", none)
					return nil
				}
				rows := [][]string{head}
				for _, item := range items {
					rows = append(rows, row(item))
				}
				return o.program.Print(terminal.Columns(rows, 2), items)
			})
		},
	}
}

// done says that something was done: a sentence for people, the object for programs.
func (o *office) done(object any, format string, args ...any) error {
	if o.program.Output.Structured() {
		return o.program.Print("", object)
	}
	o.program.Terminal.Say("%s", "✓ "+terminal.Clean(fmt.Sprintf(format, args...)))
	return nil
}
