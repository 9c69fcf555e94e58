package flow

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

var sameSecret = cmp.Comparer(func(a, b secret.String) bool { return a == b })

func TestRefreshKeepsWhatIsNotSent(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.token = func(url.Values) string { return `{"access_token":"new","expires_in":600}` }
	c := p.client()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.Now = func() time.Time { return now }
	old := cred.Credential{
		Kind: cred.KindOAuth, Access: secret.New("old"), Refresh: secret.New("rt"), TokenType: "Bearer", Scope: []string{"openid"},
		SessionEnds: now.Add(time.Hour), SessionID: "s", Subject: "usr_1", Account: "a@b.example", Name: "A", Extra: map[string]string{"org": "x"},
	}
	want := old
	want.Access, want.Expires, want.Renewed = secret.New("new"), now.Add(10*time.Minute), now
	got, err := OAuth{c}.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameSecret); diff != "" {
		t.Error(diff)
	}
	if p.form.Get("refresh_token") != "rt" {
		t.Errorf("sent %v", p.form)
	}
	p.token = func(url.Values) string {
		return `{"access_token":"new","refresh_token":"rt2","refresh_expires_in":7200,"scope":"openid email"}`
	}
	got, err = OAuth{c}.Refresh(t.Context(), old)
	if err != nil || got.Refresh.Reveal() != "rt2" || !got.SessionEnds.Equal(now.Add(2*time.Hour)) || len(got.Scope) != 2 || !got.Expires.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRefreshRefusesAnotherPerson(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.token = func(url.Values) string {
		claims := fmt.Sprintf(`{"iss":%q,"aud":"doorward","sub":"usr_2","exp":%d}`, p.URL, time.Now().Add(time.Hour).Unix())
		return `{"access_token":"new","id_token":"eyJhbGciOiJFUzI1NiJ9.` + base64.RawURLEncoding.EncodeToString([]byte(claims)) + `.c2ln"}`
	}
	o := OAuth{p.client()}
	old := cred.Credential{Refresh: secret.New("rt"), Subject: "usr_1"}
	if _, err := o.Refresh(t.Context(), old); !errors.Is(err, ErrOtherPerson) {
		t.Errorf("got %v, want ErrOtherPerson", err)
	}
	if _, err := o.Identify(t.Context(), cred.Credential{Access: secret.New("at"), Subject: "usr_2"}); !errors.Is(err, ErrOtherPerson) {
		t.Errorf("Identify: %v, want ErrOtherPerson", err)
	}
	if _, err := o.Refresh(t.Context(), cred.Credential{Access: secret.New("at")}); !errors.Is(err, ErrNotRenewable) {
		t.Errorf("without a refresh token: %v", err)
	}
	p.token = func(url.Values) string { return `{"access_token":"new","id_token":"garbage"}` }
	if _, err := o.Refresh(t.Context(), old); err != nil {
		t.Errorf("a flawed ID token cost the login: %v", err)
	}
}

func TestRevokeEndsBothTokens(t *testing.T) {
	t.Parallel()
	var revoked []string
	status := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.FormValue("token")
		revoked = append(revoked, token)
		if s := status[token]; s != 0 {
			w.WriteHeader(s)
			_, _ = io.WriteString(w, `{"error":"unsupported_token_type"}`)
		}
	}))
	t.Cleanup(server.Close)
	o := OAuth{&client.Client{ID: "x", Metadata: oauth.Metadata{Issuer: server.URL, RevocationEndpoint: server.URL + "/revoke"}}}
	both := cred.Credential{Access: secret.New("at"), Refresh: secret.New("rt")}
	status["at"] = 400
	if err := o.Revoke(t.Context(), both); err != nil {
		t.Errorf("an access token that cannot be revoked: %v", err)
	}
	if diff := cmp.Diff([]string{"rt", "at"}, revoked); diff != "" {
		t.Error(diff)
	}
	if err := o.Revoke(t.Context(), cred.Credential{Access: secret.New("at")}); err == nil {
		t.Error("nothing was revoked, and nobody was told")
	}
	status["rt"] = 503
	var temporary *oauth.TemporaryError
	if err := o.Revoke(t.Context(), both); !errors.As(err, &temporary) {
		t.Errorf("busy server: %v", err)
	}
	o.Client = &client.Client{Metadata: oauth.Metadata{Issuer: server.URL}}
	if err := o.Revoke(t.Context(), both); !errors.Is(err, client.ErrUnsupported) {
		t.Errorf("no endpoint: %v", err)
	}
}

