package factor_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/console/factor"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

// shown are recovery codes as the page shows them.
var shown = regexp.MustCompile(`[A-Z2-7]{4}(?:-[A-Z2-7]{4}){5}`)

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

// person is a browser of somebody who has added an app, with their recovery codes.
func (h *home) person(name string) (*visitor.Visitor, []string) {
	h.t.Helper()
	v := h.VisitorOf(authtest.Person{Username: name, Password: name + "-has-a-password"})
	jar, _ := cookiejar.New(nil)
	v.HTTP = &http.Client{Jar: jar}
	must(h.t, v.SignIn(h.t.Context(), v.Name, v.Password))
	_, page := enrolled(h.t, h.Authority, v)
	codes := shown.FindAllString(page.Text(), -1)
	if len(codes) != 10 || !page.Says("The app was added") || !page.Says("shown this once") {
		h.t.Fatal("no ten codes on", page.Text())
	}
	return v, codes
}

// asked is the page that asks somebody for a code, in a new browser.
func (h *home) asked(v *visitor.Visitor, path string) *visitor.Page {
	h.t.Helper()
	w := h.VisitorOf(authtest.Person{Username: v.Name, Password: v.Password.Reveal()})
	page, err := w.Open(h.t.Context(), path)
	must(h.t, err)
	must(h.t, page.Fill("Email or username", v.Name))
	must(h.t, page.Fill("Password", v.Password.Reveal()))
	return press(h.t, page, "Sign in")
}

// use signs somebody in with a recovery code, in a new browser.
func (h *home) use(v *visitor.Visitor, code string) *visitor.Page {
	h.t.Helper()
	page := h.asked(v, factor.Path)
	must(h.t, page.Fill("Recovery code", code))
	return press(h.t, page, "Use a recovery code")
}

// events are those of a kind about somebody.
func (h *home) events(kind authority.EventKind, personID string) []authority.Event {
	h.t.Helper()
	events, err := h.store.ListEvents(h.t.Context(), authority.EventFilter{Kind: kind, PersonID: personID, Limit: 100})
	must(h.t, err)
	return events
}

func TestRecoveryCodes_SEC176(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, codes := h.person("ada")
	page := h.use(ada, codes[3])
	if !page.Says("You signed in with a recovery code") || !page.Says("9 recovery codes are left") {
		t.Fatal(page.Text())
	}
	if page, err := page.Press(t.Context(), "Continue"); err != nil || page.Heading() != "Second factors" || !page.Says("9 recovery codes are left") {
		t.Error("it does not lead on to where somebody wanted to go:", err)
	}
	if page := h.use(ada, codes[3]); !page.Says("was used before") || !page.HasField("Recovery code") || page.Says("Signed in as") {
		t.Error("SEC-176: the same code again:", page.Text())
	}
	// In whatever spelling; and in the field of the one-time code, where somebody types it first.
	page = h.asked(ada, factor.Path)
	must(t, page.Fill("One-time code", " "+strings.ToLower(strings.ReplaceAll(codes[4], "-", " "))))
	if page = press(t, page, "Continue"); !page.Says("8 recovery codes are left") {
		t.Error(page.Text())
	}
	used, made := h.events(authority.EventRecoveryUsed, "usr_ada"), h.events(authority.EventRecoveryMade, "usr_ada")
	if len(used) != 2 || used[0].Detail != "8 left" || used[1].Detail != "9 left" || used[0].Address == "" || len(made) != 1 {
		t.Errorf("the audit: %+v, %+v", used, made)
	}
	if wrong := h.events(authority.EventSignInFailed, "usr_ada"); len(wrong) != 1 || wrong[0].Detail != "recovery code" {
		t.Errorf("the audit of the refusal: %+v", wrong)
	}
}

