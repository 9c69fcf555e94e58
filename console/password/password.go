// Package password is the page on which somebody changes their own password.
package password

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

// Path is the page of somebody's password.
const Path = "/settings/security/password"

// method is the amr value of a password (RFC 8176 section 2).
const method = "pwd"

// Answers of the page, by the word in its address: a link with one can say no more than this.
const (
	doneKept  = "kept"
	doneEnded = "ended"
	doneFault = "fault"
)

// Words of the page.
const (
	saidChanged = "Your password was changed. This browser stays signed in; your other browsers have to sign in again with the new one. "
	saidKept    = "What your programs are signed in to was kept. If somebody else may know the old password, look through the authorized applications and the API keys next."
	saidEnded   = "What your programs were signed in to has ended: sign them in again where you need them. API keys were kept; if somebody else may know the old password, look through those next."
	saidFault   = "But what your programs are signed in to could not all be ended just now. Revoke it next, on the page of authorized applications."

	saidWrong  = "That is not your password now. Nothing was changed; enter it again."
	saidLocked = "There were too many wrong attempts. Nothing was changed. Wait 15 minutes, then try again."
	saidTwice  = "The new password is not the same in both fields. Nothing was changed; enter it again."
)

//go:embed pages/*.html
var files embed.FS

// Room is the page. Console is needed.
type Room struct {
	Console *console.Console

	page   *template.Template
	recent http.HandlerFunc // the form, for whoever has signed in a moment ago
}

// formView is the page's own. What was typed is never sent back.
type formView struct {
	None     bool   // the person has no password
	Username string // for whatever keeps passwords in the browser
	Field    string // the one that was refused
	Token    string
}

// Routes returns the handlers by their pattern. What changes how somebody signs in wants a new sign-in (SEC-178).
func (p *Room) Routes() map[string]http.Handler {
	text, err := files.ReadFile("pages/password.html")
	if err != nil {
		panic(err) // a fault of the build
	}
	c := p.Console
	p.page = c.Template(string(text))
	p.recent = c.Recently(p.show)
	return map[string]http.Handler{
		"GET " + Path:  c.SignedIn(p.begin),
		"POST " + Path: c.Posted(c.Recently(p.change)),
	}
}

// begin says so where there is no password to change, before it asks for one.
func (p *Room) begin(w http.ResponseWriter, r *http.Request, v console.Visit) {
	if v.Person.Password == "" {
		p.render(w, r, v, formView{}, console.Page{}, http.StatusOK)
		return
	}
	p.recent(w, r)
}

func (p *Room) show(w http.ResponseWriter, r *http.Request, v console.Visit) {
	var page console.Page
	switch r.FormValue("changed") { // nothing of the address is repeated
	case doneKept:
		page.Status = saidChanged + saidKept
	case doneEnded:
		page.Status = saidChanged + saidEnded
	case doneFault:
		page.Alert = saidChanged + saidFault
	}
	p.render(w, r, v, formView{}, page, http.StatusOK)
}

func (p *Room) render(w http.ResponseWriter, r *http.Request, v console.Visit, body formView, page console.Page, status int) {
	body.None, body.Username, body.Token = v.Person.Password == "", v.Username, v.Token(Path)
	page.Title, page.Person, page.Body = "Password", &v, body
	p.Console.Show(w, r, status, p.page, page)
}

// change takes the old password and the new one. Four fields of the form are read and no other: whatever else it says about
// the person, it says to nobody (SEC-213).
func (p *Room) change(w http.ResponseWriter, r *http.Request, v console.Visit) {
	if !v.Genuine(r, Path) {
		p.Console.Forged(w, r)
		return
	}
	if v.Person.Password == "" {
		p.render(w, r, v, formView{}, console.Page{}, http.StatusForbidden)
		return
	}
	old, chosen := secret.New(r.PostForm.Get("old")), secret.New(r.PostForm.Get("new"))
	if !chosen.Equal(secret.New(r.PostForm.Get("again"))) {
		p.render(w, r, v, formView{Field: "new"}, console.Page{Alert: saidTwice}, http.StatusBadRequest)
		return
	}
	if err := p.Console.Doorkeeper.ChangePassword(r.Context(), v.Person.ID, old, chosen, p.Console.Address(r)); err != nil {
		p.refuse(w, r, v, err)
		return
	}
	p.settle(w, r, v, r.PostForm.Get("logins") == "end")
}

// refuse says why not, on the same page for whatever can be tried again there. Wrong tries are in the audit as those of the
// sign-in page are: somebody may be guessing at an open laptop.
func (p *Room) refuse(w http.ResponseWriter, r *http.Request, v console.Visit, err error) {
	event := authority.Event{PersonID: v.Person.ID, Address: p.Console.Address(r), Detail: "password change"}
	var weak *identity.FieldError
	switch {
	case errors.As(err, &weak):
		p.render(w, r, v, formView{Field: "new"}, console.Page{Alert: weak.Reason + " Nothing was changed."}, http.StatusBadRequest)
	case errors.Is(err, identity.ErrLocked):
		event.Kind = authority.EventSignInLocked
		p.Console.Authority.Recorder.Record(r.Context(), event)
		w.Header().Set("Retry-After", strconv.Itoa(15*60))
		p.render(w, r, v, formView{}, console.Page{Alert: saidLocked}, http.StatusTooManyRequests)
	case errors.Is(err, identity.ErrWrong):
		event.Kind = authority.EventSignInFailed
		p.Console.Authority.Recorder.Record(r.Context(), event)
		p.render(w, r, v, formView{Field: "old"}, console.Page{Alert: saidWrong}, http.StatusBadRequest)
	default:
		p.Console.Fail(w, r, err)
	}
}

// settle is what follows from a password that was changed: every sign-in of the person ends, their programs' too where that
// was chosen, and this browser goes on with a new one, which has proved what the old one had.
func (p *Room) settle(w http.ResponseWriter, r *http.Request, v console.Visit, end bool) {
	c, ctx, done := p.Console, r.Context(), doneKept
	event := authority.Event{
		Kind: authority.EventPassword, PersonID: v.Person.ID, Address: c.Address(r), Detail: "logins kept",
	}
	if end {
		done, event.Detail = doneEnded, "logins ended"
	}
	c.Authority.Recorder.Record(ctx, event)
	if err := c.Presence.EndAll(ctx, v.Person.ID); err != nil {
		// They are over all the same, being from before the change (identity.Presence); only their rows stay a while.
		c.Log.ErrorContext(ctx, "sign-ins from before a new password were not removed", "error", err)
	}
	if end {
		if err := c.Authority.Sessions.EndOf(ctx, v.Person.ID, v.Person.ID, "password changed", c.Address(r)); err != nil {
			c.Log.ErrorContext(ctx, "logins were not ended with a new password", "person", v.Person.ID, "error", err)
			done = doneFault
		}
	}
	methods := v.Methods
	if !slices.Contains(methods, method) {
		methods = append(slices.Clone(methods), method)
	}
	c.Enter(w, r, identity.SignIn{PersonID: v.Person.ID, Methods: methods, Binding: v.Binding, ACR: v.ACR}, Path+"?changed="+done)
}
