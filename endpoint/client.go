package endpoint

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// client authenticates the client of a request by client_secret_basic, client_secret_post or, where it is public, by its
// name alone (RFC 6749 section 2.3). It fails with invalid_client, with invalid_request where two ways are used at once, or
// with the store's error.
//
// `Authorization: Basic` with an empty secret is taken for "none", at every endpoint alike: programs in the field send it
// for public clients (SEC-051). For a client that has a secret it is an empty one, and wrong.
func (e *Endpoint) client(r *http.Request, f form) (authority.Client, error) {
	// Both from the body: form has refused a second one of either (RFC 6749 section 3.2).
	id, given := f.get("client_id"), secret.New(f.get("client_secret"))
	// Any Authorization header is an attempt to authenticate: one that is not understood is refused, never passed over.
	if header := r.Header["Authorization"]; len(header) > 0 {
		name, password, ok := basic(header)
		switch {
		case !ok:
			return authority.Client{}, unauthenticated("the Authorization header is not Basic with a form-encoded id and secret")
		// RFC 6749 section 2.3: one way for each request. Of two secrets, each reader on the way could believe another one.
		case !given.IsZero():
			return authority.Client{}, refuse(http.StatusBadRequest, "the client authenticates in two ways at once")
		case id != "" && id != name:
			return authority.Client{}, refuse(http.StatusBadRequest, "client_id and the Authorization header name two clients")
		}
		id, given = name, password
	}
	if id == "" { // invalid_client, since "no client authentication included" is one (RFC 6749 section 5.2)
		return authority.Client{}, unauthenticated("the request names no client")
	}
	return e.Authority.Registry.Authenticate(r.Context(), id, given)
}

// unauthenticated is an invalid_client with the 401 that a challenge goes with. RFC 6749 section 5.2 asks
// for 401 only where the header was used; one status for all ways tells nobody which one the client is registered for.
func unauthenticated(description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidClient, Description: description, Status: http.StatusUnauthorized}
}

// basic reads the header of client_secret_basic, whose two parts are form-encoded before they are joined (RFC 6749
// section 2.3.1, appendix B).
func basic(header []string) (id string, given secret.String, ok bool) {
	scheme, encoded, _ := strings.Cut(header[0], " ")
	if len(header) != 1 || !strings.EqualFold(scheme, "Basic") {
		return "", secret.String{}, false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil {
		return "", secret.String{}, false
	}
	// Cut before decoding: a colon within id or secret arrives as %3A.
	name, password, found := strings.Cut(string(decoded), ":")
	name, badName := url.QueryUnescape(name)
	password, badPassword := url.QueryUnescape(password)
	if !found || badName != nil || badPassword != nil || name == "" || !isText(name) || !isText(password) {
		return "", secret.String{}, false
	}
	return name, secret.New(password), true
}
