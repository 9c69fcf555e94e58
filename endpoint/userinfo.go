package endpoint

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/endpoint/profile"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// userinfo tells a program who its person is (OpenID Connect Core section 5.3).
type userinfo struct {
	*Endpoint
	profiles *profile.Cache
}

// serve takes the token from the Authorization header alone: one in the address is refused, since addresses are logged
// (SEC-139), and a body is not read. A good token of any client will do, whatever its audience: it was issued here, and
// tells its holder about its own person.
func (u *userinfo) serve(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, "the token belongs into the Authorization header; there are no parameters")
	}
	token, ok := bearer(r.Header["Authorization"])
	if !ok {
		// Without a token there is nothing to call wrong (RFC 6750 section 3.1).
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+u.Issuer+`"`)
		send(w, http.StatusUnauthorized, []byte(`{"error":"invalid_token","error_description":"a bearer token is needed"}`))
		return nil
	}
	standing, err := u.Authority.Tokens.Check(r.Context(), token)
	if errors.Is(err, authority.ErrUnknown) {
		return oauth.Errorf(oauth.InvalidToken, "the token is not valid, or not any more")
	}
	if err != nil {
		return err
	}
	// A service's token has no person, whatever its scope is.
	if standing.PersonID == "" || !standing.Scope.Has(oauth.ScopeOpenID) {
		return oauth.Errorf(oauth.InsufficientScope, "the token does not have the scope openid")
	}
	// Gone or disabled reads like a bad token: there is nobody left to tell of.
	known, err := u.profiles.Of(r.Context(), standing.PersonID)
	if errors.Is(err, identity.ErrUnknown) {
		return oauth.Errorf(oauth.InvalidToken, "the token is not valid, or not any more")
	}
	if err != nil {
		return err
	}
	send(w, http.StatusOK, claims(known, &standing))
	return nil
}

// bearer reads the header of RFC 6750 section 2.1. Two headers are none: a proxy and this server could each read another
// one.
func bearer(header []string) (token string, ok bool) {
	if len(header) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	token = strings.Trim(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// claims are those that the token's scope opens (OpenID Connect Core section 5.4); organization, role and created_at are
// ours, under profile; session_exp is ours too, and everybody's.
func claims(known profile.Profile, standing *token.Standing) []byte {
	var body object
	body.text("sub", known.Person.ID)
	if standing.Scope.Has(oauth.ScopeEmail) && known.Person.Email != "" {
		body.text("email", known.Person.Email)
		body.flag("email_verified", known.Person.EmailVerified)
	}
	if standing.Scope.Has(oauth.ScopeProfile) {
		body.text("name", known.Person.Name)
		body.text("preferred_username", known.Person.Username)
		body.text("organization", known.Organisation)
		body.text("role", string(known.Role))
		body.text("created_at", known.Person.Created.UTC().Format(time.RFC3339))
	}
	if !standing.SessionEnd.IsZero() { // when a new login will be needed: a program that was handed a token cannot know
		body.number("session_exp", standing.SessionEnd.Unix())
	}
	return body.bytes()
}
