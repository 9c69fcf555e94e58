package console

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

// cookieNames are the two cookies: who is signed in, and the browser itself, for forms of people who are not.
type cookieNames struct {
	signIn, browser string
	secure          bool
}

// cookieNamesOf: with https the prefix makes browsers refuse a cookie that another host or path has set. Over http that
// prefix is not allowed, and the name carries the port, because cookies know no ports and two authorities may share a
// machine.
func cookieNamesOf(issuer string) cookieNames {
	at, err := url.Parse(issuer)
	if err == nil && at.Scheme == "http" {
		port := at.Port()
		if port == "" {
			port = "80"
		}
		return cookieNames{signIn: "doorward-" + port, browser: "doorward-form-" + port}
	}
	return cookieNames{signIn: "__Host-doorward", browser: "__Host-doorward-form", secure: true}
}

// setCookie keeps a value until the browser closes; the empty value takes it away. Lax, and not Strict: people come from a
// link that another program opened, and must find themselves signed in.
func (c *Console) setCookie(w http.ResponseWriter, name string, value secret.String) {
	cookie := &http.Cookie{
		Name: name, Value: value.Reveal(), Path: "/", HttpOnly: true, Secure: c.cookies.secure, SameSite: http.SameSiteLaxMode,
	}
	if value.IsZero() {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// cookie reads a value that setCookie could have set. Where several of one name arrive, none is believed.
func cookie(r *http.Request, name string) secret.String {
	found := r.CookiesNamed(name)
	if len(found) != 1 || len(found[0].Value) != base64.RawURLEncoding.EncodedLen(sha256.Size) {
		return secret.String{}
	}
	return secret.New(found[0].Value)
}

// visit returns who is signed in; identity.ErrUnknown where nobody is.
func (c *Console) visit(r *http.Request) (visit, error) {
	return c.visitOf(r.Context(), cookie(r, c.cookies.signIn))
}

func (c *Console) visitOf(ctx context.Context, key secret.String) (visit, error) {
	person, signIn, err := c.Presence.Who(ctx, key)
	return visit{person, signIn, func(purpose string) string { return formToken(key, purpose) }}, err
}

// browserKey is the key for forms of people who are not signed in; a browser without one gets it. Tabs share it.
func (c *Console) browserKey(w http.ResponseWriter, r *http.Request) secret.String {
	key := cookie(r, c.cookies.browser)
	if key.IsZero() {
		key = identity.NewLink()
		c.setCookie(w, c.cookies.browser, key)
	}
	return key
}

// formToken ties a form to the cookie of the browser it was shown in and to what it is about. It is the second lock
// behind the protection against other origins, and it keeps a form of one sign-in from being sent in the next.
func formToken(key secret.String, purpose string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(purpose)) // hash.Hash never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkToken reports whether the form was shown under this key for this purpose.
func checkToken(r *http.Request, key secret.String, purpose string) bool {
	return !key.IsZero() && hmac.Equal([]byte(r.PostForm.Get("token")), []byte(formToken(key, purpose)))
}

// genuine reports whether the form was shown to this sign-in for this purpose.
func (v visit) genuine(r *http.Request, purpose string) bool {
	return hmac.Equal([]byte(r.PostForm.Get("token")), []byte(v.Token(purpose)))
}

// roads are the first parts of the addresses to which a sign-in may lead back.
var roads = []string{PathApprove, PathDevice, "/DEVICE", "/cli-auth", "/CLI-AUTH", "/d", "/D", "/settings", "/admin"}

// ownPath returns the address if it is one of these pages, else the page of applications. A browser reads \ as / and
// skips line breaks, so that what is not plainly a path here is none (SEC-210).
func ownPath(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "" || parsed.Host != "" || parsed.User != nil || parsed.Fragment != "" ||
		!strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") ||
		strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }) ||
		parsed.RawPath != "" || strings.Contains(parsed.Path, "//") || strings.Contains(parsed.Path, "/.") {
		return PathApplications
	}
	for _, road := range roads {
		if parsed.Path == road || strings.HasPrefix(parsed.Path, road+"/") {
			return address
		}
	}
	return PathApplications
}
