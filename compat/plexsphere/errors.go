package plexsphere

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
)

// notFound is the code of what is not there; OAuth has none for it.
const notFound oauth.ErrorCode = "not_found"

// problem is an error as these clients read it (RFC 9457); none of its members is ever left out.
type problem struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail"`
	Instance string          `json:"instance"`
	Code     oauth.ErrorCode `json:"code"`
}

// refuse is an error of this wire.
func refuse(status int, code oauth.ErrorCode, detail string) error {
	return &oauth.Error{Code: code, Description: detail, Status: status}
}

// polled makes the answer to a poll one of those that these clients know: any refusal that is not about the login is, for
// them, a code that cannot be redeemed. These clients know the five codes of RFC 8628 section 3.5 and RFC 6749 section 5.2
// and stop at any other.
func polled(err error) error {
	// What was not decided stays what it is: a client would give up a login for an invalid_grant.
	var wire *oauth.Error
	if !errors.As(err, &wire) || wire.Status >= http.StatusInternalServerError {
		return err
	}
	answer := *wire // a copy: the pipeline may hand out shared ones
	switch wire.Code {
	case oauth.AuthorizationPending, oauth.SlowDown, oauth.AccessDenied, oauth.ExpiredToken, oauth.InvalidGrant:
	case oauth.ServerError, oauth.TemporarilyUnavailable:
		return err
	default:
		answer.Code = oauth.InvalidGrant
	}
	return &answer
}

// fail is the one map from an error to this wire. It writes the whole answer by itself: every error of this contract has
// one shape, whoever found it.
func (c *Contract) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := c.wire(r, err)
	status := statusOf(answer)
	header := w.Header()
	if answer.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatFloat(math.Ceil(answer.RetryAfter.Seconds()), 'f', 0, 64))
	}
	if status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer error="`+string(answer.Code)+`"`)
	}
	detail := answer.Description
	if detail == "" { // a member that is left out would break clients that are strict
		detail = string(answer.Code)
	}
	// Without the query, which these addresses do not have and which could carry anything (SEC-276).
	instance := r.URL.Path
	if id := header.Get("X-Request-Id"); id != "" { // by which the log has it
		instance += "#" + id
	}
	text, _ := json.Marshal(problem{"about:blank", http.StatusText(status), status, detail, instance, answer.Code}) // texts are always JSON
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone needs no answer
}

// wire finds the words for an error. wire logs what it calls a server_error; what it knows is the client's affair, and in
// the audit where it matters (SEC-277).
func (c *Contract) wire(r *http.Request, err error) *oauth.Error {
	var known *oauth.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, authority.ErrTooMany):
		return &oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "too many logins of this address are waiting; try again in a minute",
			Status: http.StatusTooManyRequests, RetryAfter: time.Minute,
		}
	case errors.Is(err, authority.ErrUnavailable), r.Context().Err() != nil:
		return &oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "this cannot be answered just now; nothing was changed, try again",
			Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
		}
	}
	if c.Log != nil {
		c.Log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	return &oauth.Error{
		Code: oauth.ServerError, Description: "something went wrong here; nothing was changed, try again", Status: http.StatusInternalServerError,
	}
}

// statusOf is the status of an answer; a refusal without one of its own is 400.
func statusOf(answer *oauth.Error) int {
	switch {
	case answer.Status != 0:
		return answer.Status
	case answer.Code == oauth.ServerError:
		return http.StatusInternalServerError
	case answer.Code == oauth.TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
