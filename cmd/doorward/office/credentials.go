package office

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
)

// apiKeys is `doorward admin apikey`.
func (o *Commands) apiKeys() *cobra.Command {
	all := table[desk.APIKey]{
		"The person has no API key.",
		[]string{"ID", "NAME", "KEY", "SCOPE", "ISSUED BY", "EXPIRES", "LAST USED"},
		func(k desk.APIKey) []string {
			return []string{k.ID, k.Name, k.Hint, strings.Join(k.Scope, " "), k.IssuedBy, at(k.Expires, "never"), at(k.LastUsed, "never")}
		},
	}
	return group("apikey", "Keys with which scripts act as a person", o.addAPIKey(), &cobra.Command{
		Use: "list USERNAME", Short: "List the API keys of a person", Args: arguments(1, 1, "one user name or e-mail address"),
		RunE: list(o, all, func(ctx context.Context, d *desk.Desk, args []string) ([]desk.APIKey, error) {
			return d.APIKeys(ctx, args[0])
		}),
	}, &cobra.Command{
		Use: "revoke USERNAME ID", Short: "Revoke an API key, and end the sessions that it began", Args: arguments(2, 2, "a user name and a key's id"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.APIKey, error) {
			return d.RevokeAPIKey(ctx, args[0], args[1])
		},
			func(k desk.APIKey) string {
				return fmt.Sprintf("The API key %s of %s was revoked; the sessions that it began were ended.", k.ID, k.Username)
			}),
	})
}

// addAPIKey is `doorward admin apikey add`.
func (o *Commands) addAPIKey() *cobra.Command {
	var ask desk.NewAPIKey
	var life span
	cmd := &cobra.Command{
		Use: "add USERNAME", Short: "Issue an API key for a person", Args: arguments(1, 1, "one user name or e-mail address"),
		Long: "Issue an API key for a person, in the name of an administrator: the audit and the person's own list of keys show both.\n" +
			"The key is printed once, as the only line on standard output.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.User, ask.Life = args[0], life.Duration
			var made desk.APIKey
			err := act(o, func(ctx context.Context, d *desk.Desk, _ []string) (_ desk.APIKey, err error) {
				made, err = d.AddAPIKey(ctx, ask)
				return made, err
			}, func(k desk.APIKey) string {
				return fmt.Sprintf("An API key was issued for %s by %s. It expires: %s.", k.Username, ask.By, at(k.Expires, "never"))
			})(cmd, args)
			if err != nil {
				return err
			}
			return o.once("The key follows. It is shown this once and kept as a hash only:", made.Key)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&ask.Name, "name", "", "what it is for")
	flags.StringVar(&ask.By, "by", "", "user name or e-mail address of the administrator who issues it")
	flags.Var(&life, "life", "how long it lives, such as 90d or 12h (default without end)")
	flags.StringSliceVar(&ask.Scope, "scope", nil, "what its sessions may do (default what the client may ask for)")
	require(cmd, "name", "by")
	return cmd
}

// sessions is `doorward admin session`.
func (o *Commands) sessions() *cobra.Command {
	var user string
	all := table[desk.Session]{
		"No machine holds such a session.",
		[]string{"ID", "USERNAME", "CLIENT", "MACHINE", "ADDRESS", "BY", "LAST USED"},
		func(s desk.Session) []string {
			return []string{s.ID, s.Username, s.ClientID, s.Machine, s.Address, s.How, s.LastUsed.Format(moment)}
		},
	}
	listed := &cobra.Command{
		Use: "list [USERNAME]", Short: "List the sessions of a person, or of everybody", Args: arguments(0, 1, "one user name or e-mail address, or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if user != "" && len(args) > 0 {
				return authcmd.Usagef("name the person as the argument or with --user, not both")
			}
			return list(o, all, func(ctx context.Context, d *desk.Desk, args []string) ([]desk.Session, error) {
				return d.Sessions(ctx, user+optional(args))
			})(cmd, args)
		},
	}
	listed.Flags().StringVar(&user, "user", "", "only those of this user name or e-mail address")
	return group("session", "What people's machines hold", listed, o.endSession())
}

