package keys_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/console/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

// client may exchange API keys.
var client = authority.Client{
	ID: "script", Grants: []oauth.GrantType{oauth.GrantAPIKey, oauth.GrantRefreshToken}, Scope: oauth.Scope{"openid", "profile"}, Default: oauth.Scope{"openid", "profile"},
}

type house struct {
	*authtest.Authority
	t          *testing.T
	ada, robin *visitor.Visitor // an administrator, and somebody
	robinID    string
	jar        http.CookieJar // ada's
}

func build(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, Authority: authtest.With(t, authtest.Options{
		Open:    stores.New(t).Open,
		People:  []authtest.Person{{Username: "ada", Name: "Ada Lovelace", Administrator: true}, {Username: "robin", Name: "Robin", ID: "usr_robin"}},
		Clients: []authority.Client{client}, More: server.Seed{},
	}), robinID: "usr_robin"}
	h.jar, _ = cookiejar.New(nil)
	h.ada = h.Visitor()
	h.ada.HTTP = &http.Client{Jar: h.jar}
	h.robin = h.VisitorOf(authtest.Person{Username: "robin", Password: "robin-has-a-password"})
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// open opens a page as somebody who signs in first where that is asked.
func (h *house) open(v *visitor.Visitor, path string) *visitor.Page {
	h.t.Helper()
	h.must(v.SignIn(h.t.Context(), v.Name, v.Password))
	page, err := v.Open(h.t.Context(), path)
	h.must(err)
	return page
}

var shape = regexp.MustCompile(`dwk_[0-9A-Za-z]{49}`)

// issue issues a key on a page and returns it.
func (h *house) issue(page *visitor.Page, name string) secret.String {
	h.t.Helper()
	h.must(page.Fill("Name of a new key", name))
	made, err := page.Press(h.t.Context(), "Issue a key")
	h.must(err)
	value := shape.FindString(made.Text())
	if value == "" || strings.Contains(made.URL.String(), value) {
		h.t.Fatal("no key on the page, or one in its address:", made.Text())
	}
	return secret.New(value)
}

