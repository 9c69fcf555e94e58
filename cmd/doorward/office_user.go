package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

const moment = "2006-01-02 15:04"

// users is `doorward admin user`.
func (o *office) users() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "People"}
	people := list(o, "list", "List the people", "Nobody is known here yet.",
		[]string{"USERNAME", "EMAIL", "NAME", "ID", "ROLE"},
		func(ctx context.Context, desk *admin.Desk, _ []string) ([]admin.User, error) { return desk.Users(ctx) },
		func(u admin.User) []string { return []string{u.Username, u.Email, u.Name, u.ID, role(u)} })
	people.Args = arguments(0, "")
	cmd.AddCommand(o.addUser(), people, &cobra.Command{
		Use: "remove USERNAME", Short: "Remove a person, and end all that they hold", Args: arguments(1, "one user name or e-mail address"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.at(cmd.Context(), func(desk *admin.Desk) error {
				user, err := desk.RemoveUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return o.done(user, "%s (%s) was removed and is logged out everywhere.", user.Username, user.Email)
			})
		},
	})
	return cmd
}

// role says in a word what a person may do.
func role(u admin.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.Administrator:
		return "administrator"
	}
	return ""
}

// addUser is `doorward admin user add`. The password is asked for before the server is: it has to wait for nobody.
func (o *office) addUser() *cobra.Command {
	var user admin.User
	var piped bool
	cmd := &cobra.Command{
		Use: "add USERNAME", Short: "Add a person", Args: arguments(1, "one user name"),
		Long: "Add a person. The password is asked for, or read from standard input with --password-stdin; it is never an\n" +
			"argument, which everybody on the machine could read.",
		RunE: func(cmd *cobra.Command, args []string) error {
			user.Username = args[0]
			password, err := o.password(cmd.Context(), piped)
			if err != nil {
				return err
			}
			return o.at(cmd.Context(), func(desk *admin.Desk) error {
				made, err := desk.AddUser(cmd.Context(), user, password)
				if err != nil {
					return err
				}
				return o.done(made, "%s (%s) was added as %s.", made.Username, made.Email, made.ID)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&user.Email, "email", "", "e-mail address")
	flags.StringVar(&user.Name, "name", "", "the person's name")
	flags.BoolVar(&user.Administrator, "administrator", false, "may administer the whole authority")
	flags.BoolVar(&piped, "password-stdin", false, "read the password from standard input")
	for _, needed := range []string{"email", "name"} {
		_ = cmd.MarkFlagRequired(needed) // it fails only for flags that are not there
	}
	return cmd
}

// password gets a new password: twice from a person, once from a program.
func (o *office) password(ctx context.Context, piped bool) (secret.String, error) {
	t := o.program.Terminal
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

// sessions is `doorward admin session`.
func (o *office) sessions() *cobra.Command {
	cmd := &cobra.Command{Use: "session", Short: "What people's machines hold"}
	sessions := list(o, "list USERNAME", "List the sessions of a person", "No machine holds a session of this person.",
		[]string{"ID", "CLIENT", "MACHINE", "ADDRESS", "BY", "LAST USED"},
		func(ctx context.Context, desk *admin.Desk, args []string) ([]admin.Session, error) {
			return desk.Sessions(ctx, args[0])
		},
		func(s admin.Session) []string {
			return []string{s.ID, s.ClientID, s.Machine, s.Address, s.How, s.LastUsed.Format(moment)}
		})
	sessions.Args = arguments(1, "one user name or e-mail address")
	cmd.AddCommand(sessions, &cobra.Command{
		Use: "revoke ID", Short: "End a session", Args: arguments(1, "one session's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.at(cmd.Context(), func(desk *admin.Desk) error {
				session, err := desk.EndSession(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return o.done(session, "The session %s was ended.", session.ID)
			})
		},
	})
	return cmd
}

// audit is `doorward admin audit`.
func (o *office) audit() *cobra.Command {
	var filter admin.EventFilter
	var since time.Duration
	cmd := list(o, "audit", "Show what happened, the newest first", "Nothing of this kind has happened.",
		[]string{"WHEN", "WHAT", "WHO", "BY", "CLIENT", "FROM", "DETAIL"},
		func(ctx context.Context, desk *admin.Desk, _ []string) ([]admin.Event, error) {
			if since > 0 {
				filter.Since = time.Now().Add(-since)
			}
			return desk.Events(ctx, filter)
		},
		func(e admin.Event) []string {
			return []string{e.At.Format(moment), e.Kind, e.PersonID, e.Actor, e.ClientID, e.Address, e.Detail}
		})
	cmd.Args = arguments(0, "")
	flags := cmd.Flags()
	flags.StringVar(&filter.User, "user", "", "only what concerns this user name or e-mail address")
	flags.StringVar(&filter.Kind, "kind", "", "only events of this kind, such as session.ended")
	flags.DurationVar(&since, "since", 0, "only the last so long, such as 24h")
	flags.IntVar(&filter.Limit, "limit", 100, "at most so many")
	return cmd
}

// keys is `doorward admin key`.
// backup copies the store while others use it.
func (o *office) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the store to a new file, while the server runs", Args: arguments(1, "the name of a new file"),
		Long: "Copy the store to a new file, while the server runs. The master key is not in it: keep that too, elsewhere.",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return o.at(cmd.Context(), func(desk *admin.Desk) error {
				if err := desk.Backup(cmd.Context(), path); err != nil {
					return err
				}
				return o.done(struct {
					Backup string `json:"backup"`
				}{path}, "The store was copied to %s. Keep the master key too, in another place.", path)
			})
		},
	}
}

func (o *office) keys() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Signing keys"}
	cmd.AddCommand(&cobra.Command{
		Use: "rotate", Short: "Make new signing keys; what the old ones signed stays valid", Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.at(cmd.Context(), func(desk *admin.Desk) error {
				if err := desk.RotateKeys(cmd.Context()); err != nil {
					return err
				}
				return o.done(struct {
					Rotated bool `json:"rotated"`
				}{true}, "New signing keys were made. A running server takes them within ten minutes; tokens that were signed before stay valid.")
			})
		},
	})
	return cmd
}
