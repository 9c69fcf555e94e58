package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/terminal"
)

// words are the sentences of the product's page.
func (c *cli) words() authcmd.Words {
	again := "Run 'octopipe auth login' to renew it."
	return authcmd.Words{
		Name: "octopipe", SimpleExits: true, SecretFlag: "--password", Explain: c.explain,
		LoggedIn: func(who cred.Credential, _ time.Time) string {
			if who.Kind == cred.KindStatic {
				return "✓ The token was stored for " + serverOf(who) + ". 'octopipe auth status' asks the server whether it is good."
			}
			return "✓ Logged in to " + serverOf(who) + " as " + who.Account
		},
		Messages: map[string]authcmd.Failure{"login_expired": {Message: "The session has expired.", Hint: again}},
	}
}

// explain tells the product's three kinds of failure apart, each with its hint, and names what a flag of ours can mend.
// What it does not know is the toolkit's to say. No sentence repeats what stood behind --api-key,
// --password or --token.
func (c *cli) explain(err error) (authcmd.Failure, bool) {
	var taken *flow.PortError
	var address *oauth.AddressError
	failure := authcmd.Failure{Exit: authcmd.ExitFailed}
	switch {
	case errors.Is(err, flow.ErrTimeout):
		failure.Code, failure.Message = "timed_out", fmt.Sprintf("The login timed out after %d seconds. An earlier login is as it was.", c.ask.timeout)
		failure.Hint = "Run 'octopipe auth login' again; --timeout allows for more time."
	case errors.As(err, &taken):
		failure.Code, failure.Message = "port_in_use", fmt.Sprintf("Port %d of this machine is in use by another program. Nothing was sent.", taken.Port)
		failure.Hint = "Choose another one with --port."
	case errors.As(err, &address):
		failure.Code, failure.Message = "address_refused", "The server's address is refused: "+address.Error()+"."
		failure.Hint = "Use https. --insecure-http allows http, where everybody on the way may read the login."
	default:
		return c.fault(err)
	}
	return failure, true
}

// fault is what the server decided about the credentials, or why it decided nothing. A server that decided nothing has
// ended nothing: the login is kept, and the request's id is told for its operator (SEC-317).
func (c *cli) fault(err error) (authcmd.Failure, bool) {
	fault, undecided := client.FaultOf(err)
	failure := authcmd.Failure{Exit: authcmd.ExitFailed}
	switch {
	case undecided && fault.Status == 0:
		failure.Code, failure.Message = "network", "The server could not be reached: "+tidy(fault.Reason)+". Nothing was changed."
		failure.Hint = "Check the connection and the server URL."
	case undecided:
		id := cmp.Or(fault.RequestID, "not told")
		failure.Code = "server_error"
		failure.Message = fmt.Sprintf("The server failed (HTTP %d, request id %s): %s. Nothing was changed.", fault.Status, id, tidy(fault.Reason))
		failure.Hint = "See 'Troubleshooting' in 'octopipe auth login --help', and tell the server's operator the request id."
	case c.ask.direct() && (errors.Is(err, oauth.InvalidGrant) || errors.Is(err, flow.ErrBadSecret)):
		said := err.Error()
		if wire := (*oauth.Error)(nil); errors.As(err, &wire) {
			said = wire.Description
		}
		failure.Code, failure.Message = "wrong_credentials", "Wrong credentials: "+tidy(said)+". An earlier login is as it was."
		failure.Hint = "Check for typos in API key, username or password."
	default:
		return failure, false
	}
	return failure, true
}

// tidy makes a part of a sentence of somebody else's text. It is cut and cleaned, since a server wrote it (SEC-268).
func tidy(text string) string {
	return strings.TrimRight(terminal.Shorten(strings.TrimPrefix(text, "flow: "), 400), ".")
}
