package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// ChallengeS256 is the one code challenge method that Doorward uses and accepts (RFC 7636 section 4.2; plain is refused,
// RFC 9700 section 2.1.1).
const ChallengeS256 = "S256"

// Verifier is a PKCE code verifier: 43 to 128 unreserved characters (RFC 7636 section 4.1). It prints as *** .
type Verifier struct{ value string }

// NewVerifier makes a verifier of 256 random bits.
func NewVerifier() Verifier {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return Verifier{base64.RawURLEncoding.EncodeToString(raw[:])}
}

// ParseVerifier checks a verifier that came over the wire; it fails with invalid_grant.
func ParseVerifier(text string) (Verifier, error) {
	if !pkceText(text) {
		return Verifier{}, Errorf(InvalidGrant, "the code_verifier must be 43 to 128 unreserved characters")
	}
	return Verifier{text}, nil
}

// Reveal returns the verifier for the wire.
func (v Verifier) Reveal() string { return v.value }

// String hides the verifier.
func (v Verifier) String() string { return "***" }

// GoString hides the verifier.
func (v Verifier) GoString() string { return "***" }

// Challenge returns the S256 challenge of the verifier.
func (v Verifier) Challenge() Challenge {
	sum := sha256.Sum256([]byte(v.value))
	return Challenge(base64.RawURLEncoding.EncodeToString(sum[:]))
}

// Challenge is an S256 code challenge; the empty one stands for a request without PKCE.
type Challenge string

// ParseChallenge checks the two parameters of RFC 7636 section 4.3; it fails with invalid_request.
func ParseChallenge(challenge, method string) (Challenge, error) {
	if method != ChallengeS256 {
		return "", Errorf(InvalidRequest, "code_challenge_method must be S256")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(raw) != sha256.Size {
		return "", Errorf(InvalidRequest, "the code_challenge must be the 43 characters of an S256 challenge")
	}
	return Challenge(challenge), nil
}

// Matches reports, in constant time, whether v is the verifier of the challenge. The empty challenge matches nothing.
func (c Challenge) Matches(v Verifier) bool {
	return c != "" && subtle.ConstantTimeCompare([]byte(c), []byte(v.Challenge())) == 1
}

func pkceText(text string) bool {
	if len(text) < 43 || len(text) > 128 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
