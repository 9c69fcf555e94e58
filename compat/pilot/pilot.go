// Package pilot answers the pilot clients that are already in the field: a realm with device login and tokens that the
// clients read, and API keys that are exchanged by their address. It translates and decides nothing.
//
// What comes in is a request under /realms/pilot as these clients have always sent it; what goes out is an answer in the
// shape that they decode. The law it keeps: nobody here checks a password, a key or a token. The device login and the
// revocation are the endpoints of OAuth under a second address, and everything that gives tokens goes through the one
// pipeline (room grant).
package pilot

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	realm    = "/realms/pilot"
	protocol = realm + "/protocol/openid-connect"
	keys     = realm + "/api-key/"

	// The realm is for this client alone: others have the real endpoints, and nothing to gain here but laxer ones.
	clientID    = "cli"     // of everybody here
	keyAudience = "api-key" // in aud of what came of an API key: by it these clients know that they need no person
)

// Contract is the wire of pilot over an authority. All fields but Log are needed.
type Contract struct {
	Authority *law.Authority
	Granter   *grant.Granter
	Device    http.Handler // the device authorization endpoint: its form and its answer are the same
	Revoke    http.Handler // the revocation endpoint, which knows wrapped tokens
	Address   func(*http.Request) string
	Log       *slog.Logger // nil: discards
}

// Routes returns the handlers by path pattern. What the patterns call key is the key itself: no log may show such a path. A
// key stands in an address because the clients put it there (RFC 9700 section 4.3.2 advises against it); it is the log that
// must not repeat it (SEC-139, SEC-276). The patterns that end in a slash answer an empty key like a wrong one.
func (c *Contract) Routes() map[string]http.Handler {
	key := c.answers(c.key)
	return map[string]http.Handler{
		protocol + "/auth/device":     c.Device,
		protocol + "/revoke":          c.Revoke,
		"POST " + protocol + "/token": c.answers(c.token),
		"GET " + keys + "{key}":       key,
		"GET " + keys + "v1/{key}":    key,
		"GET " + keys + "{$}":         key,
		"GET " + keys + "v1/{$}":      key,
	}
}

func (c *Contract) answers(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// tokenAnswer is a token answer; refresh_expires_in is the idle end, as in exp of the refresh token. The order of the
// fields is that of the literal in redeem.
type tokenAnswer struct {
	Access           string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	Refresh          string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64  `json:"refresh_expires_in,omitempty"`
	Type             string `json:"token_type"`
	SessionState     string `json:"session_state"`
	Scope            string `json:"scope"`
}

// token redeems a device code or a refresh token.
func (c *Contract) token(w http.ResponseWriter, r *http.Request) error {
	values, err := read(r)
	if err != nil {
		return err
	}
	client, err := c.Authority.Registry.Authenticate(r.Context(), values["client_id"], secret.New(values["client_secret"]))
	if err != nil {
		return err
	}
	// After the secret was checked, so that this answer tells nobody which clients exist.
	if client.ID != clientID {
		return &oauth.Error{Code: oauth.InvalidClient, Description: "this realm is for the client " + clientID, Status: http.StatusUnauthorized}
	}
	request := c.request(r, client)
	switch request.Type = oauth.GrantType(values["grant_type"]); request.Type {
	case oauth.GrantDeviceCode:
		request.DeviceCode, request.Verifier = secret.New(values["device_code"]), values["code_verifier"]
		// Before Redeem waits: once the connection's time is up, nothing can be written any more.
		request.Wait = c.hold(w, r)
	case oauth.GrantRefreshToken:
		// Taken out of its wrapping and not judged: the store says whether it is good, whatever stands in exp of the
		// wrapping.
		request.RefreshToken = secret.New(c.Authority.Tokens.Unwrap(values["refresh_token"]))
	default:
		return oauth.Errorf(oauth.UnsupportedGrantType, "grant_type must be %s or %s", oauth.GrantDeviceCode, oauth.GrantRefreshToken)
	}
	return c.redeem(r.Context(), w, request)
}

// request is what all grants here have in common. Named and KeyAudience are set for these clients alone: everybody else
// asks userinfo, and has no names in tokens that travel.
func (c *Contract) request(r *http.Request, client authority.Client) grant.Request {
	agent := r.UserAgent()
	return grant.Request{
		Client: client, Named: true, KeyAudience: keyAudience,
		Origin: authority.Origin{Address: c.Address(r), Agent: strings.ToValidUTF8(agent[:min(len(agent), 256)], "")},
	}
}

// redeem answers with the tokens, the refresh token wrapped as one that these clients can read.
func (c *Contract) redeem(ctx context.Context, w http.ResponseWriter, request grant.Request) error {
	answer, err := c.Granter.Redeem(ctx, request)
	if answer.Waited {
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(request.Wait/time.Second)))
	}
	if err != nil {
		return err
	}
	token := answer.Token
	// The nearer of the two ends is when a client without a person at hand should have refreshed.
	end := token.IdleExpiresIn
	if end == 0 || token.SessionExpiresIn > 0 && token.SessionExpiresIn < end {
		end = token.SessionExpiresIn
	}
	refresh := token.Refresh
	if !refresh.IsZero() {
		refresh, err = c.Authority.Tokens.Wrap(request.Client, refresh, token.SessionID, time.Duration(end)*time.Second)
		if err != nil {
			return err
		}
	}
	body.Send(w, http.StatusOK, tokenAnswer{
		token.Access.Reveal(), token.ExpiresIn, refresh.Reveal(), end, token.Type, token.SessionID, token.Scope.String(),
	})
	return nil
}