func TestRecoveryCodesOfOthers_SEC176(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, hers := h.person("ada")
	grace, _ := h.person("grace")
	if page := h.use(grace, hers[0]); !page.Says("was used before") || page.Says("Signed in as") {
		t.Error("a code of somebody else:", page.Text())
	}
	if page := h.use(ada, hers[0]); !page.Says("9 recovery codes are left") {
		t.Error("trying it elsewhere has used it up:", page.Text())
	}
	// A row that somebody with the database moves to another person opens nothing: hashes know whose they are.
	rows, err := h.store.Factors(t.Context(), "usr_ada")
	must(t, err)
	for _, row := range rows {
		if row.Kind != identity.FactorRecovery {
			continue
		}
		_, err := h.store.ChangeFactor(t.Context(), "recovery_usr_grace", func(f *identity.Factor) error {
			f.Secret = row.Secret
			return nil
		})
		must(t, err)
	}
	h.Advance(time.Hour)
	if page := h.use(grace, hers[1]); !page.Says("was used before") {
		t.Error("a code of a row that was moved:", page.Text())
	}
}

func TestRecoveryCodesAtRest_SEC176(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, codes := h.person("ada")
	rows, err := h.store.Factors(t.Context(), "usr_ada")
	must(t, err)
	found := false
	for _, row := range rows {
		found = found || row.Kind == "recovery" && len(row.Secret) == 10*32
		for _, code := range codes {
			plain := strings.ReplaceAll(code, "-", "")
			if strings.Contains(string(row.Secret), plain) || strings.Contains(string(row.Secret), code) || strings.Contains(row.Name+row.ID, plain) {
				t.Error("the store has a code in clear")
			}
		}
	}
	if !found {
		t.Errorf("no row of hashes: %+v", rows)
	}
	for _, event := range append(h.events(authority.EventRecoveryMade, "usr_ada"), h.events(authority.EventFactorAdded, "usr_ada")...) {
		if shown.MatchString(event.Detail) {
			t.Error("the audit has a code")
		}
	}
}

// TestRecoveryGuesses_SEC176_SEC171: tries of both kinds are one count, of the person and not of the browser.
func TestRecoveryGuesses_SEC176_SEC171(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, codes := h.person("ada")
	for range 3 {
		if page := h.use(ada, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"); !page.Says("was used before") {
			t.Fatal(page.Text())
		}
	}
	for range 2 {
		page := h.asked(ada, factor.Path)
		must(t, page.Fill("One-time code", "000000"))
		if page = press(t, page, "Continue"); !page.Says("wrong, or was used before") {
			t.Fatal(page.Text())
		}
	}
	if page := h.use(ada, codes[0]); !page.Says("too many wrong attempts") || page.Says("Signed in as") {
		t.Error("the right code after five wrong ones:", page.Text())
	}
	h.Advance(16 * time.Minute)
	if page := h.use(ada, codes[0]); !page.Says("9 recovery codes are left") {
		t.Error("it was used up while nobody could use it:", page.Text())
	}
}

// TestRecoveryCodeAtOnce_SEC176: of many who bring one code at the same moment, one is let in.
func TestRecoveryCodeAtOnce_SEC176(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, codes := h.person("ada")
	pages := make([]*visitor.Page, 4) // fewer than are locked out
	for i := range pages {
		pages[i] = h.asked(ada, factor.Path)
		must(t, pages[i].Fill("Recovery code", codes[7]))
	}
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range pages {
		all.Go(func() {
			<-begin
			pages[i], _ = pages[i].Press(t.Context(), "Use a recovery code")
		})
	}
	close(begin)
	all.Wait()
	in := 0
	for _, page := range pages {
		switch {
		case page == nil:
			t.Fatal("no page")
		case page.Says("9 recovery codes are left"):
			in++
		case !page.Says("was used before"):
			t.Error(page.Text())
		}
	}
	if in != 1 {
		t.Errorf("one code let in %d browsers", in)
	}
}

