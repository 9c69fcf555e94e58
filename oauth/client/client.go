// Package client speaks OAuth to an authorization server: discovery, the grants, device authorization, revocation,
// introspection and userinfo. It is the only HTTP in oauth.
//
// It works with any server that follows the RFCs, believes none of them, and tells four kinds of failure apart:
//
//   - *oauth.Error: the server decided, and said so.
//   - *oauth.TemporaryError: nothing was decided; the same may be asked again later.
//   - *AnswerError: what came back was not from an OAuth server (inside a TemporaryError where that may pass, as with the
//     sign-in page of a hotel's network).
//   - *oauth.AddressError, *oauth.IssuerError, ErrUnsupported, *IDTokenError: it was not sent, or must not be used.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// ErrUnsupported says that the server's metadata has no endpoint for what was asked.
var ErrUnsupported = errors.New("oauth: the server does not offer this")

// Client is one registered client of one authorization server. Fill in ID, and either Issuer (the endpoints are then
// discovered at first use) or Metadata (nothing is discovered). Its methods may be called from several goroutines; its
// fields must not change once one was called.
type Client struct {
	Issuer   string         // the server's issuer identifier, exactly as its metadata writes it
	Metadata oauth.Metadata // used as it stands where its Issuer is not empty

	ID     string        // the client identifier
	Secret secret.String // empty for a public client, which is what a command-line program is

	// Machine is the label of this machine that is sent with each request that begins a login; empty: none is sent.
	Machine string
	// Params are sent with every authorization request and every grant (`resource`, `audience`); they never replace a
	// parameter of the protocol.
	Params url.Values

	// AllowHTTP lets everything, passwords and tokens too, travel over plain http to a server that is not on this machine.
	// It is for test networks: whoever is on the way reads it all. An issuer on https stays on https even so.
	AllowHTTP bool

	HTTP    *http.Client     // nil: http.DefaultTransport. Redirects are never followed.
	Timeout time.Duration    // for one request, reading included; 0: 30 s. A long poll gets it on top of its wait.
	Now     func() time.Time // nil: time.Now

	discovery sync.Mutex      // guards found
	found     *oauth.Metadata // what discovery answered, kept for the life of the Client
}

// Describe returns the server's metadata, discovering it once where Metadata is empty. A failure is not kept.
func (c *Client) Describe(ctx context.Context) (oauth.Metadata, error) {
	if c.Metadata.Issuer != "" {
		return c.Metadata, nil
	}
	c.discovery.Lock()
	defer c.discovery.Unlock()
	if c.found == nil {
		metadata, err := c.Discover(ctx, c.Issuer)
		if err != nil {
			return oauth.Metadata{}, err
		}
		c.found = &metadata
	}
	return *c.found, nil
}

// AuthorizationRequest is what a login in the browser asks for (RFC 6749 section 4.1.1).
type AuthorizationRequest struct {
	RedirectURI string
	Scope       oauth.Scope
	State       string
	Nonce       string // OpenID Connect; empty: none
	Challenge   oauth.Challenge
}

// AuthorizationURL returns the address that the person's browser opens. It holds no secret.
func (c *Client) AuthorizationURL(ctx context.Context, req AuthorizationRequest) (string, error) {
	endpoint, err := c.endpoint(ctx, func(m oauth.Metadata) string { return m.AuthorizationEndpoint })
	if err != nil {
		return "", err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", &oauth.AddressError{Address: oauth.Inert(endpoint), Reason: "is not a URL"}
	}
	query := u.Query() // an endpoint may have a query of its own (RFC 6749 section 3.1)
	c.addParams(query)
	query.Set("response_type", "code")
	query.Set("client_id", c.ID)
	query.Set("redirect_uri", req.RedirectURI)
	query.Set("state", req.State)
	query.Set("code_challenge", string(req.Challenge))
	query.Set("code_challenge_method", oauth.ChallengeS256)
	set(query, "scope", req.Scope.String())
	set(query, "nonce", req.Nonce)
	set(query, "machine", c.Machine)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// endpoint picks an endpoint out of the metadata and checks that it may be talked to. An issuer on https never leads to
// an endpoint without it, not even one on this machine.
func (c *Client) endpoint(ctx context.Context, pick func(oauth.Metadata) string) (string, error) {
	metadata, err := c.Describe(ctx)
	if err != nil {
		return "", err
	}
	address := pick(metadata)
	if address == "" {
		return "", fmt.Errorf("%w: %s has no such endpoint", ErrUnsupported, metadata.Issuer)
	}
	if err := c.checkAddress(address); err != nil {
		return "", err
	}
	if isHTTPS(metadata.Issuer) && !isHTTPS(address) {
		return "", &oauth.AddressError{Address: oauth.Inert(address), Reason: "is not https although its issuer is"}
	}
	return address, nil
}

// checkAddress is oauth.CheckAddress, less its demand for https where AllowHTTP is set.
func (c *Client) checkAddress(address string) error {
	if rest, plain := strings.CutPrefix(address, "http://"); plain && c.AllowHTTP {
		return oauth.CheckAddress("https://" + rest)
	}
	return oauth.CheckAddress(address)
}

// addParams goes first everywhere, so that a parameter of the protocol replaces one of Params and never the reverse.
func (c *Client) addParams(form url.Values) {
	for name, values := range c.Params {
		form[name] = append([]string(nil), values...)
	}
}

// now is the one clock of the client.
func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// set adds a parameter that is left out where it is empty (RFC 6749 section 3.1).
func set(form url.Values, name, value string) {
	if value != "" {
		form.Set(name, value)
	}
}

// isHTTPS reports whether TLS stands between this machine and the address.
func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https"
}
