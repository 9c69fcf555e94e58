package console

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console/facts"
	"github.com/doorward/doorward/oauth"
)

// showApproval asks for the decision on a login that a program began in this browser. It asks every time: whoever can open
// this address can claim to be the program, so an earlier yes says nothing about this one (SEC-027).
func (c *Console) showApproval(w http.ResponseWriter, r *http.Request, v visit) {
	sealed := r.FormValue("request")
	request, client, ok := c.opened(w, r, v, sealed)
	if !ok {
		return
	}
	c.render(w, r, http.StatusOK, "decide", view{
		Title: "Approve a login", Person: &v, Return: PathApprove + "?" + url.Values{"request": {sealed}}.Encode(),
		leadsTo: request.RedirectURI,
		Body: decisionView{
			Facts:   facts.Of(client, request.Scope, request.Origin, request.At, c.Now(), c.Address(r)),
			Request: sealed, To: destination(request.RedirectURI), Action: PathApprove, Token: v.Token(request.ID),
		},
	})
}

// opened returns the request and its client, or answers itself: with an error, or with the sign-in page where the request
// wants a newer sign-in (OpenID Connect Core section 3.1.2.1, prompt and max_age).
func (c *Console) opened(w http.ResponseWriter, r *http.Request, v visit, sealed string) (authority.AuthorizationRequest, authority.Client, bool) {
	request, err := c.Authority.Logins.Open(sealed)
	var client authority.Client
	if err == nil {
		client, err = c.client(r.Context(), request.ClientID)
	}
	switch {
	case err != nil:
		c.fail(w, r, err)
		return request, client, false
	case stale(request, v, c.Now()):
		c.askSignIn(w, r, signInView{Return: addressOf(r), Name: v.Username, Anew: true}, http.StatusOK)
		return request, client, false
	}
	return request, client, true
}

// stale reports whether the person has to sign in anew. Stores keep milliseconds.
func stale(request authority.AuthorizationRequest, v visit, now time.Time) bool {
	if request.Login && v.At.Before(request.At.Truncate(time.Millisecond)) {
		return true
	}
	// The comparison is with the moment of the request, so that a slow reader is not asked again and again.
	return request.MaxAge >= 0 && !v.At.After(request.At) && now.Sub(v.At) > time.Duration(request.MaxAge)*time.Second
}

// destination is where the browser goes afterwards, for people: without path and query, which they cannot judge, but with the
// port, by which two programs on one machine differ.
func destination(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Host == "" {
		return facts.Shown(uri)
	}
	return facts.Shown(parsed.Scheme + "://" + parsed.Host)
}

// approve takes the decision and leads back to the program with a 303, so that no browser sends the form along (SEC-023).
func (c *Console) approve(w http.ResponseWriter, r *http.Request, v visit) {
	request, _, ok := c.opened(w, r, v, r.PostForm.Get("request"))
	if !ok {
		return
	}
	if !v.genuine(r, request.ID) {
		c.fail(w, r, errForged)
		return
	}
	location, err := c.answer(r, v, request)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	see(w, location)
}

// answer is where the decision leads. Both ways go back to the program, which waits for one of them; an approval may be
// given twice (a double click: the browser follows the second answer), and each code is good once and only with the
// program's own verifier.
func (c *Console) answer(r *http.Request, v visit, request authority.AuthorizationRequest) (location string, err error) {
	switch r.PostForm.Get("decision") {
	case "approve":
		approval := v.approval(c, c.Address(r))
		approval.Scope = request.Scope
		location, err = c.Authority.Logins.Approve(r.Context(), request, approval)
		if errors.Is(err, authority.ErrUnavailable) { // the program can say so and begin again; a page here could not
			return c.Authority.Logins.Refuse(request, &oauth.Error{Code: oauth.TemporarilyUnavailable}), nil
		}
		return location, err
	case "deny":
		c.Authority.Recorder.Record(r.Context(), authority.Event{
			Kind: authority.EventDenied, PersonID: v.Person.ID, ClientID: request.ClientID, Address: c.Address(r),
			Machine: request.Origin.Machine, Detail: "browser",
		})
		return c.Authority.Logins.Refuse(request, oauth.Errorf(oauth.AccessDenied, "the login was denied in the browser")), nil
	}
	return "", errForm
}
