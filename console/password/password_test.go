package password_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/console/password"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

const (
	oldPassword = "ada-has-a-password"
	newPassword = "seven grey herons wade"
)

// home is an authority whose store the test can look into.
type home struct {
	*authtest.Authority
	t     *testing.T
	store server.Store
}

func build(t *testing.T) *home {
	t.Helper()
	h, place := &home{t: t}, stores.New(t)
	h.Authority = authtest.With(t, authtest.Options{
		People: []authtest.Person{{Username: "ada", Name: "Ada Lovelace", ID: "usr_ada"}, {Username: "grace", ID: "usr_grace"}},
		Open: func(ctx context.Context, now func() time.Time, log *slog.Logger) (server.Store, error) {
			store, err := place.Open(ctx, now, log)
			h.store = store
			return store, err
		},
	})
	return h
}

func (h *home) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// browser is Ada at a new browser, signed in, with its cookies.
func (h *home) browser() (*visitor.Visitor, http.CookieJar) {
	h.t.Helper()
	jar, _ := cookiejar.New(nil)
	v := h.Visitor()
	v.HTTP = &http.Client{Jar: jar}
	h.must(v.SignIn(h.t.Context(), v.Name, v.Password))
	return v, jar
}

// ask fills the page in and sends it.
func (h *home) ask(v *visitor.Visitor, old, chosen, again, logins string) *visitor.Page {
	h.t.Helper()
	page, err := v.Open(h.t.Context(), password.Path)
	h.must(err)
	for label, value := range map[string]string{
		"Your password now": old, "New password": chosen, "New password once more": again, "Sign out everywhere else and end my logins": logins,
	} {
		h.must(page.Fill(label, value))
	}
	return h.press(page, "Change the password")
}

func (h *home) press(page *visitor.Page, button string) *visitor.Page {
	h.t.Helper()
	next, err := page.Press(h.t.Context(), button)
	if next == nil {
		h.t.Fatal(err)
	}
	return next
}

// login gives Ada's program a session, which is what the choice is about.
func (h *home) login() {
	h.t.Helper()
	h.must(h.store.AddFamily(h.t.Context(), authority.Family{
		ID: authority.NewID(h.Clock.Now()), Kind: authority.FamilySession, ClientID: h.ClientID, PersonID: "usr_ada", How: "device",
		Created: h.Clock.Now(), LastUsed: h.Clock.Now(), Ends: h.Clock.Now().Add(time.Hour), Salt: []byte("salt"), KeyID: "key",
	}, authority.After{}))
}

func (h *home) held() int {
	h.t.Helper()
	families, err := h.store.FamiliesOf(h.t.Context(), "usr_ada", h.Clock.Now())
	h.must(err)
	return len(families)
}

func (h *home) person() identity.Person {
	h.t.Helper()
	person, err := h.store.Person(h.t.Context(), "usr_ada")
	h.must(err)
	return person
}

func (h *home) signsIn(word string) bool {
	h.t.Helper()
	return h.Visitor().SignIn(h.t.Context(), "ada", secret.New(word)) == nil
}

// value is the cookie of who is signed in.
func (h *home) value(jar http.CookieJar) string {
	h.t.Helper()
	at, err := url.Parse(h.Issuer)
	h.must(err)
	for _, cookie := range jar.Cookies(at) {
		if !strings.Contains(cookie.Name, "form") {
			return cookie.Value
		}
	}
	h.t.Fatal("nobody is signed in")
	return ""
}

