package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

// domains is `doorward admin domain`.
func (o *Commands) domains() *cobra.Command {
	all := table[desk.Domain]{
		"There is no Domain.",
		[]string{"DOMAIN", "ID", "CREATED"},
		func(d desk.Domain) []string { return []string{d.Name, d.ID, d.Created.Format(moment)} },
	}
	return group("domain", "Domains: realms of operators with identity providers of their own", o.addDomain(), &cobra.Command{
		Use: "list", Short: "List the Domains", Args: arguments(0, 0, ""),
		RunE: list(o, all, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.Domain, error) { return d.Domains(ctx) }),
	}, &cobra.Command{
		Use: "remove DOMAIN", Short: "Remove a Domain with its IdP bindings, and end what came through them",
		Args: arguments(1, 1, "one Domain's id or name"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.RemovedDomain, error) {
			return d.RemoveDomain(ctx, args[0])
		},
			func(d desk.RemovedDomain) string {
				return fmt.Sprintf("The Domain %s (%s) was removed with its IdP bindings. Sessions that were ended: %d. Its people stay.", d.Name, d.ID, d.Ended)
			}),
	})
}

// addDomain is `doorward admin domain add`.
func (o *Commands) addDomain() *cobra.Command {
	var ask desk.NewDomain
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a Domain", Args: arguments(1, 1, "one name"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Domain, error) {
			ask.Name = args[0]
			return d.AddDomain(ctx, ask)
		}, func(d desk.Domain) string { return "The Domain " + d.Name + " was added as " + d.ID + "." }),
	}
	cmd.Flags().StringVar(&ask.ID, "id", "", "UUID that programs know it by (default a new one)")
	return cmd
}

// bindings is `doorward admin idp`.
func (o *Commands) bindings() *cobra.Command {
	all := table[desk.Binding]{
		"There is no IdP binding.",
		[]string{"DOMAIN", "ALIAS", "ISSUER", "CLIENT", "STATE", "REDIRECT URI"},
		func(b desk.Binding) []string {
			return []string{b.Domain, b.Alias, b.Issuer, b.ClientID, state(b), b.Redirect}
		},
	}
	return group("idp", "IdP bindings: OpenID providers that may say who the operators of a Domain are", o.addBinding(), &cobra.Command{
		Use: "list [DOMAIN]", Short: "List the IdP bindings of a Domain, or of all", Args: arguments(0, 1, "one Domain, or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := list(o, all, func(ctx context.Context, d *desk.Desk, args []string) ([]desk.Binding, error) {
				return d.Bindings(ctx, optional(args))
			})(cmd, args)
			o.unsure(err)
			return err
		},
	}, &cobra.Command{
		Use: "remove DOMAIN ALIAS", Short: "Remove an IdP binding, and end what came through it", Args: arguments(2, 2, "a Domain and an alias"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.RemovedBinding, error) {
			return d.RemoveBinding(ctx, args[0], args[1])
		}, func(b desk.RemovedBinding) string {
			return fmt.Sprintf("The IdP binding %s (%s) of %s was removed. Sessions that were ended: %d. Its people stay.", b.Alias, b.ID, b.Domain, b.Ended)
		}),
	})
}

// unsure warns of redirect URIs that may be wrong: they begin with the authority's own address.
func (o *Commands) unsure(failed error) {
	if o.guessed && failed == nil && !o.Program.Output.Structured() {
		o.Program.Terminal.Warn("Warning: no server of this machine says what its address is, so that redirect URIs are shown for %s. "+
			"Say it in DOORWARD_ISSUER or in the file of --config.", o.issuer)
	}
}

// state says in words how a binding is used.
func state(b desk.Binding) string {
	words := []string{"public"}
	if b.Confidential {
		words[0] = "confidential"
	}
	if b.Primary {
		words = append(words, "primary")
	}
	if b.Creates {
		words = append(words, "creates people")
	}
	if b.Disabled {
		words = append(words, "disabled")
	}
	return strings.Join(words, ", ")
}

// clientSecret is how our secret at a provider comes here: never on the command line, which everybody on the machine can read.
type clientSecret struct {
	piped  bool
	file   string
	public bool
}

