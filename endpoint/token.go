package endpoint

import (
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// waitSlack is what a held request gets beyond its wait, for the answer to be written.
const waitSlack = 10 * time.Second

// token redeems a grant (RFC 6749 section 3.2). It reads and writes; the pipeline of room grant decides.
//
// Everything that was presented goes into the request as it came. Which of it the grant needs, and whether it is good, is
// for the pipeline alone to say, so that this wire and those of compat cannot differ (SEC-155, SEC-175).
func (e *Endpoint) token(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	request, err := e.tokenRequest(r, f)
	if err != nil {
		return err
	}
	if request.Wait > 0 { // before the wait: afterwards there is nothing left to hold
		holdOpen(w, request.Wait)
	}
	// The context ends with the connection: a client that has left while it waited is not redeemed.
	answer, err := e.Granter.Redeem(r.Context(), request)
	// Said beside an error too: a client that was made to wait may poll again at once.
	if answer.Waited {
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(request.Wait/time.Second)))
	}
	if err != nil {
		return err
	}
	send(w, http.StatusOK, tokenBody(answer.Token))
	return nil
}

// tokenRequest reads the parameters of all grants; each takes what it needs.
func (e *Endpoint) tokenRequest(r *http.Request, f form) (grant.Request, error) {
	kind := oauth.GrantType(f.get("grant_type"))
	if kind == "" {
		return grant.Request{}, refuse(http.StatusBadRequest, "grant_type is missing")
	}
	// The client comes before everything that it presents: an unknown one learns nothing about codes and tokens.
	client, err := e.client(r, f)
	if err != nil {
		return grant.Request{}, err
	}
	// Bounded and of the right characters before the pipeline compares anything with it (SEC-031).
	scope, err := f.scope()
	if err != nil {
		return grant.Request{}, err
	}
	request := grant.Request{
		Type: kind, Client: client, Origin: e.origin(r, f.get("machine")), Scope: scope, Resources: f.all("resource"),
		Code: secret.New(f.get("code")), RedirectURI: f.get("redirect_uri"), Verifier: f.get("code_verifier"),
		DeviceCode: secret.New(f.get("device_code")), RefreshToken: secret.New(f.get("refresh_token")),
		APIKey: secret.New(f.get("api_key")), Username: f.get("username"), Password: secret.New(f.get("password")),
	}
	if kind == oauth.GrantDeviceCode { // nothing else here is worth waiting for
		request.Wait = waitPreference(r.Header["Prefer"])
	}
	return request, nil
}

// holdOpen moves the time limits of the connection behind the wait: those of a usual request would end it. The next
// request on the connection has the usual ones again.
func holdOpen(w http.ResponseWriter, wait time.Duration) {
	until := time.Now().Add(wait + waitSlack) // a socket knows only the real clock
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(until) // where it cannot be moved, the answer comes early or not at all, and is asked again
	_ = control.SetWriteDeadline(until)
}

// tokenBody is the answer of RFC 6749 section 5.1 with our members: when a new login will be needed
// (refresh_expires_in), how long the session lives unused (idle_expires_in), and its sid. Members that are empty are left
// out, but expires_in: a client that finds none would have to guess (SEC-307).
func tokenBody(token oauth.Token) []byte {
	body := object{make([]byte, 0, 1536)} // fits an access token, an ID token and a refresh token
	body.b = append(body.b, `{"access_token":`...)
	body.b = appendText(body.b, token.Access.Reveal())
	body.text("token_type", token.Type)
	body.number("expires_in", token.ExpiresIn)
	body.text("refresh_token", token.Refresh.Reveal())
	body.text("id_token", token.ID.Reveal())
	body.text("scope", token.Scope.String())
	if token.SessionExpiresIn > 0 {
		body.number("refresh_expires_in", token.SessionExpiresIn)
	}
	if token.IdleExpiresIn > 0 {
		body.number("idle_expires_in", token.IdleExpiresIn)
	}
	body.text("sid", token.SessionID)
	return body.bytes()
}
