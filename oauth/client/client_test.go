package client

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// serve starts a server whose every endpoint is handle, and a client that knows it.
func serve(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // net/http notices that a client has gone only once the body was read
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return &Client{ID: "doorward", HTTP: server.Client(), Metadata: describe(server.URL)}
}

func describe(issuer string) oauth.Metadata {
	return oauth.Metadata{
		Issuer: issuer, AuthorizationEndpoint: issuer + "/authorize", TokenEndpoint: issuer + "/token",
		DeviceAuthorizationEndpoint: issuer + "/device_authorization", UserinfoEndpoint: issuer + "/userinfo",
		RevocationEndpoint: issuer + "/revoke", IntrospectionEndpoint: issuer + "/introspect",
	}
}

// say answers with a status and a JSON body.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// unreachable fails the test when anything is sent.
type unreachable struct{ t *testing.T }

func (u unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	u.t.Errorf("%s %s was sent", r.Method, r.URL)
	return nil, errors.New("refused")
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	const oidc, rfc8414 = "/tenant/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tenant"
	for _, place := range []string{oidc, rfc8414} {
		for _, elsewhere := range []http.HandlerFunc{
			http.NotFound,
			say(404, `{"error":"not_found"}`),
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!doctype html><p>app") },
		} {
			var issuer string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != place {
					elsewhere(w, r)
					return
				}
				_ = json.NewEncoder(w).Encode(describe(issuer))
			})
			issuer = c.Metadata.Issuer + "/tenant"
			got, err := c.Discover(t.Context(), issuer)
			if err != nil {
				t.Errorf("%s: %v", place, err)
			}
			if diff := cmp.Diff(describe(issuer), got); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestDiscoverRefusesAnotherIssuer(t *testing.T) {
	t.Parallel()
	c := serve(t, say(200, `{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token"}`))
	_, err := c.Discover(t.Context(), c.Metadata.Issuer)
	var wrong *oauth.IssuerError
	if !errors.As(err, &wrong) || wrong.Got != "https://evil.example" {
		t.Errorf("got %v, want an IssuerError", err)
	}
}

func TestNothingIsSentInTheClear(t *testing.T) {
	t.Parallel()
	c := &Client{ID: "x", HTTP: &http.Client{Transport: unreachable{t}}}
	var bad *oauth.AddressError
	for _, issuer := range []string{"http://id.example", "id.example", "", "https://id.example?x=1", "https://u@id.example"} {
		if _, err := c.Discover(t.Context(), issuer); !errors.As(err, &bad) {
			t.Errorf("Discover(%q) = %v, want an AddressError", issuer, err)
		}
	}
	for _, endpoint := range []string{"http://id.example/token", "http://127.0.0.1:1/token"} {
		c := &Client{ID: "x", HTTP: c.HTTP, Metadata: oauth.Metadata{Issuer: "https://id.example", TokenEndpoint: endpoint}}
		if _, err := c.Refresh(t.Context(), secret.New("rt")); !errors.As(err, &bad) {
			t.Errorf("Refresh at %s = %v, want an AddressError", endpoint, err)
		}
	}
}

func TestDescribeDiscoversOnce(t *testing.T) {
	t.Parallel()
	asked := 0
	var issuer string
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(describe(issuer))
	})
	issuer = c.Metadata.Issuer
	c.Issuer, c.Metadata = issuer, oauth.Metadata{}
	for range 3 {
		if m, err := c.Describe(t.Context()); err != nil || m.TokenEndpoint != issuer+"/token" {
			t.Fatalf("Describe = %+v, %v", m, err)
		}
	}
	if asked != 2 { // the first place failed, the second answered, nobody was asked again
		t.Errorf("asked %d times, want 2", asked)
	}
	if _, err := (&Client{Metadata: oauth.Metadata{Issuer: issuer}}).Refresh(t.Context(), secret.New("r")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("without a token endpoint: %v, want ErrUnsupported", err)
	}
}

