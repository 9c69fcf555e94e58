package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorward/doorward/oauth"
)

// Discover fetches the metadata of issuer: where OpenID Connect Discovery 1.0 (section 4) puts it, then where RFC 8414
// (section 3.1) does. The document must name exactly the issuer that was asked (*oauth.IssuerError); an issuer without
// https that is not on this machine is refused before anything is sent (*oauth.AddressError).
func (c *Client) Discover(ctx context.Context, issuer string) (oauth.Metadata, error) {
	places, err := c.wellKnown(issuer)
	if err != nil {
		return oauth.Metadata{}, err
	}
	var first error
	for _, place := range places {
		metadata, err := c.fetchMetadata(ctx, place, issuer)
		if err == nil {
			return metadata, nil
		}
		if final(ctx, err) {
			return oauth.Metadata{}, err
		}
		if first == nil {
			first = err
		}
	}
	return oauth.Metadata{}, fmt.Errorf("%s does not describe itself as an OAuth or OpenID server: %w", issuer, first)
}

// fetchMetadata reads the document at one place. Whatever is not JSON there is an AnswerError, so that the next place is
// tried: applications answer every path with a page and a 200.
func (c *Client) fetchMetadata(ctx context.Context, place, issuer string) (oauth.Metadata, error) {
	got, err := c.send(ctx, request{method: http.MethodGet, address: place})
	if err != nil {
		return oauth.Metadata{}, err
	}
	metadata, err := oauth.ParseMetadata(got.body, issuer)
	if errors.Is(err, oauth.ErrMalformed) {
		return oauth.Metadata{}, got.strange(got.status)
	}
	return metadata, err
}

// final reports whether the second place need not be tried: somebody answered for another issuer, nobody answered at all,
// or the caller has gone. An answer that is no metadata (a 404, a page) is worth the second look.
func final(ctx context.Context, err error) bool {
	var wrong *oauth.IssuerError
	var temporary *oauth.TemporaryError
	var strange *AnswerError
	return ctx.Err() != nil || errors.As(err, &wrong) || errors.As(err, &temporary) && !errors.As(err, &strange)
}

// wellKnown returns the two places of an issuer's metadata.
func (c *Client) wellKnown(issuer string) ([]string, error) {
	if err := c.checkAddress(issuer); err != nil {
		return nil, err
	}
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" || u.ForceQuery {
		return nil, &oauth.AddressError{Address: oauth.Inert(issuer), Reason: "carries a query, which no issuer has"}
	}
	// OpenID appends to the path, RFC 8414 puts its part between host and path; for an issuer without a path they agree.
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	return []string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	}, nil
}
