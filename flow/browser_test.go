package flow

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
)

// provider is an authorization server that says yes.
type provider struct {
	*httptest.Server
	exchanged atomic.Int32
	token     func(form url.Values) string // the answer of the token endpoint; nil: a plain one
	form      url.Values                   // of the last exchange
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/token":
			p.exchanged.Add(1)
			p.form = r.PostForm
			if p.token != nil {
				_, _ = io.WriteString(w, p.token(r.PostForm))
				return
			}
			_, _ = io.WriteString(w, `{"access_token":"at","refresh_token":"rt","token_type":"Bearer","expires_in":600}`)
		case "/userinfo":
			_, _ = io.WriteString(w, `{"sub":"usr_1","email":"user@example.com","name":"John Doe"}`)
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{})
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) client() *client.Client {
	return &client.Client{ID: "doorward", HTTP: p.Client(), Metadata: oauth.Metadata{
		Issuer: p.URL, AuthorizationEndpoint: p.URL + "/authorize", TokenEndpoint: p.URL + "/token",
		UserinfoEndpoint: p.URL + "/userinfo", RevocationEndpoint: p.URL + "/revoke",
	}}
}

// visit is what the browser knows of a login: where to go back to, and with what.
type visit struct {
	redirect, state, nonce, host string
}

func arrive(t *testing.T, page string) visit {
	u, err := url.Parse(page)
	if err != nil {
		t.Error(err)
	}
	q := u.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("state") == "" {
		t.Errorf("the authorization request %s is incomplete", page)
	}
	return visit{q.Get("redirect_uri"), q.Get("state"), q.Get("nonce"), back.Host}
}

func (v visit) with(query string) string { return v.redirect + "?" + query }
func (v visit) good() string             { return v.with("code=c0de&state=" + v.state) }

// browse makes one request as a browser does, after change, and returns the answer with its whole body.
func browse(t *testing.T, method, address string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Errorf("%s %s: %v", method, req.URL.Path, err)
		return &http.Response{Header: http.Header{}}, ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}

// login runs one login whose person does what act says.
func login(t *testing.T, b Browser, act func(visit)) (cred.Credential, visit, error) {
	t.Helper()
	var v visit
	made, err := b.Login(t.Context(), &script{open: func(page string) error {
		v = arrive(t, page)
		act(v)
		return nil
	}})
	return made, v, err
}

// gone fails the test where the login's port is still taken.
func gone(t *testing.T, v visit) {
	t.Helper()
	l, err := net.Listen("tcp4", v.host)
	if err != nil {
		t.Errorf("the port is not free afterwards: %v", err)
		return
	}
	_ = l.Close()
}