func TestAuthorizationURL(t *testing.T) {
	t.Parallel()
	c := &Client{
		ID: "doorward", Machine: "build-7", Params: url.Values{"resource": {"https://api.example"}, "state": {"forged"}},
		Metadata: oauth.Metadata{Issuer: "https://id.example", AuthorizationEndpoint: "https://id.example/authorize?tenant=1"},
	}
	got, err := c.AuthorizationURL(t.Context(), AuthorizationRequest{
		RedirectURI: "http://127.0.0.1:8765/callback", Scope: oauth.Scope{"openid", "email"}, State: "s", Challenge: "c",
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(got)
	want := url.Values{
		"tenant": {"1"}, "resource": {"https://api.example"}, "response_type": {"code"}, "client_id": {"doorward"},
		"redirect_uri": {"http://127.0.0.1:8765/callback"}, "scope": {"openid email"}, "state": {"s"},
		"code_challenge": {"c"}, "code_challenge_method": {"S256"}, "machine": {"build-7"},
	}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Error(diff)
	}
}

// TestGrants compares each grant's form with the RFC's.
func TestGrants(t *testing.T) {
	t.Parallel()
	v := oauth.NewVerifier()
	scope := oauth.Scope{"openid"}
	for _, test := range []struct {
		name string
		call func(*Client) error
		want url.Values
	}{
		{"code", func(c *Client) error {
			_, err := c.Exchange(context.Background(), secret.New("co/de"), "http://127.0.0.1:1/callback", v)
			return err
		}, url.Values{
			"grant_type": {"authorization_code"}, "code": {"co/de"}, "redirect_uri": {"http://127.0.0.1:1/callback"},
			"code_verifier": {v.Reveal()}, "client_id": {"doorward"}, "resource": {"r"},
		}},
		{"refresh", func(c *Client) error { _, err := c.Refresh(context.Background(), secret.New("rt")); return err }, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {"rt"}, "client_id": {"doorward"}, "resource": {"r"},
		}},
		{"client credentials", func(c *Client) error { _, err := c.ClientCredentials(context.Background(), scope); return err }, url.Values{
			"grant_type": {"client_credentials"}, "scope": {"openid"}, "client_id": {"doorward"}, "resource": {"r"},
		}},
		{"password", func(c *Client) error {
			_, err := c.Password(context.Background(), "johndoe", secret.New("p&w=d"), nil)
			return err
		}, url.Values{
			"grant_type": {"password"}, "username": {"johndoe"}, "password": {"p&w=d"}, "machine": {"build-7"},
			"client_id": {"doorward"}, "resource": {"r"},
		}},
		{"API key", func(c *Client) error {
			_, err := c.APIKey(context.Background(), secret.New("key"), scope)
			return err
		}, url.Values{
			"grant_type": {string(oauth.GrantAPIKey)}, "api_key": {"key"}, "scope": {"openid"}, "machine": {"build-7"},
			"client_id": {"doorward"}, "resource": {"r"},
		}},
		{"device", func(c *Client) error {
			_, _, err := c.PollDevice(context.Background(), secret.New("dc"), v)
			return err
		}, url.Values{
			"grant_type": {string(oauth.GrantDeviceCode)}, "device_code": {"dc"}, "code_verifier": {v.Reveal()},
			"client_id": {"doorward"}, "resource": {"r"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got url.Values
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				got = r.PostForm
				say(200, `{"access_token":"at","token_type":"Bearer"}`)(w, r)
			})
			c.Machine, c.Params = "build-7", url.Values{"resource": {"r"}, "grant_type": {"forged"}}
			if err := test.call(c); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	const id, password = "a:b c", "p%ä+"
	var form url.Values
	var user, pass string
	var basic bool
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		user, pass, basic = r.BasicAuth()
		say(200, `{"access_token":"at"}`)(w, r)
	})
	c.ID, c.Secret = id, secret.New(password)
	if _, err := c.ClientCredentials(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !basic || user != "a%3Ab+c" || pass != "p%25%C3%A4%2B" || form.Has("client_id") || form.Has("client_secret") {
		t.Errorf("basic: %q %q %v", user, pass, form)
	}
	c.Metadata.TokenEndpointAuthMethods = []string{"client_secret_post"}
	if _, err := c.ClientCredentials(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if basic || form.Get("client_id") != id || form.Get("client_secret") != password {
		t.Errorf("post: %v", form)
	}
}

func TestDeviceAuthorize(t *testing.T) {
	t.Parallel()
	var form url.Values
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		say(200, `{"device_code":"d","user_code":"U","verification_uri":"https://a.example/device","expires_in":600,"interval":1}`)(w, r)
	})
	c.Machine = "build-7"
	v := oauth.NewVerifier()
	got, err := c.DeviceAuthorize(t.Context(), oauth.Scope{"openid"}, v.Challenge())
	if err != nil || got.DeviceCode.Reveal() != "d" || got.Interval != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := url.Values{
		"client_id": {"doorward"}, "scope": {"openid"}, "machine": {"build-7"},
		"code_challenge": {string(v.Challenge())}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
}

func TestPollDevicePrefersToWait(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "wait=25": true, "respond-async, wait=10": true, "WAIT": true, "waiting=1": false, "return=minimal; wait=1": true,
	} {
		var prefer string
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			prefer = r.Header.Get("Prefer")
			if header != "" {
				w.Header().Set("Preference-Applied", header)
			}
			say(400, `{"error":"authorization_pending"}`)(w, r)
		})
		_, waited, err := c.PollDevice(t.Context(), secret.New("dc"), oauth.NewVerifier())
		if prefer != "wait=25" || waited != want || !errors.Is(err, oauth.AuthorizationPending) {
			t.Errorf("%q: Prefer %q, waited %v, %v", header, prefer, waited, err)
		}
	}
}

