package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console/facts"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

// methodPassword is the amr value of a password (RFC 8176 section 2).
const methodPassword = "pwd"

// signInView is the sign-in page's own.
type signInView struct {
	Return string // where it leads
	Name   string // what stands in the first field
	Token  string
	Alert  string
	Login  bool // it leads to a login, not to the settings
	Anew   bool // somebody is signed in already, and the login wants a newer sign-in
}

// askSignIn shows the sign-in page in the place of another one, without a redirect: the address stays that of the login, so
// that reloading, or coming back to the tab tomorrow, leads to where the person wanted to go.
func (c *Console) askSignIn(w http.ResponseWriter, r *http.Request, v signInView, status int) {
	v.Return = ownPath(v.Return)
	v.Login = !strings.HasPrefix(v.Return, "/settings")
	v.Name = facts.Cut(v.Name, 320)
	v.Token = formToken(c.browserKey(w, r), PathSignIn)
	c.render(w, r, status, "signin", view{Title: "Sign in", Alert: v.Alert, Forget: true, Body: v})
}

// showSignIn is the page by its own address; most people see it in the place of another one.
func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request) {
	back := ownPath(r.FormValue("return"))
	switch _, err := c.Visitor(r); {
	case err == nil:
		see(w, back)
	case isUnknown(err):
		c.askSignIn(w, r, signInView{Return: back}, http.StatusOK)
	default:
		c.fail(w, r, err)
	}
}

// signIn checks a name and a password. The cookie of before, and the sign-in behind it, end with a new one: a value that
// somebody planted or saw earlier is worth nothing afterwards (SEC-204).
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	form := signInView{
		Return: r.PostForm.Get("return"), Name: r.PostForm.Get("name"), Anew: r.PostForm.Get("anew") != "",
	}
	// Nobody may be signed in to an account that is not theirs by a form of another site, or of another browser: what they
	// then approve would be somebody else's.
	if !checkToken(r, cookie(r, c.cookies.browser), PathSignIn) {
		form.Alert = problemOf(errForged).Message
		c.askSignIn(w, r, form, http.StatusForbidden)
		return
	}
	ctx, address := r.Context(), c.Address(r)
	person, err := c.Doorkeeper.Password(ctx, form.Name, secret.New(r.PostForm.Get("password")), address)
	if err != nil {
		c.refuseSignIn(w, r, form, err)
		return
	}
	// A tab beside this one may have signed the same person in while this form was open. That sign-in goes on, so that the
	// forms which other tabs show stay good.
	if v, err := c.Visitor(r); err == nil && v.Person.ID == person.ID && !form.Anew {
		see(w, ownPath(form.Return))
		return
	}
	c.Admit(w, r, identity.SignIn{PersonID: person.ID, Methods: []string{methodPassword}}, form.Return)
}

// refuseSignIn says why not, on the same page for whatever can be tried again there.
func (c *Console) refuseSignIn(w http.ResponseWriter, r *http.Request, form signInView, err error) {
	if ctx := r.Context(); errors.Is(err, identity.ErrLocked) || errors.Is(err, identity.ErrWrong) {
		kind := authority.EventSignInFailed
		if errors.Is(err, identity.ErrLocked) {
			kind = authority.EventSignInLocked
		}
		c.Authority.Recorder.Record(ctx, authority.Event{
			Kind: kind, PersonID: c.personNamed(ctx, form.Name), Address: c.Address(r), Detail: methodPassword,
		})
	}
	p := problemOf(err)
	if p.loud || p.Status == http.StatusNotFound { // not about the name and the password
		c.fail(w, r, err)
		return
	}
	retryAfter(w, p)
	form.Alert = p.Message
	c.askSignIn(w, r, form, p.Status)
}

// personNamed is whom a refused try was about, for the audit; what was typed is not recorded, since it may be a password.
func (c *Console) personNamed(ctx context.Context, name string) string {
	person, err := c.People.PersonByName(ctx, identity.Canonical(facts.Cut(name, 320)))
	if err != nil {
		return ""
	}
	return person.ID
}

// Begin signs the person in, in this browser, with a new cookie, and returns who is signed in then: forms of before are worth
// nothing. The key for forms of people who are not signed in stays: it opens nothing, and other tabs may still show one.
func (c *Console) Begin(w http.ResponseWriter, r *http.Request, signIn identity.SignIn) (Visit, error) {
	ctx := r.Context()
	signIn.Address, signIn.Agent = c.Address(r), r.UserAgent()
	if err := c.Presence.End(ctx, cookie(r, c.cookies.signIn)); err != nil {
		return Visit{}, err
	}
	key, _, err := c.Presence.Enter(ctx, signIn)
	if err != nil {
		return Visit{}, err
	}
	c.setCookie(w, c.cookies.signIn, key)
	c.Authority.Recorder.Record(ctx, authority.Event{
		Kind: authority.EventSignIn, PersonID: signIn.PersonID, Address: signIn.Address, Detail: strings.Join(signIn.Methods, " "),
	})
	return c.visitOf(ctx, key)
}

// signOut ends the sign-in of this browser, and leads back where somebody else is to sign in. Terminals stay signed in.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	v, err := c.visit(r)
	if err == nil {
		if !v.genuine(r, pathSignOut) {
			c.fail(w, r, errForged)
			return
		}
		err = c.Presence.End(r.Context(), cookie(r, c.cookies.signIn))
		c.Authority.Recorder.Record(r.Context(), authority.Event{
			Kind: authority.EventSignOut, PersonID: v.Person.ID, Address: c.Address(r),
		})
	}
	if err != nil && !isUnknown(err) {
		c.fail(w, r, err)
		return
	}
	c.setCookie(w, c.cookies.signIn, secret.String{})
	if back := r.PostForm.Get("return"); back != "" {
		see(w, ownPath(back))
		return
	}
	c.render(w, r, http.StatusOK, "message", view{
		Title: "You are signed out", Forget: true, Body: message{
			Text: "This browser is signed out. What your terminals are signed in to was kept; " +
				"you can see and end it on the page of authorized applications.",
			Next: PathApplications, NextName: "Sign in again",
		},
	})
}

// message is a page that only says something, and where to go from there.
type message struct{ Text, Next, NextName string }
