package main

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// words are the sentences of the product's page.
func (c *cli) words() authcmd.Words {
	return authcmd.Words{
		Name: "pipeops", NoWaiting: true, SimpleExits: true,
		Code: func(prompt flow.Prompt) string {
			address := c.dashboard() + "/cli-auth?code=" + url.QueryEscape(prompt.UserCode)
			if prompt.Warning != "" {
				address = prompt.URI
			}
			return "Please open this URL in your browser to authenticate:\n" + terminal.Clean(address) + "\n\nWaiting for authentication...\n"
		},
		QR: func(string) string { return "" },
		Page: func(address string) string {
			return "Opening your browser to authenticate. If it does not open, please open this URL:\n" + address +
				"\n\nWaiting for authentication...\n"
		},
		LoggedIn: func(who cred.Credential, _ time.Time) string {
			return "✓ Successfully authenticated as " + who.Account
		},
		LogoutQuestion:  terminal.Question{Text: "Are you sure you want to logout? [y/N] ", Flag: "--force"},
		LogoutCancelled: "Logout cancelled, you are still logged in",
		LoggedOut:       "✓ Successfully logged out",
		NothingToLogout: "Nobody is logged in, nothing to do",
		Explain:         explain,
		Failure: func(f authcmd.Failure) string {
			if f.Code == "" { // it was said
				return ""
			}
			return strings.TrimSuffix("Error: "+f.Message+"\n"+f.Hint, "\n")
		},
	}
}

// explain is how this product says what it knows; the other errors are the toolkit's.
func explain(err error) (authcmd.Failure, bool) {
	again := "Run 'pipeops auth login' to re-authenticate"
	var write *cred.WriteError
	switch {
	case errors.Is(err, session.ErrExpired):
		return authcmd.Failure{Exit: 1, Code: "token_expired", Message: "authentication token has expired", Hint: again}, true
	case errors.Is(err, session.ErrLoginRequired):
		return authcmd.Failure{
			Exit: 1, Code: "not_authenticated", Message: "not authenticated", Hint: "Run 'pipeops auth login' to authenticate",
		}, true
	case errors.Is(err, oauth.InvalidToken):
		return authcmd.Failure{Exit: 1, Code: "invalid_token", Message: "invalid authentication token", Hint: again}, true
	case errors.As(err, &write) && errors.Is(err, fs.ErrPermission):
		return authcmd.Failure{Exit: 1, Code: "config_not_written", Message: "failed to write config file: permission denied"}, true
	}
	return authcmd.Failure{}, false
}

// decided reports whether the server or the file has said that there is no good login, as opposed to not having been asked.
func decided(err error) bool {
	return errors.Is(err, session.ErrExpired) || errors.Is(err, session.ErrLoginRequired) || errors.Is(err, oauth.InvalidToken)
}

const notAuthenticated = "✗ Not authenticated\nRun 'pipeops auth login' to authenticate\n"

// statusText is the page's two lines; the second is left out where the server does not tell.
func statusText(who cred.Credential) string {
	text := "✓ Authenticated as " + who.Account + "\n"
	if end := ends(who); !end.IsZero() {
		text += "Token expires: " + end.UTC().Format(time.DateTime) + "\n"
	}
	return text
}

// ends is when a new login will be needed.
func ends(who cred.Credential) time.Time {
	if who.SessionEnds.IsZero() && who.Refresh.IsZero() {
		return who.Expires
	}
	return who.SessionEnds
}

// statusAnswer is `status --json`.
type statusAnswer struct {
	Authenticated bool       `json:"authenticated"`
	Email         *string    `json:"email"`
	ExpiresAt     *time.Time `json:"expires_at"`
	TokenValid    bool       `json:"token_valid"`
}

// account is `me --json`.
type account struct {
	ID           string `json:"id"`
	Email        string `json:"email"`
	Name         string `json:"name"`
	Organization string `json:"organization"`
	Role         string `json:"role"`
	CreatedAt    string `json:"created_at"`
}

func (a account) text() string {
	role := a.Role
	if role != "" {
		role = strings.ToUpper(role[:1]) + role[1:]
	}
	return terminal.Columns([][]string{
		{"Email:", a.Email}, {"Name:", a.Name}, {"Organization:", a.Organization}, {"Role:", role}, {"Account ID:", a.ID},
	}, 1)
}

func text(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// host is the host name of an address, "" for none.
func host(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return cmp.Or(parsed.Hostname(), "")
}
