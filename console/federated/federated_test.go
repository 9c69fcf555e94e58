package federated_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

func TestLoginThroughBinding_PLX16_PLX20(t *testing.T) {
	t.Parallel()
	h := build(t)
	begun, id := h.begin(bindingID)
	v := h.browser()
	asked, err := url.Parse(h.sent(v, page(bindingID, begun.UserCode)))
	h.must(err)
	if q := asked.Query(); q.Get("prompt") != "login" || q.Get("max_age") != "0" || q.Get("redirect_uri") != h.URL+"/federation/"+bindingID+"/callback" {
		t.Error("a link with a code asks for a new sign-in at the provider:", q)
	}
	if request, _ := h.authority.Devices.Get(t.Context(), id); request.State != authority.DevicePending {
		t.Error("something was decided before anybody decided")
	}
	decision := h.arrive(v, "ada", page(bindingID, begun.UserCode))
	if !decision.Says("Ada Lovelace") || !decision.HasButton("Approve") || !decision.Says(begun.UserCode) {
		t.Fatal("after the sign-in there is the approval page", decision)
	}
	if request, _ := h.authority.Devices.Get(t.Context(), id); request.State != authority.DevicePending {
		t.Error("only Approve approves")
	}
	done, err := decision.Press(t.Context(), "Approve")
	if err != nil || !done.Says("You approved the login") {
		t.Fatal(err)
	}
	redeemed, err := h.authority.Devices.Redeem(t.Context(), id, login.DeviceRedemption{Client: plain, Code: begun.Code})
	if err != nil || redeemed.Family.Binding != bindingID {
		t.Errorf("%+v, %v", redeemed.Family, err)
	}
	person, err := h.store.PersonByLink(t.Context(), h.upstream.Issuer, h.upstream.Person.ID)
	if err != nil || person.ID != redeemed.Family.PersonID || person.Username != "ada" || person.Email != "ada@example.com" || person.Administrator {
		t.Errorf("the first sign-in made %+v, %v", person, err)
	}
	// Without a code in the link: the code page of the binding, and the code typed there.
	begun, _ = h.begin(bindingID)
	asks, err := v.Open(t.Context(), page(bindingID, ""))
	if err != nil || asks.Away {
		t.Fatal("signed in through it already:", err)
	}
	h.must(asks.Fill("Code", strings.ToLower(begun.UserCode)))
	decision, err = asks.Press(t.Context(), "Continue")
	if err != nil || decision.Away {
		t.Fatal(err)
	}
	if _, err = decision.Press(t.Context(), "Deny"); err != nil {
		t.Fatal(err)
	}
	var wire *oauth.Error
	_, _, err = h.authority.Devices.Poll(t.Context(), plain, begun.Code, 0, "203.0.113.9")
	if !errors.As(err, &wire) || wire.Code != oauth.AccessDenied || wire.Status == 403 {
		t.Error("Deny on our page is not the provider's refusal:", err)
	}
	// A link with a code sends to the provider again, although the browser is signed in, and whatever the parameter is called.
	begun, _ = h.begin(bindingID)
	for _, name := range []string{"user_code", "code", "CODE"} {
		h.sent(v, "/device/"+bindingID+"?"+name+"="+begun.UserCode)
		h.sent(v, "/device/"+bindingID+"?"+name+"="+begun.UserCode+"&token=x&via=x")
	}
}

func TestCodesOfOthers_PLX20(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser()
	h.arrive(v, "ada", page(bindingID, ""))
	ours, oursID := h.begin(bindingID)
	other, _ := h.begin(otherID)
	none, _ := h.begin("")
	typed := func(path, code string) (*visitor.Page, error) {
		asks, err := v.Open(t.Context(), path)
		h.must(err)
		h.must(asks.Fill("Code", code))
		return asks.Press(t.Context(), "Continue")
	}
	for name, try := range map[string]struct{ path, code string }{
		"of another binding":            {page(bindingID, ""), other.UserCode},
		"of none":                       {page(bindingID, ""), none.UserCode},
		"of a binding at the usual one": {"/device", ours.UserCode},
	} {
		if got, err := typed(try.path, try.code); err == nil && got.HasButton("Approve") || !got.Says("There is no login waiting for this code") {
			t.Error(name, err)
		}
	}
	// Nor does the approval of a sign-in of our own count, should its form be made by hand.
	if _, err := h.authority.Devices.Approve(t.Context(), oursID, authority.Approval{PersonID: "x"}); !errors.Is(err, authority.ErrUnknown) {
		t.Error(err)
	}
	if got, err := typed(page(bindingID, ""), ours.UserCode); err != nil || !got.HasButton("Approve") {
		t.Error("its own:", err)
	}
}

