package factor_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/console/factor"
	"github.com/doorward/doorward/visitor"
)

// code is what an authenticator app with the secret shows (RFC 6238), written apart from ours.
func code(t *testing.T, text string, at time.Time) string {
	t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	var step bytes.Buffer
	_ = binary.Write(&step, binary.BigEndian, at.Unix()/30)
	mac := hmac.New(sha1.New, raw)
	mac.Write(step.Bytes())
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}

var written = regexp.MustCompile(`Secret: ([A-Z2-7 ]+)`)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func press(t *testing.T, page *visitor.Page, button string) *visitor.Page {
	t.Helper()
	next, err := page.Press(t.Context(), button)
	if next == nil {
		t.Fatal(err)
	}
	return next
}

// enrol adds a first app and returns its secret and the page of what there is then.
func enrol(t *testing.T, a *authtest.Authority, v *visitor.Visitor) (string, *visitor.Page) {
	t.Helper()
	secret, page := enrolled(t, a, v)
	page, err := page.Follow(t.Context(), "I have kept them; show my second factors")
	must(t, err)
	return secret, page
}

// enrolled adds an app and returns its secret and the page that answers.
func enrolled(t *testing.T, a *authtest.Authority, v *visitor.Visitor) (string, *visitor.Page) {
	t.Helper()
	page, err := v.Open(t.Context(), factor.Path)
	must(t, err)
	page = press(t, page, "Add an authenticator app")
	found := written.FindStringSubmatch(page.Text())
	if found == nil {
		t.Fatal("no secret on", page.Text())
	}
	must(t, page.Fill("One-time code", "000000"))
	page = press(t, page, "Continue")
	if again := written.FindStringSubmatch(page.Text()); !page.Says("not the code that this app shows") || again == nil || again[1] != found[1] {
		t.Fatal("a mistyped code costs nothing:", page.Text())
	}
	must(t, page.Fill("One-time code", code(t, found[1], a.Clock.Now())))
	return found[1], press(t, page, "Continue")
}

func TestEnrolAndSignIn_SEC169_SEC173_SEC178(t *testing.T) {
	t.Parallel()
	a := authtest.With(t, authtest.Options{Open: stores.New(t).Open})
	v, other := a.Visitor(), a.Visitor()
	must(t, v.SignIn(t.Context(), v.Name, v.Password))
	must(t, other.SignIn(t.Context(), other.Name, other.Password))
	secret, page := enrol(t, a, v)
	if !page.Says("Authenticator app") || !page.Says("10 recovery codes are left") {
		t.Fatal(page.Text())
	}
	if page, err := other.Open(t.Context(), factor.Path); err != nil || !page.HasField("Password") {
		t.Error("SEC-178: a browser that was signed in without it still is", err)
	}
	// SEC-173: asked for although nothing requires it.
	page, err := other.Open(t.Context(), factor.Path)
	must(t, err)
	must(t, page.Fill("Email or username", v.Name))
	must(t, page.Fill("Password", v.Password.Reveal()))
	page = press(t, page, "Sign in")
	if !page.HasField("One-time code") || !page.HasButton("Continue") {
		t.Fatal(page.Text())
	}
	if again, err := other.Open(t.Context(), factor.Path); err != nil || !again.HasField("Password") {
		t.Error("the password alone has signed somebody in", err)
	}
	// SEC-169: the code of the enrolment was used.
	must(t, page.Fill("One-time code", code(t, secret, a.Clock.Now())))
	if page = press(t, page, "Continue"); !page.Says("wrong, or was used before") {
		t.Error(page.Text())
	}
	a.Advance(31 * time.Second)
	must(t, page.Fill("One-time code", code(t, secret, a.Clock.Now())))
	if page = press(t, page, "Continue"); !page.Says("Second factors") || !page.Says("Authenticator app") {
		t.Fatal(page.Text())
	}
	// SEC-178: an hour later, removing it wants a new sign-in, with both.
	a.Advance(time.Hour)
	page, err = other.Open(t.Context(), factor.Path)
	must(t, err)
	page = press(t, page, "Remove")
	if !page.HasField("Password") || !page.Says("sign in once more first") {
		t.Fatal(page.Text())
	}
	other.OneTime = func() (string, error) { return code(t, secret, a.Clock.Now()), nil }
	must(t, page.Fill("Password", v.Password.Reveal()))
	page = press(t, page, "Sign in")
	must(t, page.Fill("One-time code", code(t, secret, a.Clock.Now())))
	page = press(t, page, "Continue")
	if !page.Says("Remove “Authenticator app”?") {
		t.Fatal(page.Text())
	}
	if page = press(t, page, "Remove"); !page.Says("It was removed") || !page.Says("There is no second factor") {
		t.Error(page.Text())
	}
}

