package ask_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/spf13/pflag"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/ask"
	"github.com/doorward/doorward/terminal"
)

var errMissing = errors.New("it is missing")

// asker is one on a terminal on which a person has typed; "" is none.
func asker(t *testing.T, typed string) (*ask.Asker, *bytes.Buffer) {
	t.Helper()
	var screen bytes.Buffer
	term := &terminal.Terminal{In: strings.NewReader("never read\n"), Err: &screen}
	if typed != "" {
		keyboard, tty, err := pty.Open()
		if err != nil {
			t.Skipf("no pseudo terminals here: %v", err)
		}
		t.Cleanup(func() { keyboard.Close(); tty.Close() })
		if _, err := io.WriteString(keyboard, typed); err != nil {
			t.Fatal(err)
		}
		term.In = tty
	}
	return &ask.Asker{Terminal: term}, &screen
}

func flags(t *testing.T, a *ask.Asker, args ...string) {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	a.AddFlags(set, "Whether it asks", "Never ask")
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMayBeAsked(t *testing.T) {
	t.Parallel()
	for args, asks := range map[string]bool{
		"": true, "--interactive": true, "--no-interactive": false, "--silent": false, "--interactive=false": false,
		"--no-interactive=false": true, "--interactive --no-interactive": false, "--no-interactive --interactive": true,
		"--interactive --silent": false, "--silent=false": true,
	} {
		t.Run("RIO-05 "+args, func(t *testing.T) {
			t.Parallel()
			there, _ := asker(t, "x\n")
			nobody, _ := asker(t, "")
			flags(t, there, strings.Fields(args)...)
			flags(t, nobody, strings.Fields(args)...)
			if there.Asks() != asks || there.Refuses() == asks || nobody.Refuses() == asks || nobody.Asks() {
				t.Errorf("on a terminal %v and %v, without one %v and %v", there.Asks(), there.Refuses(), nobody.Asks(), nobody.Refuses())
			}
		})
	}
	a, _ := asker(t, "")
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	a.AddFlags(set, "", "")
	if set.Parse([]string{"--interactive=perhaps"}) == nil {
		t.Error("perhaps was taken")
	}
}

func TestTextAndSecret(t *testing.T) {
	t.Parallel()
	both := map[string]func(*ask.Asker, string) (string, error){
		"Text": func(a *ask.Asker, given string) (string, error) {
			return a.Text(context.Background(), given, "Name: ", errMissing)
		},
		"Secret": func(a *ask.Asker, given string) (string, error) {
			got, err := a.Secret(context.Background(), given, "Name: ", errMissing)
			return got.Reveal(), err
		},
	}
	for name, get := range both {
		for _, test := range []struct {
			typed, given, want string
			err                error
			asked              bool
		}{
			{"ada\n", "", "ada", nil, true},
			{"ada\n", "bob", "bob", nil, false},
			{"\n", "", "", errMissing, true},
			{"", "", "", errMissing, false},
			{"", "bob", "bob", nil, false},
		} {
			t.Run(name+" "+test.typed+test.given, func(t *testing.T) {
				t.Parallel()
				a, screen := asker(t, test.typed)
				got, err := get(a, test.given)
				if got != test.want || !errors.Is(err, test.err) || strings.Contains(screen.String(), "Name: ") != test.asked {
					t.Errorf("%q, %v, asked %q", got, err, screen)
				}
			})
		}
	}
	t.Run("RIO-05 silent", func(t *testing.T) {
		t.Parallel()
		a, screen := asker(t, "typed\n")
		flags(t, a, "--silent")
		if _, err := a.Text(t.Context(), "", "Name: ", errMissing); !errors.Is(err, errMissing) || screen.Len() > 0 {
			t.Errorf("%v, asked %q", err, screen)
		}
	})
}

func TestPick_RIO04(t *testing.T) {
	t.Parallel()
	items := []ask.Item{{"p-1", "demo"}, {"p-2", "store"}, {"p-3", "demo"}, {"p-4", "p-2"}}
	for name, test := range map[string]struct {
		typed, given string
		items        []ask.Item
		want         int
		code         string
	}{
		"by id":                {"", "p-3", items, 2, ""},
		"by name":              {"", "store", items, 1, ""},
		"an id before a name":  {"", "p-2", items, 1, ""},
		"a name of two":        {"", "demo", items, -1, "several"},
		"an unknown one":       {"1\n", "Demo", items, -1, "unknown"},
		"chosen by number":     {"4\n", "", items, 3, ""},
		"nobody to choose":     {"", "", items, -1, ""},
		"nothing to choose":    {"1\n", "", nil, -1, ""},
		"unknown among none":   {"1\n", "x\x1b", nil, -1, "unknown"},
		"chosen at the second": {"9\n1\n", "", items, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := asker(t, test.typed)
			got, err := a.Pick(t.Context(), "project", test.given, test.items)
			var failure *authcmd.Failure
			if got != test.want || errors.As(err, &failure) != (test.code != "") || failure != nil && failure.Code != test.code {
				t.Errorf("%d, %v", got, err)
			}
			if failure != nil && (failure.Exit != 1 || !strings.Contains(failure.Message, "project") || strings.Contains(failure.Message, "\x1b")) {
				t.Errorf("%+v", failure)
			}
		})
	}
}
