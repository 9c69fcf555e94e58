package authcmd

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorward/doorward/authcmd/choice"
	"github.com/doorward/doorward/authcmd/failure"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

// Target says which login is meant: with whom, as which client, under which name.
type Target struct {
	Issuer   string
	ClientID string
	Profile  string        // "" is the default one
	Secret   secret.String // of a confidential client
	Scope    []string      // of a login; nil: the client's default at the server
}

// Key is where the login is stored. Issuer, client and profile together: two servers that know the same name are never
// mixed (SEC-241).
func (t Target) Key() cred.Key {
	return cred.Key{Issuer: t.Issuer, Client: t.ClientID, Profile: t.Profile}
}

// Flows are the ways to log in that a target has; nil where it has not.
type Flows struct {
	Browser flow.Flow
	Device  flow.Flow
}

// Flags are what the standard group takes from the command line and where else it looks. A flag wins over a variable, a
// variable over a choice, a choice over a default.
type Flags struct {
	Default  Target      // where neither flag, variable nor choice says otherwise
	Variable string      // the prefix of variables: "DOORWARD" for DOORWARD_ISSUER, _CLIENT_ID and _PROFILE; "": none are read
	Choice   choice.File // what switch chose; without a Path there is no switch
}

// Group is the standard command group `auth`: login, logout, status, me, token, refresh, list and switch.
type Group struct {
	Program *Program
	Flags   Flags
	// Open is called once by each command, when the target is known: it fills in the Program's Session, Identify and
	// Revoke, and returns the flows. It must be cheap and ask nobody: token waits for it.
	Open func(ctx context.Context, target Target) (Flows, error)

	typed typed
}

// typed is what stood on the command line.
type typed struct {
	target      Target
	device      bool
	browser     bool
	secretFile  string
	secretStdin bool
}

// AddGlobals adds the flags that belong to every command: --issuer, --client-id, --profile, --output and --plain. They go to
// the persistent flags of the root.
func (g *Group) AddGlobals(flags *pflag.FlagSet) {
	flags.StringVar(&g.typed.target.Issuer, "issuer", "", "address of the authorization server"+g.usual(g.Flags.Default.Issuer))
	flags.StringVar(&g.typed.target.ClientID, "client-id", "", "client identifier at that server"+g.usual(g.Flags.Default.ClientID))
	flags.StringVar(&g.typed.target.Profile, "profile", "", "name of the login, to keep several apart")
	g.Program.AddOutput(flags)
}

// AddOutput adds --output and --plain alone, for products that have no choice of issuer.
func (p *Program) AddOutput(flags *pflag.FlagSet) {
	flags.Var(&p.Output, "output", "form of results and errors: text, json or yaml")
	p.AddPlain(flags)
}

// AddPlain adds --plain alone.
func (p *Program) AddPlain(flags *pflag.FlagSet) {
	if p.Terminal == nil {
		p.Terminal = terminal.New()
	}
	flags.BoolVar(&p.Terminal.Plain, "plain", p.Terminal.Plain, "short sentences without colour, pictures and redrawing")
}

// usual shows a default in the help, where there is one. The flag itself stays empty, so that what was typed can be told
// from what was not.
func (g *Group) usual(value string) string {
	if value == "" {
		return ""
	}
	return " (usually " + value + ")"
}

// Command makes the group. It opens nothing; Open runs with the command that is called, when its target is known.
func (g *Group) Command() *cobra.Command {
	auth := &cobra.Command{Use: "auth", Short: "Log in, log out and use the login"}
	flags := auth.PersistentFlags()
	flags.StringVar(&g.typed.secretFile, "client-secret-file", "", "file that holds the secret of a confidential client")
	flags.BoolVar(&g.typed.secretStdin, "client-secret-stdin", false, "read the secret of a confidential client from standard input")
	auth.MarkFlagsMutuallyExclusive("client-secret-file", "client-secret-stdin")
	p := g.Program
	auth.AddCommand(
		g.login(),
		g.verb("logout", "Log out, here and at the server", func(ctx context.Context) error { return p.Logout(ctx, false) }),
		g.verb("status", "Say whether the login is good, by asking the server", p.Status),
		g.verb("me", "Say who is logged in", p.Me),
		g.verb("token", "Print an access token, for scripts", p.Token),
		g.verb("refresh", "Renew the login now", p.Refresh),
		g.verb("list", "List the logins of this machine", func(ctx context.Context) error { return p.List(ctx, p.Session.Key) }),
	)
	if g.Flags.Choice.Path != "" {
		auth.AddCommand(g.choose())
	}
	return auth
}

