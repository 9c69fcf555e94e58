package token

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// typRefresh is the typ of a wrapped refresh token: it passes as no other token of ours. Ring.Verify compares whole
// headers, and so a wrapped one is refused wherever an access token is asked for.
const typRefresh = "rt+jwt"

// Named is Access with the person's name and the client in the token (preferred_username, azp), for wires whose clients read
// their access tokens. Everybody else asks userinfo, and learns of a new name.
func (t *Tokens) Named(ctx context.Context, family authority.Family, client authority.Client, scope oauth.Scope, aud []string) (token secret.String, life time.Duration, err error) {
	person, err := t.people.Person(ctx, family.PersonID)
	if err != nil {
		return secret.String{}, 0, err
	}
	return t.access(family, client, claims{Scope: scope.String(), Audience: aud, Party: client.ID, Username: person.Username})
}

// wrapped is the body of a wrapped refresh token.
type wrapped struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Party    string `json:"azp"`
	Session  string `json:"sid"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp,omitempty"`
	Value    string `json:"value"`
}

// Wrap writes a refresh token as a JWT, for wires whose clients read its end from it: the session's, when nobody uses it, is
// life from now; 0: it has none. What counts is the value inside; Unwrap gets it out.
func (t *Tokens) Wrap(client authority.Client, refresh secret.String, sessionID string, life time.Duration) (secret.String, error) {
	now := t.now()
	body := wrapped{
		Issuer: t.issuer, Audience: t.issuer, Party: client.ID, Session: sessionID, Issued: now.Unix(), Value: refresh.Reveal(),
	}
	if life > 0 {
		// For the client's eyes. An end that is written here and nowhere else could not be moved by a revocation.
		body.Expires = now.Add(life).Unix()
	}
	return t.signed(client, typRefresh, body)
}

// Unwrap returns the refresh token in a wrapped one, and anything else as it is. It judges neither: whoever redeems the
// value does, so that the end inside can never outlive what the store says.
func (t *Tokens) Unwrap(token string) string {
	if strings.Count(token, ".") != 2 || !strings.HasPrefix(token, "ey") { // a bare one has two dots as well
		return token
	}
	// A token that does not verify goes on as it is and dies where it is redeemed: one place refuses, with one answer for
	// all.
	text, _, err := t.keyring.Ring().Verify(token, typRefresh)
	var body wrapped
	if err != nil || json.Unmarshal(text, &body) != nil || body.Issuer != t.issuer {
		return token
	}
	return body.Value
}
