package endpoint

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
)

const (
	maxState = 2048 // bytes of a state (SEC-019)
	maxNonce = 2048
	maxHint  = 320  // bytes of a login_hint: the longest e-mail address
	maxURI   = 2048 // bytes of a redirect URI
)

// Codes of OpenID Connect Core section 3.1.2.6 that no other room needs.
const (
	requestNotSupported      oauth.ErrorCode = "request_not_supported"
	requestURINotSupported   oauth.ErrorCode = "request_uri_not_supported"
	registrationNotSupported oauth.ErrorCode = "registration_not_supported"
)

// authorize checks an authorization request and hands it, sealed, to the page where a person decides (RFC 6749 section
// 4.1.1). What is wrong with client or redirect URI is said on a page, without a redirect (section 4.1.2.1); everything else
// goes back to the client. No answer of this endpoint is readable to another origin: there is no CORS header (SEC-024).
//
// It never signs anybody in and never gives a code: that is the console's, with a person in front of it. It makes no
// outbound request either, whatever a parameter names (SEC-025).
func (e *Endpoint) authorize(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		e.repeat(w, r)
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		e.page(w, r, http.StatusMethodNotAllowed, "This address is opened with a browser.")
		return
	}
	// A parameter that is there twice is refused before anything is believed of the request: client or redirect URI may be
	// the one that is doubled, and there is nobody to send an error to (SEC-015). Unknown parameters pass and mean nothing
	// (RFC 6749 section 3.1, SEC-017).
	f, err := parseForm(r.URL.RawQuery)
	if err != nil {
		e.pageOf(w, r, err)
		return
	}
	request, client, problem := e.returnable(r, f)
	if problem != nil {
		e.pageOf(w, r, problem)
		return
	}
	// Only now may an error leave by redirect: client and redirect URI belong together, so that nobody is sent to a
	// stranger (RFC 9700 section 4.11.2, SEC-001).
	if err := e.complete(&request, client, f); err != nil {
		e.refuse(w, r, request, err)
		return
	}
	// From here on the request cannot be changed: what pages and forms carry is sealed (SEC-014).
	next := e.approvePath() + "?request=" + url.QueryEscape(e.Authority.Logins.Seal(request))
	// The hint fills in a field and decides nothing, so it need not be sealed.
	if hint := f.get("login_hint"); hint != "" && len(hint) <= maxHint {
		next += "&login_hint=" + url.QueryEscape(hint)
	}
	redirect(w, next)
}

// repeat turns a POST (OpenID Connect Core section 3.1.2.1) into the GET. It looks at nothing, and changes nothing: the
// browser comes back with whatever it posted, now as a navigation that carries its cookies.
func (e *Endpoint) repeat(w http.ResponseWriter, r *http.Request) {
	if !isForm(r.Header["Content-Type"]) {
		e.page(w, r, http.StatusUnsupportedMediaType, "The application sent its request in a form that cannot be read here.")
		return
	}
	text, err := readText(r)
	if err == nil && r.URL.RawQuery != "" { // a parameter in both is there twice, and refused as such
		text = r.URL.RawQuery + "&" + text
	}
	if err == nil {
		_, err = parseForm(text) // also keeps line breaks and other surprises out of the header below
	}
	if err != nil {
		e.pageOf(w, r, err)
		return
	}
	// The own path, not one out of the request: no posted parameter can send a browser to another site.
	redirect(w, PathAuthorize+"?"+strings.Map(queryRune, text))
}

// queryRune drops what cannot stand in the query of an address as it is (RFC 3986 section 3.4); a form has it encoded.
func queryRune(c rune) rune {
	if c <= ' ' || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>' {
		return -1
	}
	return c
}

// returnable finds out whether the client may be answered by a redirect: who it is, where the answer goes and what
// state goes with it. Its error is for a page.
func (e *Endpoint) returnable(r *http.Request, f form) (authority.AuthorizationRequest, *authority.Client, error) {
	none := authority.AuthorizationRequest{}
	// Looked up and not authenticated: a browser has no client secret. What makes up for it are redirect URI and PKCE.
	client, err := e.Authority.Registry.Client(r.Context(), f.get("client_id"))
	switch {
	// A disabled client reads like an unknown one: a redirect would still serve whoever took it over.
	case errors.Is(err, authority.ErrUnknown) || err == nil && client.Disabled:
		return none, nil, refuse(http.StatusBadRequest,
			"The application that sent you here is not known to this service. Nothing was changed. Ask whoever gave you the application.")
	case err != nil:
		return none, nil, err
	}
	uri, state := f.get("redirect_uri"), f.get("state")
	switch {
	// Needed even where one URI is registered: a request that does not say where it goes was not made by the program that
	// waits there (SEC-008).
	case uri == "" || len(uri) > maxURI || !client.RedirectAllowed(uri):
		return none, nil, refuse(http.StatusBadRequest,
			"The application that sent you here wants the answer at an address that is not registered for it. Nothing was changed. "+
				"Ask whoever gave you the application.")
	// An error cannot go back without its state, and half a state is another one.
	case len(state) > maxState:
		return none, nil, refuse(http.StatusBadRequest,
			"The application that sent you here sent more than can be sent back to it. Nothing was changed; start again from there.")
	}
	return authority.AuthorizationRequest{
		// MaxAge is -1, for "none asked", until complete has read it: 0 would be a wish to sign in anew.
		ClientID: client.ID, RedirectURI: uri, State: state, MaxAge: -1, Origin: e.origin(r, f.get("machine")),
	}, &client, nil
}

