// Package secret holds the one type for values that must not be seen: passwords, tokens, keys, codes.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what every way of printing a secret shows instead of it.
const Mask = "***"

// ErrMarshal answers an attempt to marshal a String: writing the mask would lose the value without a word, and writing
// the value would be a leak. Whoever stores or sends a secret says so by calling Reveal.
var ErrMarshal = errors.New("secret: refusing to marshal a secret; call Reveal where it may be written")

// String is a text that prints as Mask everywhere (fmt, slog, errors, panics of fmt) and is read only through Reveal.
// The zero value is the empty secret; values compare with ==, secrets from outside with Equal.
type String struct{ value string }

// New returns the secret that holds value.
func New(value string) String { return String{value} }

// Reveal returns the text itself. Each call is a place to look at in review.
func (s String) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.value == "" }

// Equal compares in constant time, for secrets that an attacker can choose.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other.value)) == 1
}

// String returns Mask, or nothing for the empty secret.
func (s String) String() string {
	if s.value == "" {
		return ""
	}
	return Mask
}

// Format prints the mask for every verb, %#v and %x among them.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps secrets out of log/slog.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText refuses with ErrMarshal.
func (s String) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// UnmarshalText reads the value, so that wire answers and files decode into secrets directly.
func (s *String) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