func TestBrowserLogin(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := p.client()
	c.Now = func() time.Time { return now }
	made, v, err := login(t, Browser{Client: c, Scope: oauth.Scope{"openid", "email"}}, func(v visit) {
		if resp, body := browse(t, "GET", v.good(), nil); resp.StatusCode != 200 || !strings.Contains(body, "You are signed in") {
			t.Errorf("HTTP %d %s", resp.StatusCode, body)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.Kind != cred.KindOAuth || made.Access.Reveal() != "at" || made.Refresh.Reveal() != "rt" || made.Account != "user@example.com" ||
		made.Subject != "usr_1" || made.Name != "John Doe" || !made.Expires.Equal(now.Add(10*time.Minute)) || !made.Renewed.Equal(now) ||
		oauth.Scope(made.Scope).String() != "openid email" {
		t.Errorf("made %+v", made)
	}
	if !strings.HasPrefix(v.redirect, "http://127.0.0.1:") || !strings.HasSuffix(v.redirect, "/callback") || v.nonce == "" {
		t.Errorf("redirect %s, nonce %q", v.redirect, v.nonce)
	}
	if p.form.Get("redirect_uri") != v.redirect || p.form.Get("code") != "c0de" || len(p.form.Get("code_verifier")) != 43 {
		t.Errorf("exchanged %v", p.form)
	}
	gone(t, v)
}

func TestForeignHost_SEC243(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	made, _, err := login(t, Browser{Client: p.client()}, func(v visit) {
		_, port, _ := net.SplitHostPort(v.host)
		for _, host := range []string{"evil.example", "localhost", "localhost:" + port, "evil.example:" + port, "127.0.0.1", "[::1]:" + port} {
			if resp, _ := browse(t, "GET", v.good(), func(r *http.Request) { r.Host = host }); resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("Host %q: HTTP %d", host, resp.StatusCode)
			}
		}
		conn, err := net.Dial("tcp", v.host)
		if err != nil {
			t.Error(err)
			return
		}
		u, _ := url.Parse(v.good())
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", u.RequestURI())
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode < 400 {
			t.Errorf("without Host: %v %v", resp, err)
		}
		_ = conn.Close()
		browse(t, "GET", v.good(), nil)
	})
	if err != nil || made.Access.IsZero() || p.exchanged.Load() != 1 {
		t.Errorf("the login did not go on: %v, %d exchanges", err, p.exchanged.Load())
	}
}

func TestWrongCallbacks_SEC244_SEC245_SEC249(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, _, err := login(t, Browser{Client: p.client()}, func(v visit) {
		for i := range 100 { // SEC-244; SEC-249 is the same with somebody's own code
			for _, query := range []string{"code=evil", "code=evil&state=", fmt.Sprintf("code=evil&state=%d", i)} {
				if resp, _ := browse(t, "GET", v.with(query), nil); resp.StatusCode != 400 {
					t.Fatalf("%s: HTTP %d", query, resp.StatusCode)
				}
			}
		}
		for _, query := range []string{
			"error=access_denied", "error=access_denied&state=x", // SEC-245
			"code=evil&state=" + v.state + "&state=x", "code=evil&state=" + v.state + "x", "code=evil&%zz&state=" + v.state, "",
		} {
			if resp, _ := browse(t, "GET", v.with(query), nil); resp.StatusCode != 400 {
				t.Errorf("%s: HTTP %d", query, resp.StatusCode)
			}
		}
		if resp, _ := browse(t, "GET", v.good(), nil); resp.StatusCode != 200 {
			t.Errorf("the right one: HTTP %d", resp.StatusCode)
		}
	})
	if err != nil || p.exchanged.Load() != 1 || p.form.Get("code") != "c0de" {
		t.Errorf("got %v, exchanged %v", err, p.form)
	}
}

// TestAnswerWithoutACode: the right state with no code, an empty one or two asks the server for nothing.
func TestAnswerWithoutACode(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "&code=", "&code=a&code=b"} {
		p := newProvider(t)
		_, _, err := login(t, Browser{Client: p.client()}, func(v visit) {
			if resp, _ := browse(t, "GET", v.with("state="+v.state+query), nil); resp.StatusCode != 400 {
				t.Errorf("%q: HTTP %d", query, resp.StatusCode)
			}
		})
		if !errors.Is(err, oauth.InvalidRequest) || p.exchanged.Load() != 0 {
			t.Errorf("%q: %v, %d exchanges", query, err, p.exchanged.Load())
		}
	}
}

// TestForeignOrigin covers what SEC-246's page in Chromium sends, without Chromium.
func TestForeignOrigin(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, _, err := login(t, Browser{Client: p.client()}, func(v visit) {
		for _, header := range [][2]string{
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Sec-Fetch-Mode", "no-cors"},
			{"Sec-Fetch-Mode", "cors"},
			{"Sec-Fetch-Dest", "image"},
			{"Sec-Fetch-Dest", "iframe"},
		} {
			resp, _ := browse(t, "GET", v.good(), func(r *http.Request) { r.Header.Set(header[0], header[1]) })
			if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%v: HTTP %d", header, resp.StatusCode)
			}
		}
		browse(t, "GET", v.good(), func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Sec-Fetch-Dest", "document")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		})
	})
	if err != nil || p.exchanged.Load() != 1 {
		t.Errorf("got %v after %d exchanges", err, p.exchanged.Load())
	}
}

func TestSecondCallback_SEC247(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	second := make(chan int, 1)
	var v visit
	p.token = func(url.Values) string { // the first callback is being exchanged while the second one comes
		resp, _ := browse(t, "GET", v.good(), nil)
		second <- resp.StatusCode
		return `{"access_token":"at"}`
	}
	_, _, err := login(t, Browser{Client: p.client()}, func(got visit) { v = got; browse(t, "GET", v.good(), nil) })
	if err != nil || p.exchanged.Load() != 1 || <-second != 400 {
		t.Errorf("got %v after %d exchanges", err, p.exchanged.Load())
	}
}

func TestRandomPath_SEC248(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	seen := map[string]bool{}
	for range 2 {
		_, v, err := login(t, Browser{Client: p.client(), RandomPath: true}, func(v visit) {
			u, _ := url.Parse(v.good())
			u.Path = "/callback"
			if resp, _ := browse(t, "GET", u.String(), nil); resp.StatusCode != 404 {
				t.Errorf("a guessed path: HTTP %d", resp.StatusCode)
			}
			browse(t, "GET", v.good(), nil)
		})
		u, _ := url.Parse(v.redirect)
		if err != nil || len(u.Path) < 20 || seen[u.Path] {
			t.Errorf("path %q, %v", u.Path, err)
		}
		seen[u.Path] = true
	}
}

func TestIdleConnections_SEC250_SEC251(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		count int
		sends string
	}{
		"SEC-250 a thousand half-sent headers": {1000, "GET /callback HTTP/1.1\r\nHost: x\r\nX-A: "},
		"SEC-251 speculative connections":      {6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			var conns []net.Conn
			done := make(chan error, 1)
			var v visit
			go func() {
				_, err := Browser{Client: p.client()}.Login(context.Background(), &script{open: func(page string) error {
					v = arrive(t, page)
					for range test.count {
						conn, err := net.Dial("tcp", v.host)
						if err != nil {
							return err
						}
						_, _ = io.WriteString(conn, test.sends)
						conns = append(conns, conn)
					}
					if resp, _ := browse(t, "GET", v.good(), nil); resp.StatusCode != 200 {
						t.Errorf("HTTP %d", resp.StatusCode)
					}
					return nil
				}})
				done <- err
			}()
			select { // a guard, under the 5 s after which net/http gives such connections up by itself
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(4500 * time.Millisecond):
				t.Fatal("the login waits for connections that nobody uses")
			}
			for _, conn := range conns {
				_ = conn.SetReadDeadline(time.Now().Add(4 * time.Second))
				var timeout net.Error
				if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
					t.Fatal("a connection is still open")
				}
				_ = conn.Close()
			}
		})
	}
}

