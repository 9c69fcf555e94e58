package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/doorward/doorward/oauth"
)

// leeway is how far two clocks may differ where an ID token's end is judged.
const leeway = 2 * time.Minute

// Claims says who somebody is, from an ID token or from userinfo (OpenID Connect Core 1.0 section 5.1). The texts are
// inert. Subject alone identifies a person, together with the issuer; the others are for people's eyes.
type Claims struct {
	Subject  string
	Email    string
	Username string // preferred_username
	Name     string

	// What our own authority tells beside the standard claims; empty where a server does not.
	Organization string    // organization: the one joined first
	Role         string    // role in it
	Created      string    // created_at of the account (RFC 3339)
	SessionEnds  time.Time // session_exp: when a new login will be needed
}

// Account is what people call the login: the e-mail address, else the user name, else the subject.
func (c Claims) Account() string {
	for _, name := range []string{c.Email, c.Username} {
		if name != "" {
			return name
		}
	}
	return c.Subject
}

// IDTokenError says why an ID token was not accepted. The login it came with must not be used.
type IDTokenError struct{ Reason string }

// Error gives the reason.
func (e *IDTokenError) Error() string { return "the ID token was refused: " + e.Reason }

// CheckIDToken checks the claims of the ID token that came with token, as it came from the token endpoint in this very
// exchange: issuer, audience, authorized party, nonce and end. The signature is not looked at; TLS to the token endpoint
// stands for it (OpenID Connect Core 1.0 section 3.1.3.7, item 6). nonce is what the request carried, "" for none. It
// fails with an *IDTokenError.
func (c *Client) CheckIDToken(ctx context.Context, token oauth.Token, nonce string) (Claims, error) {
	metadata, err := c.Describe(ctx)
	if err != nil {
		return Claims{}, err
	}
	now := token.Date // the server's own clock, where it said it: this machine's may be wrong by a day (SEC-306)
	if now.IsZero() {
		now = c.now()
	}
	id, err := parseIDToken(token.ID.Reveal())
	if err != nil {
		return Claims{}, err
	}
	if reason := id.reject(metadata.Issuer, c.ID, nonce, now); reason != "" {
		return Claims{}, &IDTokenError{reason}
	}
	return id.claims(), nil
}

// wireClaims is the payload of an ID token and the body of userinfo.
type wireClaims struct {
	Issuer   string      `json:"iss"`
	Subject  string      `json:"sub"`
	Audience audience    `json:"aud"`
	Party    string      `json:"azp"`
	Nonce    string      `json:"nonce"`
	Expires  json.Number `json:"exp"`
	Email    string      `json:"email"`
	Username string      `json:"preferred_username"`
	Name     string      `json:"name"`
}

// reject returns what is wrong with the claims, or nothing.
func (w wireClaims) reject(issuer, client, nonce string, now time.Time) string {
	switch end := numericDate(w.Expires); {
	case w.Issuer != issuer:
		return "it is from another issuer (iss)"
	case w.Subject == "":
		return "it names nobody (sub)"
	case !slices.Contains(w.Audience, client):
		return "it is for another client (aud)"
	case len(w.Audience) > 1 && w.Party == "", w.Party != "" && w.Party != client:
		return "it was issued to another client (azp)"
	case w.Nonce != nonce && nonce != "":
		return "it belongs to another login (nonce)"
	case end.IsZero() || !now.Before(end.Add(leeway)):
		return "it has ended (exp)"
	}
	return ""
}

// claims keeps what is shown to people, made inert.
func (w wireClaims) claims() Claims {
	return Claims{
		Subject: oauth.Inert(w.Subject), Email: oauth.Inert(w.Email),
		Username: oauth.Inert(w.Username), Name: oauth.Inert(w.Name),
	}
}

// parseIDToken reads the payload of a signed JWT (RFC 7519 section 3); an encrypted one is refused.
func parseIDToken(token string) (wireClaims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return wireClaims{}, &IDTokenError{"it is not a signed token"}
	}
	if !signedForUs(parts[0]) {
		return wireClaims{}, &IDTokenError{"it is not signed with an algorithm that a server could prove itself by (alg)"}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return wireClaims{}, &IDTokenError{"it cannot be read"}
	}
	var claims wireClaims
	if oauth.Decode(payload, &claims) != nil {
		return wireClaims{}, &IDTokenError{"it cannot be read"}
	}
	return claims, nil
}

// signedForUs reports whether a header names a public-key algorithm (RFC 7518 section 3.1, RFC 8037). The signature itself is
// TLS's matter here, but a server that sends none, or one under a secret that clients hold, is not to be believed.
func signedForUs(header string) bool {
	var known struct {
		Alg string `json:"alg"`
	}
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || oauth.Decode(text, &known) != nil {
		return false
	}
	switch known.Alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA":
		return true
	}
	return false
}

// parseClaims reads userinfo. It takes a few members only: the others may have any shape, as in `aud` of a signed one.
func parseClaims(data []byte) (Claims, error) {
	var wire struct {
		Subject      string      `json:"sub"`
		Email        string      `json:"email"`
		Username     string      `json:"preferred_username"`
		Name         string      `json:"name"`
		Organization any         `json:"organization"` // other servers have other shapes under these two names
		Role         any         `json:"role"`
		Created      any         `json:"created_at"`
		SessionEnds  json.Number `json:"session_exp"`
	}
	if err := oauth.Decode(data, &wire); err != nil {
		return Claims{}, err
	}
	claims := wireClaims{Subject: wire.Subject, Email: wire.Email, Username: wire.Username, Name: wire.Name}.claims()
	claims.Organization, claims.Role, claims.Created = inert(wire.Organization), inert(wire.Role), inert(wire.Created)
	claims.SessionEnds = numericDate(wire.SessionEnds)
	return claims, nil
}

// inert keeps a text, and nothing of another shape.
func inert(value any) string {
	text, _ := value.(string)
	return oauth.Inert(text)
}

// audience is one name or a list of them (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// numericDate reads seconds since 1970 (RFC 7519 section 2), fractions cut off; zero where it is none.
func numericDate(n json.Number) time.Time {
	seconds, err := n.Float64()
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}