func TestProviderRefuses_PLX16_PLX21(t *testing.T) {
	t.Parallel()
	h := build(t)
	for name, denies := range map[string]bool{"the provider's own Deny": true, "an acr that was not met": false} {
		begun, _ := h.begin(bindingID)
		v := h.browser()
		address := h.sent(v, page(bindingID, begun.UserCode))
		var callback string
		if denies {
			at := &visitor.Visitor{Base: h.upstream.Issuer, Name: "ada", Password: secret.New("ada-has-a-password")}
			var err error
			callback, err = at.Refuse(t.Context(), address)
			h.must(err)
		} else {
			h.change(bindingID, func(b *identity.Binding) { b.ACR = []string{"urn:hardware"} })
			callback = h.through("ada", address)
		}
		status, body := h.status(v, callback)
		h.change(bindingID, func(b *identity.Binding) { b.ACR = nil })
		if status != http.StatusForbidden || !strings.Contains(body, "Acme ID did not let you through") {
			t.Error(name, status, body)
		}
		var wire *oauth.Error
		_, _, err := h.authority.Devices.Poll(t.Context(), plain, begun.Code, 0, "203.0.113.9")
		if !errors.As(err, &wire) || wire.Code != oauth.AccessDenied || wire.Status != 403 {
			t.Error(name, err)
		}
	}
}

func TestCallbacks_SEC185_SEC186_SEC187_SEC190(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser()
	callback := h.through("ada", h.sent(v, page(bindingID, "")))
	if status, body := h.status(h.browser(), callback); status != http.StatusForbidden || !strings.Contains(body, "another browser") {
		t.Error("SEC-186: in the browser of a victim:", status)
	}
	attacker := h.browser()
	h.sent(attacker, page(bindingID, "")) // has a cookie, of its own
	if status, _ := h.status(attacker, callback); status != http.StatusForbidden {
		t.Error("SEC-187: in a browser that began another one:", status)
	}
	if status, _ := h.status(v, strings.Replace(callback, bindingID, otherID, 1)); status != http.StatusForbidden {
		t.Error("SEC-185: at the callback of another binding:", status)
	}
	tampered, _ := url.Parse(callback)
	for _, change := range []func(url.Values){
		func(q url.Values) { q.Del("state") }, func(q url.Values) { q.Set("state", "x") },
		func(q url.Values) { q.Set("state", q.Get("state")+"A") }, func(q url.Values) { q.Set("state", strings.Repeat("A", 10000)) },
	} {
		q := tampered.Query()
		change(q)
		if status, _ := h.status(v, h.URL+tampered.Path+"?"+q.Encode()); status != http.StatusForbidden {
			t.Error("a changed state:", status)
		}
	}
	// SEC-190: twenty at once, and again afterwards.
	var all sync.WaitGroup
	var mu sync.Mutex
	fine := 0
	for range 20 {
		all.Go(func() {
			status, body := h.status(v, callback)
			mu.Lock()
			defer mu.Unlock()
			if status == http.StatusOK && strings.Contains(body, "Enter the code") {
				fine++
			}
		})
	}
	all.Wait()
	if status, _ := h.status(v, callback); fine != 1 || status != http.StatusConflict {
		t.Errorf("SEC-190: the answer was taken %d times, then %d", fine, status)
	}
	h.upstream.Advance(time.Hour)
	v = h.browser()
	late := h.through("ada", h.sent(v, page(bindingID, "")))
	h.upstream.Advance(45 * time.Minute)
	if status, _ := h.status(v, late); status != http.StatusBadRequest {
		t.Error("an answer that came too late:", status)
	}
}