func TestNewRecoveryCodes_SEC176_SEC178(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, old := h.person("ada")
	page, err := ada.Open(t.Context(), factor.Path)
	must(t, err)
	for _, token := range []string{"", "x"} {
		response, err := ada.HTTP.PostForm(h.Issuer+factor.Path+"/codes", url.Values{"token": {token}})
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden || len(h.events(authority.EventRecoveryMade, "usr_ada")) != 1 {
			t.Error("a form that the page did not show:", response.StatusCode)
		}
	}
	page = press(t, page, "Make new codes")
	if !page.Says("The 10 that are left now will be worth nothing") {
		t.Fatal(page.Text())
	}
	question := page
	page = press(t, page, "Make new codes")
	fresh := shown.FindAllString(page.Text(), -1)
	if len(fresh) != 10 || fresh[0] == old[0] || shown.MatchString(page.URL.String()) {
		t.Fatal(page.Text())
	}
	if page := h.use(ada, old[0]); !page.Says("was used before") {
		t.Error("a code that was replaced:", page.Text())
	}
	if page := h.use(ada, fresh[0]); !page.Says("9 recovery codes are left") {
		t.Error("a new code:", page.Text())
	}
	// The page that showed them has no address of its own that would show them again.
	if page, err := ada.Open(t.Context(), factor.Path); err != nil || shown.MatchString(page.Text()) {
		t.Error("they are shown twice", err)
	}
	// An hour later the same button wants a new sign-in, and has made nothing (SEC-178).
	h.Advance(time.Hour)
	if page = press(t, question, "Make new codes"); !page.HasField("Password") || !page.Says("sign in once more first") {
		t.Error(page.Text())
	}
	if page := h.use(ada, fresh[1]); !page.Says("8 recovery codes are left") {
		t.Error("a stale sign-in has ended the codes:", page.Text())
	}
}

// Codes stand in for an app: they end with the last one, and nobody without one can make any.
func TestRecoveryCodesEndWithTheApp(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, codes := h.person("ada")
	h.Advance(time.Minute)
	if _, page := enrolled(t, h.Authority, ada); !page.Says("The app was added") || shown.MatchString(page.Text()) {
		t.Fatal("a second app makes new codes:", page.Text())
	}
	page, err := ada.Open(t.Context(), factor.Path)
	must(t, err)
	remove := func() *visitor.Page {
		asks, err := page.PressIn(t.Context(), "Added on", "Remove")
		must(t, err)
		return press(t, asks, "Remove")
	}
	if page = remove(); !page.Says("10 recovery codes are left") {
		t.Fatal("with an app left:", page.Text())
	}
	last := h.asked(ada, factor.Path) // proved the password while there was still an app
	if page = remove(); !page.Says("There is no second factor") || page.HasButton("Make new codes") || page.Says("recovery") {
		t.Fatal(page.Text())
	}
	must(t, last.Fill("Recovery code", codes[0]))
	if page := press(t, last, "Use a recovery code"); page.Says("Signed in as") {
		t.Error("a code of before:", page.Text())
	}
	if page, err := ada.Open(t.Context(), factor.Path+"/codes"); err == nil || !strings.Contains(err.Error(), "404") && !page.Says("This is not here") {
		t.Error("codes without an app:", err)
	}
}

// The page after a recovery code leads on to pages of this house alone, and opens to nobody who is not signed in.
func TestRecoveredLeadsOn_SEC210(t *testing.T) {
	t.Parallel()
	h := build(t)
	ada, codes := h.person("ada")
	page := h.asked(ada, "/device?code=x")
	must(t, page.Fill("Recovery code", codes[0]))
	page = press(t, page, "Use a recovery code")
	if page, err := page.Press(t.Context(), "Continue"); err != nil && page == nil || page.URL.Path != "/device" {
		t.Error("it leads elsewhere:", err)
	}
	page, err := ada.Open(t.Context(), "/settings/security/factors/recovered?return="+url.QueryEscape("https://evil.example/"))
	must(t, err)
	if page, err := page.Press(t.Context(), "Continue"); err != nil || page.Away || page.URL.Path != "/settings/security/applications" {
		t.Error("it leads elsewhere:", err)
	}
	if page, err := h.Visitor().Open(t.Context(), "/settings/security/factors/recovered"); err != nil || !page.HasField("Password") {
		t.Error("it opens to strangers:", err)
	}
}
