package authcmd

import (
	"cmp"
	"strings"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/terminal"
)

// Words are what a program says. Every field has a useful zero value, doorward's own sentence; a product fills in those
// that its page has otherwise. A func replaces a whole screen.
type Words struct {
	Name    string // of the program: "doorward"
	Login   string // what to type to log in; "" is "NAME auth login"
	Service string // what people call the service; "" is the host of the issuer
	Machine string // of this machine, on the screen of the device login; "" leaves it out

	// Code is the text that shows a device login's address and code; nil is the standard screen. It ends with a line feed.
	Code func(prompt flow.Prompt) string
	// QR gives the text of the QR code that stands below Code, "" for none; nil is the address that the person opens.
	// Servers that take their device page in capitals have terminal.CompactURL here.
	QR func(address string) string
	// Page is the text that shows the address of a login in the browser; nil is the standard one. It ends with a line feed.
	Page func(address string) string
	// SecretFlag is the flag that gives what a flow would ask for, named where there is no terminal to ask on.
	SecretFlag string
	// NoWaiting leaves out the line that moves while the login is awaited.
	NoWaiting bool

	// LoggedIn is the sentence after a login.
	LoggedIn func(c cred.Credential, now time.Time) string
	// LoggedOut is the sentence after a logout.
	LoggedOut string
	// LogoutQuestion is asked before a logout; without a Text, nothing is asked.
	LogoutQuestion terminal.Question
	// LogoutCancelled answers a No.
	LogoutCancelled string
	// NothingToLogout answers a logout of nobody.
	NothingToLogout string
	// LogoutUnreached warns that the credential has gone here, but that the server could not be told.
	LogoutUnreached string
	// Refreshed is the sentence after a refresh.
	Refreshed func(c cred.Credential, now time.Time) string
	// Status is what status prints of a login that the server knows.
	Status func(c cred.Credential, now time.Time) string
	// Me are the rows of me.
	Me func(c cred.Credential) [][]string

	// Messages are the product's own words for errors, by Failure.Code; the exit code stays.
	Messages map[string]Failure
	// Explain maps the errors that the product treats in its own way; the others are doorward's.
	Explain func(err error) (failure Failure, known bool)
	// SimpleExits leaves three exit codes beside 0: 1 failed, 2 wrong usage, 130 interrupted.
	SimpleExits bool
	// Failure is how an error is printed, on standard error; nil is "Error: message" and the hint on a line of its own.
	Failure func(f Failure) string
}

// words returns the words with the standard ones filled in.
func (p *Program) words() Words {
	w := p.Words
	w.Name = cmp.Or(w.Name, "this program")
	w.Login = cmp.Or(w.Login, w.Name+" auth login")
	w.LoggedOut = cmp.Or(w.LoggedOut, "✓ Logged out. The session was ended at the server.")
	w.LogoutCancelled = cmp.Or(w.LogoutCancelled, "Logout cancelled; still logged in.")
	w.NothingToLogout = cmp.Or(w.NothingToLogout, "Nobody is logged in; nothing to do.")
	w.LogoutUnreached = cmp.Or(w.LogoutUnreached, "Warning: the login was removed from this machine, but the server could not be told; the session may live on there.")
	w.fill()
	return w
}

// fill sets the funcs that are not set.
func (w *Words) fill() {
	if w.Failure == nil {
		w.Failure = failureText
	}
	if w.LoggedIn == nil {
		w.LoggedIn = loggedIn
	}
	if w.Refreshed == nil {
		w.Refreshed = refreshed
	}
	if w.Status == nil {
		w.Status = status
	}
	if w.Me == nil {
		w.Me = me
	}
	if w.QR == nil {
		w.QR = func(address string) string { return address }
	}
}

// failureText is an error in two lines: what happened, and what to do. One without a message was said already.
func failureText(f Failure) string {
	if f.Message == "" {
		return ""
	}
	text := "Error: " + f.Message
	if f.Hint != "" {
		text += "\n" + f.Hint
	}
	return text
}

// loggedIn says the facts of a login that people act upon later: who, and until when.
func loggedIn(c cred.Credential, now time.Time) string {
	if who := Who(c); who != "" {
		return "✓ Logged in as " + who + "." + ends(c, now)
	}
	return "✓ Logged in." + ends(c, now)
}

// refreshed says no name: nothing about that has changed.
func refreshed(c cred.Credential, now time.Time) string {
	return "✓ The login was renewed." + ends(c, now)
}

// status gives what a person wants to know: who, where, how long.
func status(c cred.Credential, now time.Time) string {
	text := loggedIn(cred.Credential{Account: c.Account, Subject: c.Subject, Extra: c.Extra}, now)
	switch {
	case c.Expires.IsZero():
	case !c.Refresh.IsZero(), c.Kind == cred.KindAPIKey:
		text += "\n  The access token renews itself; this one is good for " + terminal.Words(c.Expires.Sub(now)) + "."
	default:
		text += "\n  The access token is good for " + terminal.Words(c.Expires.Sub(now)) + " and cannot renew itself."
	}
	if end := strings.TrimSpace(ends(c, now)); end != "" {
		text += "\n  " + end
	}
	return text + "\n"
}

// Who names the person of a login, with the organisation where the credential knows it: "ada@example.com (Acme Corp)".
// It is "" where neither account nor subject is known.
func Who(c cred.Credential) string {
	who := terminal.Shorten(cmp.Or(c.Account, c.Subject), 80)
	if org := c.Extra["organization"]; org != "" && who != "" {
		who += " (" + terminal.Shorten(org, 60) + ")"
	}
	return who
}

// ends says when a new login will be needed: " Ends 21 Dec, or after 14 days without use."
func ends(c cred.Credential, now time.Time) string {
	idle := ""
	if c.IdleTimeout > 0 {
		idle = "after " + terminal.Words(c.IdleTimeout) + " without use"
	}
	switch {
	case c.SessionEnds.IsZero() && idle == "":
		return ""
	case c.SessionEnds.IsZero():
		return " Ends " + idle + "."
	case idle == "":
		return " Ends " + day(c.SessionEnds, now) + "."
	}
	return " Ends " + day(c.SessionEnds, now) + ", or " + idle + "."
}

// day writes a moment as people do: the time for today and tomorrow's small hours, the day within a year, else the date.
func day(t, now time.Time) string {
	t = t.In(now.Location())
	switch left := t.Sub(now); {
	case left < 24*time.Hour:
		return "at " + t.Format("15:04")
	case left < 330*24*time.Hour:
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

// me leaves out what the server does not say, instead of showing empty rows.
func me(c cred.Credential) [][]string {
	var rows [][]string
	for _, row := range [][]string{
		{"Account:", c.Account}, {"Name:", c.Name}, {"ID:", c.Subject}, {"Organization:", c.Extra["organization"]}, {"Role:", c.Extra["role"]},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	return rows
}
