// Package console is the pages for people: sign in, enter the code of a terminal, approve a login, see and revoke what is
// signed in, welcome the first administrator.
//
// The pages are plain HTML forms: whatever changes something is a POST that carries a token of the sign-in it was shown
// to, and every GET can be repeated by anybody's link scanner without harm. No page needs JavaScript or another origin.
package console

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/identity"
)

// The addresses that others lead people to.
const (
	PathSignIn       = "/sign-in"
	PathApprove      = "/approve" // with ?request=, as login.Logins seals it
	PathDevice       = "/device"
	PathWelcome      = "/welcome/" // and an invitation's secret
	PathApplications = "/settings/security/applications"

	pathSignOut = "/sign-out"
	pathResult  = "/device/result"
	pathDisown  = "/device/disown"
	pathRevoke  = PathApplications + "/revoke"
)

// Console is the pages and what they stand on. Authority, Doorkeeper, Presence, People, Invitations and Issuer are needed.
type Console struct {
	Authority   *law.Authority
	Doorkeeper  *identity.Doorkeeper
	Presence    *identity.Presence
	People      identity.People
	Invitations identity.Invitations

	// Second asks for second factors; nil: nobody is asked for one.
	Second SecondFactor
	// Domains knows the bindings that a login may ask for; nil: there are none.
	Domains identity.Domains
	// Seal and Open are the master key's, for rooms below: what somebody has proved so far travels sealed through the pages.
	Seal func(purpose string, plaintext, ad []byte) string
	Open func(purpose, sealed string, ad []byte) ([]byte, error)

	Issuer string // the authority's address; it decides the names and flags of the cookies
	Brand  Brand
	// Address is the address of the client, without a port, by the server's rules for proxies; nil: the peer's.
	Address func(*http.Request) string
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: discards

	once    sync.Once
	pages   pages
	cookies cookieNames
}

// Brand is what the operator puts on every page.
type Brand struct {
	Name   string // "": Doorward
	Logo   []byte // a PNG, JPEG, WebP or SVG picture; nil: the name alone
	Accent string // the colour of buttons, #rrggbb; "" : the house's
}

// Routes returns the handlers by their pattern for net/http's ServeMux. A POST is only safe behind
// http.CrossOriginProtection, which `server` puts around all of them.
func (c *Console) Routes() map[string]http.Handler {
	c.prepare()
	routes := map[string]http.Handler{
		"GET /{$}":                http.RedirectHandler(PathApplications, http.StatusSeeOther),
		"GET /assets/{name}":      http.HandlerFunc(c.asset),
		"GET " + PathSignIn:       http.HandlerFunc(c.showSignIn),
		"POST " + PathSignIn:      c.posted(c.signIn),
		"POST " + pathSignOut:     c.posted(c.signOut),
		"GET " + PathApprove:      c.signedIn(c.showApproval),
		"POST " + PathApprove:     c.posted(c.signedIn(c.approve)),
		"POST " + PathDevice:      c.posted(c.signedIn(c.decide)),
		"GET " + pathResult:       c.signedIn(c.showResult),
		"POST " + pathDisown:      c.posted(c.signedIn(c.disown)),
		"GET " + PathApplications: c.signedIn(c.showApplications),
		"GET " + pathRevoke:       c.signedIn(c.askRevoke),
		"POST " + pathRevoke:      c.posted(c.signedIn(c.revoke)),

		"GET " + PathWelcome + "{link}":  http.HandlerFunc(c.showWelcome),
		"POST " + PathWelcome + "{link}": c.posted(c.welcome),
	}
	// A QR code in capitals is smaller, so the page answers to those too.
	for _, path := range []string{PathDevice, "/DEVICE", "/cli-auth", "/CLI-AUTH", "/d/{code}", "/D/{code}"} {
		routes["GET "+path] = c.signedIn(c.showDevice)
	}
	return routes
}

// prepare fills in what was left empty and parses the templates, once, before the first request.
func (c *Console) prepare() {
	c.once.Do(func() {
		if c.Log == nil {
			c.Log = slog.New(slog.DiscardHandler)
		}
		if c.Now == nil {
			c.Now = time.Now
		}
		if c.Address == nil {
			c.Address = peer
		}
		if c.Brand.Name == "" {
			c.Brand.Name = "Doorward"
		}
		c.cookies = cookieNamesOf(c.Issuer)
		c.pages = parsePages(c.Brand)
	})
}

type visit = Visit

// Visit is somebody who is signed in and looks at a page.
type Visit struct {
	identity.Person
	identity.SignIn
	Token func(purpose string) string // for a form of this purpose
}

// signedIn lets through who is signed in; others are asked to, on the spot, and come back to the same address.
func (c *Console) signedIn(next func(http.ResponseWriter, *http.Request, visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := c.Visitor(r)
		switch {
		case isUnknown(err):
			c.askSignIn(w, r, signInView{Return: addressOf(r), Name: r.FormValue("login_hint")}, http.StatusOK)
		case err != nil:
			c.fail(w, r, err)
		default:
			next(w, r, v)
		}
	}
}

// peer is the address of whoever is at the other end of the connection. Headers that claim something else are not looked
// at; a server behind a proxy brings its own Address.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// maxForm bounds what a form may send, in bytes: a sealed request with all its parameters at their limits fits.
const maxForm = 64 << 10

// posted reads the form before anything else looks at it. Handlers of a POST read r.PostForm alone: what stands in the
// address of a form was written by whoever made the link.
func (c *Console) posted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			c.fail(w, r, errForm)
			return
		}
		next(w, r)
	}
}

// addressOf is where somebody wanted to go who has to sign in first. A form that came too late leads back to its question,
// never to its answer.
func addressOf(r *http.Request) string {
	if r.Method != http.MethodPost {
		return r.URL.RequestURI()
	}
	values := url.Values{}
	for _, name := range []string{"request", "code", "id", "session", "key"} {
		if value := r.PostForm.Get(name); value != "" {
			values.Set(name, value)
		}
	}
	return (&url.URL{Path: r.URL.Path, RawQuery: values.Encode()}).String()
}
