package console

import (
	"errors"
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

// welcomeView is the form by which the first administrator comes.
type welcomeView struct {
	Name, Username, Email string
	Field                 string // the one that was refused
	Token                 string
}

// invited is the law of invitations, over the console's own parts.
func (c *Console) invited() *identity.Welcome {
	return &identity.Welcome{Invitations: c.Invitations, Hasher: c.Doorkeeper.Hasher, Now: c.Now}
}

// showWelcome asks for the first account. Used, expired and wrong links are one and the same page.
func (c *Console) showWelcome(w http.ResponseWriter, r *http.Request) {
	if _, err := c.invited().Find(r.Context(), linkOf(r)); err != nil {
		c.fail(w, r, err)
		return
	}
	c.askWelcome(w, r, welcomeView{}, "", http.StatusOK)
}

// askWelcome shows the form, again with what was typed where something was refused; the password is never sent back.
func (c *Console) askWelcome(w http.ResponseWriter, r *http.Request, v welcomeView, alert string, status int) {
	v.Token = formToken(c.browserKey(w, r), PathWelcome)
	c.render(w, r, status, "welcome", view{Title: "Welcome", Alert: alert, Body: v})
}

// welcome makes the person and signs them in. The link is used up in the transaction that adds the person, so that of two
// who have it one becomes the administrator.
func (c *Console) welcome(w http.ResponseWriter, r *http.Request) {
	form := welcomeView{Name: r.PostForm.Get("name"), Username: r.PostForm.Get("username"), Email: r.PostForm.Get("email")}
	if !checkToken(r, cookie(r, c.cookies.browser), PathWelcome) {
		c.fail(w, r, errForged)
		return
	}
	asked := identity.Person{Name: form.Name, Username: form.Username, Email: form.Email}
	person, err := c.invited().Accept(r.Context(), linkOf(r), asked, secret.New(r.PostForm.Get("password")))
	var refused *identity.FieldError
	switch {
	case errors.As(err, &refused):
		form.Field = refused.Field
		c.askWelcome(w, r, form, refused.Reason, http.StatusBadRequest)
		return
	case errors.Is(err, identity.ErrTaken):
		c.askWelcome(w, r, form, problemOf(err).Message, http.StatusConflict)
		return
	case err == nil:
		c.Authority.Recorder.Record(r.Context(), authority.Event{
			Kind: authority.EventPersonAdded, PersonID: person.ID, Address: c.Address(r), Detail: "the first administrator",
		})
		_, err = c.Begin(w, r, identity.SignIn{PersonID: person.ID, Methods: []string{methodPassword}})
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	see(w, PathApplications)
}

// linkOf is the secret in the address. The log has the route's pattern and not the address, and no other
// site is told where the browser came from (Referrer-Policy).
func linkOf(r *http.Request) secret.String { return secret.New(r.PathValue("link")) }
