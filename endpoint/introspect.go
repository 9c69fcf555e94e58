package endpoint

import (
	"errors"
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/endpoint/profile"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// introspection tells a service what a token is good for (RFC 7662).
type introspection struct {
	*Endpoint
	profiles *profile.Cache
}

var inactive = []byte(`{"active":false}`)

// serve answers only authenticated clients that are registered for it, and only about tokens that are meant for them
// (SEC-129, SEC-130): everything else is inactive, whatever the reason (section 2.2). Where this replica cannot say, it says
// that, and never `active`.
func (i *introspection) serve(w http.ResponseWriter, r *http.Request) error {
	// The token is in the body: in an address it would stand in the logs of every proxy (SEC-034).
	f, err := readForm(r)
	if err != nil {
		return err
	}
	client, err := i.client(r, f)
	if err != nil {
		return err
	}
	switch {
	// A public client's name is known to everybody: with it, tokens could be tried.
	case client.Public():
		return unauthenticated("introspection needs a client with a secret")
	case !client.Introspects:
		return &oauth.Error{
			Code: oauth.UnauthorizedClient, Description: "this client is not registered for introspection", Status: http.StatusForbidden,
		}
	case f.get("token") == "":
		return refuse(http.StatusBadRequest, "token is missing")
	}
	// A refresh token is inactive here: it is for us alone, and a service that holds one should not learn that it is good.
	// By the marks, the client and the clock of this moment; a JWT that still verifies may have been revoked (SEC-123,
	// SEC-136).
	standing, err := i.Authority.Tokens.Check(r.Context(), f.get("token"))
	if errors.Is(err, authority.ErrUnknown) || err == nil && !client.IsAudience(standing.Audience) {
		send(w, http.StatusOK, inactive)
		return nil
	}
	if err != nil {
		return err
	}
	// A person who was disabled is inactive within a second, also before the marks have come round.
	username, err := i.username(r, standing.PersonID)
	if errors.Is(err, identity.ErrUnknown) {
		send(w, http.StatusOK, inactive)
		return nil
	}
	if err != nil {
		return err
	}
	send(w, http.StatusOK, standingBody(&standing, username, i.Issuer))
	return nil
}

// username is "" for a service; ErrUnknown where the person is gone or disabled.
func (i *introspection) username(r *http.Request, personID string) (string, error) {
	if personID == "" {
		return "", nil
	}
	known, err := i.profiles.Of(r.Context(), personID)
	return known.Person.Username, err
}

// standingBody is the answer for a good token (RFC 7662 section 2.2). Ours are sid, level (of a ready token) and session_exp,
// when a new login will be needed.
func standingBody(standing *token.Standing, username, issuer string) []byte {
	body := object{make([]byte, 0, 512)}
	body.b = append(body.b, `{"active":true`...)
	body.text("iss", issuer)
	body.text("sub", standing.Subject)
	body.text("username", username)
	body.text("client_id", standing.ClientID)
	body.audience(standing.Audience)
	body.text("scope", standing.Scope.String())
	body.text("token_type", "Bearer")
	body.number("iat", standing.Issued.Unix())
	body.number("exp", standing.Expires.Unix())
	body.text("jti", standing.ID)
	body.text("sid", standing.FamilyID)
	if standing.Ready {
		body.number("level", int64(standing.Level))
	}
	if !standing.SessionEnd.IsZero() {
		body.number("session_exp", standing.SessionEnd.Unix())
	}
	return body.bytes()
}
