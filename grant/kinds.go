package grant

import (
	"context"

	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/oauth"
)

// codeKind is the authorization code grant with PKCE (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
type codeKind struct{}

// The code itself is judged by login.Logins.Redeem. What is wrong with the form of the request is said before it, so that
// it consumes no code.
func (codeKind) redeem(ctx context.Context, g *Granter, r *Request) (granted, error) {
	if r.Code.IsZero() {
		return granted{}, oauth.Errorf(oauth.InvalidRequest, "the parameter code is missing")
	}
	// Never optional: a code that leaked out of a browser's address is worth nothing without it (RFC 9700 section 2.1.1,
	// SEC-043).
	if r.Verifier == "" {
		return granted{}, oauth.Errorf(oauth.InvalidGrant, "the parameter code_verifier is missing")
	}
	verifier, err := oauth.ParseVerifier(r.Verifier)
	if err != nil {
		return granted{}, err
	}
	redeemed, err := g.Authority.Logins.Redeem(ctx, login.CodeRedemption{
		Client: r.Client, Code: r.Code, RedirectURI: r.RedirectURI, Verifier: verifier, Origin: r.Origin,
	})
	return fromRedeemed(redeemed), err
}

// deviceKind is the device code grant (RFC 8628 section 3.4).
type deviceKind struct{}

// Poll answers everything but "approved" by itself and without the database; only what was approved reaches Redeem.
func (deviceKind) redeem(ctx context.Context, g *Granter, r *Request) (granted, error) {
	if r.DeviceCode.IsZero() {
		return granted{}, oauth.Errorf(oauth.InvalidRequest, "the parameter device_code is missing")
	}
	id, waited, err := g.Authority.Devices.Poll(ctx, r.Client, r.DeviceCode, r.Wait, r.Origin.Address)
	if err != nil {
		return granted{waited: waited}, err
	}
	if err := ctx.Err(); err != nil { // the client has gone: what it cannot receive is not redeemed
		return granted{waited: waited}, err
	}
	redeemed, err := g.Authority.Devices.Redeem(ctx, id, login.DeviceRedemption{
		Client: r.Client, Code: r.DeviceCode, Verifier: r.Verifier, Origin: r.Origin,
	})
	found := fromRedeemed(redeemed)
	found.waited = waited
	return found, err
}

// fromRedeemed says what the tokens of a redeemed family hold: all that was approved, never what the request asked for.
func fromRedeemed(redeemed login.Redeemed) granted {
	family := redeemed.Family
	return granted{
		family: &family, scope: family.Scope, audience: family.Audience, refresh: redeemed.Refresh, nonce: redeemed.Nonce,
	}
}

// refreshKind is the refresh token grant with rotation (RFC 6749 section 6, RFC 9700 section 4.14).
type refreshKind struct{}

// Client, generation and life are judged by login.Sessions.Rotate in one compare-and-swap, so that any number of requests
// at once make one successor and no second branch (SEC-114, CVE-2026-1035).
func (refreshKind) redeem(ctx context.Context, g *Granter, r *Request) (granted, error) {
	if r.RefreshToken.IsZero() {
		return granted{}, oauth.Errorf(oauth.InvalidRequest, "the parameter refresh_token is missing")
	}
	narrow, err := g.narrowed(ctx, r)
	if err != nil {
		return granted{}, err
	}
	family, successor, err := g.Authority.Sessions.Rotate(ctx, r.RefreshToken, r.Client, r.Origin)
	if err != nil {
		return granted{}, err
	}
	found := granted{family: &family, scope: family.Scope, audience: family.Audience, refresh: successor}
	// Into this answer's token only. The family keeps what was approved, so that the next refresh has all of it again.
	if len(narrow.scope) > 0 {
		found.scope = narrow.scope
	}
	if len(narrow.audience) > 0 {
		found.audience = narrow.audience
	}
	return found, nil
}

// narrowed checks what a refresh asks for before anything is rotated: a refused request costs the session nothing.
// Narrower is fine and does not stick (RFC 6749 section 6); wider is invalid_scope.
func (g *Granter) narrowed(ctx context.Context, r *Request) (granted, error) {
	if len(r.Scope) == 0 && len(r.Resources) == 0 {
		return granted{}, nil
	}
	// Peek rotates nothing. Were the scope checked after the rotation, a request that is refused would have used up the
	// token, and a client that does not keep the successor of an error would be logged out.
	family, err := g.Authority.Sessions.Peek(ctx, r.RefreshToken)
	if err != nil {
		return granted{}, err
	}
	if !r.Scope.Within(family.Scope) {
		return granted{}, oauth.Errorf(oauth.InvalidScope, "a refresh cannot ask for more than was approved")
	}
	for _, resource := range r.Resources {
		if !oauth.Scope(family.Audience).Has(resource) {
			return granted{}, oauth.Errorf(oauth.InvalidTarget, "a refresh cannot ask for another resource than was approved")
		}
	}
	return granted{scope: r.Scope, audience: r.Resources}, nil
}

// serviceKind is the client credentials grant (RFC 6749 section 4.4).
type serviceKind struct{}

// The client acts for itself: its scope and audience are its registration's, and no person is looked for.
func (serviceKind) redeem(_ context.Context, g *Granter, r *Request) (granted, error) {
	// The registry refuses to register such a client; this holds for rows that were written by other means. Without a
	// secret the name alone, which everybody knows, would be the credential.
	if r.Client.Public() {
		return granted{}, oauth.Errorf(oauth.UnauthorizedClient, "a client without a secret cannot use client credentials")
	}
	scope, err := r.Client.GrantScope(r.Scope)
	if err != nil {
		return granted{}, err
	}
	audience, err := r.Client.GrantAudience(g.Authority.Issuer, r.Resources)
	return granted{scope: scope, audience: audience}, err
}
