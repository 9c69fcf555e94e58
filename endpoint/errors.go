package endpoint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// retryAfter is what a client is told to wait where nobody knows better.
const retryAfter = time.Second

// refuse is an invalid_request with a status of its own.
func refuse(status int, description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Description: description, Status: status}
}

// wire is the ONE map from an error to what the wire says. What nobody foresaw becomes a server_error that says nothing
// of its cause (SEC-277); whoever writes it logs the cause.
func wire(err error) oauth.Error {
	var known *oauth.Error
	switch {
	case errors.As(err, &known):
		// Only what room oauth calls an error of the wire gets out as it is; its descriptions are ours and quote nothing
		// that was sent.
		answer := *known // a copy: the pipeline may hand out shared ones
		if answer.Status == 0 {
			answer.Status = status(answer.Code)
		}
		if answer.Status == http.StatusServiceUnavailable && answer.RetryAfter == 0 {
			answer.RetryAfter = retryAfter
		}
		return answer
	// Not knowing is never a refusal: an invalid_grant would make a client throw away a session that lives.
	case errors.Is(err, authority.ErrUnavailable), errors.Is(err, identity.ErrBusy),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "this cannot be answered just now; nothing was changed, try again",
			Status: http.StatusServiceUnavailable, RetryAfter: retryAfter,
		}
	// OAuth has no code for it; the status says it, and clients that know only codes try again later.
	case errors.Is(err, authority.ErrTooMany):
		return oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "too many requests of this kind are waiting; try again in a minute",
			Status: http.StatusTooManyRequests, RetryAfter: time.Minute,
		}
	}
	return oauth.Error{Code: oauth.ServerError, Status: http.StatusInternalServerError}
}

// status is what a code implies (RFC 6749 section 5.2, RFC 6750 section 3.1). A refused grant is 400 and not 401: the
// credential is wrong, and the client need not authenticate anew.
func status(code oauth.ErrorCode) int {
	switch code {
	case oauth.InvalidClient, oauth.InvalidToken:
		return http.StatusUnauthorized
	case oauth.InsufficientScope:
		return http.StatusForbidden
	case oauth.ServerError:
		return http.StatusInternalServerError
	case oauth.TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// fail writes err as RFC 6749 section 5.2 has it, with the challenge that a 401 needs (RFC 9110 section 11.6.1). The
// description stands in a header for a bearer token (RFC 6750 section 3): it is ours, without quotes or line breaks.
func (e *Endpoint) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := e.answer(r, err)
	header := w.Header()
	retryLater(header, answer.RetryAfter)
	switch answer.Code {
	case oauth.InvalidClient:
		header.Set("WWW-Authenticate", `Basic realm="`+e.Issuer+`", charset="UTF-8"`)
	case oauth.InvalidToken, oauth.InsufficientScope:
		header.Set("WWW-Authenticate",
			`Bearer realm="`+e.Issuer+`", error="`+string(answer.Code)+`", error_description="`+answer.Description+`"`)
	}
	if answer.Status == http.StatusRequestEntityTooLarge || answer.Status == http.StatusRequestTimeout {
		header.Set("Connection", "close") // what is still to come of the body is not read
	}
	var body object
	body.text("error", string(answer.Code))
	body.text("error_description", answer.Description)
	body.text("error_uri", answer.URI)
	send(w, answer.Status, body.bytes())
}

// retryLater tells how long to wait, in whole seconds and never too few (RFC 9110 section 10.2.3).
func retryLater(header http.Header, wait time.Duration) {
	if wait > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
}

// answer maps err and logs what a server_error hides, under the id that the client gets.
func (e *Endpoint) answer(r *http.Request, err error) oauth.Error {
	answer := wire(err)
	// Anything else is the client's affair, or told by /readyz, and would let strangers fill the log.
	if answer.Code == oauth.ServerError {
		id := errorID()
		e.log().ErrorContext(r.Context(), "an endpoint failed", "id", id, "path", r.URL.Path, "error", err)
		answer.Description = "something went wrong here; the log has it under " + id
	}
	return answer
}

// errorID is short enough to be read out.
func errorID() string {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(raw[:])
}
