package console

import (
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/console/facts"
)

// codeView is the page that asks for a code.
type codeView struct{ Code, Action, Token string }

// decisionView is the page that asks for a decision.
type decisionView struct {
	facts.Facts
	Code    string // in two groups
	ID      string
	Request string // sealed, of a login in this browser
	To      string // where the browser goes afterwards
	Action  string
	Token   string
}

// typedCode reads the code of an address, whatever its capitals: a QR code may have all of them.
func typedCode(r *http.Request) string {
	if code := r.PathValue("code"); code != "" {
		return code
	}
	for name, values := range r.URL.Query() { // Get would know one spelling
		if name = strings.ToLower(name); (name == "code" || name == "user_code") && values[0] != "" {
			return values[0]
		}
	}
	return ""
}

// showDevice is the page for codes of logins that any sign-in will do for.
func (c *Console) showDevice(w http.ResponseWriter, r *http.Request, v visit) { c.Device(w, r, v, "") }

// purposeTyped is the purpose of the token by which a code that was typed on the page is told from one in a link.
const purposeTyped = "typed code"

// Typed returns the code in the address and whether it came from the form of the device page.
func (v Visit) Typed(r *http.Request) (code string, typed bool) {
	return typedCode(r), hmac.Equal([]byte(r.FormValue("token")), []byte(v.Token(purposeTyped)))
}

// Device asks for a code or, where the address brought one, for the decision. Looking a code up counts as a guess;
// nothing else changes, so that a scanner of links does no harm (SEC-080). On the page of a binding ("" : none) codes of
// other logins are unknown, and its own are on all other pages.
func (c *Console) Device(w http.ResponseWriter, r *http.Request, v Visit, binding string) {
	typed := typedCode(r)
	if typed == "" {
		c.askCode(w, r, v, codeView{}, http.StatusOK, "")
		return
	}
	guesser := login.Guesser{PersonID: v.Person.ID, Address: c.Address(r)}
	request, err := c.Authority.Devices.Lookup(r.Context(), typed, guesser)
	if err == nil && request.Binding != binding {
		err = authority.ErrUnknown
	}
	if err != nil {
		c.refuseCode(w, r, v, typed, err)
		return
	}
	client, err := c.client(r.Context(), request.ClientID)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	now := c.Now()
	c.render(w, r, http.StatusOK, "decide", view{
		Title: "Approve a login", Person: &v, Return: pageOf(r) + "?" + url.Values{"user_code": {request.UserCode}}.Encode(),
		Body: decisionView{
			Facts: facts.Of(client, request.Scope, request.Origin, request.Created, now, c.Address(r)),
			Code:  usercode.Format(request.UserCode), ID: request.ID, Action: PathDevice, Token: v.Token(request.ID),
		},
	})
}

func (c *Console) askCode(w http.ResponseWriter, r *http.Request, v visit, body codeView, status int, alert string) {
	if body.Action = pageOf(r); body.Action != PathDevice { // only there does it matter where a code came from
		body.Token = v.Token(purposeTyped)
	}
	c.render(w, r, status, "code", view{Title: "Enter the code", Alert: alert, Person: &v, Return: body.Action, Body: body})
}

// pageOf is the device page that a request is about: that of a binding, or the usual one.
func pageOf(r *http.Request) string {
	if binding := r.PathValue("binding"); binding != "" {
		return PathDevice + "/" + url.PathEscape(binding)
	}
	return PathDevice
}

// refuseCode says the same of unknown, expired, used and decided codes, since any difference would tell a guesser that a
// code was right once (SEC-105). Whoever has used up their guesses does not see what they typed: it looks as if it had
// been tried.
func (c *Console) refuseCode(w http.ResponseWriter, r *http.Request, v visit, typed string, err error) {
	switch body := (codeView{Code: facts.Cut(typed, 32)}); {
	case isUnknown(err):
		c.askCode(w, r, v, body, http.StatusNotFound, saidCode)
	case errors.Is(err, authority.ErrTooMany):
		retryAfter(w, problemOf(err))
		c.askCode(w, r, v, codeView{}, http.StatusTooManyRequests, saidGuesses)
	default:
		c.fail(w, r, err)
	}
}

// client returns an application that may still sign people in. One that was switched off while somebody looked at its page
// gets no approval any more (SEC-079).
func (c *Console) client(ctx context.Context, id string) (authority.Client, error) {
	client, err := c.Authority.Registry.Client(ctx, id)
	if errors.Is(err, authority.ErrUnknown) || err == nil && client.Disabled {
		return authority.Client{}, errClient
	}
	return client, err
}

// decide takes the person's yes or no. The form names the request by its id and by its code: only who had the code on the
// page can decide, and no id that became known somewhere else is worth anything here. The code is not looked up again, so
// that deciding costs no guess and the person of the second tab is told who won instead of "no such code".
func (c *Console) decide(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, id, decision := r.Context(), r.PostForm.Get("id"), r.PostForm.Get("decision")
	if !v.genuine(r, id) {
		c.fail(w, r, errForged)
		return
	}
	request, err := c.Authority.Devices.Get(ctx, id)
	code := usercode.Normalize(r.PostForm.Get("code"))
	if isUnknown(err) || err == nil && subtle.ConstantTimeCompare([]byte(code), []byte(request.UserCode)) != 1 {
		c.refuseCode(w, r, v, code, authority.ErrUnknown)
		return
	}
	if err == nil {
		err = c.take(ctx, request, v, decision, c.Address(r))
	}
	switch {
	case errors.Is(err, authority.ErrExpired):
		c.refuseCode(w, r, v, code, authority.ErrUnknown)
	case err != nil && !errors.Is(err, authority.ErrUsed):
		c.fail(w, r, err)
	default: // of two decisions one has won; the next page says which
		see(w, pathResult+"?"+url.Values{"id": {id}, "asked": {decision}}.Encode())
	}
}