func TestOtherRequests_SEC253(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, _, err := login(t, Browser{Client: p.client()}, func(v visit) {
		for _, method := range []string{"HEAD", "POST", "OPTIONS", "PUT", "TRACE"} {
			if resp, _ := browse(t, method, v.good(), nil); resp.StatusCode != 405 {
				t.Errorf("%s: HTTP %d", method, resp.StatusCode)
			}
		}
		for name, request := range map[string]string{
			"query":  "GET /callback?state=" + v.state + "&code=" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: " + v.host + "\r\n\r\n",
			"header": "GET /callback HTTP/1.1\r\nHost: " + v.host + "\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		} {
			conn, err := net.Dial("tcp", v.host)
			if err != nil {
				t.Error(err)
				continue
			}
			_, _ = io.WriteString(conn, request) // the server hangs up in the middle of it
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && (resp.StatusCode < 400 || resp.StatusCode > 499) {
				t.Errorf("1 MB %s: HTTP %d", name, resp.StatusCode)
			}
			_ = conn.Close()
		}
		browse(t, "GET", v.good(), nil)
	})
	if err != nil || p.exchanged.Load() != 1 || p.form.Get("code") != "c0de" {
		t.Errorf("got %v after %d exchanges", err, p.exchanged.Load())
	}
}

