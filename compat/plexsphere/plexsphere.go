// Package plexsphere answers the plexctl clients that are already in the field: their device login through the identity
// provider of a Domain, and who a token is of. It translates and decides nothing.
//
// What comes in is JSON at one of three addresses; what goes out is an answer with all of its members, or a problem (RFC
// 9457). The law it keeps: the person of a device login must come through the one binding that the request names, which the
// authority holds to (login.Devices.Approve); and tokens come out of the one pipeline (room grant).
package plexsphere

import (
	"cmp"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// usualClient is whose login it is where the request does not say.
const usualClient = "plexctl"

// Contract is the wire of plexsphere over an authority. All fields but Now and Log are needed.
type Contract struct {
	Issuer    string
	Authority *law.Authority
	Granter   *grant.Granter
	People    identity.People
	Domains   identity.Domains
	Address   func(*http.Request) string
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discards
}

// Routes returns the handlers by path pattern. They take any method, so that a wrong one is answered in the words of this
// contract too.
func (c *Contract) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"/v1/auth/device-code":  c.only(http.MethodPost, c.deviceCode),
		"/v1/auth/device-token": c.only(http.MethodPost, c.deviceToken),
		"/v1/auth/whoami":       c.only(http.MethodGet, c.whoami),
	}
}

// only serves one method and makes a problem of whatever goes wrong.
func (c *Contract) only(method string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := refuse(http.StatusMethodNotAllowed, oauth.InvalidRequest, "use "+method+" here")
		if r.Method == method {
			err = serve(w, r)
		} else {
			w.Header().Set("Allow", method)
		}
		if err != nil {
			c.fail(w, r, err)
		}
	})
}

// deviceCodeAnswer is that of RFC 8628 section 3.2; these clients want all of its members.
type deviceCodeAnswer struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"`
	Interval                int64  `json:"interval"`
}

// deviceCode begins a login that its person must make through one binding of one Domain.
func (c *Contract) deviceCode(w http.ResponseWriter, r *http.Request) error {
	values, err := read(r)
	if err != nil {
		return err
	}
	// The binding comes before the client: which Domain is meant is what people get wrong.
	binding, err := c.binding(r.Context(), values)
	if err != nil {
		return err
	}
	client, err := c.client(r, values)
	if err != nil {
		return err
	}
	// The wire has no scope and no resource: the client's registration says what its logins are for.
	scope, err := client.GrantScope(nil)
	if err != nil {
		return err
	}
	audience, err := client.GrantAudience(c.Issuer, nil)
	if err != nil {
		return err
	}
	begun, err := c.Authority.Devices.Begin(r.Context(), client, login.DeviceAsk{
		// There is no challenge: these clients know no PKCE, so that who has the device code has the login. It never leaves
		// their terminal.
		Scope: scope, Audience: audience, Origin: c.origin(r), Binding: binding.ID, Digits: true,
	})
	if err != nil {
		return err
	}
	// The configured issuer, never the Host that was asked: what a terminal prints is where people type passwords. The page
	// of the binding: it goes to that provider at once, and a person who signs in there is told what is approved.
	page := c.Issuer + "/device/" + binding.ID
	body.Send(w, http.StatusOK, deviceCodeAnswer{
		DeviceCode: begun.Code.Reveal(), UserCode: begun.UserCode, VerificationURI: page,
		VerificationURIComplete: page + "?user_code=" + url.QueryEscape(begun.UserCode),
		ExpiresIn:               seconds(begun.Expires.Sub(c.now())), Interval: seconds(begun.Interval),
	})
	return nil
}

// tokenAnswer is that of RFC 6749 section 5.1. No refresh token and no ID token: these clients know neither, and what nobody
// uses is better not given out.
type tokenAnswer struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"`
	Scope     string `json:"scope,omitempty"`
}

