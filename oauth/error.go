package oauth

import (
	"fmt"
	"time"
)

// ErrorCode is the `error` value of an OAuth error answer.
type ErrorCode string

// The codes of RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, RFC 6750 section 3.1 and RFC 9449.
const (
	InvalidRequest          ErrorCode = "invalid_request"
	InvalidClient           ErrorCode = "invalid_client"
	InvalidGrant            ErrorCode = "invalid_grant"
	InvalidScope            ErrorCode = "invalid_scope"
	InvalidTarget           ErrorCode = "invalid_target"
	InvalidToken            ErrorCode = "invalid_token"
	InsufficientScope       ErrorCode = "insufficient_scope"
	UnauthorizedClient      ErrorCode = "unauthorized_client"
	UnsupportedGrantType    ErrorCode = "unsupported_grant_type"
	UnsupportedResponseType ErrorCode = "unsupported_response_type"
	AccessDenied            ErrorCode = "access_denied"
	ServerError             ErrorCode = "server_error"
	TemporarilyUnavailable  ErrorCode = "temporarily_unavailable"
	AuthorizationPending    ErrorCode = "authorization_pending"
	SlowDown                ErrorCode = "slow_down"
	ExpiredToken            ErrorCode = "expired_token"
	LoginRequired           ErrorCode = "login_required"
	InteractionRequired     ErrorCode = "interaction_required"
	InvalidDPoPProof        ErrorCode = "invalid_dpop_proof"
)

// Error is an OAuth error as the wire has it (RFC 6749 section 5.2), in both directions: the authority answers with one,
// and oauth/client returns what it received as one. Tell them apart by code: errors.Is(err, oauth.InvalidGrant).
type Error struct {
	Code        ErrorCode `json:"error"`
	Description string    `json:"error_description,omitempty"`
	URI         string    `json:"error_uri,omitempty"`

	// Status is the HTTP status it came with, or is to be sent with; 0 means what Code implies.
	Status int `json:"-"`
	// RetryAfter is how long to wait before trying again, where the server said so.
	RetryAfter time.Duration `json:"-"`
	// RequestID is the name by which the server's operator finds the request (X-Request-Id); "" where the server said none.
	RequestID string `json:"-"`
}

// Errorf makes an error with a description for people; the description goes over the wire and so carries no secrets.
func Errorf(code ErrorCode, format string, args ...any) *Error {
	return &Error{Code: code, Description: fmt.Sprintf(format, args...)}
}

// Error gives the code and the description.
func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Description
}

// Is reports whether target is this error's code, or an *Error of the same code.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case ErrorCode:
		return e.Code == t
	case *Error:
		return e.Code == t.Code
	}
	return false
}

// Error lets a code stand as a target of errors.Is, and as an error where nothing more can be said.
func (c ErrorCode) Error() string { return string(c) }

// TemporaryError says that the server could not be asked, or could not answer, just now: no network, a time limit, 429, a
// 5xx, an answer that did not come from the server at all. Nothing was decided about the credential: it stays, and the
// same request may be tried again later. Recognise it with errors.As.
type TemporaryError struct {
	Err error
	// RetryAfter is how long to wait before trying again, where the server said so; 0 where it did not.
	RetryAfter time.Duration
}

// Error says what Err says.
func (e *TemporaryError) Error() string {
	if e.Err == nil {
		return "temporarily unavailable"
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *TemporaryError) Unwrap() error { return e.Err }