// endSession is `doorward admin session end`: one, or all of a person.
func (o *Commands) endSession() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "end [ID]", Aliases: []string{"revoke"}, Short: "End a session, or all that a person holds", Args: arguments(0, 1, "one session's id, or --user"),
		Long: "End a session, or with --user all that a person holds: every session, and the sign-in of every browser. A running\n" +
			"server refuses what was ended within a second.",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (user == "") == (len(args) == 0):
				return authcmd.Usagef("name one session's id, or a person with --user")
			case user == "":
				return act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Session, error) {
					return d.EndSession(ctx, args[0])
				},
					func(s desk.Session) string { return "The session " + s.ID + " was ended." })(cmd, args)
			}
			return act(o, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.Session, error) {
				return d.EndSessions(ctx, user)
			},
				func(ended []desk.Session) string {
					return fmt.Sprintf("%s is logged out everywhere. Sessions that were ended: %d.", user, len(ended))
				})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "end all that this user name or e-mail address holds")
	return cmd
}

// keys is `doorward admin key`.
func (o *Commands) keys() *cobra.Command {
	all := table[desk.Key]{
		"There is no signing key.",
		[]string{"KEY", "ALGORITHM", "STATE", "SIGNS FROM", "CREATED"},
		func(k desk.Key) []string {
			return []string{k.ID, k.Alg, k.State, k.Signs.Format(moment), k.Created.Format(moment)}
		},
	}
	return group("key", "Signing keys, and the master key", &cobra.Command{
		Use: "list", Short: "List the signing keys", Args: arguments(0, 0, ""),
		Long: "List the signing keys. One of each algorithm signs; one that is announced will, and the others verify what they signed\n" +
			"before. Their private parts are sealed in the store and never shown.",
		RunE: list(o, all, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.Key, error) { return d.Keys(ctx) }),
	}, o.rotateKeys())
}

// rotateKeys is `doorward admin key rotate`.
func (o *Commands) rotateKeys() *cobra.Command {
	var master bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make new signing keys; what the old ones signed stays valid", Args: arguments(0, 0, ""),
		Long: "Make new signing keys; what the old ones signed stays valid. With --master, make a new master key instead: it is put\n" +
			"before the old ones in their file, which go on opening what they sealed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			// Two things of one name, to an operator: keys that are made anew after a suspicion.
			if master {
				return act(o, func(ctx context.Context, d *desk.Desk, _ []string) (desk.NewMaster, error) {
					return d.RotateMaster(ctx)
				},
					func(made desk.NewMaster) string {
						return fmt.Sprintf("A new master key, %s, is in %s, before the old ones. Restart the server to use it, and keep a copy of the file "+
							"with the next backup.", made.IDs[0], made.File)
					})(cmd, args)
			}
			type rotated struct {
				Rotated bool `json:"rotated"`
			}
			return act(o, func(ctx context.Context, d *desk.Desk, _ []string) (rotated, error) {
				return rotated{true}, d.RotateKeys(ctx)
			},
				func(rotated) string {
					return "New signing keys were made. A running server takes them within ten minutes; tokens that were signed before stay valid."
				})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&master, "master", false, "rotate the master key, which seals everything else")
	return cmd
}

// backup copies the store while others use it.
func (o *Commands) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the store to a new file, while the server runs", Args: arguments(1, 1, "the name of a new file"),
		Long: "Copy the store to a new file, while the server runs. The master key is not in it: keep that too, elsewhere.",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			type copied struct {
				Backup string `json:"backup"`
			}
			return act(o, func(ctx context.Context, d *desk.Desk, _ []string) (copied, error) {
				return copied{path}, d.Backup(ctx, path)
			},
				func(copied) string {
					return "The store was copied to " + path + ". Keep the master key too, in another place."
				})(cmd, args)
		},
	}
}