// deviceToken answers a poll. A client that says how long it would wait (RFC 7240) is answered the moment the person
// decides. Its order is body, client, connection, grant: what fails early has moved no time limits.
func (c *Contract) deviceToken(w http.ResponseWriter, r *http.Request) error {
	values, err := read(r)
	if err != nil {
		return polled(err)
	}
	client, err := c.client(r, values)
	if err != nil {
		return polled(err)
	}
	wait := waitPreference(r.Header.Get("Prefer"))
	if wait > 0 { // before the wait: afterwards there is nothing left to hold
		holdOpen(w, wait)
	}
	answer, err := c.Granter.Redeem(r.Context(), grant.Request{
		Type: oauth.GrantDeviceCode, Client: client, DeviceCode: secret.New(values["device_code"]), Origin: c.origin(r), Wait: wait,
	})
	if answer.Waited { // beside an error too: who was made to wait may poll again at once
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
	}
	if err != nil {
		return polled(err)
	}
	// At least a second (PLX-20 takes no 0); the token's own end is what counts.
	token := answer.Token
	body.Send(w, http.StatusOK, tokenAnswer{token.Access.Reveal(), token.Type, max(1, token.ExpiresIn), token.Scope.String()})
	return nil
}

// read reads a body, which is JSON in this contract. Forms, which room body would take, are no part of this contract: a
// page of another site can send one without being asked (SEC-201).
func read(r *http.Request) (body.Values, error) {
	if header := r.Header.Get("Content-Type"); header != "" {
		if media, _, err := mime.ParseMediaType(header); err != nil || media != "application/json" {
			return nil, refuse(http.StatusUnsupportedMediaType, oauth.InvalidRequest, "the body must be JSON (application/json)")
		}
	}
	values, err := body.Read(r)
	if errors.Is(err, body.ErrTooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, oauth.InvalidRequest, err.Error())
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, oauth.InvalidRequest, err.Error())
	}
	return values, nil
}

// client is the application that logs in. It has no secret in this contract, and so one that has cannot use it.
func (c *Contract) client(r *http.Request, values body.Values) (authority.Client, error) {
	// The empty secret, whatever else is sent. An unknown client is 400 here: what is wrong is a name in the request, and
	// nothing that a login would mend.
	client, err := c.Authority.Registry.Authenticate(r.Context(), cmp.Or(values["client_id"], usualClient), secret.String{})
	if errors.Is(err, oauth.InvalidClient) {
		return client, refuse(http.StatusBadRequest, oauth.InvalidClient, "client_id does not name an application that may log in here")
	}
	return client, err
}

// maxAgent is how much of a program's own name is kept, in bytes.
const maxAgent = 256

// origin is what is known of the machine that asks; this contract has no place for a name of it.
func (c *Contract) origin(r *http.Request) authority.Origin {
	agent := r.UserAgent()
	return authority.Origin{Address: c.Address(r), Agent: strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")}
}

// now is only for expires_in; what has expired is judged by the authority's clock.
func (c *Contract) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// seconds are whole ones, and at least one: these clients take none for a mistake.
func seconds(d time.Duration) int64 { return max(1, int64(d.Round(time.Second)/time.Second)) }

const (
	maxWait   = 25 * time.Second // below the 30 seconds after which many proxies cut a connection
	waitSlack = 10 * time.Second // what a held request gets beyond its wait, for the answer to be written
)

// waitPreference reads `Prefer: wait=N` (RFC 7240 section 4.3); anything else is no wait. Preferences beside it are not
// looked for: a client that sends several is answered at once, and polls by its interval.
func waitPreference(header string) time.Duration {
	value, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(header)), "wait=")
	wait, err := strconv.ParseUint(value, 10, 16)
	if !found || err != nil {
		return 0
	}
	return min(time.Duration(wait)*time.Second, maxWait)
}

// holdOpen moves the time limits of the connection behind the wait: those of a usual request would end it.
func holdOpen(w http.ResponseWriter, wait time.Duration) {
	until := time.Now().Add(wait + waitSlack) // a socket knows only the real clock
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(until) // where it cannot be moved, the answer comes early or not at all, and is asked again
	_ = control.SetWriteDeadline(until)
}
