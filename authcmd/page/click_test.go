package page_test

import (
	"bytes"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd/page"
)

// tree is a program with all that a page can show.
func tree() *cobra.Command {
	pages := page.Pages{Files: fstest.MapFS{
		"help/acme.txt": {Data: []byte("acme\nAcme's program.\n")},
		"help/user.txt": {Data: []byte("user\n")},
		"help/login.txt": {Data: []byte("login\nFor user to login.\n\nFor user to login. By default, this opens a page that is described " +
			"by a text of more than one line.\n\n  $ acme user login\n\n  \"set as it is\"\n")},
		"help/logout.txt": {Data: []byte("logout\nFor user to logout.\n")},
		"help/show.txt":   {Data: []byte("show NAME\nShow something.\n")},
	}}
	var text string
	var on bool
	var number int
	root, user, login, logout := pages.Command("acme", nil), pages.Command("user", nil), pages.Command("login", nil), pages.Command("logout", nil)
	show := pages.Command("show", nil)
	for _, cmd := range []*cobra.Command{login, logout, show} {
		cmd.Run = func(*cobra.Command, []string) {}
	}
	login.Flags().StringVar(&text, "zone", "", "Where")
	login.Flags().StringVar(&text, "api-key", "", "Specify API Key for login.")
	login.Flags().IntVar(&number, "level", 0, "How much of it")
	login.Flags().StringVar(&text, "file", "", "Read it from `path`")
	login.Flags().BoolVar(&on, "interactive", true, "Make login interactive")
	login.Flags().BoolVar(&on, "no-interactive", false, "")
	login.Flags().BoolVar(&on, "secretly", false, "")
	_ = login.Flags().MarkHidden("secretly")
	logout.Flags().BoolVarP(&on, "yes", "y", false, "Input Y/yes to confirm you want to logout, otherwise input N/no to remain logged in.")
	hidden := &cobra.Command{Use: "hidden", Hidden: true, Run: func(*cobra.Command, []string) {}}
	user.AddCommand(logout, login, hidden, show)
	root.AddCommand(user)
	root.Version = "1"
	root.PersistentFlags().BoolVar(&on, "plain", false, "Short sentences")
	page.Click(root)
	return root
}

func TestClick(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a group": {[]string{"user", "--help"}, `Usage: acme user [OPTIONS] COMMAND [ARGS]...

Options:
  --help  Show this message and exit.

Commands:
  login   For user to login.
  logout  For user to logout.
  show    Show something.
`},
		"a shorthand and a text of two lines": {[]string{"user", "logout", "--help"}, `Usage: acme user logout [OPTIONS]

  For user to logout.

Options:
  -y, --yes  Input Y/yes to confirm you want to logout, otherwise input N/no
             to remain logged in.
  --help     Show this message and exit.
`},
		"every kind of flag": {[]string{"help", "user", "login"}, `Usage: acme user login [OPTIONS]

  For user to login. By default, this opens a page that is described by a text
  of more than one line.

    $ acme user login

    "set as it is"

Options:
  --zone TEXT                     Where
  --api-key TEXT                  Specify API Key for login.
  --level INTEGER                 How much of it
  --file PATH                     Read it from path
  --interactive / --no-interactive
                                  Make login interactive
  --help                          Show this message and exit.
`},
		"arguments, and -h": {[]string{"user", "show", "-h"}, `Usage: acme user show [OPTIONS] NAME

  Show something.

Options:
  --help  Show this message and exit.
`},
		"the root": {[]string{}, `Usage: acme [OPTIONS] COMMAND [ARGS]...

  Acme's program.

Options:
  --version  Show the version and exit.
  --plain    Short sentences
  --help     Show this message and exit.

Commands:
  completion  Generate the autocompletion script for the specified shell
  user
`},
		"the version": {[]string{"--version"}, "acme 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			root := tree()
			root.SetOut(&out)
			root.SetArgs(test.args)
			if err := root.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