func (c *Console) take(ctx context.Context, request authority.DeviceRequest, v visit, decision, address string) error {
	switch decision {
	case "approve":
		if _, err := c.client(ctx, request.ClientID); err != nil {
			return err
		}
		if err := c.bound(ctx, request); err != nil {
			return err
		}
		_, err := c.Authority.Devices.Approve(ctx, request.ID, v.approval(c, address))
		return err
	case "deny":
		_, err := c.Authority.Devices.Deny(ctx, request.ID, v.Person.ID, address)
		return err
	}
	return errForm
}

// bound refuses an approval through a binding that was switched off meanwhile (SEC-191).
func (c *Console) bound(ctx context.Context, request authority.DeviceRequest) error {
	if request.Binding == "" {
		return nil
	}
	if c.Domains == nil {
		return authority.ErrUnknown
	}
	binding, err := c.Domains.Binding(ctx, request.Binding)
	if err == nil && binding.Disabled {
		err = authority.ErrUnknown
	}
	return err
}

// approval is this person's yes, to all that was asked for. How and when they had signed in goes with it into the tokens
// (amr and auth_time).
func (v visit) approval(c *Console, address string) authority.Approval {
	return authority.Approval{
		PersonID: v.Person.ID, Methods: v.Methods, AuthTime: v.At, At: c.Now(), Address: address, Binding: v.Binding, ACR: v.ACR,
	}
}

// resultView is the page after a decision.
type resultView struct {
	Application, Machine string
	Text                 string
	ID, Token            string // for "This was not me"; "" : there is nothing to take back
}

// showResult says what became of a login that this person decided. It is an address of its own, so that reloading it
// sends no decision again; what it says is read from the store and not from the address.
func (c *Console) showResult(w http.ResponseWriter, r *http.Request, v visit) {
	id := r.FormValue("id")
	request, err := c.Authority.Devices.Get(r.Context(), id)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	approved := request.State == authority.DeviceApproved || request.State == authority.DeviceRedeemed
	denied := request.State == authority.DeviceDenied || request.State == authority.DeviceRefused
	if !approved && !denied || approved && request.Approval.PersonID != v.Person.ID {
		c.fail(w, r, authority.ErrUnknown) // undecided, or not theirs to know
		return
	}
	page := c.denied(v)
	if approved = approved && !c.ended(r.Context(), request.FamilyID); approved {
		page = c.approved(r.Context(), request, v)
	}
	// A second decision changes nothing, but whoever made it must not believe that it did (SEC-077).
	switch asked := r.FormValue("asked"); {
	case approved && asked == "deny":
		page.Alert = "It had been approved before you pressed Deny. Press “This was not me” to take that back."
	case !approved && asked == "approve":
		page.Alert = "It had been denied before you pressed Approve. Start again in your terminal if you want to sign in."
	}
	c.render(w, r, http.StatusOK, "result", page)
}

func (c *Console) denied(v visit) view {
	return view{Title: "The login was denied", Person: &v, Body: resultView{
		Text: "Nothing is signed in, and the terminal has been told. You can close this window.",
	}}
}

// approved is the page of somebody who may have been talked into it: the way back is on it (RFC 10027 section 6.1.6).
func (c *Console) approved(ctx context.Context, request authority.DeviceRequest, v visit) view {
	return view{Title: "You approved the login", Person: &v, Body: resultView{
		Application: c.nameOf(ctx, request.ClientID), Machine: facts.Shown(request.Origin.Machine),
		Text: "Go back to your terminal; it goes on by itself. You can close this window.",
		ID:   request.ID, Token: v.Token(pathDisown + request.ID),
	}}
}

// ended reports whether what came of a login is over already: the page of yesterday must not offer to end it.
func (c *Console) ended(ctx context.Context, familyID string) bool {
	if familyID == "" {
		return false
	}
	family, err := c.Authority.Sessions.Get(ctx, familyID)
	return err == nil && !family.Ended.IsZero()
}

// disown is "This was not me": the approval is taken back, or what came of it ends everywhere.
func (c *Console) disown(w http.ResponseWriter, r *http.Request, v visit) {
	id := r.PostForm.Get("id")
	if !v.genuine(r, pathDisown+id) {
		c.fail(w, r, errForged)
		return
	}
	if err := c.Authority.Devices.Disown(r.Context(), id, v.Person.ID, c.Address(r)); err != nil {
		c.fail(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "message", view{
		Title: "It was ended", Person: &v, Body: message{
			Text: "Whoever has that terminal is not signed in as you any more. If somebody sent you the code or the link, " +
				"tell whoever looks after security in your organisation.",
			Next: PathApplications, NextName: "See what else is signed in",
		},
	})
}