func TestChangeKeepsLogins_SEC163(t *testing.T) {
	t.Parallel()
	h := build(t)
	here, jar := h.browser()
	there, elsewhere := h.browser()
	row := identity.LinkID(secret.New(h.value(elsewhere)))
	if _, err := h.store.SignIn(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	h.login()
	before := h.value(jar)
	h.Advance(time.Second)
	page := h.ask(here, oldPassword, newPassword, newPassword, "")
	for _, said := range []string{"Your password was changed", "your other browsers have to sign in again", "was kept", "next"} {
		if !page.Says(said) {
			t.Errorf("%q is not said: %s", said, page.Text())
		}
	}
	if !page.Says("Signed in as Ada Lovelace") || h.value(jar) == before {
		t.Error("this browser does not go on with a new sign-in")
	}
	stolen, _ := cookiejar.New(nil)
	at, _ := url.Parse(h.Issuer)
	for _, cookie := range jar.Cookies(at) {
		if !strings.Contains(cookie.Name, "form") {
			cookie.Value = before
		}
		stolen.SetCookies(at, []*http.Cookie{cookie})
	}
	thief := h.Visitor()
	thief.HTTP = &http.Client{Jar: stolen}
	for name, v := range map[string]*visitor.Visitor{"another browser": there, "the cookie of before": thief} {
		if page, err := v.Open(t.Context(), console.PathApplications); err != nil || !page.HasField("Password") {
			t.Errorf("%s is still signed in: %v", name, err)
		}
	}
	if _, err := h.store.SignIn(t.Context(), row); !errors.Is(err, identity.ErrUnknown) {
		t.Error("the other browser's sign-in is still kept:", err)
	}
	if h.held() != 1 {
		t.Error("logins were not kept")
	}
	if h.signsIn(oldPassword) || !h.signsIn(newPassword) {
		t.Error("the old password signs in, or the new one does not")
	}
	events, err := h.store.ListEvents(t.Context(), authority.EventFilter{Kind: authority.EventPassword, Limit: 10})
	h.must(err)
	if len(events) != 1 || events[0].PersonID != "usr_ada" || events[0].Detail != "logins kept" || events[0].Address == "" {
		t.Errorf("the audit: %+v", events)
	}
}

func TestChangeEndsLogins_SEC163(t *testing.T) {
	t.Parallel()
	h := build(t)
	here, _ := h.browser()
	h.login()
	h.login()
	if h.held() != 2 {
		t.Fatal("there is nothing to end")
	}
	h.Advance(time.Second)
	if page := h.ask(here, oldPassword, newPassword, newPassword, "end"); !page.Says("has ended") || !page.Says("API keys were kept") {
		t.Error(page.Text())
	}
	if h.held() != 0 {
		t.Error("logins are still there")
	}
	if page, err := here.Open(t.Context(), console.PathApplications); err != nil || !page.Says("Nothing is signed in as you") {
		t.Error("this browser was signed out", err)
	}
}

// The old password is needed, and its tries are those of the sign-in page.
func TestChangeNeedsTheOldPassword_SEC163_SEC155(t *testing.T) {
	t.Parallel()
	h := build(t)
	here, _ := h.browser()
	was := h.person()
	for range 5 {
		if page := h.ask(here, "not my password", newPassword, newPassword, ""); !page.Says("That is not your password now") || !page.Says("Nothing was changed") {
			t.Fatal(page.Text())
		}
	}
	if page := h.ask(here, oldPassword, newPassword, newPassword, ""); !page.Says("too many wrong attempts") {
		t.Error("the right one after five wrong ones:", page.Text())
	}
	if h.signsIn(oldPassword) {
		t.Error("the sign-in page counts by itself")
	}
	if diff := cmp.Diff(was, h.person()); diff != "" {
		t.Error("something was changed:", diff)
	}
	wrong, err := h.store.ListEvents(t.Context(), authority.EventFilter{Kind: authority.EventSignInFailed, PersonID: "usr_ada", Limit: 10})
	h.must(err)
	if len(wrong) != 5 || wrong[0].Detail != "password change" {
		t.Errorf("the audit: %+v", wrong)
	}
	h.Advance(16 * time.Minute)
	if page, err := here.Open(t.Context(), password.Path); err != nil || !page.HasField("Password") || !page.Says("sign in once more first") {
		t.Error("SEC-178: a quarter of an hour later it wants no new sign-in", err)
	}
}

func TestNewPasswords_SEC163_SEC162(t *testing.T) {
	t.Parallel()
	h := build(t)
	here, _ := h.browser()
	was := h.person()
	for _, row := range []struct{ chosen, again, said string }{
		{"short", "short", "at least 8 characters"},
		{"password2026", "password2026", "among the first"},
		{"ada-lovelace", "ada-lovelace", "mostly a name"},
		{strings.Repeat("long ", 300), strings.Repeat("long ", 300), "at most 1,024 bytes"},
		{oldPassword, oldPassword, "Choose another one"},
		{newPassword, newPassword + " ", "not the same in both fields"},
	} {
		if page := h.ask(here, oldPassword, row.chosen, row.again, ""); !page.Says(row.said) || !page.Says("Nothing was changed") || strings.Contains(page.Text(), row.chosen) && len(row.chosen) > 8 {
			t.Errorf("%.20q: %s", row.chosen, page.Text())
		}
	}
	if diff := cmp.Diff(was, h.person()); diff != "" {
		t.Error("something was changed:", diff)
	}
	// None of them has used up a try.
	if page := h.ask(here, oldPassword, newPassword, newPassword, ""); !page.Says("Your password was changed") {
		t.Error(page.Text())
	}
}

// TestOnlyThePassword_SEC213: whatever else the form says, nothing about the person changes but the hash and its time.
func TestOnlyThePassword_SEC213(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, jar := h.browser()
	was := h.person()
	grace, err := h.store.Person(t.Context(), "usr_grace")
	h.must(err)
	form := h.form(jar)
	for _, field := range []string{
		"verified", "email_verified", "EmailVerified", "role", "org", "organisation", "mfa", "administrator", "Administrator", "admin", "disabled",
		"id", "person", "person_id", "username", "name", "email", "password", "Password", "created",
	} {
		form.Set(field, "true")
	}
	form.Set("username", "grace")
	form.Set("person_id", "usr_grace")
	h.Advance(time.Second)
	if status, _ := h.post(jar, form, nil); status != http.StatusSeeOther {
		t.Fatal("it was not taken:", status)
	}
	got := h.person()
	if got.Password == was.Password || !got.PasswordChanged.After(was.PasswordChanged) {
		t.Error("the password was not changed")
	}
	got.Password, got.PasswordChanged = was.Password, was.PasswordChanged
	if diff := cmp.Diff(was, got); diff != "" {
		t.Error("more than the password was changed:", diff)
	}
	memberships, err := h.store.Memberships(t.Context(), "usr_ada")
	h.must(err)
	factors, err := h.store.Factors(t.Context(), "usr_ada")
	h.must(err)
	if len(memberships)+len(factors) != 0 {
		t.Error("roles or factors came with the form:", memberships, factors)
	}
	if other, err := h.store.Person(t.Context(), "usr_grace"); err != nil || cmp.Diff(grace, other) != "" {
		t.Error("somebody else was changed:", err, cmp.Diff(grace, other))
	}
}

// form is what the page would send, filled in.
func (h *home) form(jar http.CookieJar) url.Values {
	h.t.Helper()
	client := &http.Client{Jar: jar}
	response, err := client.Get(h.Issuer + password.Path)
	h.must(err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	h.must(err)
	_, rest, found := strings.Cut(string(text), `action="/settings/security/password">`)
	_, rest, also := strings.Cut(rest, `name="token" value="`)
	token, _, _ := strings.Cut(rest, `"`)
	if !found || !also {
		h.t.Fatal("no form on", string(text))
	}
	return url.Values{"token": {token}, "old": {oldPassword}, "new": {newPassword}, "again": {newPassword}}
}

// post sends a form as a browser with these cookies would, and does not follow.
func (h *home) post(jar http.CookieJar, form url.Values, header http.Header) (int, string) {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.Issuer+password.Path, strings.NewReader(form.Encode()))
	h.must(err)
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	h.must(err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	h.must(err)
	return response.StatusCode, string(text)
}

// Forms of other sites, other sign-ins, other pages and of nobody change nothing.
func TestForgedChange_SEC163_SEC178_SEC204(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, jar := h.browser()
	_, otherJar := h.browser()
	was := h.person()
	good, foreign := h.form(jar), h.form(otherJar)
	without := url.Values{"old": {oldPassword}, "new": {newPassword}, "again": {newPassword}}
	for name, row := range map[string]struct {
		form   url.Values
		header http.Header
	}{
		"no token":            {without, nil},
		"of another sign-in":  {foreign, nil},
		"from another site":   {good, http.Header{"Sec-Fetch-Site": {"cross-site"}}},
		"from another origin": {good, http.Header{"Origin": {"https://evil.example"}}},
	} {
		if status, _ := h.post(jar, row.form, row.header); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, text := h.post(nil, good, nil); status == http.StatusSeeOther || strings.Contains(text, "Signed in as") {
		t.Error("nobody has changed it:", status)
	}
	if diff := cmp.Diff(was, h.person()); diff != "" {
		t.Error("something was changed:", diff)
	}
	h.Advance(time.Hour)
	if _, text := h.post(jar, good, nil); !strings.Contains(text, "sign in once more first") || cmp.Diff(was, h.person()) != "" {
		t.Error("SEC-178: the form of an hour ago:", text)
	}
	h.Advance(-time.Hour)
	if status, _ := h.post(jar, good, nil); status != http.StatusSeeOther {
		t.Error("the genuine one is worth nothing, and so are the refusals:", status)
	}
}

// Of two who change it at the same moment one does; the other's old password is old by then.
func TestChangedTwiceAtOnce_SEC163(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, jar := h.browser()
	forms := []url.Values{h.form(jar), h.form(jar), h.form(jar)}
	statuses := make([]int, len(forms))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, form := range forms {
		form.Set("new", newPassword+strings.Repeat("x", i))
		form.Set("again", form.Get("new"))
		all.Go(func() {
			<-begin
			statuses[i], _ = h.post(jar, form, nil)
		})
	}
	close(begin)
	all.Wait()
	changed := 0
	for i, status := range statuses {
		if status == http.StatusSeeOther {
			changed++
			if !h.signsIn(forms[i].Get("new")) {
				t.Error("the one that was answered as changed does not sign in")
			}
		}
	}
	if changed != 1 {
		t.Errorf("it was changed %d times: %v", changed, statuses)
	}
}

// Who comes through an identity provider alone has no password, and is told so instead of being asked for one.
func TestNoPassword_SEC163(t *testing.T) {
	t.Parallel()
	h := build(t)
	here, jar := h.browser()
	form := h.form(jar)
	_, err := h.store.ChangePerson(t.Context(), "usr_ada", func(p *identity.Person) error { p.Password = ""; return nil })
	h.must(err)
	h.Advance(time.Hour) // and no new sign-in is asked for either
	page, err := here.Open(t.Context(), password.Path)
	h.must(err)
	if !page.Says("You have no password here") || page.HasField("New password") || page.HasButton("Change the password") {
		t.Error(page.Text())
	}
	h.Advance(-time.Hour)
	if status, text := h.post(jar, form, nil); status != http.StatusForbidden || !strings.Contains(text, "You have no password here") {
		t.Error("a form of before:", status, text)
	}
	if h.person().Password != "" {
		t.Error("a password was made")
	}
}

// The page tells browsers which field is which, and sends nothing back that was typed.
func TestForm_SEC163(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, jar := h.browser()
	form := h.form(jar)
	form.Set("old", "typed by mistake")
	status, text := h.post(jar, form, nil)
	if status != http.StatusBadRequest || strings.Contains(text, "typed by mistake") || strings.Contains(text, newPassword) {
		t.Error("it repeats what was typed:", status)
	}
	for _, part := range []string{
		`<label for="old">`, `id="old" name="old" type="password" autocomplete="current-password" required aria-invalid="true"`,
		`<label for="new">`, `id="new" name="new" type="password" autocomplete="new-password"`, `<label for="again">`, `<label for="logins">`,
		`autocomplete="username"`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is missing", part)
		}
	}
	if strings.Contains(text, "<script") {
		t.Error("the page has a script")
	}
}
