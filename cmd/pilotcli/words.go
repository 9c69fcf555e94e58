package main

import (
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/terminal"
)

// notLoggedIn is what every command says that needs a login.
const notLoggedIn = "The current login session is invalid. Please login to continue."

// words are the sentences of the product's page. Four failures have one sentence, because the product knows one; the code
// still tells them apart.
func words() authcmd.Words {
	invalid := authcmd.Failure{Message: notLoggedIn}
	return authcmd.Words{
		Name: "pilotcli", Login: "pilotcli user login", NoWaiting: true, SimpleExits: true,
		Code: func(prompt flow.Prompt) string {
			link := "Please open the device validation link to login:\n" + prompt.URIComplete
			if prompt.URIComplete == "" {
				link = "Please open the device validation link to login:\n" + prompt.URI + "\nThe code is " + prompt.UserCode
			}
			return link + "\n"
		},
		LoggedIn:        func(cred.Credential, time.Time) string { return "Welcome to the Pilot Command Line Interface!" },
		LogoutQuestion:  terminal.Question{Text: "Are you sure you want to logout? [y/N]: ", Flag: "-y"},
		LogoutCancelled: "Logout cancelled.",
		LoggedOut:       "Logged out successfully. Bye!",
		Messages: map[string]authcmd.Failure{
			"login_required": invalid, "login_expired": invalid, "login_invalid": invalid, "not_renewable": invalid,
		},
		Failure: func(f authcmd.Failure) string {
			if f.Message == notLoggedIn {
				return f.Message
			}
			return strings.TrimSpace("Error: " + f.Message + "\n" + f.Hint)
		},
	}
}