// addBinding is `doorward admin idp add`.
func (o *Commands) addBinding() *cobra.Command {
	var ask desk.NewBinding
	var ours clientSecret
	cmd := &cobra.Command{
		Use: "add DOMAIN ALIAS", Short: "Let an OpenID provider say who the operators of a Domain are", Args: arguments(2, 2, "a Domain and an alias"),
		Long: "Let an OpenID provider say who the operators of a Domain are. The client secret that the provider gave is asked for,\n" +
			"or read from standard input or a file; it is never an argument. The redirect URI that has to be registered at the\n" +
			"provider is printed, as the only line on standard output. The provider is asked for openid, profile and email.\n" +
			"Where no server of this machine says what its own address is, DOORWARD_ISSUER or the file of --config does.",
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := o.clientSecret(cmd.Context(), ours)
			if err != nil {
				return err
			}
			ask.Domain, ask.Alias = args[0], args[1]
			var made desk.Binding
			err = act(o, func(ctx context.Context, d *desk.Desk, _ []string) (desk.Binding, error) {
				made, err = d.AddBinding(ctx, ask, given)
				return made, err
			}, func(b desk.Binding) string {
				return fmt.Sprintf("The IdP binding %s of %s was added as %s.", b.Alias, b.Domain, b.ID)
			})(cmd, args)
			if err != nil {
				return err
			}
			err = o.once("Register this redirect URI at the provider, if that is not done yet:", made.Redirect)
			o.unsure(err)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&ask.Issuer, "issuer", "", "https address of the provider, exactly as it writes it")
	flags.StringVar(&ask.ClientID, "client-id", "", "our client id at the provider")
	flags.BoolVar(&ours.piped, "client-secret-stdin", false, "read our client secret from standard input")
	flags.StringVar(&ours.file, "client-secret-file", "", "read our client secret from this file")
	flags.BoolVar(&ours.public, "public", false, "we have no secret at the provider")
	flags.StringVar(&ask.Name, "name", "", "name of the provider that people see (default the alias)")
	flags.BoolVar(&ask.Primary, "primary", false, "it is used where a login names no provider")
	flags.BoolVar(&ask.Creates, "creates", false, "a first sign-in makes the person; otherwise they must be here and linked")
	flags.StringSliceVar(&ask.ACR, "acr", nil, "level of authentication, one of which the provider must reach (repeat for several)")
	flags.StringSliceVar(&ask.AMR, "amr", nil, "method that must have been used (repeat for several)")
	flags.StringVar(&ask.ID, "id", "", "UUID that stands in the redirect URI (default a new one)")
	require(cmd, "issuer", "client-id")
	return cmd
}

// clientSecret gets our secret at a provider.
func (o *Commands) clientSecret(ctx context.Context, from clientSecret) (secret.String, error) {
	// To choose one of two silently could bind us with the wrong secret, which nobody sees before the first sign-in.
	ways := 0
	for _, way := range []bool{from.piped, from.file != "", from.public} {
		if way {
			ways++
		}
	}
	t := o.Program.Terminal
	var given secret.String
	var err error
	switch {
	case ways > 1:
		return given, authcmd.Usagef("give one of --client-secret-stdin, --client-secret-file and --public")
	case from.public:
		return given, nil
	case from.piped:
		given, err = t.ReadSecret("--client-secret-stdin")
	case from.file != "":
		given, err = readSecret(from.file)
	default:
		given, err = t.AskSecret(ctx, terminal.Question{Text: "Client secret at the provider: ", Flag: "--client-secret-stdin"})
	}
	if err == nil && given.IsZero() {
		err = authcmd.Usagef("the client secret is empty; with --public there is none")
	}
	return given, err
}

// readSecret reads a file without the ending of its last line.
func readSecret(path string) (secret.String, error) {
	file, err := os.Open(path)
	if err != nil {
		return secret.String{}, &authcmd.UsageError{Err: err}
	}
	raw, err := io.ReadAll(io.LimitReader(file, terminal.MaxAnswer+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return secret.String{}, err
	}
	if len(raw) > terminal.MaxAnswer {
		return secret.String{}, terminal.ErrTooLong
	}
	return secret.New(strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")), nil
}
