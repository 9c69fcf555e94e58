package authcmd

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// Login obtains a credential with f and stores it, and then says so: the sentence of Words.LoggedIn on the screen, or the
// Account as the result. Until the new credential is stored the earlier one stays as it is; afterwards the session that it
// replaces is ended at the server.
func (p *Program) Login(ctx context.Context, f flow.Flow) (cred.Credential, error) {
	c, err := p.LogIn(ctx, f)
	if err != nil {
		return c, err
	}
	return c, p.say(p.words().LoggedIn(c, p.now()), p.account(c))
}

// LogIn is Login without its last sentence, for commands that have more to do before they say that it is done.
func (p *Program) LogIn(ctx context.Context, f flow.Flow) (cred.Credential, error) {
	ui, done := p.UI()
	defer done()
	// Revoke ends the session that this one replaces, after the new credential is stored: a login that fails costs nothing.
	return p.session().Login(ctx, func(ctx context.Context) (cred.Credential, error) {
		defer done() // what moves stops before the session says anything
		return f.Login(ctx, ui)
	}, p.Revoke)
}

// Logout asks Words.LogoutQuestion unless sure is set, ends the login here and at the server, and says so. Nobody logged in
// and a No are not errors. A server that cannot be reached is a warning: here, the login has gone all the same.
func (p *Program) Logout(ctx context.Context, sure bool) error {
	words := p.words()
	// Asked before the question, so that nobody is asked whether to log out of nothing.
	switch _, err := p.Stored(ctx); {
	case errors.Is(err, session.ErrLoginRequired):
		return p.say(words.NothingToLogout, loggedOut{})
	case err != nil:
		return err
	}
	if !sure && words.LogoutQuestion.Text != "" {
		yes, err := p.Terminal.Confirm(ctx, words.LogoutQuestion)
		if err != nil {
			return err
		}
		if !yes {
			return p.say(words.LogoutCancelled, loggedOut{LoggedIn: true})
		}
	}
	return p.end(ctx, words)
}

// loggedOut is the answer of logout as an object.
type loggedOut struct {
	LoggedIn bool `json:"logged_in"` // still
	Revoked  bool `json:"revoked"`   // at the server
}

// end removes the login here and at the server.
func (p *Program) end(ctx context.Context, words Words) error {
	err := p.session().Logout(ctx, p.Revoke)
	var left *session.RevokeError
	switch {
	// Exit 0: what the person asked for has happened on this machine, and the warning says what has not.
	case errors.As(err, &left):
		p.Terminal.Warn("%s", words.LogoutUnreached)
		if p.Output.Structured() {
			return p.say("", loggedOut{})
		}
		return nil
	case err != nil:
		return err
	}
	return p.say(words.LoggedOut, loggedOut{Revoked: p.Revoke != nil})
}

// Stored returns what is stored, without asking anybody and without renewing it. It fails with session.ErrLoginRequired
// where there is nothing.
func (p *Program) Stored(ctx context.Context) (cred.Credential, error) {
	c, err := p.Session.Store.Get(ctx, p.Session.Key)
	if errors.Is(err, cred.ErrNotFound) {
		return c, session.ErrLoginRequired
	}
	return c, err
}

// Status asks the server whether the login is good, and prints Words.Status or the Account as the result.
func (p *Program) Status(ctx context.Context) error {
	known, err := p.session().Status(ctx, p.Identify)
	if err != nil {
		return err
	}
	return p.Print(p.words().Status(known.Credential, p.now()), p.account(known.Credential))
}

// Me prints who is logged in, as the server says: Words.Me as aligned rows, or the Account.
func (p *Program) Me(ctx context.Context) error {
	known, err := p.session().Status(ctx, p.Identify)
	if err != nil {
		return err
	}
	return p.Print(terminal.Columns(p.words().Me(known.Credential), 1), p.account(known.Credential))
}

// Token prints an access token that is good for now, renewed where it must be, and nothing else. From the cache it asks
// nobody: no network and no question.
func (p *Program) Token(ctx context.Context) error {
	c, err := p.session().Token(ctx)
	if err != nil {
		return err
	}
	if !p.Output.Structured() {
		// The one place of the group where a secret is printed: it is what was asked for, on standard output alone.
		return p.Print(c.Access.Reveal()+"\n", nil)
	}
	return p.Print("", struct {
		Token   string     `json:"token"`
		Type    string     `json:"token_type"`
		Expires *time.Time `json:"expires_at,omitempty"`
	}{c.Access.Reveal(), cmp.Or(c.TokenType, "Bearer"), moment(c.Expires)})
}

// Refresh renews the login now, also where it is not yet due, and says so.
func (p *Program) Refresh(ctx context.Context) error {
	c, err := p.session().Refresh(ctx)
	if err != nil {
		return err
	}
	return p.say(p.words().Refreshed(c, p.now()), p.account(c))
}

// List prints the logins of this machine, current being the one that is meant when none is named.
func (p *Program) List(ctx context.Context, current cred.Key) error {
	keys, err := p.Session.Store.List(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"", "PROFILE", "ACCOUNT", "ISSUER", "CLIENT", "ENDS"}}
	accounts := []Account{}
	for _, key := range keys {
		c, err := p.Session.Store.Get(ctx, key)
		// Another process may log out between the list and the look.
		if errors.Is(err, cred.ErrNotFound) {
			continue // logged out in the meantime
		}
		if err != nil {
			return err
		}
		a := describe(key, c)
		a.LoggedIn, a.Current = true, key == current
		accounts = append(accounts, a)
		rows = append(rows, p.row(a, c))
	}
	if len(accounts) == 0 && !p.Output.Structured() {
		p.Terminal.Say("No logins on this machine. Run '%s' to log in.", p.words().Login)
		return nil
	}
	return p.Print(terminal.Columns(rows, 2), accounts)
}

// row is one line of the list.
func (p *Program) row(a Account, c cred.Credential) []string {
	mark, end := "", ""
	if a.Current {
		mark = "*"
	}
	if !c.SessionEnds.IsZero() {
		end = day(c.SessionEnds, p.now())
	}
	return []string{mark, profileName(a.Profile), cmp.Or(a.Account, a.Subject, "unknown"), a.Issuer, a.ClientID, end}
}

// profileName is how people read and type a profile; the one without a name is the default.
func profileName(profile string) string { return cmp.Or(profile, "default") }
