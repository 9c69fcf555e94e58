// Package api shows how an API checks the access tokens of an authority without asking it: RFC 9068 with go-oidc, whose
// verifier fetches the keys once and again when they change. A revoked token is good until it ends; an API that cannot wait
// those minutes asks the introspection endpoint instead.
package api

import (
	"context"
	"errors"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// ErrNotAccess is for tokens of another kind: an ID token is for the program that logged in, not for an API.
var ErrNotAccess = errors.New("api: this is no access token")

// Checker checks tokens. It may be used by several goroutines.
type Checker struct{ verifier *oidc.IDTokenVerifier }

// New reads the metadata of the issuer. audience is this API's name in `aud`: what the authority was told for it, else the
// issuer. ctx must live as long as the checker: the keys are fetched under it.
func New(ctx context.Context, issuer, audience string) (*Checker, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	return &Checker{provider.VerifierContext(ctx, &oidc.Config{ClientID: audience})}, nil
}

// Check returns what the token says when its signature, issuer, audience, time and type are right (RFC 9068 section 4):
// Subject is the person, or the client that acts for itself; Claims reads `scope`, `client_id` and the others.
func (c *Checker) Check(ctx context.Context, token string) (*oidc.IDToken, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return nil, err
	}
	kind := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]
	if !slices.Contains([]any{"at+jwt", "application/at+jwt"}, kind) {
		return nil, ErrNotAccess
	}
	return c.verifier.Verify(ctx, token)
}
