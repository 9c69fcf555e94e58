package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/doorward/doorward/secret"
)

const (
	// maxDepth bounds the nesting of an answer; real ones have two or three levels.
	maxDepth = 32
	// maxSeconds, ten years, is the longest life that is believed. Anything above would overflow a time.Duration sooner
	// or later (SEC-307).
	maxSeconds = 10 * 365 * 24 * 3600
	// defaultInterval is the polling interval where the server says none (RFC 8628 section 3.2).
	defaultInterval = 5
)

// ErrMalformed answers a body that is not the JSON object it should be.
var ErrMalformed = errors.New("oauth: the answer is not what an OAuth server sends")

// Decode reads a JSON object into target as encoding/json does, and refuses with ErrMalformed what is not an object, is
// nested deeper than 32 levels or goes on after its end.
func Decode(data []byte, target any) error {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 || data[0] != '{' || !shallow(data) {
		return ErrMalformed
	}
	if json.Unmarshal(data, target) != nil {
		return ErrMalformed // without its text, which quotes the data
	}
	return nil
}

// ParseToken reads a token answer (RFC 6749 section 5.1). It is tolerant where servers are known to stray: numbers as
// strings or fractions, a scope as a list, a missing token_type. It fails with ErrMalformed without a usable access token,
// or for a type of token that it cannot use (section 7.1).
func ParseToken(data []byte) (Token, error) {
	var wire struct {
		Access    text    `json:"access_token"`
		Refresh   text    `json:"refresh_token"`
		ID        text    `json:"id_token"`
		Type      text    `json:"token_type"`
		Expires   seconds `json:"expires_in"`
		Session   seconds `json:"refresh_expires_in"`
		Idle      seconds `json:"idle_expires_in"`
		SessionID text    `json:"sid"`
		Scope     scope   `json:"scope"`
	}
	if err := Decode(data, &wire); err != nil {
		return Token{}, err
	}
	kind, known := tokenType(string(wire.Type))
	if wire.Access == "" || !known || !visible(wire.Access) || !visible(wire.Refresh) || !visible(wire.ID) {
		return Token{}, ErrMalformed
	}
	return Token{
		Access:           secret.New(string(wire.Access)),
		Refresh:          secret.New(string(wire.Refresh)),
		ID:               secret.New(string(wire.ID)),
		Type:             kind,
		ExpiresIn:        int64(wire.Expires),
		Scope:            Scope(wire.Scope),
		SessionExpiresIn: int64(wire.Session),
		IdleExpiresIn:    int64(wire.Idle),
		SessionID:        Inert(string(wire.SessionID)),
	}, nil
}

// ParseDeviceAuthorization reads the answer of the device authorization endpoint (RFC 8628 section 3.2). It fails with
// ErrMalformed where a code or the address is missing; the address itself is for the caller to judge.
func ParseDeviceAuthorization(data []byte) (DeviceAuthorization, error) {
	var wire struct {
		DeviceCode text    `json:"device_code"`
		UserCode   text    `json:"user_code"`
		URI        text    `json:"verification_uri"`
		URL        text    `json:"verification_url"` // the draft's name, still sent by large providers
		Complete   text    `json:"verification_uri_complete"`
		Expires    seconds `json:"expires_in"`
		Interval   seconds `json:"interval"`
	}
	if err := Decode(data, &wire); err != nil {
		return DeviceAuthorization{}, err
	}
	if wire.URI == "" {
		wire.URI = wire.URL
	}
	if wire.DeviceCode == "" || wire.UserCode == "" || wire.URI == "" {
		return DeviceAuthorization{}, ErrMalformed
	}
	if wire.Interval == 0 {
		wire.Interval = defaultInterval
	}
	return DeviceAuthorization{
		DeviceCode:              secret.New(string(wire.DeviceCode)),
		UserCode:                Inert(string(wire.UserCode)),
		VerificationURI:         string(wire.URI),
		VerificationURIComplete: string(wire.Complete),
		ExpiresIn:               int64(wire.Expires),
		Interval:                int64(wire.Interval),
	}, nil
}

// ParseMetadata reads a metadata document (RFC 8414 section 3.2) and checks that it is the one of issuer, character by
// character (section 3.3: the defence against mixed-up servers). It fails with ErrMalformed or an *IssuerError.
func ParseMetadata(data []byte, issuer string) (Metadata, error) {
	var metadata Metadata
	if err := Decode(data, &metadata); err != nil {
		return Metadata{}, err
	}
	if metadata.Issuer != issuer {
		return Metadata{}, &IssuerError{Asked: issuer, Got: Inert(metadata.Issuer)}
	}
	return metadata, nil
}

// IssuerError says that somebody else answered than was asked (RFC 8414 section 3.3, RFC 9207 section 2.4).
type IssuerError struct{ Asked, Got string }

// Error names both issuers.
func (e *IssuerError) Error() string {
	if e.Got == "" {
		return "the answer does not say that it comes from the issuer " + e.Asked + " (no iss)"
	}
	return "the answer says it comes from the issuer " + e.Got + ", but " + e.Asked + " was asked"
}

// ParseError reads an error answer (RFC 6749 section 5.2); its texts are made inert. It returns nil where data is not one.
func ParseError(data []byte) *Error {
	var wire struct {
		Code        text `json:"error"`
		Description text `json:"error_description"`
		Message     text `json:"message"` // where servers of other habits put the sentence
		URI         text `json:"error_uri"`
	}
	if Decode(data, &wire) != nil || wire.Code == "" {
		return nil //nolint:nilerr // that it is no OAuth error is the answer
	}
	if wire.Description == "" {
		wire.Description = wire.Message
	}
	return &Error{
		Code:        ErrorCode(Inert(string(wire.Code))),
		Description: Inert(string(wire.Description)),
		URI:         Inert(string(wire.URI)),
	}
}

// tokenType gives the registered spelling of a token type; a missing one means Bearer.
func tokenType(wire string) (kind string, known bool) {
	switch strings.ToLower(wire) {
	case "", "bearer":
		return "Bearer", true
	case "dpop":
		return "DPoP", true
	}
	return "", false
}

// visible reports whether a token consists of VSCHAR alone (RFC 6749 appendix A.12): a line break in one would become a
// header or a line of a credential-helper protocol of its own.
func visible(token text) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}

// shallow reports whether data nests no deeper than maxDepth; strings are skipped.
func shallow(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return true
}

// text is a string where there is one, and empty where the server sends something else.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
	}
	return nil
}

// seconds is a number of whole seconds, in any of the ways in which servers write one; 0 where it says nothing useful.
type seconds int64

func (s *seconds) UnmarshalJSON(data []byte) error {
	number, err := strconv.ParseFloat(strings.Trim(string(data), "\" \t"), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		number = 0
	}
	switch { // NaN is neither
	case number > maxSeconds:
		*s = maxSeconds
	case number > 0:
		*s = seconds(number)
	default:
		*s = 0
	}
	return nil
}

// scope is a scope parameter, as the RFC's text or as the list that some servers send.
type scope Scope

func (s *scope) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		*s = scope(ParseScope(strings.Join(list, " ")))
		return nil
	}
	var one text
	_ = one.UnmarshalJSON(data)
	*s = scope(ParseScope(string(one)))
	return nil
}
