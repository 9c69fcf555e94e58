package authcmd_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/terminal"
)

func TestRemember(t *testing.T) {
	t.Parallel()
	for _, failed := range []error{nil, oauth.AccessDenied} {
		way := authcmd.Remember{
			Flow: flow.Func(func(context.Context, flow.UI) (cred.Credential, error) {
				return cred.Credential{Account: "ada", Extra: map[string]string{"of": "the flow"}}, failed
			}),
			Extra: map[string]string{"server": "https://id.example"},
		}
		made, err := way.Login(t.Context(), nil)
		if diff := cmp.Diff(way.Extra, made.Extra); diff != "" || made.Account != "ada" || !errors.Is(err, failed) {
			t.Errorf("%v: %v %s", failed, err, diff)
		}
	}
}

// TestResults: a result may have a form of its own, and one that is a no ends the program with 1 and without a word more.
func TestResults(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := authcmd.Program{Terminal: &terminal.Terminal{Out: &out}, Output: authcmd.Text}
	if err := p.PrintAs(authcmd.JSON, "text", []int{1}); err != nil || out.String() != "[\n  1\n]\n" || p.Output != authcmd.Text {
		t.Errorf("%v, %q, %v", err, out.String(), p.Output)
	}
	out.Reset()
	var failure *authcmd.Failure
	if err := p.No("Not logged in\n"); !errors.As(err, &failure) || *failure != (authcmd.Failure{Exit: authcmd.ExitFailed}) || out.String() != "Not logged in\n" {
		t.Errorf("%+v, %q", failure, out.String())
	}
}
