// Package rio answers the rio clients that are already in the field: their password login, the renewal and the end of
// their platform token, and what they ask about its person. Their device login is the standard one. It translates and
// decides nothing.
//
// What comes in is a request as these clients have always sent it; what goes out is an object, for failures with an `error`
// that they print. The law it keeps: a password is looked at by the one pipeline alone, which counts and locks (SEC-152,
// SEC-155) and turns whoever has a second factor away (SEC-175); and each token is checked against the marks at every
// request.
package rio

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// clientID is whose tokens these are.
const clientID = "rio-cli"

// Contract is the wire of rio over an authority. All fields but Log are needed.
type Contract struct {
	Authority *law.Authority
	// Granter needs its Doorkeeper and Factors, or no password is taken and no second factor seen.
	Granter       *grant.Granter
	People        identity.People
	Organisations identity.Organisations
	Projects      identity.Projects
	Address       func(*http.Request) string
	Log           *slog.Logger // nil: discards
}

// Routes returns the handlers by path pattern.
func (c *Contract) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"/user/login":      c.only(http.MethodPost, c.login),
		"/refreshtoken":    c.only(http.MethodPost, c.renew),
		"/user/logout":     c.only(http.MethodPost, c.logout),
		"/user/info":       c.only(http.MethodGet, c.info),
		"/v2/users/me/{$}": c.only(http.MethodGet, c.me),
		"/v2/projects/{$}": c.only(http.MethodGet, c.projects),
	}
}

// only lets one method through. Everything that fails comes back here, so that no answer is without an error in the clients'
// shape; HEAD is no GET to them. A pattern without a method is what lets the contract answer a wrong one itself (SEC-033).
func (c *Contract) only(method string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(&refusal{http.StatusMethodNotAllowed, "use " + method + " here"})
		if r.Method == method {
			err = serve(w, r)
		} else {
			w.Header().Set("Allow", method)
		}
		if err != nil {
			c.fail(w, r, err)
		}
	})
}

// data is how the older addresses wrap what they answer.
func data(members map[string]string) any { return map[string]any{"data": members} }

// levelOf reads a value of ?type=; none is low. What the client asks for is the life of the token and no right; more than
// high there is not.
func levelOf(text string) (level authority.Level, known bool) {
	switch text {
	case "", "low":
		return authority.LevelLow, true
	case "med":
		return authority.LevelMedium, true
	case "high":
		return authority.LevelHigh, true
	}
	return 0, false
}

// login gives a ready token for a password, out of the one pipeline; whoever has a second factor is sent to the browser.
func (c *Contract) login(w http.ResponseWriter, r *http.Request) error {
	level, known := levelOf(r.URL.Query().Get("type"))
	if !known {
		return &refusal{http.StatusBadRequest, "type must be low, med or high"}
	}
	// Both must be texts: {"password": 1} would be tried as "1" (SEC-333).
	values, err := body.Read(r, "email", "password")
	if err != nil {
		return unreadable(err)
	}
	email, password := values["email"], secret.New(values["password"])
	if email == "" || password.IsZero() {
		return &refusal{http.StatusBadRequest, "email and password are needed"}
	}
	client, err := c.Authority.Registry.Authenticate(r.Context(), clientID, secret.String{})
	// Said in words, and not as a wrong password: nothing that the person types could help.
	if errors.Is(err, oauth.InvalidClient) {
		return &refusal{http.StatusForbidden, "the application " + clientID + " is not registered at this server, or was disabled"}
	}
	if err != nil {
		return err
	}
	// The grant is the client's, by its registration: where an operator takes it back, this address is closed with it
	// (SEC-048).
	answer, err := c.Granter.Redeem(r.Context(), grant.Request{
		Type: oauth.GrantPassword, Client: client, Origin: c.origin(r), Username: email, Password: password, Ready: &level,
	})
	if err != nil {
		return err
	}
	body.Send(w, http.StatusOK, data(map[string]string{"token": answer.Ready.Reveal()}))
	return nil
}

