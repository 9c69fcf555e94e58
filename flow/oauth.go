package flow

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// OAuth looks after a credential that a flow obtained: it renews it, ends it at the server, and asks whose it is. It
// keeps nothing itself.
type OAuth struct {
	Client *client.Client
}

// Refresh renews the access token: with the refresh token, or by exchanging the API key again. It returns old with the
// new tokens in it; what the server did not send again stays. It fails with ErrNotRenewable, *oauth.Error (invalid_grant:
// the login has ended), *oauth.TemporaryError (nothing was decided) or ErrOtherPerson.
func (o OAuth) Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	token, err := o.renew(ctx, old)
	if err != nil {
		return cred.Credential{}, err
	}
	fresh := old
	fill(&fresh, token, nil, clock(o.Client))
	if token.ID.IsZero() {
		return fresh, nil
	}
	// A new ID token must be of the same person (OpenID Connect Core 1.0 section 12.2). Any other flaw in it is no reason
	// to lose a login that was just renewed: its claims are not used.
	claims, err := o.Client.CheckIDToken(ctx, token, "")
	if err == nil && old.Subject != "" && claims.Subject != old.Subject {
		return cred.Credential{}, ErrOtherPerson
	}
	return fresh, nil
}

// renew asks for new tokens. A key is exchanged again rather than refreshed: it outlives every refresh token.
func (o OAuth) renew(ctx context.Context, old cred.Credential) (oauth.Token, error) {
	switch {
	case old.Kind == cred.KindAPIKey && !old.APIKey.IsZero():
		return o.Client.APIKey(ctx, old.APIKey, oauth.Scope(old.Scope))
	case !old.Refresh.IsZero():
		return o.Client.Refresh(ctx, old.Refresh)
	}
	return oauth.Token{}, ErrNotRenewable
}

// Revoke ends the credential's tokens at the server: the refresh token, which is the login, and then the access token. A
// server that cannot end access tokens is not an error once the refresh token has gone (RFC 7009 section 2.2.1). It fails
// with client.ErrUnsupported where the server revokes nothing.
func (o OAuth) Revoke(ctx context.Context, c cred.Credential) error {
	if !c.Refresh.IsZero() {
		if err := o.Client.Revoke(ctx, c.Refresh, "refresh_token"); err != nil {
			return err
		}
	}
	if c.Access.IsZero() {
		return nil
	}
	err := o.Client.Revoke(ctx, c.Access, "access_token")
	var decided *oauth.Error
	if !c.Refresh.IsZero() && errors.As(err, &decided) {
		return nil
	}
	return err
}

// Identify asks the server whose credential it is (userinfo) and returns it with Subject, Account and Name filled in. It
// fails with oauth.InvalidToken where the token is no longer good, and with ErrOtherPerson.
func (o OAuth) Identify(ctx context.Context, c cred.Credential) (cred.Credential, error) {
	claims, err := o.Client.Userinfo(ctx, c.Access, c.TokenType)
	if err != nil {
		return c, err
	}
	if c.Subject != "" && c.Subject != claims.Subject {
		return c, ErrOtherPerson
	}
	name(&c, claims)
	return c, nil
}

// complete makes a credential of a login's token: it checks the ID token where there is one and, where that leaves the
// account unknown, asks userinfo. That the server does not say who logged in does not undo a login.
func complete(ctx context.Context, c *client.Client, token oauth.Token, asked oauth.Scope, nonce string) (cred.Credential, error) {
	made := cred.Credential{Kind: cred.KindOAuth}
	fill(&made, token, asked, clock(c))
	if !token.ID.IsZero() {
		claims, err := c.CheckIDToken(ctx, token, nonce)
		if err != nil {
			return cred.Credential{}, err
		}
		name(&made, claims)
		if claims.Email != "" || claims.Username != "" {
			return made, nil
		}
	}
	known, err := OAuth{c}.Identify(ctx, made)
	if errors.Is(err, ErrOtherPerson) {
		return cred.Credential{}, err
	}
	return known, nil
}

// fill writes what a token answer says into a credential. asked is the scope of the request: an answer without a scope
// granted just that (RFC 6749 section 5.1).
func fill(c *cred.Credential, token oauth.Token, asked oauth.Scope, now time.Time) {
	now = now.Round(0) // these times go into files, and are compared with other processes' clocks
	c.Access = token.Access
	c.TokenType = token.Type
	c.Renewed = now
	c.Expires = after(now, token.ExpiresIn)
	if !token.Refresh.IsZero() {
		c.Refresh = token.Refresh
	}
	if token.SessionExpiresIn > 0 {
		c.SessionEnds = after(now, token.SessionExpiresIn)
	}
	if token.IdleExpiresIn > 0 {
		c.IdleTimeout = time.Duration(token.IdleExpiresIn) * time.Second
	}
	if token.SessionID != "" {
		c.SessionID = token.SessionID
	}
	switch {
	case token.Scope != nil:
		c.Scope = token.Scope
	case asked != nil:
		c.Scope = asked
	}
}

// name writes who it is into the credential. A bare subject never replaces an account that people know.
func name(c *cred.Credential, claims client.Claims) {
	c.Subject = claims.Subject
	if c.Account == "" || claims.Email != "" || claims.Username != "" {
		c.Account = claims.Account()
	}
	if claims.Name != "" {
		c.Name = claims.Name
	}
	if !claims.SessionEnds.IsZero() {
		c.SessionEnds = claims.SessionEnds
	}
	c.Extra = maps.Clone(c.Extra)
	for name, value := range map[string]string{
		"organization": claims.Organization, "role": claims.Role, "created_at": claims.Created,
	} {
		if value != "" {
			if c.Extra == nil {
				c.Extra = make(map[string]string)
			}
			c.Extra[name] = value
		}
	}
}

// after is the time n seconds from now, and the zero time where the server named none.
func after(now time.Time, n int64) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(n) * time.Second)
}

// clock is the client's, so that a login and its requests tell the same time.
func clock(c *client.Client) time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// sendable reports whether a secret from a person or a file can travel in a header: printable ASCII without spaces.
func sendable(s secret.String) bool {
	text := s.Reveal()
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != ""
}
