package page_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/page"
)

func TestCommandOfAPage(t *testing.T) {
	t.Parallel()
	pages := page.Pages{Files: fstest.MapFS{
		"help/login.txt": {Data: []byte("login\nLog in\n\nLong.\n\nExamples:\n  acme login\n\nOptions:\nzone  Where it is\naccount  Whose it is\nother  Of somebody\n")},
		"help/bare.txt":  {Data: []byte("bare\nNothing more")},
	}}
	var zone, account string
	ran := false
	account = "usual"
	cmd := pages.Command("login", func(context.Context) error { ran = true; return nil }, page.Texts{"account": &account, "zone": &zone})
	if cmd.Use != "login" || cmd.Short != "Log in" || cmd.Long != "Long." || cmd.Example != "  acme login" {
		t.Errorf("%q, %q, %q, %q", cmd.Use, cmd.Short, cmd.Long, cmd.Example)
	}
	cmd.SetArgs([]string{"--zone", "z"})
	if err := cmd.ExecuteContext(t.Context()); err != nil || !ran || zone != "z" || account != "usual" {
		t.Errorf("%v: %v, %q, %q", err, ran, zone, account)
	}
	if flag := cmd.Flags().Lookup("zone"); flag.Usage != "Where it is" || cmd.Flags().Lookup("other") != nil {
		t.Errorf("%+v", flag)
	}
	cmd.SetArgs([]string{"stray"})
	cmd.SetErr(new(bytes.Buffer))
	cmd.SetOut(new(bytes.Buffer))
	var usage *authcmd.UsageError
	if err := cmd.ExecuteContext(t.Context()); !errors.As(err, &usage) {
		t.Errorf("%v", err)
	}
	for name, mistake := range map[string]func(){
		"no page":     func() { pages.Command("nothing", nil) },
		"no line":     func() { pages.Command("bare", nil, page.Texts{"zone": &zone}) },
		"no failures": func() { pages.Failures() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the author is not told")
				}
			}()
			mistake()
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	pages := page.Pages{Files: fstest.MapFS{"help/failures.txt": {Data: []byte("no_email: email not specified: Use --email\nbare: That is all")}}}
	want := map[string]authcmd.Failure{
		"no_email": {Exit: 1, Code: "no_email", Message: "email not specified", Hint: "Use --email"},
		"bare":     {Exit: 1, Code: "bare", Message: "That is all"},
	}
	if diff := cmp.Diff(want, pages.Failures()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	program := &authcmd.Program{Words: authcmd.Words{Messages: pages.Failures()}}
	if got := program.Explain(authcmd.Fail("no_email")); got != want["no_email"] {
		t.Errorf("%+v", got)
	}
}

func TestGroupOpensBeforeItsCommands(t *testing.T) {
	t.Parallel()
	pages := page.Pages{Files: fstest.MapFS{"help/auth.txt": {Data: []byte("auth\nIn and out")}, "help/login.txt": {Data: []byte("login\nLog in")}}}
	said, opens := "", error(nil)
	login := pages.Command("login", func(context.Context) error { said += "ran "; return nil })
	group := pages.Group("auth", func() error { said += "opened "; return opens }, login)
	group.SetArgs([]string{"login"})
	if err := group.ExecuteContext(t.Context()); err != nil || said != "opened ran " || group.Short != "In and out" {
		t.Errorf("%v: %q", err, said)
	}
	opens = errors.New("no file")
	group.SilenceErrors, group.SilenceUsage = true, true
	if err := group.ExecuteContext(t.Context()); !errors.Is(err, opens) || said != "opened ran opened " {
		t.Errorf("%v: %q", err, said)
	}
	if outer := pages.Group("auth", nil, group); outer.PersistentPreRunE != nil || len(outer.Commands()) != 1 {
		t.Error("a group of groups opens something")
	}
}