// TestKindsOfFailure holds the table that sessions live by: what ends a login and what leaves it alone.
func TestKindsOfFailure(t *testing.T) {
	t.Parallel()
	const page = "<!doctype html><title>Hotel</title>"
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, page)
		}
	}
	for _, test := range []struct {
		name      string
		handle    http.HandlerFunc
		temporary bool
		code      oauth.ErrorCode // the decision; "" for none
		strange   bool            // an AnswerError
	}{
		{"invalid_grant", say(400, `{"error":"invalid_grant"}`), false, oauth.InvalidGrant, false},
		{"an error with 200", say(200, `{"error":"authorization_pending"}`), false, oauth.AuthorizationPending, false},
		{"invalid_client", say(401, `{"error":"invalid_client"}`), false, oauth.InvalidClient, false},
		{"429", say(429, `{"error":"slow_down"}`), true, oauth.SlowDown, false},
		{"503", say(503, `{"error":"temporarily_unavailable"}`), true, oauth.TemporarilyUnavailable, false},
		{"temporarily_unavailable with 400", say(400, `{"error":"temporarily_unavailable"}`), true, oauth.TemporarilyUnavailable, false},
		{"500 without a body", say(500, ``), true, "", true},
		{"502 with somebody's invalid_grant", say(502, `{"error":"invalid_grant"}`), true, "", true},
		{"a hotel's page", html(200), true, "", true},
		{"a hotel's redirect", http.RedirectHandler("http://hotel.example/login", 302).ServeHTTP, true, "", true},
		{"garbage", say(200, "\x00\x01\x02"), true, "", true},
		{"an empty 200", say(200, ""), true, "", true},
		{"no token in it", say(200, "{}"), true, "", true},
		{"a page with 404", html(404), false, "", true},
		{"a page with 401", html(401), false, "", true},
		{"a hung-up connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := serve(t, test.handle).Refresh(t.Context(), secret.New("rt"))
			var temporary *oauth.TemporaryError
			var strange *AnswerError
			if err == nil || errors.As(err, &temporary) != test.temporary || errors.As(err, &strange) != test.strange {
				t.Errorf("got %T %v", err, err)
			}
			if test.code != "" && !errors.Is(err, test.code) || test.code == "" && errors.Is(err, oauth.InvalidGrant) {
				t.Errorf("got %v, want %q", err, test.code)
			}
			if err != nil && strings.Contains(err.Error(), "Hotel") {
				t.Errorf("the page is quoted: %v", err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		_, err := (&Client{ID: "x", Metadata: describe(server.URL)}).Refresh(t.Context(), secret.New("rt"))
		var temporary *oauth.TemporaryError
		if !errors.As(err, &temporary) {
			t.Errorf("got %v, want a TemporaryError", err)
		}
	})
	t.Run("the caller leaves", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("Ctrl-C")
		c := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(why); <-r.Context().Done() })
		_, err := c.Refresh(ctx, secret.New("rt"))
		var temporary *oauth.TemporaryError
		if !errors.Is(err, why) || errors.As(err, &temporary) {
			t.Errorf("got %v, want the caller's own reason", err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := &Client{Now: func() time.Time { return now }}
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "999999999999": time.Hour, "9999999999999999999999": 0, "soon": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0, "Fri, 02 Jan 2036 03:04:00 GMT": time.Hour,
	} {
		if got := c.retryAfter(http.Header{"Retry-After": {header}}); got != want {
			t.Errorf("Retry-After %q = %s, want %s", header, got, want)
		}
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3")
		say(503, "")(w, r)
	})
	_, err := server.Refresh(t.Context(), secret.New("rt"))
	var temporary *oauth.TemporaryError
	if !errors.As(err, &temporary) || temporary.RetryAfter != 3*time.Second {
		t.Errorf("got %v, want Retry-After in it", err)
	}
}