func TestResultPage_SEC254(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	check := func(resp *http.Response, body string, v visit) {
		for _, never := range []string{"c0de", v.state, "<script", "http:", "https:", "src=", "href=", "//"} {
			if strings.Contains(body, never) {
				t.Errorf("the page holds %q: %s", never, body)
			}
		}
		if resp.Header.Get("Referrer-Policy") != "no-referrer" || !resp.Close || resp.Header.Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("close=%v, %v", resp.Close, resp.Header)
		}
		if !strings.Contains(body, "Acme &lt;b&gt;") {
			t.Errorf("the program's name is not there, or not escaped: %s", body)
		}
	}
	_, _, err := login(t, Browser{Client: p.client(), Name: "Acme <b>"}, func(v visit) {
		for _, address := range []string{v.with("code=c0de&state=x"), v.good()} {
			resp, body := browse(t, "GET", address, nil)
			check(resp, body, v)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestProvidersError_SEC255(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, v, err := login(t, Browser{Client: p.client()}, func(v visit) {
		resp, body := browse(t, "GET", v.with("error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E%1B%5B2J%C2%9B&state="+v.state), nil)
		if resp.StatusCode != 400 || strings.Contains(body, "<script") || strings.Contains(body, "\x1b") || !strings.Contains(body, "Sign-in failed") {
			t.Errorf("HTTP %d %s", resp.StatusCode, body)
		}
	})
	var wire *oauth.Error
	if !errors.As(err, &wire) || !errors.Is(err, oauth.AccessDenied) || strings.ContainsAny(err.Error(), "\x1b\u009b") {
		t.Errorf("got %q", err)
	}
	if p.exchanged.Load() != 0 {
		t.Error("something was exchanged")
	}
	gone(t, v)
}

func TestIssuerInTheAnswer_SEC256(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		promised bool
		iss      func(issuer string) string
		ok       bool
	}{
		{"SEC-256 promised and right", true, func(i string) string { return "&iss=" + url.QueryEscape(i) }, true},
		{"SEC-256 promised and missing", true, func(string) string { return "" }, false},
		{"SEC-256 promised and wrong", true, func(string) string { return "&iss=https://evil.example" }, false},
		{"SEC-256 promised, twice", true, func(i string) string { i = url.QueryEscape(i); return "&iss=" + i + "&iss=" + i }, false},
		{"SEC-256 not promised and wrong", false, func(string) string { return "&iss=https://evil.example" }, false},
		{"SEC-256 not promised and missing", false, func(string) string { return "" }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			c := p.client()
			c.Metadata.IssInResponse = test.promised
			_, _, err := login(t, Browser{Client: c}, func(v visit) { browse(t, "GET", v.good()+test.iss(p.URL), nil) })
			var wrong *oauth.IssuerError
			if test.ok != (err == nil) || !test.ok && (!errors.As(err, &wrong) || p.exchanged.Load() != 0) {
				t.Errorf("got %v after %d exchanges", err, p.exchanged.Load())
			}
		})
	}
}

func TestNobodyComes_SEC259(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	t.Run("SEC-259 time limit", func(t *testing.T) {
		t.Parallel()
		_, v, err := login(t, Browser{Client: p.client(), Timeout: 30 * time.Millisecond}, func(visit) {})
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
		gone(t, v)
	})
	t.Run("SEC-259 Ctrl-C", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		var v visit
		_, err := Browser{Client: p.client()}.Login(ctx, &script{open: func(page string) error {
			v = arrive(t, page)
			cancel()
			return nil
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		gone(t, v)
	})
}

func TestEnvironmentMovesNothing_SEC260(t *testing.T) { // not parallel: it sets the environment
	for _, name := range []string{"HOST", "PORT", "ADDR", "REDIRECT_URI", "REDIRECT_URL", "CALLBACK_URL", "OAUTH_REDIRECT_URI", "DOORWARD_CALLBACK", "BROWSER"} {
		t.Setenv(name, "http://evil.example:9999/")
	}
	p := newProvider(t)
	_, v, err := login(t, Browser{Client: p.client()}, func(v visit) { browse(t, "GET", v.good(), nil) })
	if err != nil || !strings.HasPrefix(v.redirect, "http://127.0.0.1:") || strings.Contains(v.redirect, "9999") {
		t.Errorf("redirect %s, %v", v.redirect, err)
	}
}

func TestLocalhostRedirect(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, _, err := login(t, Browser{Client: p.client(), Localhost: true, Path: "/back"}, func(v visit) {
		host, port, _ := net.SplitHostPort(v.host)
		if host != "localhost" || v.redirect != "http://localhost:"+port+"/back" {
			t.Errorf("redirect %s", v.redirect)
		}
		to := "127.0.0.1"
		if hasIPv6() {
			to = "::1"
		}
		address := strings.Replace(v.good(), v.host, net.JoinHostPort(to, port), 1)
		browse(t, "GET", address, func(r *http.Request) { r.Host = v.host })
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	p := newProvider(t)
	var busy *PortError
	_, _, err = login(t, Browser{Client: p.client(), Port: port}, func(visit) { t.Error("a page was opened") })
	if !errors.As(err, &busy) || busy.Port != port || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want a PortError", err)
	}
	_, _, err = login(t, Browser{Client: p.client(), Port: port, Fallback: true}, func(v visit) { browse(t, "GET", v.good(), nil) })
	if err != nil {
		t.Errorf("with Fallback: %v", err)
	}
}

func TestNonceBindsTheIDToken(t *testing.T) {
	t.Parallel()
	for _, right := range []bool{true, false} {
		p := newProvider(t)
		var v visit
		p.token = func(url.Values) string {
			nonce := v.nonce
			if !right {
				nonce = "another login's"
			}
			claims, _ := json.Marshal(map[string]any{
				"iss": p.URL, "aud": "doorward", "sub": "usr_7", "exp": time.Now().Add(time.Hour).Unix(), "nonce": nonce, "email": "a@b.example",
			})
			return `{"access_token":"at","id_token":"eyJhbGciOiJFUzI1NiJ9.` + base64.RawURLEncoding.EncodeToString(claims) + `.c2ln"}`
		}
		made, _, err := login(t, Browser{Client: p.client(), Scope: oauth.Scope{"openid"}}, func(got visit) {
			v = got
			want := map[bool]string{true: "You are signed in", false: "Sign-in failed"}[right]
			if _, body := browse(t, "GET", v.good(), nil); !strings.Contains(body, want) {
				t.Errorf("the page says %s", body)
			}
		})
		var refused *client.IDTokenError
		if right && (err != nil || made.Subject != "usr_7" || made.Account != "a@b.example") || !right && !errors.As(err, &refused) {
			t.Errorf("right=%v: %+v, %v", right, made, err)
		}
	}
}

func FuzzCallback(f *testing.F) {
	f.Add("code=c&state=s")
	f.Add("error=x&state=s&iss=https://id.example")
	f.Fuzz(func(t *testing.T, query string) {
		d := &door{state: "s", issuer: "https://id.example"}
		values, err := url.ParseQuery(query)
		if err != nil || !d.admit(values) {
			return
		}
		if got := d.read(values); (got.err == nil) == got.code.IsZero() {
			t.Errorf("%q gave neither a code nor an error", query)
		}
		if d.admit(values) {
			t.Errorf("%q was admitted twice", query)
		}
	})
}