// exchange exchanges a key at the token endpoint.
func (h *house) exchange(key secret.String) (status int, body string) {
	h.t.Helper()
	response, err := http.PostForm(h.Issuer+"/token", url.Values{"grant_type": {string(oauth.GrantAPIKey)}, "client_id": {"script"}, "api_key": {key.Reveal()}})
	h.must(err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	h.must(err)
	return response.StatusCode, string(text)
}

func TestOwnKeys_SEC141_SEC143_SEC149(t *testing.T) {
	t.Parallel()
	h := build(t)
	page := h.open(h.robin, keys.Path)
	if !page.Says("There are no API keys") {
		t.Error(page.Text())
	}
	key := h.issue(page, `<img onerror=alert(1)> nightly`)
	if status, body := h.exchange(key); status != http.StatusOK {
		t.Fatal(status, body)
	}
	page, err := h.robin.Open(t.Context(), keys.Path)
	h.must(err)
	if page.Says(key.Reveal()) || !page.Says("<img onerror=alert(1)> nightly") || !page.Says("Last used just now") || !page.Says("dwk…") {
		t.Error("SEC-141: shown once; SEC-149: a name is only text:", page.Text())
	}
	asks, err := page.Press(t.Context(), "Revoke")
	h.must(err)
	if status, _ := h.exchange(key); status != http.StatusOK || !asks.Says("cannot be taken back") {
		t.Error("the question alone revokes nothing")
	}
	page, err = asks.Press(t.Context(), "Revoke")
	h.must(err)
	if !page.Says("It was revoked") || !page.Says("There are no API keys") {
		t.Error(page.Text())
	}
	if status, body := h.exchange(key); status != http.StatusBadRequest || !strings.Contains(body, "invalid_grant") {
		t.Error("SEC-143: a revoked key:", status, body)
	}
}

func TestKeysExpire_SEC143(t *testing.T) {
	t.Parallel()
	h := build(t)
	page := h.open(h.robin, keys.Path)
	h.must(page.Fill("It ends", "30"))
	key := h.issue(page, "thirty days")
	h.Advance(29 * 24 * time.Hour)
	if status, body := h.exchange(key); status != http.StatusOK {
		t.Error(status, body)
	}
	h.Advance(2 * 24 * time.Hour)
	if status, _ := h.exchange(key); status != http.StatusBadRequest {
		t.Error("an expired key:", status)
	}
}

// An administrator issues a key for somebody: it acts as that person, and both names are kept.
func TestIssuedByAdministrator_PIL05(t *testing.T) {
	t.Parallel()
	h := build(t)
	people := h.open(h.ada, keys.PathPeople)
	if !people.Says("Robin") || !people.Says("Ada Lovelace") {
		t.Error(people.Text())
	}
	page, err := h.ada.Open(t.Context(), keys.PathPeople+"/usr_robin/keys")
	h.must(err)
	key := h.issue(page, "from the administrator")
	status, body := h.exchange(key)
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	theirs := h.open(h.robin, keys.Path)
	if !theirs.Says("from the administrator") || !theirs.Says("by Ada Lovelace") {
		t.Error("Robin sees it, and who issued it:", theirs.Text())
	}
	applications, err := h.robin.Open(t.Context(), "/settings/security/applications")
	h.must(err)
	if !applications.Says("with an API key") || !applications.Says("issued by an administrator") {
		t.Error("the session is Robin's:", applications.Text())
	}
	mine := h.open(h.ada, keys.Path)
	if mine.Says("from the administrator") {
		t.Error("the key is not the administrator's own")
	}
}

func TestKeysOfOthers_SEC148(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.issue(h.open(h.ada, keys.Path), "of Ada")
	listed, err := h.ada.Open(t.Context(), keys.Path)
	h.must(err)
	asks, err := listed.Press(t.Context(), "Revoke")
	h.must(err)
	id := asks.URL.Query().Get("key")
	h.open(h.robin, keys.Path)
	for _, path := range []string{
		keys.Path + "/revoke?key=" + id, keys.Path + "/revoke?key=x", keys.PathPeople, keys.PathPeople + "/usr_robin/keys", keys.PathPeople + "/x/keys",
		keys.PathPeople + "/usr_robin/keys/revoke?key=" + id,
	} {
		if page, err := h.robin.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "404") && !page.Says("This is not here") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNamesOfKeys_SEC149(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, name := range []string{" ", strings.Repeat("x", 61), "a\x00b", "a\nb", "\u202Eabc"} {
		page := h.open(h.robin, keys.Path)
		h.must(page.Fill("Name of a new key", name))
		got, _ := page.Press(t.Context(), "Issue a key")
		if got == nil || !got.Says("Nothing was issued") {
			t.Errorf("%q was taken", name)
		}
	}
}

// TestQuota_SEC150: fifty creations at once, where one more is allowed.
func TestQuota_SEC150(t *testing.T) {
	t.Parallel()
	h := build(t)
	page := h.open(h.robin, keys.Path)
	for range 49 {
		h.issue(page, "one of many")
	}
	var all sync.WaitGroup
	var issued atomic.Int64
	for range 20 {
		all.Go(func() {
			page, err := h.robin.Open(t.Context(), keys.Path)
			if err == nil {
				err = page.Fill("Name of a new key", "the last one")
			}
			if err != nil {
				t.Error(err)
				return
			}
			switch got, _ := page.Press(t.Context(), "Issue a key"); {
			case got == nil:
				t.Error("no page")
			case shape.MatchString(got.Text()):
				issued.Add(1)
			case !got.Says("There are fifty keys already"):
				t.Error(got.Text())
			}
		})
	}
	all.Wait()
	if issued.Load() != 1 {
		t.Errorf("%d keys were issued where one was left", issued.Load())
	}
}

// TestKeysAreNotSignIns_SEC146: what an API key was exchanged for opens no page, so that it makes no stronger key, approves no
// login and changes no factor.
func TestKeysAreNotSignIns_SEC146(t *testing.T) {
	t.Parallel()
	h := build(t)
	key := h.issue(h.open(h.ada, keys.Path), "of an administrator")
	_, body := h.exchange(key)
	var token struct {
		Access string `json:"access_token"`
	}
	h.must(json.Unmarshal([]byte(body), &token))
	for _, path := range []string{keys.Path, keys.PathPeople, keys.PathPeople + "/usr_robin/keys", "/settings/security/factors", "/settings/security/applications", "/device"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request, err := http.NewRequestWithContext(t.Context(), method, h.Issuer+path, strings.NewReader("name=stronger"))
			h.must(err)
			request.Header.Set("Authorization", "Bearer "+token.Access)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for _, bearer := range []string{token.Access, key.Reveal()} {
				request.AddCookie(&http.Cookie{Name: "doorward", Value: bearer})
			}
			response, err := http.DefaultClient.Do(request)
			h.must(err)
			text, err := io.ReadAll(response.Body)
			h.must(err)
			_ = response.Body.Close()
			if token.Access == "" || strings.Contains(string(text), "Signed in as") || response.StatusCode < 400 && !strings.Contains(string(text), "Password") {
				t.Errorf("%s %s answers %d", method, path, response.StatusCode)
			}
		}
	}
}
