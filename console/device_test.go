package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

func TestApproveByLink(t *testing.T) {
	t.Parallel()
	h := build(t)
	begun := h.device("build-7")
	v := h.browser("", "")
	v.Name, v.Password = "user@example.com", secret.New(johnsPassword)
	page, err := v.ApproveDevice(t.Context(), "/device?code="+begun.UserCode)
	if err != nil || !page.Says("You approved the login") || !page.HasButton("This was not me") {
		t.Fatal(err, page.Text())
	}
	request := h.state(begun.UserCode)
	if request.State != authority.DeviceApproved || request.Approval.PersonID != "usr_1234567890" {
		t.Error(request.State, request.Approval.PersonID)
	}
	if a := request.Approval; a.Address != "127.0.0.1" || len(a.Methods) != 1 || a.AuthTime.IsZero() || a.Scope.String() != cli.Scope.String() {
		t.Errorf("%+v", a)
	}
}

// Every way in which a code arrives leads to the same question, and none of them answers it.
func TestWaysToTheQuestion(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	plain := strings.ReplaceAll(code, "-", "")
	for _, path := range []string{
		"/device?code=" + code, "/device?user_code=" + code, "/device?code=" + strings.ToLower(plain), "/cli-auth?code=" + code,
		"/cli-auth?user_code=" + code, "/DEVICE?CODE=" + plain, "/DEVICE?USER_CODE=" + plain, "/d/" + code, "/d/" + strings.ToLower(code), "/D/" + plain,
	} {
		page, err := v.Open(t.Context(), path)
		if err != nil || !page.HasButton("Approve") || !page.HasButton("Deny") || !page.Says(code) {
			t.Errorf("%s: %v", path, err)
		}
	}
	page, err := v.Open(t.Context(), "/device")
	if err != nil || !page.HasField("Code") || page.Value("Code") != "" {
		t.Fatal(err)
	}
	_ = page.Fill("Code", " "+strings.ToLower(plain)+" ")
	if page, err = page.Press(t.Context(), "Continue"); err != nil || !page.HasButton("Approve") {
		t.Error("typed:", err)
	}
	if state := h.state(code).State; state != authority.DevicePending {
		t.Error("looking has decided:", state)
	}
}

func TestScannersChangeNothing_SEC080(t *testing.T) {
	t.Parallel()
	h := build(t)
	begun := h.device("build-7")
	path := "/device?code=" + begun.UserCode
	signedIn := h.browser(john, johnsPassword)
	for range 3 {
		a := h.send(nil, http.MethodGet, path, nil, nil)
		if a.StatusCode != http.StatusOK || strings.Contains(a.Body, "build-7") || !strings.Contains(a.Body, "Sign in") {
			t.Error("without cookies:", a.StatusCode)
		}
		h.send(nil, http.MethodHead, path, nil, nil)
		h.send(signedIn, http.MethodHead, path, nil, nil)
		a = h.send(signedIn, http.MethodGet, path, nil, http.Header{"Sec-Purpose": {"prefetch"}})
		if strings.Contains(a.Body, "<script") || strings.Contains(a.Body, "http-equiv") {
			t.Error("the page could submit itself")
		}
	}
	if state := h.state(begun.UserCode).State; state != authority.DevicePending {
		t.Error(state)
	}
}

func TestFactsInTheirOrder_SEC082(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	begun := h.device("build-7")
	h.pass(3 * time.Minute)
	page, err := v.Open(t.Context(), "/device?code="+begun.UserCode)
	if err != nil {
		t.Fatal(err)
	}
	rest := page.Text()
	for _, text := range []string{
		"Signed in as John Doe (user@example.com)", "Use another account", "Sign Doorward CLI in on build-7?", "Doorward CLI", "build-7",
		"what that machine says of itself", "203.0.113.9", "not the network you are on", "3 minutes ago", "Know that it is you.",
		"See your name and username.", "See your e-mail address.", "Stay signed in", "warehouse:read", "Until 3 April 2026", "14 days",
		"Is this the code in your terminal?", begun.UserCode, "Approve", "Deny", "If you did not just start this in a terminal, deny.",
	} {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Fatalf("%q is missing or out of order; after it is left: %s", text, rest)
		}
		rest = after
	}
	body := h.send(v, http.MethodGet, "/device?code="+begun.UserCode, nil, nil).Body
	if strings.Contains(body, "autofocus") {
		t.Error("something is preselected")
	}
}

