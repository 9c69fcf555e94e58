package console

import (
	"html/template"
	"net/http"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/secret"
)

// recent is how new a sign-in must be for what changes how somebody signs in (SEC-178).
const recent = 5 * time.Minute

// Template makes a page of a room below: text defines "content" inside the layout that all pages have. A fault in it is a
// fault of the build and panics.
func (c *Console) Template(text string) *template.Template {
	c.prepare()
	return template.Must(template.Must(c.pages.layout.Clone()).Parse(text))
}

// SignedIn lets through who is signed in, and asks others to, on the spot.
func (c *Console) SignedIn(next func(http.ResponseWriter, *http.Request, Visit)) http.HandlerFunc {
	return c.signedIn(next)
}

// Recently is SignedIn for what changes how somebody signs in: a sign-in of an hour ago may be an open laptop in a café.
func (c *Console) Recently(next func(http.ResponseWriter, *http.Request, Visit)) http.HandlerFunc {
	return c.signedIn(func(w http.ResponseWriter, r *http.Request, v visit) {
		if c.Now().Sub(v.At) > recent {
			c.askSignIn(w, r, signInView{
				Return: addressOf(r), Name: v.Username, Anew: true,
				Alert: "This changes how you sign in, so sign in once more first. Nothing was changed.",
			}, http.StatusOK)
			return
		}
		next(w, r, v)
	})
}

// Again shows the sign-in page to somebody who has to begin anew, and says why; it leads back.
func (c *Console) Again(w http.ResponseWriter, r *http.Request, back, alert string) {
	c.askSignIn(w, r, signInView{Return: back, Alert: alert}, http.StatusForbidden)
}

// Posted reads a form before its handler does.
func (c *Console) Posted(next http.HandlerFunc) http.HandlerFunc { return c.posted(next) }

// Fail shows the error page for err.
func (c *Console) Fail(w http.ResponseWriter, r *http.Request, err error) { c.fail(w, r, err) }

// Forged is Fail for a form that was shown to another sign-in, or for another purpose.
func (c *Console) Forged(w http.ResponseWriter, r *http.Request) { c.fail(w, r, errForged) }

// See sends the browser on with a GET.
func (c *Console) See(w http.ResponseWriter, location string) { see(w, location) }

// Genuine reports whether the form was shown to this sign-in for this purpose.
func (v Visit) Genuine(r *http.Request, purpose string) bool { return v.genuine(r, purpose) }

// BrowserKey is the value that ties something to this browser, signed in or not; it is made where there is none.
func (c *Console) BrowserKey(w http.ResponseWriter, r *http.Request) secret.String {
	return c.browserKey(w, r)
}

// OldBrowserKey is that value where the browser brought it, else zero.
func (c *Console) OldBrowserKey(r *http.Request) secret.String { return cookie(r, c.cookies.browser) }

// Visitor returns who is signed in; identity.ErrUnknown where nobody is, or not with all that the person has.
func (c *Console) Visitor(r *http.Request) (Visit, error) {
	v, err := c.visit(r)
	if err == nil && c.weak(r.Context(), v) {
		err = authority.ErrUnknown
	}
	return v, err
}
