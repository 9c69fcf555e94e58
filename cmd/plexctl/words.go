package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/plexctl/auth"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/terminal"
)

// errNoServer: nothing says where the API is.
var errNoServer = errors.New("no server: use --server, or set PLEXSPHERE_URL, or choose a profile that has one")

// exitCode is the one mapping from errors to exit codes. What a person cannot mend by another command line or file is 1, an
// interruption too; 3 and 4 stand for one case each. The order counts: one error may be several of these.
func exitCode(err error) int {
	var (
		usage   *authcmd.UsageError
		address *oauth.AddressError
		refused *cred.RefusedError
		damaged *cred.DamagedError
		unsaved *cred.WriteError
		unread  *fs.PathError
		wire    *oauth.Error
	)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNoServer):
		return 3
	case errors.As(err, &wire) && wire.Status == http.StatusForbidden:
		return 4
	case errors.As(err, &unsaved): // it wraps what the system said, which would be taken for an unreadable file
		return 1
	case errors.As(err, &usage), errors.As(err, &address), errors.As(err, &refused), errors.As(err, &damaged), errors.As(err, &unread):
		return 2
	}
	return 1
}

// words are the sentences of the product's page.
func words() authcmd.Words {
	usual := authcmd.Program{Words: authcmd.Words{Name: "plexctl", Login: "plexctl login", Messages: map[string]authcmd.Failure{
		"login_invalid": {Message: "The server does not accept the token.", Hint: "Run 'plexctl login' to log in again."},
	}}}
	return authcmd.Words{
		Name: "plexctl", Login: "plexctl login",
		Code: func(prompt flow.Prompt) string { // with the code in the address: only then does the provider's refusal find its way here
			address := cmp.Or(prompt.URIComplete, prompt.URI)
			return "To sign in, open this address in any browser:\n\n    " + address + "\n\nThe code is " + prompt.UserCode + "\n\n"
		},
		// Every error is shown in the toolkit's words but for those that the page has otherwise; the code is always ours.
		Explain: func(err error) (authcmd.Failure, bool) {
			failure := usual.Explain(err)
			for _, own := range []error{auth.ErrSessionExpired, errNoServer} {
				if errors.Is(err, own) {
					failure.Message = own.Error()
				}
			}
			failure.Exit = exitCode(err)
			return failure, true
		},
		// On every line, as programs that read standard error expect it.
		Failure: func(f authcmd.Failure) string {
			return strings.TrimSuffix("plexctl: "+f.Message+"\nplexctl: "+f.Hint, "\nplexctl: ")
		},
	}
}

// summary is a login as an object. There is no secret in it.
type summary struct {
	Profile   string `json:"profile"`
	Server    string `json:"server"`
	TokenType string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"`
	HasToken  bool   `json:"has_token"`
}

// principal is a whoami answer as a table, without rows of what the server does not say. Columns cleans what it shows; the
// answer is a server's text (SEC-268).
func principal(answer json.RawMessage) (string, error) {
	var who struct {
		Type    string   `json:"principal_type"`
		Subject string   `json:"subject"`
		Domain  string   `json:"domain_id"`
		Email   string   `json:"email"`
		ACR     string   `json:"acr"`
		AMR     []string `json:"amr"`
	}
	if json.Unmarshal(answer, &who) != nil || who.Subject == "" {
		return "", oauth.ErrMalformed
	}
	var rows [][]string
	for _, row := range [][]string{
		{"Principal type:", who.Type},
		{"Subject:", who.Subject},
		{"Domain ID:", who.Domain},
		{"Email:", who.Email},
		{"ACR:", who.ACR},
		{"AMR:", strings.Join(who.AMR, ", ")},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	return terminal.Columns(rows, 1), nil
}