// verb is a command without flags of its own.
func (g *Group) verb(name, short string, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Only now, so that help and completion work without a credential file, a network or a home folder.
			if _, err := g.open(cmd); err != nil {
				return err
			}
			return run(cmd.Context())
		},
	}
}

// noArgs is cobra.NoArgs without repeating what was typed: it may be a secret that lost its flag.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("this command takes no arguments, only flags")
	}
	return nil
}

// login is the one verb with flags of its own.
func (g *Group) login() *cobra.Command {
	cmd := g.verb("login", "Log in", nil)
	cmd.Long = "Log in with the browser of this machine or, where there is none or with --device, with a code\n" +
		"that is entered in a browser anywhere. An earlier login stays until the new one is stored."
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		flows, err := g.open(cmd)
		if err != nil {
			return err
		}
		// Before the login begins: a way that is not offered has printed nothing and opened no browser.
		way, err := g.way(flows)
		if err != nil {
			return err
		}
		if _, err := g.Program.Login(cmd.Context(), way); err != nil {
			return err
		}
		return g.remember()
	}
	flags := cmd.Flags()
	flags.BoolVar(&g.typed.device, "device", false, "log in with a code, in a browser on any machine")
	flags.BoolVar(&g.typed.browser, "browser", false, "log in with the browser of this machine")
	flags.StringSliceVar(&g.typed.target.Scope, "scope", nil, "what the login may do (repeat, or separate with commas)")
	cmd.MarkFlagsMutuallyExclusive("device", "browser")
	return cmd
}

// way chooses how to log in: as asked, else with the browser where this machine has one. The device login, which can be
// phished, is for machines without (RFC 10027).
func (g *Group) way(flows Flows) (flow.Flow, error) {
	way := flows.Device
	if g.typed.browser || !g.typed.device && flows.Browser != nil && (g.Program.Terminal.HasBrowser() || flows.Device == nil) {
		way = flows.Browser
	}
	if way == nil {
		return nil, Usagef("this kind of login is not offered here; leave --device and --browser out")
	}
	return way, nil
}

// remember makes the first login the one that is meant when none is named.
func (g *Group) remember() error {
	if g.Flags.Choice.Path == "" {
		return nil
	}
	// A choice that cannot be read is written anew: the login is stored, and it is what the person means.
	if chosen, err := g.Flags.Choice.Load(); err == nil && chosen != (cred.Key{}) {
		return nil
	}
	if err := g.Flags.Choice.Save(g.Program.Session.Key); err != nil {
		g.Program.Terminal.Warn("Warning: the login is stored, but not noted as the default one: %s", failure.PlainText(err))
	}
	return nil
}

// choose is the command switch.
func (g *Group) choose() *cobra.Command {
	cmd := g.verb("switch [PROFILE]", "Choose the login that is meant when none is named", nil)
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := g.open(cmd); err != nil {
			return err
		}
		keys, err := g.Program.Session.Store.List(cmd.Context())
		if err != nil {
			return err
		}
		// Nothing is asked of a server: switch only notes a name.
		key, err := g.pick(cmd.Context(), g.wanted(keys), args)
		if err != nil {
			return err
		}
		if err := g.Flags.Choice.Save(key); err != nil {
			return err
		}
		return g.Program.say("✓ "+profileName(key.Profile)+" at "+key.Issuer+" is now the login that is meant.", describe(key, cred.Credential{}))
	}
	return cmd
}

// wanted keeps the keys that --issuer and --client-id allow.
func (g *Group) wanted(keys []cred.Key) []cred.Key {
	t := g.typed.target
	return slices.DeleteFunc(slices.Clone(keys), func(k cred.Key) bool {
		return t.Issuer != "" && k.Issuer != t.Issuer || t.ClientID != "" && k.Client != t.ClientID
	})
}

