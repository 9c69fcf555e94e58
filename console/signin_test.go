package console

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// signInForm is a form as the page of path brings it, filled in.
func (h *house) signInForm(v *visitor.Visitor, path, name, password string) url.Values {
	form := hidden(h.send(v, http.MethodGet, path, nil, nil).Body, PathSignIn)
	form.Set("name", name)
	form.Set("password", password)
	return form
}

// sessionOf is the browser's sign-in cookie, or "".
func (h *house) sessionOf(v *visitor.Visitor) string {
	for _, c := range v.HTTP.Jar.Cookies(must(url.Parse(h.URL))) {
		if c.Name == h.console.cookies.signIn {
			return c.Value
		}
	}
	return ""
}

func TestCookies_SEC204(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser("", "")
	a := h.send(v, http.MethodPost, PathSignIn, h.signInForm(v, "/device", john, johnsPassword), nil)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/device" {
		t.Fatal(a.StatusCode, a.Header)
	}
	first := h.sessionOf(v)
	var set string
	for _, line := range a.Header["Set-Cookie"] {
		if strings.HasPrefix(line, h.console.cookies.signIn+"=") {
			set = line
		}
	}
	for _, want := range []string{"Path=/", "HttpOnly", "SameSite=Lax"} {
		if !strings.Contains(set, want) || strings.Contains(set, "Domain") {
			t.Errorf("%q lacks %s", set, want)
		}
	}
	// A login that asks for a new sign-in renews the cookie, and so does signing out.
	h.pass(time.Minute)
	v.Name, v.Password = john, secret.New(johnsPassword)
	if _, err := v.Authorize(t.Context(), approvePath(h.sealed(func(r *authority.AuthorizationRequest) { r.Login = true }))); err != nil {
		t.Fatal(err)
	}
	second := h.sessionOf(v)
	page, err := v.Open(t.Context(), PathApplications)
	if err != nil {
		t.Fatal(err)
	}
	if page, err = page.Press(t.Context(), "Sign out"); err != nil || !page.Says("You are signed out") {
		t.Fatal(err)
	}
	third := h.sessionOf(v)
	if first == "" || second == "" || first == second || third != "" {
		t.Errorf("%q, %q, %q", first, second, third)
	}
	for _, old := range []string{first, second} {
		header := http.Header{"Cookie": {h.console.cookies.signIn + "=" + old}}
		if a := h.send(nil, http.MethodGet, PathApplications, nil, header); strings.Contains(a.Body, "Authorized") {
			t.Error("an old cookie still signs in")
		}
	}
}

func TestCookieNames_SEC204(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]cookieNames{
		"https://id.example":      {"__Host-doorward", "__Host-doorward-form", true},
		"https://id.example:8443": {"__Host-doorward", "__Host-doorward-form", true},
		"http://localhost:3667":   {"doorward-3667", "doorward-form-3667", false},
		"http://127.0.0.1":        {"doorward-80", "doorward-form-80", false},
	} {
		if got := cookieNamesOf(issuer); got != want {
			t.Errorf("%s: %+v", issuer, got)
		}
	}
}

// A cookie that somebody planted under our name, beside ours or in its place, signs nobody in.
func TestPlantedCookies_SEC204(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	mine := h.console.cookies.signIn + "=" + h.sessionOf(v)
	for _, line := range []string{
		h.console.cookies.signIn + "=", h.console.cookies.signIn + "=planted", mine + "; " + mine + "x", mine + "; " + mine, strings.ToUpper(mine),
	} {
		a := h.send(nil, http.MethodGet, PathApplications, nil, http.Header{"Cookie": {line}})
		if !strings.Contains(a.Body, "<h1>Sign in</h1>") {
			t.Error("signed in by", line)
		}
	}
}