// renew exchanges a ready token that lives for its successor.
func (c *Contract) renew(w http.ResponseWriter, r *http.Request) error {
	values, err := body.Read(r, "token")
	if err != nil {
		return unreadable(err)
	}
	token, err := c.Granter.Renew(r.Context(), secret.New(values["token"]), c.origin(r))
	// The sentence is the contract's own (RIO-19).
	if errors.Is(err, oauth.InvalidGrant) {
		return &refusal{http.StatusUnauthorized, "token has expired, run rio auth login"}
	}
	if err != nil {
		return err
	}
	text := token.Reveal() // under both names: clients of several ages read it
	body.Send(w, http.StatusOK, data(map[string]string{"Token": text, "token": text}))
	return nil
}

// logout ends the session of the token that is presented: a ready token, whoever gave it out, since its holder has nothing
// else to end it with; of other tokens only our client's. A token that is not good any more is answered 401 and not 200:
// there was nothing left to end.
func (c *Contract) logout(w http.ResponseWriter, r *http.Request) error {
	standing, err := c.standing(r)
	if err != nil {
		return err
	}
	// An access token of some other program may have been sent here by mistake, or by an API that it was shown to; that
	// must not end the session of the program (SEC-132).
	if !standing.Ready && standing.ClientID != clientID {
		return errBadToken
	}
	err = c.Authority.Sessions.End(r.Context(), standing.FamilyID, standing.PersonID, "logout", c.Address(r))
	if err != nil {
		return err
	}
	body.Send(w, http.StatusOK, struct{}{})
	return nil
}

// info is what the clients ask to know whether their token is good.
func (c *Contract) info(w http.ResponseWriter, r *http.Request) error {
	person, err := c.whose(r)
	if err != nil {
		return err
	}
	body.Send(w, http.StatusOK, data(map[string]string{"email": person.Email}))
	return nil
}

// standing is that of the bearer token, which must be a person's. A service has no person, and nothing that could be said
// of one.
func (c *Contract) standing(r *http.Request) (token.Standing, error) {
	standing, err := c.Authority.Tokens.Check(r.Context(), body.Bearer(r))
	if errors.Is(err, authority.ErrUnknown) || err == nil && standing.PersonID == "" {
		return standing, errBadToken
	}
	return standing, err
}

// whose returns the person of a token that may say who it is.
func (c *Contract) whose(r *http.Request) (identity.Person, error) {
	standing, err := c.standing(r)
	if err != nil {
		return identity.Person{}, err
	}
	if !standing.Scope.Has(oauth.ScopeEmail) {
		return identity.Person{}, &refusal{http.StatusForbidden, "this token may not say whose it is (scope email)"}
	}
	person, err := c.People.Person(r.Context(), standing.PersonID)
	// The marks end a disabled person's sessions; this is for the moment in between (SEC-123).
	if errors.Is(err, identity.ErrUnknown) || err == nil && person.Disabled {
		return person, errBadToken
	}
	return person, err
}

// origin is who asks, for the person's list of sessions. The agent is whatever a client says, cut to what a list can show.
func (c *Contract) origin(r *http.Request) authority.Origin {
	agent := r.UserAgent()
	return authority.Origin{Address: c.Address(r), Agent: strings.ToValidUTF8(agent[:min(len(agent), 256)], "")}
}

// belongings are a person's memberships and the projects of those organisations.
func (c *Contract) belongings(ctx context.Context, personID string) ([]identity.Membership, []identity.Project, error) {
	memberships, err := c.Organisations.Memberships(ctx, personID)
	// Whoever belongs to no organisation sees no project, and the store need not be asked.
	if err != nil || len(memberships) == 0 {
		return nil, nil, err
	}
	ids := make([]string, len(memberships))
	for i, m := range memberships {
		ids[i] = m.Organisation.ID
	}
	projects, err := c.Projects.ListProjects(ctx, ids)
	return memberships, projects, err
}
