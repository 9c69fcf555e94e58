// Package authcmd is the standard `auth` command group for cobra, and the pieces it is made of: verbs that a product's own
// commands call, the screen of a login, the mapping from errors to exit codes and messages, and the rules of the terminal.
//
// A front end fills in a Program (its terminal, its session, how it identifies and revokes, its Words) and either adds the
// standard group (Group) to its cobra root or writes commands of its own over the verbs Login, Logout, Status, Me, Token and
// Refresh. Main runs the root. What differs between products is a value in Words or Flags, a cred.Codec, a flow.Flow, or a
// command of its own; no product's name appears here.
package authcmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd/failure"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// Program is one program's login on one terminal. Terminal and Words are set at the start; Session, Identify and Revoke may
// be set later, when the flags are known. It is for one process, which is why nothing in it is locked.
type Program struct {
	Terminal *terminal.Terminal // nil: the process's own, from Main on
	Words    Words
	Output   Output // the form of results and errors

	Session *session.Session
	// Identify asks the server whose credential it is; nil: it is not asked, and what is stored is believed.
	Identify func(ctx context.Context, c cred.Credential) (cred.Credential, error)
	// Revoke ends a credential at the server; nil: nothing is ended there.
	Revoke func(ctx context.Context, c cred.Credential) error

	// NoBrowser shows the page of a browser login without opening it.
	NoBrowser bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Account is a login as JSON and YAML show it. Times are RFC 3339 in UTC; what is not known is left out. There is no
// secret in it.
type Account struct {
	LoggedIn  bool       `json:"logged_in"`
	Current   bool       `json:"current,omitempty"` // in a list: meant when none is named
	Issuer    string     `json:"issuer,omitempty"`
	ClientID  string     `json:"client_id,omitempty"`
	Profile   string     `json:"profile,omitempty"`
	Account   string     `json:"account,omitempty"`
	Name      string     `json:"name,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Scope     []string   `json:"scope,omitempty"`
	SessionID string     `json:"session_id,omitempty"`
	Expires   *time.Time `json:"expires_at,omitempty"`
	Ends      *time.Time `json:"session_ends_at,omitempty"`
	Renewable bool       `json:"renewable"`
}

// session is Session with its warnings on the terminal, where nobody else takes them.
func (p *Program) session() *session.Session {
	// Set late, because the session is; a product that takes warnings itself keeps its own.
	if p.Session.Warn == nil {
		p.Session.Warn = p.Warning
	}
	return p.Session
}

// Warning tells of what went wrong without being a failure, on standard error.
func (p *Program) Warning(err error) {
	if err == nil {
		return
	}
	if p.Output.Structured() {
		p.printFailure(p.Terminal.Errors(), Failure{Code: "warning", Message: failure.Sentence(err)})
		return
	}
	p.Terminal.Warn("%s", "Warning: "+failure.Sentence(err))
}

// account describes a login that is alive.
func (p *Program) account(c cred.Credential) Account {
	a := describe(p.Session.Key, c)
	a.LoggedIn = true
	return a
}

// describe takes over what may be shown. New fields of a credential stay out until they are named here; a token never is.
func describe(key cred.Key, c cred.Credential) Account {
	return Account{
		Issuer: key.Issuer, ClientID: key.Client, Profile: key.Profile,
		Account: c.Account, Name: c.Name, Subject: c.Subject, Scope: c.Scope, SessionID: c.SessionID,
		Expires: moment(c.Expires), Ends: moment(c.SessionEnds),
		Renewable: !c.Refresh.IsZero() || !c.APIKey.IsZero(),
	}
}

// moment is a time for scripts: UTC, whole seconds, nil where it is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// say prints a sentence on the screen, or an object as the result where the output is one.
func (p *Program) say(text string, object any) error {
	if p.Output.Structured() {
		if object == nil {
			return nil
		}
		return p.Print("", object)
	}
	p.Terminal.Say("%s", p.paint(text))
	return nil
}

// paint cleans a sentence and colours the mark that it begins with.
func (p *Program) paint(text string) string {
	// Cleaned before it is coloured, or a name could bring colours and jumps of its own (SEC-268).
	text = terminal.CleanText(text)
	for mark, style := range map[string]terminal.Style{"✓": terminal.Green, "✗": terminal.Red} {
		if rest, ok := strings.CutPrefix(text, mark); ok {
			return p.Terminal.Paint(style, mark) + rest
		}
	}
	return text
}

// Env looks up a variable of the environment, as the terminal sees it.
func (p *Program) Env(name string) string {
	if p.Terminal.Env != nil {
		return p.Terminal.Env(name)
	}
	return os.Getenv(name)
}

// File is the path that the variable names, else the one below the person's home folder.
func (p *Program) File(variable string, below ...string) (string, error) {
	if path := p.Env(variable); path != "" {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(append([]string{home}, below...)...), err
}

// ConfigFile is the path that the variable names, else the one below the person's configuration folder: $XDG_CONFIG_HOME or
// ~/.config, ~/Library/Application Support on macOS, %APPDATA% on Windows.
func (p *Program) ConfigFile(variable string, below ...string) (string, error) {
	if path := p.Env(variable); path != "" {
		return path, nil
	}
	folder, err := os.UserConfigDir()
	return filepath.Join(append([]string{folder}, below...)...), err
}

// Server is the address that the variable names, else the usual one, without a slash at its end. One to which nothing may
// be sent, such as plain http to another machine, is an error that names the variable.
func (p *Program) Server(variable, usual string) (string, error) {
	address := strings.TrimRight(cmp.Or(p.Env(variable), usual), "/")
	if err := oauth.CheckAddress(address); err != nil {
		return "", fmt.Errorf("%s: %w", variable, err)
	}
	return address, nil
}

// Machine is the name of this machine, by which people know its login on the server's pages; one without a name has none there.
func Machine() string {
	name, _ := os.Hostname()
	return name
}

// Once is for cred.File.Warn: a file says each time it is read what the person wants to hear once.
func (p *Program) Once() func(text string) {
	var said string
	return func(text string) {
		if text != said {
			p.Terminal.Warn("%s", "Warning: "+terminal.Clean(text))
		}
		said = text
	}
}

// now is the clock of everything that is said about time.
func (p *Program) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}
