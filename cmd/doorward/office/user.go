package office

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

// users is `doorward admin user`.
func (o *Commands) users() *cobra.Command {
	people := table[desk.User]{
		"Nobody is known here yet.",
		[]string{"USERNAME", "EMAIL", "NAME", "ID", "ROLE"},
		func(u desk.User) []string { return []string{u.Username, u.Email, u.Name, u.ID, role(u)} },
	}
	return group("user", "People", o.addUser(), &cobra.Command{
		Use: "list", Short: "List the people", Args: arguments(0, 0, ""),
		RunE: list(o, people, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.User, error) { return d.Users(ctx) }),
	}, &cobra.Command{
		Use: "remove USERNAME", Short: "Remove a person, and end all that they hold", Args: arguments(1, 1, "one user name or e-mail address"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.User, error) {
			return d.RemoveUser(ctx, args[0])
		},
			func(u desk.User) string {
				return u.Username + " (" + u.Email + ") was removed and is logged out everywhere."
			}),
	})
}

// role says in a word what a person may do.
func role(u desk.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.Administrator:
		return "administrator"
	}
	return ""
}

// addUser is `doorward admin user add`. The password is asked for before the server is: it has to wait for nobody.
func (o *Commands) addUser() *cobra.Command {
	var user desk.User
	var piped bool
	cmd := &cobra.Command{
		Use: "add USERNAME", Short: "Add a person", Args: arguments(1, 1, "one user name"),
		Long: "Add a person. The password is asked for, or read from standard input with --password-stdin; it is never an\n" +
			"argument, which everybody on the machine could read.",
		RunE: func(cmd *cobra.Command, args []string) error {
			user.Username = args[0]
			password, err := o.password(cmd.Context(), piped)
			if err != nil {
				return err
			}
			return act(o, func(ctx context.Context, d *desk.Desk, _ []string) (desk.User, error) {
				return d.AddUser(ctx, user, password)
			},
				func(u desk.User) string { return u.Username + " (" + u.Email + ") was added as " + u.ID + "." })(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&user.Email, "email", "", "e-mail address")
	flags.StringVar(&user.Name, "name", "", "the person's name")
	flags.BoolVar(&user.Administrator, "administrator", false, "may administer the whole authority")
	flags.BoolVar(&piped, "password-stdin", false, "read the password from standard input")
	require(cmd, "email", "name")
	return cmd
}

// require marks flags without which a command makes no sense.
func require(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		_ = cmd.MarkFlagRequired(name) // it fails only for flags that are not there
	}
}

// password gets a new password: twice from a person, once from a program.
func (o *Commands) password(ctx context.Context, piped bool) (secret.String, error) {
	t := o.Program.Terminal
	if piped {
		return t.ReadSecret("--password-stdin")
	}
	first, err := t.AskSecret(ctx, terminal.Question{Text: "Password for the new person: ", Flag: "--password-stdin"})
	if err != nil {
		return first, err
	}
	again, err := t.AskSecret(ctx, terminal.Question{Text: "The same again: ", Flag: "--password-stdin"})
	if err == nil && !first.Equal(again) {
		err = authcmd.Usagef("the two passwords are not the same; nobody was added")
	}
	return first, err
}