func TestDirectFlows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		make func(*client.Client) Flow
		ask  string
		kind cred.Kind
		form url.Values // what must be in the request
		err  error
	}{
		{
			"password", func(c *client.Client) Flow { return Password{Client: c, Username: "johndoe"} }, " pass word ", cred.KindOAuth,
			url.Values{"grant_type": {"password"}, "username": {"johndoe"}, "password": {" pass word "}},
			nil,
		},
		{
			"API key", func(c *client.Client) Flow { return APIKey{Client: c} }, " ABCDEFG1234567\n", cred.KindAPIKey,
			url.Values{"grant_type": {string(oauth.GrantAPIKey)}, "api_key": {"ABCDEFG1234567"}},
			nil,
		},
		{"API key of two lines", func(c *client.Client) Flow { return APIKey{Client: c} }, "ABC\r\nX: 1", "", nil, ErrBadSecret},
		{"empty API key", func(c *client.Client) Flow { return APIKey{Client: c} }, " ", "", nil, ErrBadSecret},
		{"checked token", func(c *client.Client) Flow { return Static{Client: c} }, "your-token-here", cred.KindStatic, nil, nil},
		{"unseen token", func(*client.Client) Flow { return Static{Token: secret.New("your-token-here")} }, "", cred.KindStatic, nil, nil},
		{"token with ESC", func(c *client.Client) Flow { return Static{Client: c} }, "a\x1b[2Jb", "", nil, ErrBadSecret},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			made, err := test.make(p.client()).Login(t.Context(), &script{secret: test.ask})
			if !errors.Is(err, test.err) || made.Kind != test.kind {
				t.Fatalf("made %+v, %v", made, err)
			}
			for name, want := range test.form {
				if diff := cmp.Diff(want, p.form[name]); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			if err == nil && test.name != "unseen token" && made.Account != "user@example.com" {
				t.Errorf("account = %q", made.Account)
			}
			if test.kind == cred.KindAPIKey {
				p.form = nil
				if _, err := (OAuth{p.client()}).Refresh(t.Context(), made); err != nil || p.form.Get("api_key") != "ABCDEFG1234567" {
					t.Errorf("renewed with %v, %v", p.form, err)
				}
			}
		})
	}
}

// TestStandardDevice runs Device over OAuthWire against a server that holds the code to its PKCE challenge.
func TestStandardDevice(t *testing.T) {
	t.Parallel()
	var challenge oauth.Challenge
	polls := 0
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/device_authorization":
			challenge = oauth.Challenge(r.PostForm.Get("code_challenge"))
			_, _ = fmt.Fprintf(w, `{"device_code":"dc","user_code":"WDJB-MJHT","verification_uri":"%s/device","expires_in":600,"interval":1}`, server.URL)
		case "/token":
			v, err := oauth.ParseVerifier(r.PostForm.Get("code_verifier"))
			if polls++; err != nil || !challenge.Matches(v) || r.PostForm.Get("device_code") != "dc" || r.Header.Get("Prefer") != "wait=25" {
				w.WriteHeader(400)
				_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
				return
			}
			_, _ = io.WriteString(w, `{"access_token":"at","refresh_token":"rt","expires_in":600}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	c := &client.Client{ID: "doorward", Machine: "build-7", Metadata: oauth.Metadata{
		Issuer: server.URL, TokenEndpoint: server.URL + "/token", DeviceAuthorizationEndpoint: server.URL + "/device_authorization",
	}}
	ui := &script{}
	made, err := Device{Wire: &OAuthWire{Client: c, Scope: oauth.Scope{"openid"}}, Issuer: server.URL}.Login(t.Context(), ui)
	if err != nil || made.Refresh.Reveal() != "rt" || polls != 1 {
		t.Fatalf("made %+v after %d polls, %v", made, polls, err)
	}
	if got := ui.prompts[0]; got.UserCode != "WDJB-MJHT" || got.URI != server.URL+"/device" || got.Warning != "" || len(ui.opened) != 0 {
		t.Errorf("prompt %+v, opened %v", got, ui.opened)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, err := range []error{ErrTimeout, ErrExpired, ErrNotRenewable} {
		if !strings.Contains(err.Error(), "log in again") && !strings.Contains(err.Error(), "start the login again") {
			t.Errorf("%q does not say what to do next", err)
		}
	}
}

// TestLoginRefusesAnotherPersonsUserinfo: an ID token of one person and userinfo of another (a token that was swapped) are no login
// (OpenID Connect Core 1.0 section 5.3.2).
func TestLoginRefusesAnotherPersonsUserinfo(t *testing.T) {
	t.Parallel()
	p := newProvider(t) // its userinfo speaks of usr_1
	token := func(subject string) oauth.Token {
		claims := fmt.Sprintf(`{"iss":%q,"aud":"doorward","sub":%q,"exp":%d}`, p.URL, subject, time.Now().Add(time.Hour).Unix())
		id := "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
		return oauth.Token{
			Access: secret.New("at"), ID: secret.New(id), IdleExpiresIn: 60, SessionID: "sid",
		}
	}
	if _, err := complete(t.Context(), p.client(), token("usr_2"), nil, ""); !errors.Is(err, ErrOtherPerson) {
		t.Errorf("got %v, want ErrOtherPerson", err)
	}
	made, err := complete(t.Context(), p.client(), token("usr_1"), nil, "")
	if err != nil || made.Subject != "usr_1" || made.Account == "" || made.IdleTimeout != time.Minute || made.SessionID != "sid" {
		t.Errorf("got %+v, %v", made, err)
	}
}
