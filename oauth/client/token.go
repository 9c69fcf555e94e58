package client

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Revoke ends a token at the server (RFC 7009). kind is "refresh_token", "access_token" or "". A token that the server
// does not know counts as revoked. It fails with ErrUnsupported where the server has no such endpoint.
func (c *Client) Revoke(ctx context.Context, token secret.String, kind string) error {
	endpoint, err := c.endpoint(ctx, func(m oauth.Metadata) string { return m.RevocationEndpoint })
	if err != nil {
		return err
	}
	form := url.Values{"token": {token.Reveal()}}
	set(form, "token_type_hint", kind)
	got, err := c.send(ctx, request{method: http.MethodPost, address: endpoint, form: form})
	if err != nil {
		return err
	}
	// The RFC gives the body no meaning, but a page in it means that somebody else answered, and the token lives.
	if kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type")); kind == "text/html" && len(got.body) > 0 {
		return got.strange(got.status)
	}
	return nil
}

// Introspection is what the server says of a token (RFC 7662 section 2.2).
type Introspection struct {
	Active   bool
	Scope    oauth.Scope
	ClientID string
	Username string
	Subject  string
	Expires  time.Time // zero where it does not say
}

// Introspect asks the server about a token (RFC 7662); most servers want a client with a secret for it.
func (c *Client) Introspect(ctx context.Context, token secret.String) (Introspection, error) {
	endpoint, err := c.endpoint(ctx, func(m oauth.Metadata) string { return m.IntrospectionEndpoint })
	if err != nil {
		return Introspection{}, err
	}
	got, err := c.send(ctx, request{
		method: http.MethodPost, address: endpoint, form: url.Values{"token": {token.Reveal()}},
	})
	if err != nil {
		return Introspection{}, err
	}
	var wire struct {
		Active   *bool       `json:"active"`
		Scope    string      `json:"scope"`
		ClientID string      `json:"client_id"`
		Username string      `json:"username"`
		Subject  string      `json:"sub"`
		Expires  json.Number `json:"exp"`
	}
	if oauth.Decode(got.body, &wire) != nil || wire.Active == nil {
		return Introspection{}, got.strange(got.status)
	}
	return Introspection{
		Active: *wire.Active, Scope: oauth.ParseScope(wire.Scope), ClientID: oauth.Inert(wire.ClientID),
		Username: oauth.Inert(wire.Username), Subject: oauth.Inert(wire.Subject), Expires: numericDate(wire.Expires),
	}, nil
}

// Userinfo asks who the access token belongs to (OpenID Connect Core 1.0 section 5.3). A token that is no longer good
// fails with oauth.InvalidToken. kind is the token's type; "" means Bearer.
func (c *Client) Userinfo(ctx context.Context, access secret.String, kind string) (Claims, error) {
	endpoint, err := c.endpoint(ctx, func(m oauth.Metadata) string { return m.UserinfoEndpoint })
	if err != nil {
		return Claims{}, err
	}
	if kind == "" {
		kind = "Bearer"
	}
	got, err := c.send(ctx, request{method: http.MethodGet, address: endpoint, bearer: access, kind: kind})
	if err != nil {
		return Claims{}, err
	}
	claims, err := parseClaims(got.body)
	if err != nil || claims.Subject == "" {
		return Claims{}, got.strange(got.status)
	}
	return claims, nil
}
