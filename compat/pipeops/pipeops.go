// Package pipeops answers the pipeops clients that are already in the field: their sign-in address, their JSON token
// endpoint and their profile. It translates and decides nothing.
//
// What comes in is a request to one of their three addresses; what goes out is an answer with the members that they decode.
// The law it keeps: the sign-in address is the authorization endpoint itself, so that redirect URI, state and PKCE are
// checked there and nowhere else; and every token comes out of the one pipeline (room grant).
package pipeops

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Contract is the wire of pipeops over an authority. All fields but Log are needed.
type Contract struct {
	Authority *law.Authority
	Granter   *grant.Granter
	People    identity.People
	Authorize http.Handler // the authorization endpoint: its parameters are the same
	Address   func(*http.Request) string
	Log       *slog.Logger // nil: discards
}

// Routes returns the handlers by path pattern.
func (c *Contract) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"/oauth/token":  c.only(http.MethodPost, c.token),
		"/profile/data": c.only(http.MethodGet, c.profile),
	}
}

// Entries returns the handlers that a browser is sent to by a program. It is an entry and no machine: people get pages
// there, with the headers of pages.
func (c *Contract) Entries() map[string]http.Handler {
	return map[string]http.Handler{"/auth/signin": c.Authorize}
}

// A wrong method is answered here and not by the mux, so that the client finds an error in its own shape (SEC-033).
func (c *Contract) only(method string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(&oauth.Error{Code: oauth.InvalidRequest, Description: "use " + method + " here", Status: http.StatusMethodNotAllowed})
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

// tokenAnswer is what these clients read of a token answer; they know no other member.
type tokenAnswer struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token,omitempty"`
	ExpiresIn int64  `json:"expires_in"`
	Type      string `json:"token_type"`
	Scope     string `json:"scope,omitempty"`
}

// token redeems a code or a refresh token. A bearer header, also an expired one, is ignored: these clients send the old
// token along with a refresh.
func (c *Contract) token(w http.ResponseWriter, r *http.Request) error {
	// Each of these has to be a text where it is there: an array for a verifier must not read as an absent one (SEC-333).
	values, err := body.Read(r, "grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier", "refresh_token", "scope")
	if err != nil {
		return unreadable(err)
	}
	client, err := c.Authority.Registry.Authenticate(r.Context(), values["client_id"], secret.New(values["client_secret"]))
	if err != nil {
		return err
	}
	kind := oauth.GrantType(values["grant_type"])
	// The two that these clients know. Others exist at the token endpoint and have no reason to come here: each wire that
	// gives tokens is one more to be guarded (SEC-175).
	if kind != oauth.GrantAuthorizationCode && kind != oauth.GrantRefreshToken {
		return oauth.Errorf(oauth.UnsupportedGrantType, "grant_type must be authorization_code or refresh_token")
	}
	answer, err := c.Granter.Redeem(r.Context(), grant.Request{
		Type: kind, Client: client, Origin: authority.Origin{Address: c.Address(r), Agent: cut(r.UserAgent())},
		Code: secret.New(values["code"]), RedirectURI: values["redirect_uri"], Verifier: values["code_verifier"],
		// scope counts at a refresh only, where it may narrow; for a code the pipeline goes by what was approved.
		RefreshToken: secret.New(values["refresh_token"]), Scope: oauth.ParseScope(values["scope"]),
	})
	if err != nil {
		return err
	}
	// The ID token is left out: nobody there reads one, and what nobody uses is better not given out.
	token := answer.Token
	body.Send(w, http.StatusOK, tokenAnswer{
		token.Access.Reveal(), token.Refresh.Reveal(), token.ExpiresIn, token.Type, token.Scope.String(),
	})
	return nil
}

// profileAnswer wraps what is known of a person; the members that the authority has no value for are empty and never
// absent.
type profileAnswer struct {
	Success bool        `json:"success"`
	Message string      `json:"message"`
	Data    profileData `json:"data"`
}

type profileData struct {
	User user `json:"user"`
}

type user struct {
	ID        string `json:"id"`
	UUID      string `json:"uuid"`
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	FullName  string `json:"full_name"`
	AvatarURL string `json:"avatar_url"`
	Verified  bool   `json:"email_verified"`
	// The authority knows of no subscriptions: it is true for everybody, so that no client takes a person for one who may
	// not use it.
	Subscribed bool   `json:"is_subscription_active"`
	Created    string `json:"created_at"`
}

// profile is what the clients ask after a login and to know whether they are logged in.
func (c *Contract) profile(w http.ResponseWriter, r *http.Request) error {
	person, err := c.whose(r.Context(), body.Bearer(r))
	if err != nil {
		return err
	}
	// A guess, as every such cut is; full_name has the name as its person writes it.
	first, last, _ := strings.Cut(person.Name, " ")
	body.Send(w, http.StatusOK, profileAnswer{true, "Profile data retrieved", profileData{user{
		ID: number(person.ID), UUID: person.ID, Email: person.Email, FirstName: first, LastName: last, FullName: person.Name,
		Verified: person.EmailVerified, Subscribed: true, Created: person.Created.UTC().Format(time.RFC3339),
	}}})
	return nil
}

// whose returns the person of a valid token.
func (c *Contract) whose(ctx context.Context, token string) (identity.Person, error) {
	invalid := oauth.Errorf(oauth.InvalidToken, "the token is not valid, or not any more; log in again")
	// With an empty token too: it is unknown, like every other that is none.
	standing, err := c.Authority.Tokens.Check(ctx, token)
	if errors.Is(err, authority.ErrUnknown) || err == nil && standing.PersonID == "" {
		return identity.Person{}, invalid
	}
	if err != nil {
		return identity.Person{}, err
	}
	// 403 and not 401: logging in again with the same scope would help nobody.
	if !standing.Scope.Has(oauth.ScopeProfile) || !standing.Scope.Has(oauth.ScopeEmail) {
		return identity.Person{}, &oauth.Error{
			Code: oauth.InsufficientScope, Description: "the token does not have the scopes profile and email", Status: http.StatusForbidden,
		}
	}
	person, err := c.People.Person(ctx, standing.PersonID)
	if errors.Is(err, identity.ErrUnknown) {
		return identity.Person{}, invalid
	}
	return person, err
}

// number is the numeric id that these clients want: the digits of an id that has only such, else a number that stays the
// same for the person.
func number(id string) string {
	digits := strings.TrimPrefix(id, "usr_")
	if _, err := strconv.ParseUint(digits, 10, 63); err == nil {
		return digits
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id)) // a hash never fails
	return strconv.FormatUint(hash.Sum64()>>1, 10)
}

// cut bounds what a program says of itself, without leaving half a character, which a store of text would refuse.
func cut(agent string) string {
	return strings.ToValidUTF8(agent[:min(len(agent), 256)], "")
}

// unreadable says why a body was not read; the texts of room body are for people already.
func unreadable(err error) error {
	answer := &oauth.Error{Code: oauth.InvalidRequest, Description: err.Error()}
	switch {
	case errors.Is(err, body.ErrTooLarge):
		answer.Status = http.StatusRequestEntityTooLarge
	case errors.Is(err, body.ErrType):
		answer.Status = http.StatusUnsupportedMediaType
	}
	return answer
}