// complete checks everything else and fills it in. Its *oauth.Error goes to the client.
//
// Everything that the pages rely upon is checked here, once: after Seal nobody looks at a parameter again.
func (e *Endpoint) complete(request *authority.AuthorizationRequest, client *authority.Client, f form) (err error) {
	// What the request is comes first, then who may ask, then what is asked for: an error names the first thing to mend.
	if err := unsupported(f); err != nil {
		return err
	}
	if !client.Allows(oauth.GrantAuthorizationCode) {
		return oauth.Errorf(oauth.UnauthorizedClient, "this application is not registered for logins in a browser")
	}
	// For every client, with or without a secret (RFC 9700 section 2.1.1). A request without one, or with the method plain,
	// is refused here, where its author sees it, and not at the redemption (SEC-009, SEC-010, SEC-011).
	if request.Challenge, err = oauth.ParseChallenge(f.get("code_challenge"), f.get("code_challenge_method")); err != nil {
		return err
	}
	asked, err := f.scope()
	if err != nil {
		return err
	}
	if request.Scope, err = client.GrantScope(asked); err != nil {
		return err
	}
	if request.Audience, err = client.GrantAudience(e.Issuer, f.all("resource")); err != nil {
		return err
	}
	// It comes back in the ID token: whoever sends much would have it signed and carried about.
	if request.Nonce = f.get("nonce"); len(request.Nonce) > maxNonce {
		return oauth.Errorf(oauth.InvalidRequest, "the nonce is longer than 2,048 bytes")
	}
	if request.MaxAge, err = maxAge(f.get("max_age")); err != nil {
		return err
	}
	request.Login, err = prompt(f.get("prompt"))
	return err
}

// unsupported refuses what would change the meaning of a request if it were ignored: other response types and modes, and
// requests by value or by reference, whose address is never fetched (SEC-025).
func unsupported(f form) error {
	mode := f.get("response_mode")
	switch {
	case f.get("request") != "":
		return oauth.Errorf(requestNotSupported, "requests as signed objects are not taken here")
	case f.get("request_uri") != "":
		return oauth.Errorf(requestURINotSupported, "requests by reference are not taken here")
	case f.get("registration") != "":
		return oauth.Errorf(registrationNotSupported, "applications are not registered by a request")
	case f.get("response_type") == "":
		return oauth.Errorf(oauth.InvalidRequest, "response_type is missing")
	// So that no token can ever stand in a URL, whatever a client is registered for (RFC 9700 section 2.1.2, SEC-013).
	case f.get("response_type") != "code":
		return oauth.Errorf(oauth.UnsupportedResponseType, "response_type must be code")
	case mode != "" && mode != "query":
		return oauth.Errorf(oauth.InvalidRequest, "response_mode must be query")
	}
	return nil
}

// prompt reads the parameter of OpenID Connect Core section 3.1.2.1. A person is always asked here, so consent and
// select_account say nothing new, and none can only be answered by login_required. Answering none with a code would let any
// page of the web, or a program that took over the client's port, log in silently with the session of the browser (SEC-026,
// SEC-027).
func prompt(text string) (login bool, err error) {
	values := strings.Fields(text)
	for _, value := range values {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, value) {
			return false, oauth.Errorf(oauth.InvalidRequest, "prompt holds a value that is not known")
		}
	}
	if slices.Contains(values, "none") {
		if len(values) > 1 {
			return false, oauth.Errorf(oauth.InvalidRequest, "prompt=none stands alone")
		}
		return false, oauth.Errorf(oauth.LoginRequired, "a person has to approve every login here")
	}
	return slices.Contains(values, "login"), nil
}

// maxAge reads max_age in seconds; -1 where none was asked. 0 is a wish: sign in now (OpenID Connect Core section 3.1.2.1).
// Whether a session is young enough, the console says (SEC-032).
func maxAge(text string) (int64, error) {
	if text == "" {
		return -1, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31) // 68 years: more would overflow as nanoseconds
	if err != nil {
		return -1, oauth.Errorf(oauth.InvalidRequest, "max_age is not a number of seconds")
	}
	return int64(seconds), nil
}

// refuse sends an error to the client, with its state and iss.
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, request authority.AuthorizationRequest, err error) {
	answer := e.answer(r, err) // a store that fails is an error of the same kind: temporarily_unavailable (section 4.1.2.1)
	redirect(w, e.Authority.Logins.Refuse(request, &answer))
}

// redirect answers 303: whatever the method was, the browser goes on with a GET and without a body (SEC-023).
func redirect(w http.ResponseWriter, location string) {
	header := w.Header()
	header.Set("Location", location)
	header["Cache-Control"] = noStore
	header.Set("Referrer-Policy", "no-referrer") // the address has a state or a sealed request in it
	w.WriteHeader(http.StatusSeeOther)
}

func (e *Endpoint) approvePath() string {
	if e.ApprovePath == "" {
		return pathApprove
	}
	return e.ApprovePath
}

// pageOf shows an error on a page. It is for what must not leave by redirect. The text is ours or the map's, so that
// nothing that was sent is reflected (SEC-054, SEC-209).
func (e *Endpoint) pageOf(w http.ResponseWriter, r *http.Request, err error) {
	answer := e.answer(r, err)
	retryLater(w.Header(), answer.RetryAfter)
	e.page(w, r, answer.Status, answer.Description)
}

// page shows a message to a person. Nothing of the request is on it.
func (e *Endpoint) page(w http.ResponseWriter, r *http.Request, status int, message string) {
	header := w.Header()
	header["Cache-Control"] = noStore
	header.Set("Referrer-Policy", "no-referrer")
	if e.Page != nil {
		e.Page(w, r, status, message)
		return
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	// For a caller without pages of its own, with the strictest policy that still shows text.
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>This login cannot go on</title>`+
		`<h1>This login cannot go on</h1><p>`+html.EscapeString(message)+
		`</p><p>Nothing was changed. Start the login again from the program you were using.</p></html>`)
}
