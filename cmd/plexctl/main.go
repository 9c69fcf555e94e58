// Command plexctl is the login of the plexsphere CLI, out of Doorward's toolkit: its commands, flags, file and sentences.
//
// What comes in are its arguments, $PLEXSPHERE_URL, $PLEXSPHERE_TOKEN and the config file; what goes out are the sentences
// of its page, the objects of --output, and that file, which login alone writes.
package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/page"
	"github.com/doorward/doorward/cmd/plexctl/auth"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/cred/profiles"
	"github.com/doorward/doorward/cred/tokenfile"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// version can be set at build time: -ldflags "-X main.version=1.2.3".
var version = "dev"

//go:embed help
var help embed.FS

func main() {
	term := terminal.New()
	term.Screen = term.Out // the prompt of a login is output here
	term.Private = []string{"PLEXSPHERE_TOKEN"}
	c := &cli{Program: &authcmd.Program{Terminal: term, Words: words()}, name: "default"}
	os.Exit(c.Main(context.Background(), c.root(), os.Args[1:]))
}

// cli is the program.
type cli struct {
	*authcmd.Program
	output authcmd.Output // of results alone: errors stay sentences

	server, profile, tokenFile string
	domain, binding, name      string
	path                       string // of the file
}

// root makes the commands. Their words stand on their pages; the flags that all of them take stand here.
func (c *cli) root() *cobra.Command {
	pages := page.Pages{Files: help}
	login := pages.Command("login", c.login, page.Texts{"domain-id": &c.domain, "idp-binding-id": &c.binding, "profile-name": &c.name})
	login.DisableFlagsInUseLine = true
	root := pages.Group("plexctl", c.open, login, pages.Command("whoami", c.whoami))
	flags := root.PersistentFlags()
	flags.StringVar(&c.server, "server", "", "`URL` of the plexsphere API; else PLEXSPHERE_URL, else the profile's")
	flags.StringVar(&c.profile, "profile", "", "Profile to use; else the default one of the config file")
	flags.StringVar(&c.tokenFile, "token-file", "", "File (mode 0600) that holds the bearer token; else PLEXSPHERE_TOKEN, else the profile's")
	flags.Var(&c.output, "output", "Form of the output")
	flags.Bool("yes", false, "Confirm without asking")
	flags.Bool("reveal-secrets", false, "Show secrets where a command would mask them")
	c.AddPlain(flags)
	root.Version = version
	root.SetVersionTemplate("plexctl {{.Version}}\n")
	return root
}

// open finds the file: below the XDG folder on every system.
func (c *cli) open() error {
	folder := c.Env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(folder) { // a relative one is to be ignored, says the XDG specification
		home, err := os.UserHomeDir()
		if err != nil {
			return authcmd.Usagef("no config file: %w", err)
		}
		folder = filepath.Join(home, ".config")
	}
	c.path = filepath.Join(folder, "plexctl", "config.json")
	return nil
}

// file is the config file, as whoever writes the profile sees it. Others' profiles in it are kept as they are; a codec for
// each profile writes its own alone.
func (c *cli) file(profile string) *cred.File {
	return &cred.File{Path: c.path, Codec: profiles.Codec{Name: profile}, Exposed: cred.WarnOnly, Warn: c.Once()}
}

// resolve finds the server, and the profile that was chosen, where there is one. The flag wins over the variable and that
// over the profile. A missing server is told as such only where nothing worse is wrong.
func (c *cli) resolve(ctx context.Context) (contract.Server, cred.Credential, error) {
	chosen, err := c.file(c.profile).Get(ctx, cred.Key{Profile: c.profile})
	address := strings.TrimRight(cmp.Or(c.server, c.Env("PLEXSPHERE_URL"), chosen.Extra[profiles.Server]), "/")
	switch {
	case errors.Is(err, cred.ErrNotFound) && c.profile != "":
		err = authcmd.Usagef("there is no profile %q in %s", terminal.Shorten(c.profile, 60), c.path)
	case errors.Is(err, cred.ErrNotFound) && address == "":
		err = errNoServer
	case err == nil && address == "":
		err = errNoServer
	case err != nil && c.profile == "" && address != "": // the file is not needed; where it is, it is read again
		err = nil
	}
	if err == nil {
		err = oauth.CheckAddress(address)
	}
	return contract.Server{Base: address}, chosen, err
}

const uuid = `^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`

// login looks at what was typed before it looks for a server, and for a server before it asks anybody.
func (c *cli) login(ctx context.Context) error {
	form := regexp.MustCompile(uuid)
	for _, id := range []struct{ flag, value string }{{"--domain-id", c.domain}, {"--idp-binding-id", c.binding}} {
		if id.value == "" {
			return authcmd.Usagef("%s is required", id.flag)
		}
		if !form.MatchString(id.value) {
			return authcmd.Usagef("%s must be a UUID", id.flag)
		}
	}
	server, _, err := c.resolve(ctx)
	if err != nil {
		return err
	}
	c.Session = &session.Session{Store: c.file(c.name), Key: cred.Key{Profile: c.name}}
	// In lower case, as the server writes them: the two spellings are one id (RFC 9562 section 4).
	login := auth.New(server, strings.ToLower(c.domain), strings.ToLower(c.binding))
	made, err := c.LogIn(ctx, login)
	if err != nil {
		return err
	}
	return c.PrintAs(c.output, `Logged in. Saved profile "`+c.name+"\".\n", summary{c.name, server.Base, made.TokenType, login.ExpiresIn(), true})
}

// whoami asks the server whatever this machine's clock says of the token: a wrong clock locks nobody out.
func (c *cli) whoami(ctx context.Context) error {
	server, chosen, err := c.resolve(ctx)
	if err != nil {
		return err
	}
	token, err := c.token(ctx)
	if err != nil {
		return err
	}
	// The page lets a profile's token go to another server. Whoever did not mean that is to know.
	if home := chosen.Extra[profiles.Server]; token == chosen.Access && home != server.Base {
		c.Terminal.Warn("Warning: the token was made at %s and is sent to %s.", terminal.Clean(home), terminal.Clean(server.Base))
	}
	var answer json.RawMessage
	// Kept as it came: json and yaml show what the server says, and not what this program knows of it.
	if err := server.Call(ctx, contract.Request{Path: "/v1/auth/whoami", Bearer: token}, &answer); err != nil {
		return err
	}
	text, err := principal(answer)
	if err != nil {
		return err
	}
	return c.PrintAs(c.output, text, answer)
}

// token is that of the file, else of the variable, else of the profile.
func (c *cli) token(ctx context.Context) (secret.String, error) {
	if c.tokenFile != "" {
		return tokenfile.Read(c.tokenFile)
	}
	if text := c.Env("PLEXSPHERE_TOKEN"); text != "" {
		// A text with spaces or line breaks is no token: sent in a header, it could become another one.
		token, ok := tokenfile.Parse(text)
		if !ok {
			return token, authcmd.Usagef("PLEXSPHERE_TOKEN holds what is no token")
		}
		return token, nil
	}
	chosen, err := c.file(c.profile).Get(ctx, cred.Key{Profile: c.profile})
	if errors.Is(err, cred.ErrNotFound) || err == nil && chosen.Access.IsZero() {
		err = session.ErrLoginRequired
	}
	return chosen.Access, err
}