func TestForgedForms_SEC201(t *testing.T) {
	t.Parallel()
	h := build(t)
	v, other := h.browser(john, johnsPassword), h.browser(ada, adasPassword)
	code := h.device("build-7").UserCode
	form := func(who *visitor.Visitor) url.Values {
		values := hidden(h.send(who, http.MethodGet, "/device?code="+code, nil, nil).Body, PathDevice)
		values.Set("decision", "approve")
		return values
	}
	tokenless := form(v)
	tokenless.Del("token")
	for name, c := range map[string]struct {
		form   url.Values
		header http.Header
	}{
		"no token":                {tokenless, nil},
		"another session's token": {form(other), nil},
		"Origin: evil":            {form(v), http.Header{"Origin": {"https://evil.example"}}},
		"Origin: null":            {form(v), http.Header{"Origin": {"null"}}},
		"Sec-Fetch-Site":          {form(v), http.Header{"Sec-Fetch-Site": {"cross-site"}}},
		"same-site":               {form(v), http.Header{"Sec-Fetch-Site": {"same-site"}}},
	} {
		if a := h.send(v, http.MethodPost, PathDevice, c.form, c.header); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if state := h.state(code).State; state != authority.DevicePending {
		t.Error("device:", state)
	}
	sealed := h.sealed(nil)
	values := hidden(h.send(other, http.MethodGet, approvePath(sealed), nil, nil).Body, PathApprove)
	values.Set("decision", "approve")
	for name, who := range map[string]*visitor.Visitor{"another session's": v, "nobody's": h.browser("", "")} {
		if a := h.send(who, http.MethodPost, PathApprove, values, nil); a.Header.Get("Location") != "" {
			t.Errorf("%s approval led to %s", name, a.Header.Get("Location"))
		}
	}
	// Signing somebody in, or out, from elsewhere.
	b := h.browser("", "")
	stolen := h.signInForm(h.browser("", ""), PathSignIn, john, johnsPassword)
	if a := h.send(b, http.MethodPost, PathSignIn, stolen, nil); a.StatusCode != http.StatusForbidden || h.sessionOf(b) != "" {
		t.Error("a sign-in form of another browser:", a.StatusCode)
	}
	if a := h.send(v, http.MethodPost, pathSignOut, url.Values{"token": {"x"}}, nil); a.StatusCode != http.StatusForbidden || h.sessionOf(v) == "" {
		t.Error("signing out by a forged form:", a.StatusCode)
	}
	// And the real thing still works, in two tabs of one browser.
	if a := h.send(v, http.MethodPost, PathDevice, form(v), http.Header{"Sec-Fetch-Site": {"same-origin"}}); a.StatusCode != http.StatusSeeOther {
		t.Error(a.StatusCode)
	}
	tab, tab2 := h.signInForm(b, "/device", john, johnsPassword), h.signInForm(b, PathApplications, john, johnsPassword)
	if a := h.send(b, http.MethodPost, PathSignIn, tab2, nil); a.Header.Get("Location") != PathApplications {
		t.Error("the second tab:", a.StatusCode)
	}
	if a := h.send(b, http.MethodPost, PathSignIn, tab, nil); a.Header.Get("Location") != "/device" {
		t.Error("a second tab has spoilt the first one's form:", a.StatusCode)
	}
}

func TestNoChangeByGET_SEC202(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	form := hidden(h.send(v, http.MethodGet, "/device?code="+code, nil, nil).Body, PathDevice)
	form.Set("decision", "approve")
	for _, path := range []string{pathSignOut, pathDisown} {
		if a := h.send(v, http.MethodGet, path+"?"+form.Encode(), nil, nil); a.StatusCode != http.StatusMethodNotAllowed {
			t.Error(path, a.StatusCode)
		}
	}
	for _, path := range []string{PathDevice, PathApprove, pathRevoke, "/device/result"} {
		h.send(v, http.MethodGet, path+"?"+form.Encode(), nil, nil)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		if a := h.send(v, method, PathApplications, form, nil); a.StatusCode != http.StatusMethodNotAllowed {
			t.Error(method, a.StatusCode)
		}
	}
	// A POST whose decision stands in the address decides nothing either.
	if a := h.send(v, http.MethodPost, PathDevice+"?"+form.Encode(), url.Values{}, nil); a.StatusCode != http.StatusForbidden {
		t.Error(a.StatusCode)
	}
	if h.state(code).State != authority.DevicePending || h.sessionOf(v) == "" {
		t.Error("something was changed")
	}
}

var numbers = regexp.MustCompile(`class="mono">[0-9a-f]{8}<`)

func TestSecurityHeaders_SEC207_SEC206_SEC212(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	pages := map[string]answer{
		"sign in":      h.send(nil, http.MethodGet, PathSignIn, nil, nil),
		"device":       h.send(v, http.MethodGet, PathDevice, nil, nil),
		"decision":     h.send(v, http.MethodGet, "/device?code="+code, nil, nil),
		"wrong code":   h.send(v, http.MethodGet, "/device?code=BBBB-BBBB", nil, nil),
		"applications": h.send(v, http.MethodGet, PathApplications, nil, nil),
		"error":        h.send(v, http.MethodGet, approvePath("forged"), nil, nil),
		"forbidden":    h.send(v, http.MethodPost, pathSignOut, url.Values{}, nil),
		"welcome":      h.send(nil, http.MethodGet, PathWelcome+"x", nil, nil),
	}
	for name, a := range pages {
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8", "Server": "", "X-Powered-By": "",
			"Access-Control-Allow-Origin": "",
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; " +
				"frame-ancestors 'none'; form-action 'self'",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if strings.Contains(a.Body, "<script") || strings.Contains(a.Body, "style=") || strings.Contains(a.Body, "<style") {
			t.Error(name, "has something inline")
		}
		if strings.Contains(a.Body, "!</") || strings.Contains(a.Body, "! ") {
			t.Error(name, "shouts")
		}
	}
	if a := pages["error"]; !strings.Contains(h.log.String(), numbers.FindString(a.Body)[len(`class="mono">`):][:8]) {
		t.Error("the log lacks the number that the page shows")
	}
}

func TestFormMayEndAtTheProgram_SEC206(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	a := h.send(v, http.MethodGet, approvePath(h.sealed(nil)), nil, nil)
	if csp := a.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' http://127.0.0.1:4242") {
		t.Error(csp)
	}
	for uri, want := range map[string]string{
		"http://127.0.0.1:4242/callback?x=y": "http://127.0.0.1:4242", "http://localhost:1/": "http://localhost:1", "http://[::1]:4242/cb": "http:",
		"https://app.example/cb": "https://app.example", "com.example.app:/cb": "com.example.app:", "https://a;script-src *": "", "https://a,b/": "https:",
		"": "", "relative": "",
	} {
		if got := originOf(uri); got != want {
			t.Errorf("originOf(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestReturnsToOwnPathsOnly_SEC210(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, evil := range []string{
		"//evil.example", `/\evil.example`, `\\evil.example`, "https:evil.example", "https://evil.example/device", "/\t/evil.example", "/%09/evil.example",
		"/\n/evil", "http://user@evil.example", "//user@evil.example/device", "javascript:alert(1)", "/device/../../evil", "/device//evil.example",
		"/.//evil.example", "///evil.example", "/device\\..\\evil", "device", "", "/sign-out", "/token", "/welcome/x", "/%2f/evil", "/device#x", " /device", "/devices",
		"/d%65vice", "\x00/device", "/device?x= y",
	} {
		if got := ownPath(evil); got != PathApplications {
			t.Errorf("ownPath(%q) = %q", evil, got)
		}
	}
	v := h.browser("", "")
	form := h.signInForm(v, PathSignIn, john, johnsPassword)
	form.Set("return", "//evil.example/device")
	if a := h.send(v, http.MethodPost, PathSignIn, form, nil); a.Header.Get("Location") != PathApplications {
		t.Error(a.Header.Get("Location"))
	}
	if a := h.send(v, http.MethodGet, PathSignIn+"?return=https://evil.example", nil, nil); a.Header.Get("Location") != PathApplications {
		t.Error(a.Header.Get("Location"))
	}
	for _, own := range []string{"/device", "/device?code=BCDF-GHJK", "/d/BCDF-GHJK", "/DEVICE?CODE=X", "/cli-auth", approvePath("x"), pathRevoke + "?session=1"} {
		if got := ownPath(own); got != own {
			t.Errorf("ownPath(%q) = %q", own, got)
		}
	}
}

func FuzzOwnPath(f *testing.F) {
	for _, seed := range []string{"/device?code=x", "//evil", "/\\evil", "/d/../x", "/%2e%2e"} {
		f.Add(seed)
	}
	base := must(url.Parse("https://id.example/sign-in"))
	f.Fuzz(func(t *testing.T, address string) {
		target, err := base.Parse(ownPath(address))
		if err != nil || target.Host != "id.example" || target.Scheme != "https" || target.User != nil {
			t.Errorf("%q leads to %v, %v", address, target, err)
		}
	})
}

func TestEqualRefusals_SEC157_SEC159_SEC167(t *testing.T) {
	t.Parallel()
	h := build(t)
	look := func(name, password string) string {
		v := h.browser("", "")
		form := h.signInForm(v, PathSignIn, name, password)
		a := h.send(v, http.MethodPost, PathSignIn, form, nil)
		body := strings.ReplaceAll(a.Body, form.Get("token"), "TOKEN")
		return fmt.Sprint(a.StatusCode, len(a.Header["Set-Cookie"]), regexp.MustCompile(`value="[^"]*" autocomplete="username"`).ReplaceAllString(body, "NAME"))
	}
	want := look(john, "wrong wrong")
	if !strings.HasPrefix(want, "401") || !strings.Contains(want, saidWrong) {
		t.Fatal(want)
	}
	for _, name := range []string{"nobody", "user@example.com", "*)(uid=*", "' OR 1=1 --", "{{7*7}}", "john\x00doe", "", strings.Repeat("n", 5000)} {
		if got := look(name, "wrong wrong"); got != want {
			t.Errorf("%.20q: %s\nwant %s", name, got, want)
		}
	}
	before := h.console.Doorkeeper.Hasher.Computed()
	if got := look(john, strings.Repeat("x", 2000)); !strings.HasPrefix(got, "400") {
		t.Error("2,000 bytes:", got[:3])
	}
	v := h.browser("", "")
	form := h.signInForm(v, PathSignIn, john, strings.Repeat("x", 1<<20))
	if a := h.send(v, http.MethodPost, PathSignIn, form, nil); a.StatusCode != http.StatusBadRequest {
		t.Error("a megabyte:", a.StatusCode)
	}
	if h.console.Doorkeeper.Hasher.Computed() != before {
		t.Error("something was hashed")
	}
}

func TestLockedSignIn_SEC155(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser("", "")
	for range 5 {
		h.send(v, http.MethodPost, PathSignIn, h.signInForm(v, PathSignIn, ada, "wrong wrong"), nil)
	}
	for _, name := range []string{"ADA", "ada@example.com"} {
		a := h.send(v, http.MethodPost, PathSignIn, h.signInForm(v, PathSignIn, name, adasPassword), nil)
		if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "900" || !strings.Contains(a.Body, saidLocked) {
			t.Error(name, a.StatusCode)
		}
	}
	events, err := h.authority.Recorder.List(t.Context(), authority.EventFilter{PersonID: "usr_ada"})
	kinds := map[authority.EventKind]int{}
	for _, event := range events {
		kinds[event.Kind]++
	}
	if err != nil || kinds[authority.EventSignInFailed] != 5 || kinds[authority.EventSignInLocked] != 2 {
		t.Error(kinds, err)
	}
}

func TestSignedOutPagesAreGone_SEC212(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	page, err := v.Open(t.Context(), PathApplications)
	if err != nil || page.Header.Get("Cache-Control") != "no-store" {
		t.Fatal(err, page.Header)
	}
	if _, err := page.Press(t.Context(), "Sign out"); err != nil {
		t.Fatal(err)
	}
	if page, err = v.Open(t.Context(), PathApplications); err != nil || page.Says("John Doe") || !page.HasField("Password") {
		t.Error("back after signing out:", err)
	}
}

func TestChangePerson(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	page, err := v.Open(t.Context(), "/device?code="+code)
	if err != nil {
		t.Fatal(err)
	}
	if page, err = page.Press(t.Context(), "Use another account"); err != nil || !page.HasField("Password") {
		t.Fatal(err)
	}
	_ = page.Fill("Email or username", ada)
	_ = page.Fill("Password", adasPassword)
	if page, err = page.Press(t.Context(), "Sign in"); err != nil || !page.Says("Signed in as Ada Lovelace") || !page.HasButton("Approve") {
		t.Fatal(err, page.Text())
	}
}

// consent walks to the page that asks, and returns it.
func consent(t *testing.T, v *visitor.Visitor, sealed string) *visitor.Page {
	t.Helper()
	page, err := v.Open(t.Context(), approvePath(sealed))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestApproveInTheBrowser_SEC023_SEC027(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	for range 2 { // consent is asked for again, every time
		page := consent(t, v, h.sealed(nil))
		if !page.HasButton("Approve") || !page.Says("Sign Doorward CLI in on laptop?") || !page.Says("http://127.0.0.1:4242") {
			t.Fatal(page.Text())
		}
		page, err := page.Press(t.Context(), "Approve")
		if err != nil || !page.Away {
			t.Fatal(err)
		}
		query := page.URL.Query()
		if query.Get("code") == "" || query.Get("state") != "st4te" || query.Get("iss") != h.URL || page.URL.Host != "127.0.0.1:4242" {
			t.Error(page.URL)
		}
	}
	form := hidden(h.send(v, http.MethodGet, approvePath(h.sealed(nil)), nil, nil).Body, PathApprove)
	form.Set("decision", "deny")
	a := h.send(v, http.MethodPost, PathApprove, form, nil)
	if location := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || !strings.Contains(location, "error=access_denied") || !strings.Contains(location, "state=st4te") {
		t.Error(a.StatusCode, location)
	}
	form.Set("decision", "perhaps")
	if a := h.send(v, http.MethodPost, PathApprove, form, nil); a.StatusCode != http.StatusBadRequest {
		t.Error("neither yes nor no:", a.StatusCode)
	}
}

func TestOldAndForgedLogins(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	sealed := h.sealed(nil)
	page := consent(t, v, sealed)
	for _, bad := range []string{"", "x", sealed[:len(sealed)-2], sealed + "A"} {
		if a := h.send(v, http.MethodGet, approvePath(bad), nil, nil); a.StatusCode != http.StatusNotFound {
			t.Error(a.StatusCode)
		}
	}
	h.pass(31 * time.Minute)
	if _, err := page.Press(t.Context(), "Approve"); err == nil || !strings.Contains(err.Error(), "not finished in time") {
		t.Error(err)
	}
}

func TestFreshSignIn(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	h.pass(10 * time.Minute)
	for name, c := range map[string]struct {
		change func(*authority.AuthorizationRequest)
		asks   bool
	}{
		"plain":        {nil, false},
		"prompt=login": {func(r *authority.AuthorizationRequest) { r.Login = true }, true},
		"max_age=60":   {func(r *authority.AuthorizationRequest) { r.MaxAge = 60 }, true},
		"max_age=0":    {func(r *authority.AuthorizationRequest) { r.MaxAge = 0 }, true},
		"max_age=3600": {func(r *authority.AuthorizationRequest) { r.MaxAge = 3600 }, false},
	} {
		sealed := h.sealed(c.change)
		page := consent(t, v, sealed)
		if page.HasField("Password") != c.asks || page.HasButton("Approve") == c.asks {
			t.Errorf("%s: %s", name, page.Text())
		}
		if !c.asks {
			continue
		}
		w := h.browser(john, johnsPassword) // a browser of its own, so that v stays as old as it is
		h.pass(time.Second)
		fresh := h.sealed(c.change)
		h.pass(time.Second)
		w.Name, w.Password = john, secret.New(johnsPassword)
		if _, err := w.Authorize(t.Context(), approvePath(fresh)); err != nil {
			t.Errorf("%s, signed in anew: %v", name, err)
		}
	}
}

func TestHintFillsTheName(t *testing.T) {
	t.Parallel()
	h := build(t)
	page, err := h.browser("", "").Open(t.Context(), approvePath(h.sealed(nil))+"&login_hint=ada%40example.com")
	if err != nil || page.Value("Email or username") != "ada@example.com" {
		t.Error(err)
	}
}
