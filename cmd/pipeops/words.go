package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/terminal"
)

// words are the sentences of the product's page.
func (c *cli) words() authcmd.Words {
	failures := pages.Failures()
	failures["store_not_permitted"] = authcmd.Failure{Message: "failed to write config file: permission denied"}
	return authcmd.Words{
		Name: "pipeops", NoWaiting: true, SimpleExits: true,
		Code: func(prompt flow.Prompt) string {
			address := prompt.URI
			if prompt.Warning == "" {
				// Only where the server's address was found to be safe; else the person sees the one that the warning
				// speaks of (SEC-269).
				address = c.dashboard() + "/cli-auth?code=" + url.QueryEscape(prompt.UserCode)
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
		Messages:        failures,
	}
}

// printStatus prints `status --json`; what is not known is null. A login that is not good is a failure.
func (c *cli) printStatus(who cred.Credential, good bool) error {
	answer := struct {
		Authenticated bool       `json:"authenticated"`
		Email         *string    `json:"email"`
		ExpiresAt     *time.Time `json:"expires_at"`
		TokenValid    bool       `json:"token_valid"`
	}{Authenticated: good, TokenValid: good}
	if who.Account != "" {
		answer.Email = &who.Account
	}
	if end := ends(who).UTC().Truncate(time.Second); !end.IsZero() {
		answer.ExpiresAt = &end
	}
	if err := c.PrintAs(authcmd.JSON, "", answer); err != nil || good {
		return err
	}
	return c.No("") // the object has said it
}

// ends is when a new login will be needed. A token that renews itself has no end that anybody has to act upon but the
// session's.
func ends(who cred.Credential) time.Time {
	if who.SessionEnds.IsZero() && who.Refresh.IsZero() {
		return who.Expires
	}
	return who.SessionEnds
}

// printAccount prints `me`. Its rows are always there, also empty ones: the page shows them so.
func (c *cli) printAccount(who cred.Credential) error {
	organization, role := who.Extra["organization"], who.Extra["role"]
	if c.json {
		return c.PrintAs(authcmd.JSON, "", struct {
			ID           string `json:"id"`
			Email        string `json:"email"`
			Name         string `json:"name"`
			Organization string `json:"organization"`
			Role         string `json:"role"`
			CreatedAt    string `json:"created_at"`
		}{who.Subject, who.Account, who.Name, organization, role, who.Extra["created_at"]})
	}
	if role != "" {
		role = strings.ToUpper(role[:1]) + role[1:]
	}
	return c.Print(terminal.Columns([][]string{
		{"Email:", who.Account}, {"Name:", who.Name}, {"Organization:", organization}, {"Role:", role}, {"Account ID:", who.Subject},
	}, 1), nil)
}
