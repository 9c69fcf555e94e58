// Package federation lets an upstream OpenID provider say who somebody is: authorization code with PKCE, state, nonce and
// iss, and an ID token that is verified in full. It knows no pages and no store: what has to outlive the round trip is an
// opaque value that the caller seals and ties to the browser that began it.
package federation

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// Errors of this room. What an upstream has written stands in none of them: it goes to a log at most.
var (
	// ErrAnswer refuses an answer that is not the one that was asked for: another issuer, a token that does not verify, a
	// trip that is over. Nobody is signed in by it.
	ErrAnswer = errors.New("federation: the provider's answer cannot be accepted")
	// ErrUnavailable says that the provider cannot be reached, or does not speak as it must. What exists here is untouched.
	ErrUnavailable = errors.New("federation: the provider cannot be reached at this moment")
	// ErrRefused is what every *RefusedError is: the provider does not vouch for the person.
	ErrRefused = errors.New("federation: the provider refused")
)

// RefusedError says that the provider did not vouch for the person, or not as strongly as was asked.
type RefusedError struct {
	Code string // the provider's error code (RFC 6749 section 4.1.2.1), or unmet_authentication_requirements for our own check
}

// Error gives the code.
func (e *RefusedError) Error() string { return "federation: the provider refused: " + e.Code }

// Is makes it an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// unmet is the error code of OpenID Connect Core Unmet Authentication Requirements 1.0.
const unmet = "unmet_authentication_requirements"

// Ask is one round trip that is to begin.
type Ask struct {
	Callback string // where the provider sends the browser back to: an address of this binding alone
	// Anew asks for a fresh sign-in, whatever session the provider has with the browser.
	Anew bool
	// Seal makes the state parameter of the opaque trip. What it returns must be sealed, tied to the browser that begins,
	// and open to the trip again. It may add to it what the caller wants to find at the end.
	Seal func(trip []byte) (state string)
}

// Return is what came back: the trip that was sealed, and the parameters of the callback.
type Return struct {
	Trip   []byte
	Values url.Values
}

// Identity is who somebody is, as the provider says. Issuer and Subject together name the person; nothing else does.
type Identity struct {
	Issuer        string
	Subject       string
	Email         string // as the provider says; never a way to find an account
	EmailVerified bool
	Username      string // preferred_username
	Name          string
	ACR           string
	AMR           []string
	AuthTime      time.Time // zero: the provider did not say
}

// Provider is a way to learn from somebody else who a person is.
type Provider interface {
	// Begin returns the address that the browser is sent to. It fails with ErrUnavailable.
	Begin(ctx context.Context, ask Ask) (address string, err error)
	// Complete turns what came back into an identity. It fails with a *RefusedError, ErrAnswer or ErrUnavailable. It does not
	// know whether the same answer came before: the caller takes each trip once.
	Complete(ctx context.Context, back Return) (Identity, error)
}