func TestHostileServer_SEC336(t *testing.T) {
	t.Parallel()
	endless := func(w io.Writer) { // until the reader hangs up
		chunk := []byte(strings.Repeat(" ", 1<<16))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	var sent atomic.Int32
	for name, handle := range map[string]http.HandlerFunc{
		"SEC-336 endless JSON": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"access_token":"`)
			endless(w)
		},
		"SEC-336 gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `{"access_token":"`)
			endless(z)
		},
		"SEC-336 slow chunks": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"access_token":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"SEC-336 never answers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"SEC-336 deep JSON":     say(200, `{"access_token":`+strings.Repeat("[", 1<<19)),
		"SEC-336 HTML":          say(200, `<html><script>alert(1)</script>`),
		"SEC-336 redirect loop": func(w http.ResponseWriter, r *http.Request) { sent.Add(1); http.Redirect(w, r, r.URL.Path, 307) },
		"SEC-336 broken encoding": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("no"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, handle)
			c.Timeout = 10 * time.Second
			if strings.HasSuffix(name, "slow chunks") || strings.HasSuffix(name, "never answers") {
				c.Timeout = 50 * time.Millisecond
			}
			_, err := c.Refresh(t.Context(), secret.New("rt"))
			var temporary *oauth.TemporaryError
			if !errors.As(err, &temporary) {
				t.Errorf("got %v, want a TemporaryError", err)
			}
			var strange *AnswerError
			if (strings.HasSuffix(name, "endless JSON") || strings.HasSuffix(name, "bomb")) &&
				(!errors.As(err, &strange) || strange.Reason != "more than 1 MiB") {
				t.Errorf("got %v: it was read until the time was up", err)
			}
			if sent.Load() > 1 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	var form url.Values
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm(); form = r.PostForm })
	if err := c.Revoke(t.Context(), secret.New("rt"), "refresh_token"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"token": {"rt"}, "token_type_hint": {"refresh_token"}, "client_id": {"doorward"}}, form); diff != "" {
		t.Error(diff)
	}
	portal := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Welcome") })
	var strange *AnswerError
	if err := portal.Revoke(t.Context(), secret.New("rt"), ""); !errors.As(err, &strange) {
		t.Errorf("a hotel's page counted as a revocation: %v", err)
	}
}

func TestIntrospect(t *testing.T) {
	t.Parallel()
	c := serve(t, say(200, `{"active":true,"scope":"a b","client_id":"c","username":"u","sub":"s","exp":1700000000.9}`))
	got, err := c.Introspect(t.Context(), secret.New("at"))
	want := Introspection{true, oauth.Scope{"a", "b"}, "c", "u", "s", time.Unix(1700000000, 0)}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, body := range []string{`{}`, `{"active":"true"}`, `<html>`} {
		if _, err := serve(t, say(200, body)).Introspect(t.Context(), secret.New("at")); err == nil {
			t.Errorf("%s counted as an answer", body)
		}
	}
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	var authorization string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Method + " " + r.Header.Get("Authorization")
		say(200, `{"sub":"usr_1","email":"user@example.com","name":"John\u001b Doe"}`)(w, r)
	})
	got, err := c.Userinfo(t.Context(), secret.New("at"), "")
	want := Claims{Subject: "usr_1", Email: "user@example.com", Name: "John\uFFFD Doe"}
	if err != nil || got != want || authorization != "GET Bearer at" || got.Account() != "user@example.com" {
		t.Errorf("got %+v, %v with %q", got, err, authorization)
	}
	challenge := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(401)
	})
	if _, err := challenge.Userinfo(t.Context(), secret.New("at"), ""); !errors.Is(err, oauth.InvalidToken) {
		t.Errorf("401: %v, want invalid_token", err)
	}
	if _, err := serve(t, say(200, `{"email":"x"}`)).Userinfo(t.Context(), secret.New("at"), ""); err == nil {
		t.Error("an answer without sub was taken")
	}
}

func idToken(claims string) secret.String {
	part := base64.RawURLEncoding.EncodeToString
	return secret.New(part([]byte(`{"alg":"ES256"}`)) + "." + part([]byte(claims)) + ".c2ln")
}

func TestCheckIDToken(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	c := &Client{ID: "doorward", Metadata: describe("https://id.example"), Now: func() time.Time { return now }}
	claims := func(changes ...string) string {
		all := map[string]json.RawMessage{
			"iss": []byte(`"https://id.example"`), "sub": []byte(`"usr_1"`), "aud": []byte(`"doorward"`), "nonce": []byte(`"n"`),
			"exp": fmt.Appendf(nil, "%d", now.Unix()+300), "email": []byte(`"user@example.com"`),
		}
		for i := 0; i < len(changes); i += 2 {
			if all[changes[i]] = json.RawMessage(changes[i+1]); changes[i+1] == "" {
				delete(all, changes[i])
			}
		}
		text, _ := json.Marshal(all)
		return string(text)
	}
	for _, test := range []struct {
		name, claims string
		ok           bool
	}{
		{"as it should be", claims(), true},
		{"audience list", claims("aud", `["doorward"]`), true},
		{"two audiences and azp", claims("aud", `["api","doorward"]`, "azp", `"doorward"`), true},
		{"two audiences without azp", claims("aud", `["api","doorward"]`), false},
		{"another azp", claims("azp", `"evil"`), false},
		{"another audience", claims("aud", `"evil"`), false},
		{"no audience", claims("aud", ``), false},
		{"another issuer", claims("iss", `"https://evil.example"`), false},
		{"issuer with a slash", claims("iss", `"https://id.example/"`), false},
		{"no issuer", claims("iss", ``), false},
		{"no subject", claims("sub", ``), false},
		{"another nonce", claims("nonce", `"m"`), false},
		{"no nonce", claims("nonce", ``), false},
		{"ended within the leeway", claims("exp", `1699999900`), true},
		{"ended before it", claims("exp", `1699999880`), false},
		{"no end", claims("exp", ``), false},
		{"end as a word", claims("exp", `"soon"`), false},
		{"end beyond time", claims("exp", `1e300`), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.CheckIDToken(t.Context(), oauth.Token{ID: idToken(test.claims)}, "n")
			var refused *IDTokenError
			if test.ok != (err == nil) || !test.ok && !errors.As(err, &refused) {
				t.Fatalf("got %v, want ok=%v", err, test.ok)
			}
			if test.ok && got.Account() != "user@example.com" {
				t.Errorf("account = %q", got.Account())
			}
		})
	}
	for _, bad := range []string{"", "a.b", "a.b.c.d.e", "a.!.c", "a.bm90IGpzb24.c", "a.W10.c"} {
		var refused *IDTokenError
		if _, err := c.CheckIDToken(t.Context(), oauth.Token{ID: secret.New(bad)}, ""); !errors.As(err, &refused) {
			t.Errorf("%q: %v, want an IDTokenError", bad, err)
		}
	}
	t.Run("SEC-306 this machine's clock is a day off", func(t *testing.T) {
		t.Parallel()
		for _, off := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
			wrong := &Client{ID: c.ID, Metadata: c.Metadata, Now: func() time.Time { return now.Add(off) }}
			if _, err := wrong.CheckIDToken(t.Context(), oauth.Token{ID: idToken(claims()), Date: now}, "n"); err != nil {
				t.Errorf("%s: %v", off, err)
			}
		}
	})
}

func TestTokenCarriesTheServersDate(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Fri, 02 Jan 2026 03:04:05 GMT")
		say(200, `{"access_token":"at"}`)(w, r)
	})
	token, err := c.Refresh(t.Context(), secret.New("rt"))
	if err != nil || !token.Date.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("Date = %s, %v", token.Date, err)
	}
}

func FuzzIDToken(f *testing.F) {
	f.Add(idToken(`{"iss":"https://id.example","sub":"s","aud":"doorward","exp":9999999999}`).Reveal())
	f.Add("a.b.c")
	c := &Client{ID: "doorward", Metadata: describe("https://id.example")}
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := c.CheckIDToken(context.Background(), oauth.Token{ID: secret.New(token)}, "")
		if err == nil && claims.Subject == "" {
			t.Errorf("%q names nobody and was taken", token)
		}
	})
}

func FuzzAppliedWait(f *testing.F) {
	f.Add("respond-async, wait=10")
	f.Fuzz(func(t *testing.T, header string) {
		if appliedWait(http.Header{"Preference-Applied": {header}}) && !strings.Contains(strings.ToLower(header), "wait") {
			t.Errorf("%q was read as wait", header)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 02 Jan 2026 03:04:35 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		if got := (&Client{}).retryAfter(http.Header{"Retry-After": {header}}); got < 0 || got > maxRetryAfter {
			t.Errorf("Retry-After %q = %s", header, got)
		}
	})
}

func FuzzUserinfo(f *testing.F) {
	f.Add([]byte(`{"sub":"s","email":"e"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if claims, err := parseClaims(data); err == nil && strings.ContainsAny(claims.Account()+claims.Name, "\x1b\r\n\u202e") {
			t.Errorf("%q came through as %+v", data, claims)
		}
	})
}
