package authtest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/visitor"
)

func device(a *authtest.Authority) (flow.Device, *client.Client) {
	c := &client.Client{Issuer: a.Issuer, ID: a.ClientID, Machine: "build-7", Now: a.Clock.Now}
	return flow.Device{Wire: &flow.OAuthWire{Client: c}, Issuer: a.Issuer}, c
}

func TestDeviceLoginInTwoLines(t *testing.T) {
	t.Parallel()
	auth := authtest.New(t)
	way, c := device(auth)
	ui := auth.UI()
	made, err := way.Login(t.Context(), ui)
	if err != nil {
		t.Fatal(err)
	}
	if made.Account != "ada@example.com" || made.Refresh.IsZero() || len(ui.Prompts()) != 1 {
		t.Errorf("logged in as %q with %d prompts", made.Account, len(ui.Prompts()))
	}
	keeper := flow.OAuth{Client: c}
	if made, err = keeper.Refresh(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	// The session ends with its idle time, by the authority's clock.
	auth.Advance(14*24*time.Hour + time.Minute)
	if _, err := keeper.Refresh(t.Context(), made); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("after 14 idle days: %v, want invalid_grant", err)
	}
}

func TestBrowserLogin(t *testing.T) {
	t.Parallel()
	auth := authtest.New(t)
	_, c := device(auth)
	ui := auth.UI()
	made, err := flow.Browser{Client: c, Name: "test"}.Login(t.Context(), ui)
	if err != nil {
		t.Fatal(err)
	}
	if made.Account != "ada@example.com" || len(ui.Pages()) != 1 {
		t.Errorf("logged in as %q with %d pages", made.Account, len(ui.Pages()))
	}
}

func TestAPersonWhoDenies(t *testing.T) {
	t.Parallel()
	auth := authtest.New(t)
	way, c := device(auth)
	for name, login := range map[string]flow.Flow{"device": way, "browser": flow.Browser{Client: c}} {
		ui := auth.UI()
		ui.Deny = true
		if _, err := login.Login(t.Context(), ui); !errors.Is(err, oauth.AccessDenied) {
			t.Errorf("%s: %v, want access_denied", name, err)
		}
	}
}

func TestSeveralPeopleAndClients(t *testing.T) {
	t.Parallel()
	other := authtest.Client()
	other.ID = "other-cli"
	auth := authtest.With(t, authtest.Options{
		People:  []authtest.Person{{Username: "ada"}, {Username: "grace", Email: "grace@navy.example", Password: "nanoseconds-of-wire"}},
		Clients: []authority.Client{authtest.Client(), other},
	})
	c := &client.Client{Issuer: auth.Issuer, ID: "other-cli"}
	ui := &authtest.UI{Visitor: auth.VisitorOf(authtest.Person{Username: "grace", Password: "nanoseconds-of-wire"})}
	made, err := flow.Device{Wire: &flow.OAuthWire{Client: c}, Issuer: auth.Issuer}.Login(t.Context(), ui)
	if err != nil || made.Account != "grace@navy.example" {
		t.Errorf("logged in as %q, %v", made.Account, err)
	}
	ui.Visitor = auth.VisitorOf(authtest.Person{Username: "grace", Password: "wrong"})
	_, err = flow.Device{Wire: &flow.OAuthWire{Client: c}, Issuer: auth.Issuer}.Login(t.Context(), ui)
	if !errors.Is(err, visitor.ErrRefused) {
		t.Errorf("a wrong password: %v, want what the page said", err)
	}
}

func TestStopAndStartKeepEverything(t *testing.T) {
	t.Parallel()
	auth := authtest.New(t)
	way, c := device(auth)
	made, err := way.Login(t.Context(), auth.UI())
	if err != nil {
		t.Fatal(err)
	}
	issuer, keeper := auth.Issuer, flow.OAuth{Client: c}
	auth.Stop()
	var busy *oauth.TemporaryError
	if _, err := keeper.Refresh(t.Context(), made); !errors.As(err, &busy) {
		t.Errorf("while it is down: %v, want a temporary error", err)
	}
	auth.Start()
	if auth.Issuer != issuer {
		t.Fatalf("it came back as %s, not %s", auth.Issuer, issuer)
	}
	var after cred.Credential
	if after, err = keeper.Refresh(t.Context(), made); err != nil || after.Account != "ada@example.com" {
		t.Errorf("after the restart: %v", err)
	}
}

func TestTheSessionIsOnThePagesAndCanBeRevokedThere(t *testing.T) {
	t.Parallel()
	auth := authtest.New(t)
	way, c := device(auth)
	ui := auth.UI()
	made, err := way.Login(t.Context(), ui)
	if err != nil {
		t.Fatal(err)
	}
	page, err := ui.Visitor.Open(t.Context(), visitor.PathApplications)
	if err != nil {
		t.Fatal(err)
	}
	page, err = page.PressIn(t.Context(), "build-7", visitor.ButtonRevoke)
	if err != nil {
		t.Fatal(err)
	}
	if page.HasButton(visitor.ButtonRevoke) { // it asks once more, in words
		if page, err = page.Press(t.Context(), visitor.ButtonRevoke); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(page.Text(), "build-7") && page.HasButton(visitor.ButtonRevoke) {
		t.Errorf("it is still listed: %s", page.Text())
	}
	if _, err := (flow.OAuth{Client: c}).Refresh(t.Context(), made); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("after the revocation: %v, want invalid_grant", err)
	}
}

func TestTheClockHasAPage(t *testing.T) {
	t.Parallel()
	auth := authtest.New(t)
	before := auth.Clock.Now()
	response, err := http.PostForm(auth.Issuer+"/dev/clock", map[string][]string{"advance": {"1h"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if moved := auth.Clock.Now().Sub(before); response.StatusCode != http.StatusOK || moved < time.Hour {
		t.Errorf("the clock's page answers %d and moved it by %v", response.StatusCode, moved)
	}
}

func TestExample(t *testing.T) {
	t.Parallel()
	testLogin(t)
}