func TestLockedAfterFive_SEC171(t *testing.T) {
	t.Parallel()
	a := authtest.With(t, authtest.Options{Open: stores.New(t).Open})
	v := a.Visitor()
	must(t, v.SignIn(t.Context(), v.Name, v.Password))
	secret, _ := enrol(t, a, v)
	a.Advance(time.Minute)
	ask := func() *visitor.Page { // a new browser, and with it a new sign-in, every time
		w := a.Visitor()
		page, err := w.Open(t.Context(), factor.Path)
		must(t, err)
		must(t, page.Fill("Email or username", v.Name))
		must(t, page.Fill("Password", v.Password.Reveal()))
		return press(t, page, "Sign in")
	}
	for range 5 {
		page := ask()
		must(t, page.Fill("One-time code", "000000"))
		if page = press(t, page, "Continue"); !page.Says("wrong, or was used before") {
			t.Fatal(page.Text())
		}
	}
	page := ask()
	must(t, page.Fill("One-time code", code(t, secret, a.Clock.Now())))
	if page = press(t, page, "Continue"); !page.Says("too many wrong attempts") {
		t.Error("the right code after five wrong ones:", page.Text())
	}
	a.Advance(16 * time.Minute)
	page = ask()
	must(t, page.Fill("One-time code", code(t, secret, a.Clock.Now())))
	if page = press(t, page, "Continue"); !page.Says("Second factors") {
		t.Error("after the wait:", page.Text())
	}
}

// What was proved travels sealed: it opens in its own browser alone, for ten minutes, and changed not at all.
func TestProofIsOfItsBrowser_SEC175_SEC204(t *testing.T) {
	t.Parallel()
	a := authtest.With(t, authtest.Options{Open: stores.New(t).Open})
	v := a.Visitor()
	must(t, v.SignIn(t.Context(), v.Name, v.Password))
	secret, _ := enrol(t, a, v)
	a.Advance(time.Minute)
	w := a.Visitor()
	page, err := w.Open(t.Context(), factor.Path)
	must(t, err)
	must(t, page.Fill("Email or username", v.Name))
	must(t, page.Fill("Password", v.Password.Reveal()))
	page = press(t, page, "Sign in")
	jar, _ := cookiejar.New(nil)
	stranger := &http.Client{Jar: jar}
	response, err := stranger.Get(a.Issuer + factor.Path) // has a cookie of its own
	must(t, err)
	_ = response.Body.Close()
	post := func(form url.Values) int {
		response, err := stranger.PostForm(a.Issuer+"/sign-in/code", form)
		must(t, err)
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode
	}
	good := code(t, secret, a.Clock.Now())
	for _, proof := range []string{"", "x", strings.Repeat("A", 20000)} {
		if status := post(url.Values{"proof": {proof}, "code": {good}}); status != http.StatusForbidden {
			t.Error("a made-up proof:", status)
		}
	}
	a.Advance(11 * time.Minute)
	must(t, page.Fill("One-time code", code(t, secret, a.Clock.Now())))
	if page = press(t, page, "Continue"); !page.HasField("Password") || !page.Says("longer than ten minutes") {
		t.Error(page.Text())
	}
}