func TestMachineLabels_SEC083(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	for _, label := range []string{
		"<svg onload=alert(1)>", "evil\u202etxt.exe", strings.Repeat("x", 10_000), "\x1b[31mred\x1b[0m", "Microsoft Security", "a\u0000b", "\u2066x\u2069",
	} {
		page, err := v.Open(t.Context(), "/device?code="+h.device(label).UserCode)
		if err != nil {
			t.Fatal(err)
		}
		text := page.Text()
		if strings.ContainsAny(text, "\u202e\u2066\u2069\x1b\x00") || strings.Contains(text, strings.Repeat("x", 70)) {
			t.Errorf("%.30q came through", label)
		}
		if !page.Says("the name is what that machine says of itself") {
			t.Errorf("%.30q is not marked as claimed", label)
		}
	}
}

// One of two decisions wins, and whoever made the other reads which.
func TestTwoDecisions_SEC077(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	open := func(code string) *visitor.Page {
		page, err := v.Open(t.Context(), "/device?code="+code)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	for _, c := range []struct{ first, second, state, says string }{
		{"Approve", "Approve", "approved", "You approved the login"},
		{"Approve", "Deny", "approved", "It had been approved before you pressed Deny."},
		{"Deny", "Approve", "denied", "It had been denied before you pressed Approve."},
		{"Deny", "Deny", "denied", "The login was denied"},
	} {
		code := h.device("build-7").UserCode
		tab, other := open(code), open(code)
		if _, err := tab.Press(t.Context(), c.first); err != nil {
			t.Fatal(err)
		}
		page, err := other.Press(t.Context(), c.second)
		if err != nil || !page.Says(c.says) || string(h.state(code).State) != c.state {
			t.Errorf("%s then %s: %v, %s, %s", c.first, c.second, err, h.state(code).State, page.Text())
		}
	}
	code := h.device("build-7").UserCode
	form := hidden(h.send(v, http.MethodGet, "/device?code="+code, nil, nil).Body, PathDevice)
	var all sync.WaitGroup
	for i := range 16 {
		values := url.Values{"decision": {[]string{"approve", "deny"}[i%2]}}
		for name := range form {
			values.Set(name, form.Get(name))
		}
		all.Go(func() {
			if a := h.send(v, http.MethodPost, PathDevice, values, nil); a.StatusCode != http.StatusSeeOther {
				t.Error(a.StatusCode)
			}
		})
	}
	all.Wait()
	request := h.state(code)
	events, err := h.authority.Recorder.List(t.Context(), authority.EventFilter{Limit: 1000})
	decided := 0
	for _, event := range events {
		if event.At.Equal(request.Decided) && (event.Kind == authority.EventApproved || event.Kind == authority.EventDenied) {
			decided++
		}
	}
	if err != nil || request.State == authority.DevicePending || decided != 1+4 { // the four above came in the same instant
		t.Errorf("%s, %d decisions, %v", request.State, decided, err)
	}
}

func TestGuessing_SEC098(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	right := h.device("build-7").UserCode
	for i := range 5 {
		if a := h.send(v, http.MethodGet, fmt.Sprintf("/device?code=BBBB-BBB%c", "BCDFG"[i]), nil, nil); a.StatusCode != http.StatusNotFound {
			t.Fatal(i, a.StatusCode)
		}
	}
	for _, path := range []string{"/device?code=BBBB-BBBH", "/d/" + right, "/DEVICE?CODE=" + right} {
		a := h.send(v, http.MethodGet, path, nil, nil)
		if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || strings.Contains(a.Body, "build-7") {
			t.Error(path, a.StatusCode)
		}
	}
	// The guesser is limited, not the code (SEC-108): somebody else still gets there.
	if _, err := h.browser(ada, adasPassword).ApproveCode(t.Context(), right); err != nil {
		t.Error(err)
	}
}

// Unknown, used, denied and expired codes answer with the same status and, but for what was typed, the same page.
func TestDeadCodesLookAlike_SEC105(t *testing.T) {
	t.Parallel()
	h := build(t)
	v, other := h.browser(john, johnsPassword), h.browser(ada, adasPassword)
	approved, denied, expired := h.device("a").UserCode, h.device("b").UserCode, h.device("c").UserCode
	if _, err := other.ApproveDevice(t.Context(), "/device?code="+approved); err != nil {
		t.Fatal(err)
	}
	if _, err := other.DenyDevice(t.Context(), "/device?code="+denied); err != nil {
		t.Fatal(err)
	}
	look := func(code string) string {
		a := h.send(v, http.MethodGet, "/device?code="+code, nil, nil)
		return fmt.Sprint(a.StatusCode, a.Header.Get("Content-Security-Policy"), strings.ReplaceAll(a.Body, code, "CODE"))
	}
	want := look("BCDF-GHJK")
	if !strings.HasPrefix(want, "404") {
		t.Fatal(want)
	}
	for name, code := range map[string]string{"approved by another": approved, "denied": denied} {
		if got := look(code); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	h.pass(11 * time.Minute)
	if got := look(expired); got != want {
		t.Errorf("expired: %s\nwant %s", got, want)
	}
}

func TestExpiredUnderTheHand_SEC105(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	page, err := v.Open(t.Context(), "/device?code="+h.device("build-7").UserCode)
	if err != nil {
		t.Fatal(err)
	}
	h.pass(11 * time.Minute)
	var refused *visitor.PageError
	if _, err := page.Press(t.Context(), "Approve"); !errors.As(err, &refused) || refused.Status != 404 || !strings.Contains(refused.Said, "no login waiting") {
		t.Error(err)
	}
}

// There is nothing to list, look at or decide without signing in, and nothing without the code (CVE-2025-23387).
func TestNoWayWithoutTheCode_SEC095(t *testing.T) {
	t.Parallel()
	h := build(t)
	begun := h.device("build-7")
	id := h.state(begun.UserCode).ID
	for _, path := range []string{"/device", "/device/result?id=" + id, "/device?id=" + id, PathApplications, "/device?code=" + begun.UserCode} {
		if a := h.send(nil, http.MethodGet, path, nil, nil); strings.Contains(a.Body, "build-7") || strings.Contains(a.Body, id+`"`) && !strings.Contains(a.Body, "return") {
			t.Error(path, "tells of the login")
		}
	}
	v := h.browser(john, johnsPassword)
	key := cookie(&http.Request{Header: http.Header{"Cookie": {v.HTTP.Jar.Cookies(must(url.Parse(h.URL)))[0].String()}}}, h.console.cookies.signIn)
	for i, form := range []url.Values{
		{"id": {id}, "decision": {"approve"}},
		{"id": {id}, "decision": {"approve"}, "code": {"BCDF-GHJK"}, "token": {formToken(key, id)}},
		{"id": {id}, "decision": {"approve"}, "code": {""}, "token": {formToken(key, id)}},
		{"id": {id}, "decision": {""}, "code": {begun.UserCode}, "token": {formToken(key, id)}},
		{"id": {id}, "token": {formToken(key, pathDisown+id)}},
	} {
		h.send(nil, http.MethodPost, PathDevice, form, nil)
		if a := h.send(v, http.MethodPost, PathDevice, form, nil); a.StatusCode < 400 {
			t.Errorf("form %d: %d", i, a.StatusCode)
		}
	}
	if a := h.send(v, http.MethodGet, "/device/result?id="+id, nil, nil); a.StatusCode != http.StatusNotFound {
		t.Error("a result before there is one:", a.StatusCode)
	}
	if state := h.state(begun.UserCode).State; state != authority.DevicePending {
		t.Error(state)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestThisWasNotMe_SEC093(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	page, err := v.ApproveDevice(t.Context(), "/device?code="+code)
	if err != nil {
		t.Fatal(err)
	}
	id := h.state(code).ID
	if a := h.send(h.browser(ada, adasPassword), http.MethodGet, "/device/result?id="+id, nil, nil); a.StatusCode != http.StatusNotFound {
		t.Error("somebody else reads the result:", a.StatusCode)
	}
	if page, err = page.Press(t.Context(), "This was not me"); err != nil || !page.Says("It was ended") {
		t.Fatal(err)
	}
	if state := h.state(code).State; state != authority.DeviceDenied {
		t.Error(state)
	}
	if a := h.send(v, http.MethodGet, "/device/result?id="+id, nil, nil); !strings.Contains(a.Body, "The login was denied") {
		t.Error("the result afterwards:", a.Body)
	}
}

func TestDisabledWhileDeciding(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	page, err := v.Open(t.Context(), "/device?code="+code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.ChangePerson(t.Context(), "usr_1234567890", func(p *identity.Person) error { p.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if page, err = page.Press(t.Context(), "Approve"); err != nil || !page.HasField("Password") {
		t.Error("a disabled person is asked to sign in:", err)
	}
	if state := h.state(code).State; state != authority.DevicePending {
		t.Error(state)
	}
}

func TestDisabledClient(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	sealed := h.sealed(nil)
	if _, err := h.authority.Registry.Change(t.Context(), cli.ID, "admin", func(c *authority.Client) error { c.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/device?code=" + code, approvePath(sealed)} {
		if a := h.send(v, http.MethodGet, path, nil, nil); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.Body, "cannot sign in") {
			t.Error(path[:8], a.StatusCode)
		}
	}
}