// pick finds the one key that is meant, and asks where none is named.
func (g *Group) pick(ctx context.Context, keys []cred.Key, args []string) (cred.Key, error) {
	var names []string
	for _, k := range keys {
		names = append(names, profileName(k.Profile)+" at "+k.Issuer+" as "+k.Client)
	}
	if len(keys) == 0 {
		return cred.Key{}, &Failure{Exit: ExitLoginRequired, Code: "login_required", Message: "There is no login to switch to.", Hint: "Run '" + g.Program.words().Login + "' to log in."}
	}
	name := g.typed.target.Profile
	if len(args) > 0 {
		name = args[0]
	}
	if name == "" {
		i, err := g.Program.Terminal.Choose(ctx, terminal.Question{Text: "Which login? ", Flag: "the name of a profile"}, names)
		if err != nil {
			return cred.Key{}, err
		}
		return keys[i], nil
	}
	same := slices.DeleteFunc(keys, func(k cred.Key) bool { return profileName(k.Profile) != name })
	switch len(same) {
	case 0:
		return cred.Key{}, Usagef("there is no such login; there are: %s", strings.Join(names, ", "))
	case 1:
		return same[0], nil
	}
	return cred.Key{}, Usagef("%d logins have this name; say which with --issuer and --client-id", len(same))
}

// open finds the target and opens it.
func (g *Group) open(cmd *cobra.Command) (Flows, error) {
	target, err := g.Target()
	if err != nil {
		return Flows{}, err
	}
	return g.Open(cmd.Context(), target)
}

// Target is the login that is meant: by flag, else by variable, else by the choice of switch (as a whole, and only where
// neither issuer nor client was named), else by default. Commands outside the group use it too.
func (g *Group) Target() (Target, error) {
	t := g.typed.target
	t.Issuer = cmp.Or(t.Issuer, g.variable("ISSUER"))
	t.ClientID = cmp.Or(t.ClientID, g.variable("CLIENT_ID"))
	t.Profile = cmp.Or(t.Profile, g.variable("PROFILE"))
	// As a whole or not at all: the client of one server with the issuer of another would send its credential to a stranger
	// (SEC-264).
	if t.Issuer == "" && t.ClientID == "" && g.Flags.Choice.Path != "" {
		chosen, err := g.Flags.Choice.Load()
		if err != nil {
			return t, err
		}
		t.Issuer, t.ClientID, t.Profile = chosen.Issuer, chosen.Client, cmp.Or(t.Profile, chosen.Profile)
	}
	usual := g.Flags.Default
	t.Issuer, t.ClientID, t.Profile = cmp.Or(t.Issuer, usual.Issuer), cmp.Or(t.ClientID, usual.ClientID), cmp.Or(t.Profile, usual.Profile)
	if t.Profile == profileName("") {
		t.Profile = "" // one name for one login
	}
	if t.Scope == nil {
		t.Scope = usual.Scope
	}
	var err error
	// Last, since it may read standard input, which can be read once.
	t.Secret, err = g.clientSecret()
	return t, err
}

// variable looks up one of the group's variables by the terminal's environment.
func (g *Group) variable(name string) string {
	if g.Flags.Variable == "" {
		return ""
	}
	lookup := g.Program.Terminal.Env
	if lookup == nil {
		lookup = os.Getenv
	}
	return lookup(g.Flags.Variable + "_" + name)
}

// clientSecret reads the secret of a confidential client, never from the command line, which everybody on the machine can
// read, nor from the environment, which every child inherits.
func (g *Group) clientSecret() (secret.String, error) {
	switch {
	case g.typed.secretStdin:
		s, err := g.Program.Terminal.ReadSecret("--client-secret-stdin")
		if err == nil && s.IsZero() {
			err = errors.New("--client-secret-stdin got nothing on standard input")
		}
		if err != nil {
			return secret.String{}, &UsageError{Err: err}
		}
		return s, nil
	case g.typed.secretFile != "":
		return g.readSecretFile(g.typed.secretFile)
	}
	return g.Flags.Default.Secret, nil
}

// readSecretFile reads one line. Control characters in it mean that the wrong file was named, and it is not sent anywhere.
func (g *Group) readSecretFile(path string) (secret.String, error) {
	file, err := os.Open(path)
	if err != nil {
		return secret.String{}, &UsageError{Err: err}
	}
	defer file.Close()
	// One byte more than is taken, so that a device or a whole disk ends here.
	data, err := io.ReadAll(io.LimitReader(file, terminal.MaxAnswer+1))
	text := strings.TrimRight(string(data), "\r\n")
	switch {
	case err != nil:
		return secret.String{}, &UsageError{Err: err}
	case len(data) > terminal.MaxAnswer:
		return secret.String{}, Usagef("the file of --client-secret-file is too long for a secret")
	case text == "" || terminal.Clean(text) != text:
		return secret.String{}, Usagef("the file of --client-secret-file does not hold one line with a secret")
	}
	return secret.New(text), nil
}
