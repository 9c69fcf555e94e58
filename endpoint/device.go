package endpoint

import (
	"net/http"
	"net/url"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/oauth"
)

// device begins a device login (RFC 8628 section 3.1). A code challenge binds it to the program that began it, as PKCE
// binds a login in a browser; a `machine` parameter is the label that the approving person sees. The client is
// authenticated before anything is counted against the address, so that strangers who know no client fill nobody's share.
func (e *Endpoint) device(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	client, err := e.client(r, f)
	if err != nil {
		return err
	}
	ask, err := e.deviceAsk(r, f, &client)
	if err != nil {
		return err
	}
	// ErrTooMany, for an address with too many logins that nobody has decided, becomes 429 (errors.go, SEC-092).
	begun, err := e.Authority.Devices.Begin(r.Context(), client, ask)
	if err != nil {
		return err
	}
	var body object
	body.text("device_code", begun.Code.Reveal())
	body.text("user_code", begun.UserCode)
	// The configured issuer, never the Host that was asked: what is printed in a terminal is where people type passwords.
	body.text("verification_uri", e.Issuer+pathVerification)
	body.text("verification_uri_complete", e.Issuer+pathVerification+"?code="+url.QueryEscape(begun.UserCode))
	// Rounded, since the clock has gone on by some milliseconds: a terminal should show ten minutes and not 599 seconds.
	body.number("expires_in", int64(begun.Expires.Sub(e.now()).Round(time.Second)/time.Second))
	body.number("interval", int64(begun.Interval/time.Second))
	send(w, http.StatusOK, body.bytes())
	return nil
}

func (e *Endpoint) deviceAsk(r *http.Request, f form, client *authority.Client) (ask login.DeviceAsk, err error) {
	if !client.Allows(oauth.GrantDeviceCode) { // off unless it was registered: phishers ask for it too (SEC-087)
		return ask, oauth.Errorf(oauth.UnauthorizedClient, "this application is not registered for device logins")
	}
	asked, err := f.scope()
	if err != nil {
		return ask, err
	}
	// Now, and not when a person approves: what is shown there can then be granted (SEC-031).
	if ask.Scope, err = client.GrantScope(asked); err != nil {
		return ask, err
	}
	if ask.Audience, err = client.GrantAudience(e.Issuer, f.all("resource")); err != nil {
		return ask, err
	}
	challenge, method := f.get("code_challenge"), f.get("code_challenge_method")
	if challenge != "" || method != "" { // half of it is a mistake of the client, not a wish to go without
		if ask.Challenge, err = oauth.ParseChallenge(challenge, method); err != nil {
			return ask, err
		}
	}
	ask.Origin = e.origin(r, f.get("machine"))
	return ask, nil
}
