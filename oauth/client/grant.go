package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// PollWait is how long a poll of the device grant asks the server to wait for the decision.
const PollWait = 25 * time.Second

// Exchange redeems an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
func (c *Client) Exchange(ctx context.Context, code secret.String, redirectURI string, v oauth.Verifier) (oauth.Token, error) {
	return c.grant(ctx, oauth.GrantAuthorizationCode, url.Values{
		"code":          {code.Reveal()},
		"redirect_uri":  {redirectURI},
		"code_verifier": {v.Reveal()},
	})
}

// Refresh redeems a refresh token (RFC 6749 section 6). A Token without Refresh means that the old one stays.
func (c *Client) Refresh(ctx context.Context, refresh secret.String) (oauth.Token, error) {
	return c.grant(ctx, oauth.GrantRefreshToken, url.Values{"refresh_token": {refresh.Reveal()}})
}

// ClientCredentials asks for a token for the client itself (RFC 6749 section 4.4); it needs Secret.
func (c *Client) ClientCredentials(ctx context.Context, scope oauth.Scope) (oauth.Token, error) {
	return c.grant(ctx, oauth.GrantClientCredentials, withScope(url.Values{}, scope))
}

// Password sends a person's password (RFC 6749 section 4.3, which OAuth 2.1 dropped): only for servers that still ask.
func (c *Client) Password(ctx context.Context, username string, password secret.String, scope oauth.Scope) (oauth.Token, error) {
	form := url.Values{"username": {username}, "password": {password.Reveal()}}
	set(form, "machine", c.Machine)
	return c.grant(ctx, oauth.GrantPassword, withScope(form, scope))
}

// APIKey exchanges an API key for a short token (oauth.GrantAPIKey, an extension grant of RFC 6749 section 4.5).
func (c *Client) APIKey(ctx context.Context, key secret.String, scope oauth.Scope) (oauth.Token, error) {
	form := url.Values{"api_key": {key.Reveal()}}
	set(form, "machine", c.Machine)
	return c.grant(ctx, oauth.GrantAPIKey, withScope(form, scope))
}

// Collect asks an address that answers whoever knows it with a token, which is how older servers exchange keys. The address
// is the secret: no error and no log repeats more of it than its host.
func (c *Client) Collect(ctx context.Context, address secret.String) (oauth.Token, error) {
	got, err := c.send(ctx, request{method: http.MethodGet, address: address.Reveal()})
	var refused *oauth.AddressError
	switch {
	case errors.As(err, &refused):
		return oauth.Token{}, &oauth.AddressError{Address: address.String(), Reason: refused.Reason} // ***
	case err != nil:
		return oauth.Token{}, err
	}
	return got.token()
}

// DeviceAuthorize begins a device login (RFC 8628 section 3.1). The challenge binds it to this process: whoever steals
// the device code cannot redeem it without the verifier. Servers that do not know PKCE here ignore it.
func (c *Client) DeviceAuthorize(ctx context.Context, scope oauth.Scope, challenge oauth.Challenge) (oauth.DeviceAuthorization, error) {
	endpoint, err := c.endpoint(ctx, func(m oauth.Metadata) string { return m.DeviceAuthorizationEndpoint })
	if err != nil {
		return oauth.DeviceAuthorization{}, err
	}
	form := url.Values{}
	c.addParams(form)
	form.Set("code_challenge", string(challenge))
	form.Set("code_challenge_method", oauth.ChallengeS256)
	set(form, "machine", c.Machine)
	got, err := c.send(ctx, request{method: http.MethodPost, address: endpoint, form: withScope(form, scope)})
	if err != nil {
		return oauth.DeviceAuthorization{}, err
	}
	device, err := oauth.ParseDeviceAuthorization(got.body)
	if err != nil {
		return oauth.DeviceAuthorization{}, got.strange(got.status)
	}
	return device, nil
}

// PollDevice asks once whether the device login was decided (RFC 8628 section 3.4), with `Prefer: wait` (RFC 7240).
// waited reports that the server took the preference on, and so that it answers when there is news; until then it fails
// with oauth.AuthorizationPending.
func (c *Client) PollDevice(ctx context.Context, device secret.String, v oauth.Verifier) (token oauth.Token, waited bool, err error) {
	r, err := c.tokenRequest(ctx, oauth.GrantDeviceCode, url.Values{
		"device_code":   {device.Reveal()},
		"code_verifier": {v.Reveal()},
	})
	if err != nil {
		return oauth.Token{}, false, err
	}
	r.wait = PollWait
	got, err := c.send(ctx, r)
	waited = appliedWait(got.header)
	if err != nil {
		return oauth.Token{}, waited, err
	}
	token, err = got.token()
	return token, waited, err
}

// grant is the one way to the token endpoint.
func (c *Client) grant(ctx context.Context, kind oauth.GrantType, form url.Values) (oauth.Token, error) {
	r, err := c.tokenRequest(ctx, kind, form)
	if err != nil {
		return oauth.Token{}, err
	}
	got, err := c.send(ctx, r)
	if err != nil {
		return oauth.Token{}, err
	}
	return got.token()
}

// tokenRequest makes the request of a grant; the form is copied, so that Params cannot reach into it.
func (c *Client) tokenRequest(ctx context.Context, kind oauth.GrantType, form url.Values) (request, error) {
	endpoint, err := c.endpoint(ctx, func(m oauth.Metadata) string { return m.TokenEndpoint })
	if err != nil {
		return request{}, err
	}
	all := url.Values{}
	c.addParams(all)
	for name, values := range form {
		all[name] = values
	}
	all.Set("grant_type", string(kind))
	return request{method: http.MethodPost, address: endpoint, form: all}, nil
}

// token reads the answer of the token endpoint, with the server's clock beside it.
func (a answer) token() (oauth.Token, error) {
	token, err := oauth.ParseToken(a.body)
	if errors.Is(err, oauth.ErrMalformed) {
		return oauth.Token{}, a.strange(a.status)
	}
	if at, err := http.ParseTime(a.header.Get("Date")); err == nil {
		token.Date = at
	}
	return token, err
}

// appliedWait reads Preference-Applied (RFC 7240 section 3): "wait", "wait=25", among others.
func appliedWait(header http.Header) bool {
	for _, line := range header.Values("Preference-Applied") {
		for preference := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r == ';' }) {
			name, _, _ := strings.Cut(preference, "=")
			if strings.EqualFold(strings.TrimSpace(name), "wait") {
				return true
			}
		}
	}
	return false
}

// withScope adds the scope; without one the server grants the client's default.
func withScope(form url.Values, scope oauth.Scope) url.Values {
	set(form, "scope", scope.String())
	return form
}
