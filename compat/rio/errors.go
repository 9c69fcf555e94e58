package rio

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/oauth"
)

// refusal is an error in this wire: a status, and a sentence that the clients print. It is chosen here, so that nothing of
// an inner error's text reaches the wire unread (SEC-277).
type refusal struct {
	status int
	text   string
}

// Error is the sentence.
func (f *refusal) Error() string { return f.text }

// errBadToken refuses every token that is not, or not any more, one of a person.
var errBadToken = &refusal{http.StatusUnauthorized, "the token is not valid, or not any more: run rio auth login"}

// pause is when a client may come again that was turned away for want of room.
const pause = 2 * time.Second

// fail is the one map from an error to this wire: always an object, whose error is a string.
//
// The order counts: a refusal of our own first, then what the pipeline refused, then what nobody could find out, which is
// 503 and never a 401, at which the clients would tell people to log in (SEC-118). What is left is our fault; it is logged,
// and told without its cause.
func (c *Contract) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := &refusal{http.StatusInternalServerError, "something went wrong here; nothing was changed, try again"}
	var refused *oauth.Error
	switch {
	case errors.As(err, &answer):
	case errors.Is(err, oauth.InvalidGrant) && errors.As(err, &refused):
		answer = &refusal{http.StatusUnauthorized, refused.Description}
	case errors.Is(err, oauth.InteractionRequired):
		answer = &refusal{http.StatusForbidden, "this account has a second factor: run rio auth login without an email"}
	case errors.Is(err, oauth.UnsupportedGrantType):
		answer = &refusal{http.StatusForbidden, "the application " + clientID + " may not log in with a password at this server"}
	case errors.Is(err, authority.ErrUnavailable), errors.Is(err, oauth.TemporarilyUnavailable), r.Context().Err() != nil:
		answer = &refusal{http.StatusServiceUnavailable, "this cannot be answered just now; nothing was changed, try again"}
		w.Header().Set("Retry-After", strconv.Itoa(int(pause/time.Second)))
	case c.Log != nil:
		c.Log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	if answer.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	body.Send(w, answer.status, struct {
		Error string `json:"error"`
	}{answer.text})
}

// unreadable says why a body was not read; its text is for people already.
func unreadable(err error) error {
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, err.Error()}
	case errors.Is(err, body.ErrType):
		return &refusal{http.StatusUnsupportedMediaType, err.Error()}
	}
	return &refusal{http.StatusBadRequest, err.Error()}
}
