package pipeops

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/oauth"
)

// failure is an error as these clients read it: they show message, and take status for a text. The first two members are
// those of RFC 6749 section 5.2, for whoever reads the standard's.
type failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	Message     string `json:"message"`
	Status      string `json:"status"`
}

// fail is the one map from an error to this wire. What was not decided is 503 with Retry-After and never a refusal, which
// would read as the end of a login that lives (SEC-118).
func (c *Contract) fail(w http.ResponseWriter, r *http.Request, err error) {
	wire := &oauth.Error{}
	switch {
	case errors.As(err, &wire):
	case errors.Is(err, authority.ErrUnavailable), r.Context().Err() != nil:
		wire = &oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "this cannot be answered just now; nothing was changed, try again",
			Status: http.StatusServiceUnavailable,
		}
	default:
		if c.Log != nil {
			// The path holds no secret in this contract, and the cause goes to the log alone (SEC-277).
			c.Log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		wire = &oauth.Error{Code: oauth.ServerError, Description: "something went wrong here", Status: http.StatusInternalServerError}
	}
	status := statusOf(wire)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.FormatFloat(math.Ceil(max(1, wire.RetryAfter.Seconds())), 'f', 0, 64))
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer error="`+string(wire.Code)+`"`)
	}
	message := wire.Description
	if message == "" {
		message = string(wire.Code)
	}
	body.Send(w, status, failure{string(wire.Code), wire.Description, message, strconv.Itoa(status)})
}

// statusOf is what a code implies where the error has no status of its own (RFC 6749 section 5.2, RFC 6750 section 3.1).
func statusOf(wire *oauth.Error) int {
	switch {
	case wire.Status != 0:
		return wire.Status
	case wire.Code == oauth.InvalidToken, wire.Code == oauth.InvalidClient:
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}
