package console

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

func (h *house) ready(personID, machine string) string {
	h.t.Helper()
	_, family, err := h.authority.Sessions.IssueReady(context.Background(), login.ReadyAsk{
		Client: cli, PersonID: personID, How: "device", Level: authority.LevelMedium,
		Origin: authority.Origin{Machine: machine, Address: "203.0.113.9"},
	}, h.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	return family.ID
}

func TestApplications(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	page, err := v.Open(t.Context(), PathApplications)
	if err != nil || !page.Says("Nothing is signed in as you.") || page.HasButton("Revoke") {
		t.Fatal(err, page.Text())
	}
	mine, laptop, hers := h.ready("usr_1234567890", "build-7"), h.ready("usr_1234567890", "laptop"), h.ready("usr_ada", "her-machine")
	h.pass(3 * time.Hour)
	if page, err = v.Open(t.Context(), PathApplications); err != nil || page.Says("her-machine") {
		t.Fatal(err)
	}
	for _, text := range []string{"Doorward CLI on “build-7”", "laptop", "with a code from 203.0.113.9 on 4 March 2026, 12:00 UTC", "3 hours ago", "Ends 11 March 2026"} {
		if !page.Says(text) {
			t.Errorf("%q is missing: %s", text, page.Text())
		}
	}
	if page, err = page.PressIn(t.Context(), "build-7", "Revoke"); err != nil || !page.Says("Revoke Doorward CLI on “build-7”?") {
		t.Fatal(err)
	}
	if family, _ := h.authority.Sessions.Get(t.Context(), mine); !family.Ended.IsZero() {
		t.Error("it ended before it was asked for")
	}
	if page, err = page.Press(t.Context(), "Revoke"); err != nil || !page.Says("It was revoked.") || page.Says("build-7") || !page.Says("laptop") {
		t.Fatal(err, page.Text())
	}
	family, err := h.authority.Sessions.Get(t.Context(), mine)
	if err != nil || family.Ended.IsZero() || family.EndReason != "revoked" {
		t.Error(family.EndReason, err)
	}
	// Somebody else's session is as unknown as none, to look at and to end.
	for _, id := range []string{hers, "nonsense", ""} {
		if a := h.send(v, http.MethodGet, pathRevoke+"?session="+url.QueryEscape(id), nil, nil); a.StatusCode != http.StatusNotFound || strings.Contains(a.Body, "her-machine") {
			t.Errorf("%q: %d", id, a.StatusCode)
		}
	}
	form := hidden(h.send(v, http.MethodGet, pathRevoke+"?session="+laptop, nil, nil).Body, pathRevoke)
	form.Set("session", hers)
	if a := h.send(v, http.MethodPost, pathRevoke, form, nil); a.StatusCode != http.StatusForbidden {
		t.Error("another session in a genuine form:", a.StatusCode)
	}
	if family, _ := h.authority.Sessions.Get(t.Context(), hers); !family.Ended.IsZero() {
		t.Error("somebody else's session was ended")
	}
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	h := build(t)
	link, invitation := identity.NewInvitation(h.clock(), time.Hour)
	if err := h.store.AddInvitation(t.Context(), invitation); err != nil {
		t.Fatal(err)
	}
	v := h.browser("", "")
	page, err := v.Open(t.Context(), PathWelcome+link.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	fill := func(password string) {
		for label, value := range map[string]string{
			"Your name": "Grace Hopper", "Username": "grace", "E-mail address": "grace@example.com", "Password": password,
		} {
			if err := page.Fill(label, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill("hopper1906")
	if _, err = page.Press(t.Context(), "Create the account"); err == nil || !strings.Contains(err.Error(), "mostly a name") {
		t.Fatal(err)
	}
	fill("nanosecond of wire")
	if page, err = page.Press(t.Context(), "Create the account"); err != nil || !page.Says("Signed in as Grace Hopper") {
		t.Fatal(err)
	}
	person, err := h.store.PersonByName(t.Context(), "grace")
	if err != nil || !person.Administrator {
		t.Error(person, err)
	}
	used := h.send(nil, http.MethodGet, PathWelcome+link.Reveal(), nil, nil)
	unknown := h.send(nil, http.MethodGet, PathWelcome+identity.NewLink().Reveal(), nil, nil)
	blank := func(a answer) string { return fmt.Sprint(a.StatusCode, numbers.ReplaceAllString(a.Body, "ID")) }
	if used.StatusCode != http.StatusNotFound || blank(used) != blank(unknown) {
		t.Error("used and unknown links differ:", used.StatusCode, unknown.StatusCode)
	}
	if strings.Contains(h.log.String(), link.Reveal()) {
		t.Error("the log has the link")
	}
	forged := url.Values{"name": {"Eve"}, "username": {"eve"}, "email": {"eve@example.com"}, "password": {"nanosecond of wire"}}
	another, invitation := identity.NewInvitation(h.clock(), time.Hour)
	_ = h.store.AddInvitation(t.Context(), invitation)
	if a := h.send(nil, http.MethodPost, PathWelcome+another.Reveal(), forged, nil); a.StatusCode != http.StatusForbidden {
		t.Error("a form without its token:", a.StatusCode)
	}
}

// The ONE map: whoever adds an error decides here what people read of it.
func TestProblems(t *testing.T) {
	t.Parallel()
	for err, status := range map[error]int{
		identity.ErrWrong: 401, identity.ErrTooLong: 400, identity.ErrLocked: 429, identity.ErrBusy: 503, identity.ErrTaken: 409, identity.ErrUnknown: 404,
		authority.ErrUnknown: 404, authority.ErrExpired: 400, authority.ErrUsed: 409, authority.ErrTooMany: 429, errForm: 400, errForged: 403, errClient: 400,
		context.DeadlineExceeded:                            503,
		fmt.Errorf("wrapped: %w", authority.ErrUnavailable): 503, errors.New("anything else"): 500, oauth.Errorf(oauth.ServerError, "x"): 500,
	} {
		p := problemOf(err)
		if p.Status != status || p.Title == "" || p.Message == "" || strings.Contains(p.Message, "!") {
			t.Errorf("%v: %+v", err, p)
		}
		if p.loud != (status >= 500 && !errors.Is(err, identity.ErrBusy)) {
			t.Errorf("%v: loud is %t", err, p.loud)
		}
	}
}

func TestStoreDown(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	_ = h.store.Close()
	a := h.send(v, http.MethodGet, PathApplications, nil, nil)
	if a.StatusCode < 500 || strings.Contains(a.Body, "sql") || !numbers.MatchString(a.Body) {
		t.Error(a.StatusCode, a.Body)
	}
}

func TestBrand(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := &Console{Authority: h.authority, Issuer: h.URL, Brand: Brand{
		Name: "Acme <b>", Accent: "#ffcc00", Logo: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
	}}
	v.prepare()
	css, logo := v.pages.assets[strings.TrimPrefix(v.pages.brand.Style, "/assets/")], v.pages.assets[strings.TrimPrefix(v.pages.brand.Logo, "/assets/")]
	if !strings.Contains(string(css.body), "--accent:#ffcc00;--on-accent:#000000") || logo.kind != "image/svg+xml" {
		t.Error(logo.kind)
	}
	if len(styleSheet) >= 12_000 {
		t.Errorf("the style sheet has %d bytes", len(styleSheet))
	}
	if h.console.pages.brand.Logo != "" || h.console.Brand.Name != "Doorward" {
		t.Error("the house's own brand")
	}
	a := h.send(nil, http.MethodGet, h.console.pages.brand.Style, nil, nil)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") || a.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Error(a.Header)
	}
	if a := h.send(nil, http.MethodGet, "/assets/console.go", nil, nil); a.StatusCode != http.StatusNotFound {
		t.Error(a.StatusCode)
	}
}

// The operator's colour always has the colour on it that can be read: at least 4.5 : 1 (WCAG 2.2, 1.4.3).
func TestContrast(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]uint32{
		{0xffffff, 0x1b1d20},
		{0xffffff, 0x5b6067},
		{0xf4f4f1, 0x1b1d20},
		{0xf1f1ed, 0x1b1d20},
		{0x1d5b4f, 0xffffff},
		{0xa8201a, 0xffffff},
		{0x1c1f22, 0xecedee},
		{0x1c1f22, 0xa7adb4},
		{0x24282c, 0xecedee},
		{0x8fd3bf, 0x0d1f1a},
		{0xf08a80, 0x2a0705},
		{0x1c1f22, 0xff9d94},
	} {
		for _, value := range pair {
			if text := fmt.Sprintf("#%06x", value); !strings.Contains(styleSheet, text) {
				t.Errorf("%s is not in the style sheet any more", text)
			}
		}
		if ratio := contrast(pair[0], pair[1]); ratio < 4.5 {
			t.Errorf("#%06x on #%06x: %.2f", pair[1], pair[0], ratio)
		}
	}
}

// contrast is WCAG's, with the exact curve.
func contrast(a, b uint32) float64 {
	exact := func(rgb uint32) float64 {
		sum := 0.0
		for shift, weight := range map[uint]float64{16: 0.2126, 8: 0.7152, 0: 0.0722} {
			c := float64(rgb>>shift&0xff) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	la, lb := exact(a), exact(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