// errKey is the answer to every key that is none. It is a 404, since these clients send a 401 three times over. It is the
// same for a key that never was, one that was revoked and one whose owner is disabled (SEC-143).
var errKey = &oauth.Error{Code: oauth.InvalidGrant, Status: http.StatusNotFound}

// key exchanges an API key.
func (c *Contract) key(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if key == "" {
		return errKey
	}
	// A key has no client in its address. With the empty secret this works while the client is a public one, and no longer
	// when an operator gives it a secret or disables it.
	client, err := c.Authority.Registry.Authenticate(r.Context(), clientID, secret.String{})
	if err == nil {
		request := c.request(r, client)
		request.Type, request.APIKey = oauth.GrantAPIKey, secret.New(key)
		err = c.redeem(r.Context(), w, request)
	}
	var refused *oauth.Error
	// What was refused becomes the 404. What could not be found out stays a 503: a key that is good must never read as one
	// that is none (SEC-118).
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return errKey
	}
	return err
}

const (
	maxWait   = 25 * time.Second // below the 30 seconds after which many proxies cut a connection
	waitSlack = 10 * time.Second // what a held request gets beyond its wait, for the answer to be written
)

// hold reads `Prefer: wait=N` (RFC 7240 section 4.3) and moves the time limits of the connection behind the wait: those of a
// usual request would end it. Anything else than a plain wait counts as none; the answer then comes at once, as these
// clients have always known it.
func (c *Contract) hold(w http.ResponseWriter, r *http.Request) time.Duration {
	value, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(r.Header.Get("Prefer"))), "wait=")
	asked, err := strconv.ParseUint(value, 10, 16)
	if !found || err != nil || asked == 0 {
		return 0
	}
	wait := min(time.Duration(asked)*time.Second, maxWait)
	until := time.Now().Add(wait + waitSlack) // a socket knows only the real clock
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(until) // where it cannot be moved, the answer comes early or not at all, and is asked again
	_ = control.SetWriteDeadline(until)
	return wait
}

// read reads a form: these clients send nothing else.
func read(r *http.Request) (body.Values, error) {
	values, err := body.Read(r)
	if err == nil {
		return values, nil
	}
	answer := &oauth.Error{Code: oauth.InvalidRequest, Description: err.Error()}
	switch {
	case errors.Is(err, body.ErrTooLarge):
		answer.Status = http.StatusRequestEntityTooLarge
	case errors.Is(err, body.ErrType):
		answer.Status = http.StatusUnsupportedMediaType
	}
	return nil, answer
}

// fail is the one map from an error to this wire. The log gets the pattern of the path and never the path.
func (c *Contract) fail(w http.ResponseWriter, r *http.Request, err error) {
	wire := &oauth.Error{}
	switch {
	case errors.As(err, &wire):
	case errors.Is(err, authority.ErrUnavailable), r.Context().Err() != nil:
		wire = &oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "this cannot be answered just now; nothing was changed, try again",
			Status: http.StatusServiceUnavailable,
		}
	default:
		if c.Log != nil {
			c.Log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("route", r.Pattern), slog.Any("error", err))
		}
		wire = &oauth.Error{Code: oauth.ServerError, Description: "something went wrong here", Status: http.StatusInternalServerError}
	}
	status := wire.Status
	switch {
	case status == 0 && wire.Code == oauth.InvalidClient:
		status = http.StatusUnauthorized
	// Also 0, which is what a refusal without a status of its own has.
	case status < http.StatusBadRequest:
		status = http.StatusBadRequest
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.FormatFloat(math.Ceil(max(1, wire.RetryAfter.Seconds())), 'f', 0, 64))
	}
	body.Send(w, status, wire)
}
