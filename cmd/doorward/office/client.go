package office

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/oauth"
)

// grants are the short names of the grant types, for people.
func grants() map[string]oauth.GrantType {
	return map[string]oauth.GrantType{
		"browser": oauth.GrantAuthorizationCode, "device": oauth.GrantDeviceCode, "refresh": oauth.GrantRefreshToken,
		"client-credentials": oauth.GrantClientCredentials,
	}
}

// clients is `doorward admin client`.
func (o *Commands) clients() *cobra.Command {
	clients := table[desk.Client]{
		"No client is registered.",
		[]string{"CLIENT", "NAME", "KIND", "GRANTS", "SCOPE"},
		func(c desk.Client) []string {
			return []string{c.ID, c.Name, kind(c), strings.Join(short(c.Grants), ","), strings.Join(c.Scope, " ")}
		},
	}
	return group("client", "Programs that may log people in", o.addClient(), &cobra.Command{
		Use: "list", Short: "List the clients", Args: arguments(0, 0, ""),
		RunE: list(o, clients, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.Client, error) { return d.Clients(ctx) }),
	}, &cobra.Command{
		Use: "remove CLIENT", Short: "Remove a client, and end all that it holds", Args: arguments(1, 1, "one client's id"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Client, error) {
			return d.RemoveClient(ctx, args[0])
		},
			func(c desk.Client) string { return "The client " + c.ID + " was removed; what it held was ended." }),
	})
}

// kind says in a word what a client is.
func kind(c desk.Client) string {
	switch {
	case c.Disabled:
		return "disabled"
	case c.Public:
		return "public"
	}
	return "confidential"
}

// short writes grant types as people type them.
func short(types []string) []string {
	names := slices.Clone(types)
	for i, name := range names {
		for word, grant := range grants() {
			if string(grant) == name {
				names[i] = word
			}
		}
	}
	return names
}

// addClient is `doorward admin client add`. Its defaults are those of a command-line program.
func (o *Commands) addClient() *cobra.Command {
	var client desk.Client
	var words []string
	var confidential bool
	cmd := &cobra.Command{
		Use: "add CLIENT", Short: "Register a client", Args: arguments(1, 1, "one client's id"),
		Long: "Register a program that may log people in. A public client (a command-line program) has no secret; the secret of a\n" +
			"confidential one is printed once, as the only line on standard output.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			client.ID, client.Public = args[0], !confidential
			if client.Grants, err = long(words); err != nil {
				return err
			}
			return o.at(cmd.Context(), func(d *desk.Desk) error {
				made, err := d.AddClient(cmd.Context(), client)
				if err != nil {
					return err
				}
				return o.added(made)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&client.Name, "name", "", "name that people see")
	flags.StringSliceVar(&client.Redirects, "redirect", nil, "redirect URI of a login in the browser (repeat for several)")
	flags.StringSliceVar(&words, "grant", []string{"browser", "device", "refresh"}, "ways to get tokens: browser, device, refresh, client-credentials")
	flags.StringSliceVar(&client.Scope, "scope", []string{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail}, "what it may ask for")
	flags.BoolVar(&confidential, "confidential", false, "give it a secret")
	return cmd
}

// long is the reverse of short.
func long(words []string) ([]string, error) {
	var types []string
	for _, word := range words {
		grant, ok := grants()[word]
		if !ok {
			return nil, authcmd.Usagef("--grant must be browser, device, refresh or client-credentials")
		}
		types = append(types, string(grant))
	}
	return types, nil
}

// added prints the secret where there is one: for scripts, alone on standard output.
func (o *Commands) added(made desk.Client) error {
	if err := o.done(made, "The client %s was registered.", made.ID); err != nil || made.Secret == "" {
		return err
	}
	return o.once("Its secret follows. It is shown this once and kept as a hash only:", made.Secret)
}