func TestIdentityIsIssuerAndSubject_SEC188_SEC189_SEC192_SEC198(t *testing.T) {
	t.Parallel()
	h := build(t)
	hash, err := h.console.Doorkeeper.Hasher.Hash(t.Context(), secret.New("our-own-ada"))
	h.must(err)
	local := identity.Person{ID: "usr_local", Username: "ADA", Email: "Ada@Example.com", EmailVerified: true, Name: "Our own Ada", Password: hash, Administrator: true}
	h.must(h.store.AddPerson(t.Context(), local))
	v := h.browser()
	h.arrive(v, "ada", page(bindingID, ""))
	made, err := h.store.PersonByLink(t.Context(), h.upstream.Issuer, h.upstream.Person.ID)
	if err != nil || made.ID == local.ID || made.Administrator || made.Email != "" || made.Username == "ada" {
		t.Errorf("SEC-188, SEC-189: %+v, %v", made, err)
	}
	h.arrive(h.browser(), "ada", page(otherID, ""))
	if again, err := h.store.PersonByLink(t.Context(), h.upstream.Issuer, h.upstream.Person.ID); err != nil || again.ID != made.ID {
		t.Error("the same person through another binding of the provider:", again, err)
	}
	_, err = h.store.ChangePerson(t.Context(), made.ID, func(p *identity.Person) error { p.Disabled = true; return nil })
	h.must(err)
	w := h.browser()
	if status, body := h.status(w, h.through("ada", h.sent(w, page(bindingID, "")))); status != http.StatusForbidden || !strings.Contains(body, "switched off") {
		t.Error("SEC-192: a locally disabled person:", status)
	}
	h.change(bindingID, func(b *identity.Binding) { b.Creates = false })
	x := h.browser()
	if status, body := h.status(x, h.through("grace", h.sent(x, page(bindingID, "")))); status != http.StatusForbidden || !strings.Contains(body, "no account") {
		t.Error("SEC-198: a stranger:", status)
	}
	people, err := h.store.ListPeople(t.Context(), "", 10)
	if err != nil || len(people) != 2 {
		t.Errorf("%d people, %v", len(people), err)
	}
}

func TestDisabledBinding_SEC191(t *testing.T) {
	t.Parallel()
	h := build(t)
	v, w := h.browser(), h.browser()
	begun, id := h.begin(bindingID)
	decision := h.arrive(v, "ada", page(bindingID, begun.UserCode))
	callback := h.through("ada", h.sent(w, page(bindingID, "")))
	h.change(bindingID, func(b *identity.Binding) { b.Disabled = true })
	if status, body := h.status(v, h.URL+page(bindingID, "")); status != http.StatusForbidden || !strings.Contains(body, "switched off") {
		t.Error("the page:", status)
	}
	if status, _ := h.status(w, callback); status != http.StatusForbidden {
		t.Error("the callback:", status)
	}
	if _, err := decision.Press(t.Context(), "Approve"); err == nil {
		t.Error("a page that was open before still approves")
	}
	if request, _ := h.authority.Devices.Get(t.Context(), id); request.State != authority.DevicePending {
		t.Error(request.State)
	}
	if status, _ := h.status(v, h.URL+page("0190a8b8-ffff-7a0a-8a0a-a0a0a0a0a0b0", "")); status != http.StatusNotFound {
		t.Error("a binding that is not there:", status)
	}
}

// Whoever has a second factor here is asked for it after the provider, too.
func TestSecondFactorAfterProvider_SEC175_SEC173(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.arrive(h.browser(), "ada", page(bindingID, ""))
	person, err := h.store.PersonByLink(t.Context(), h.upstream.Issuer, h.upstream.Person.ID)
	h.must(err)
	_, _, err = h.totp.Enrol(t.Context(), person.ID, "", secret.New("JBSWY3DPEHPK3PXP"))
	h.must(err)
	v := h.browser()
	asks := h.arrive(v, "ada", page(bindingID, ""))
	if !asks.HasField("One-time code") || !asks.HasButton("Continue") {
		t.Fatal("it does not ask for a code")
	}
	h.sent(v, page(bindingID, "")) // not signed in yet
}

func TestUpstreamDown_SEC200(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser()
	h.arrive(v, "ada", page(bindingID, ""))
	w := h.browser()
	callback := h.through("ada", h.sent(w, page(bindingID, "")))
	h.upstream.Stop()
	if status, body := h.status(w, callback); status != http.StatusServiceUnavailable || !strings.Contains(body, "Acme ID cannot be reached") {
		t.Error("it says which provider:", status)
	}
	if status, body := h.status(v, h.URL+page(bindingID, "")); status != http.StatusOK || !strings.Contains(body, "Enter the code") {
		t.Error("a sign-in that exists lives on:", status)
	}
}
