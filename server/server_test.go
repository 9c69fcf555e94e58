package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/server"
)

func TestOneRoute_SEC332(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, target := range []string{
		"//token", "/token/", "/%74oken", "/token;x", "/token%3Fx", "/./token", "/x/../token", "/TOKEN", "/token%23", "/token%2f",
		"///", "/.well-known//openid-configuration", "/.well-known/../token", "/token%00", "/tok%65n", "/%2e/token",
	} {
		t.Run(target, func(t *testing.T) {
			got := r.do(t, "POST", target, "grant_type=x&client_id=doorward", "Content-Type", formType)
			if got.status != 404 || got.header.Get("Location") != "" || got.json(t)["error"] != "not_found" {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	t.Run("raw targets", func(t *testing.T) {
		for _, target := range []string{"/token#x", "*", "http://evil.example//token", "/token\\", "/t\x7foken"} {
			if status := rawStatus(t, r, "POST "+target+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); status < 400 || status >= 500 {
				t.Errorf("%q answers %d", target, status)
			}
		}
	})
	t.Run("SEC-219 nothing for whoever looks around", func(t *testing.T) {
		for _, target := range []string{"/metrics", "/debug/pprof", "/debug/vars", "/.git/config", "/dev/clock", "/healthz/x", "/index.html"} {
			if got := r.do(t, "GET", target, ""); got.status != 404 {
				t.Errorf("%s answers %d", target, got.status)
			}
		}
		if got := r.do(t, "TRACE", "/token", ""); got.status != 405 || strings.Contains(got.body, "TRACE") {
			t.Errorf("TRACE answers %d %s", got.status, got.body)
		}
	})
	t.Run("people get a page", func(t *testing.T) {
		got := r.do(t, "GET", "/nothing", "", "Accept", "text/html")
		if got.status != 404 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
	t.Run("SEC-202 another method", func(t *testing.T) {
		if got := r.do(t, "DELETE", "/healthz", ""); got.status != 405 || !strings.Contains(got.header.Get("Allow"), "GET") {
			t.Errorf("%d, Allow %q", got.status, got.header.Get("Allow"))
		}
	})
}

// rawStatus sends bytes as they are and returns the status that came back.
func rawStatus(t *testing.T, r *running, text string) int {
	t.Helper()
	conn, err := net.Dial("tcp", r.Addr().String())
	must(t, err)
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, text) }()
	must(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestLimits_SEC323(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *server.Config) { c.ReadTimeout = 300 * time.Millisecond })
	t.Run("a header of 1 MB", func(t *testing.T) {
		if status := rawStatus(t, r, "GET /jwks HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("y", 1<<20)+"\r\n\r\n"); status != 431 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("SEC-019 a state of 1 MB", func(t *testing.T) {
		if status := rawStatus(t, r, "GET /authorize?state="+strings.Repeat("s", 1<<20)+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != 431 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("a body of 100 MB", func(t *testing.T) {
		head := "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: " + formType + "\r\nContent-Length: 104857600\r\n\r\n"
		if status := rawStatus(t, r, head); status != 413 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("a body that trickles", func(t *testing.T) {
		head := "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: " + formType + "\r\nContent-Length: 100\r\n\r\ngrant_type="
		if status := rawStatus(t, r, head); status != 408 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("SEC-329 two lengths", func(t *testing.T) {
		head := "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: " + formType + "\r\n"
		for _, rest := range []string{
			"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=b", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
			"Transfer-Encoding: chunked\r\n\r\nZZ\r\na=b\r\n0\r\n\r\n", "Content-Length: -1\r\n\r\n",
		} {
			if status := rawStatus(t, r, head+rest); status != 400 && status != 501 {
				t.Errorf("%q answers %d", rest, status)
			}
		}
	})
	t.Run("a held poll outlives them", func(t *testing.T) {
		begun := r.post(t, "/device_authorization", "client_id", "doorward").json(t)
		body := "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=doorward&device_code=" + begun["device_code"].(string)
		got := r.do(t, "POST", "/token", body, "Content-Type", formType, "Prefer", "wait=1")
		if got.json(t)["error"] != "authorization_pending" || got.header.Get("Preference-Applied") != "wait=1" {
			t.Errorf("%d %s %v", got.status, got.body, got.header)
		}
	})
}

func TestNoHTTP2InTheClear_SEC328(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	t.Run("prior knowledge", func(t *testing.T) {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
		if response, err := client.Get(r.url + "/healthz"); err == nil {
			_ = response.Body.Close()
			t.Errorf("answered %s %s", response.Proto, response.Status)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		got := r.do(t, "GET", "/healthz", "", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQAAP__")
		if got.status != 200 || got.header.Get("Upgrade") != "" {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	address := func(t *testing.T, r *running, header ...string) string {
		t.Helper()
		got := r.do(t, "POST", "/device_authorization", "client_id=doorward", append(header, "Content-Type", formType)...)
		code := got.json(t)["user_code"].(string)
		request, err := r.store.DeviceRequestByUserCode(t.Context(), strings.ReplaceAll(code, "-", ""), time.Now())
		must(t, err)
		return request.Origin.Address
	}
	forged := []string{
		"X-Forwarded-For", "203.0.113.9", "Forwarded", "for=203.0.113.9", "X_Forwarded_For", "203.0.113.9", "X-Real-IP", "203.0.113.9",
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "Host", "evil.example",
	}
	t.Run("SEC-100 SEC-211 of a stranger", func(t *testing.T) {
		r := start(t, nil)
		if got := address(t, r, forged...); got != "127.0.0.1" {
			t.Errorf("address %s", got)
		}
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			if got := r.do(t, "GET", path, "", forged...); strings.Contains(got.body, "evil") || got.json(t)["issuer"] != r.Issuer() {
				t.Errorf("%s", got.body)
			}
		}
		if got := r.do(t, "POST", "/device_authorization", "client_id=doorward", append(forged, "Content-Type", formType)...); strings.Contains(got.body, "evil") {
			t.Errorf("%s", got.body)
		}
	})
	t.Run("SEC-100 of a listed proxy", func(t *testing.T) {
		r := start(t, func(c *server.Config) {
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
		})
		for chain, want := range map[string]string{
			"203.0.113.9":                          "203.0.113.9",
			"198.51.100.1, 203.0.113.9":            "203.0.113.9",
			"198.51.100.1, 203.0.113.9, 10.1.1.1":  "203.0.113.9",
			"198.51.100.1, garbage, 10.1.1.1":      "10.1.1.1",
			"":                                     "127.0.0.1",
			"::ffff:203.0.113.9":                   "203.0.113.9",
			"2001:db8::1%eth0":                     "2001:db8::1",
			"10.1.1.1, 10.1.1.2":                   "10.1.1.1",
			"<script>, 203.0.113.9":                "203.0.113.9",
			"203.0.113.9:4711":                     "127.0.0.1",
			"198.51.100.1,203.0.113.9,  10.1.1.1 ": "203.0.113.9",
		} {
			if got := address(t, r, "X-Forwarded-For", chain); got != want {
				t.Errorf("%q gives %s, want %s", chain, got, want)
			}
		}
	})
	t.Run("SEC-218 a proxy that was reached in the clear", func(t *testing.T) {
		r := start(t, func(c *server.Config) {
			c.Issuer = "https://id.example"
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		})
		if got := r.do(t, "POST", "/token", "", "X-Forwarded-Proto", "http"); got.status != 403 || got.header.Get("Location") != "" {
			t.Errorf("%d %s", got.status, got.body)
		}
		got := r.do(t, "GET", "/jwks", "", "X-Forwarded-Proto", "https")
		if got.status != 200 || got.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}

func TestHeaders_SEC207(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, target := range []string{"/authorize", "/nothing", "/jwks", "/token"} {
		got := r.do(t, "GET", target, "", "Accept", "text/html")
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Server") != "" || got.header.Get("X-Powered-By") != "" {
			t.Errorf("%s: %v", target, got.header)
		}
		if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			continue
		}
		policy := got.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || got.header.Get("X-Frame-Options") != "DENY" ||
			got.header.Get("Cross-Origin-Opener-Policy") != "same-origin" || got.header.Get("Referrer-Policy") == "" {
			t.Errorf("SEC-205 %s: %v", target, got.header)
		}
	}
}

func TestLogKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	const canary = "canary5f1e"
	t.Run("SEC-276 addresses are logged without query", func(t *testing.T) {
		r.do(t, "GET", "/authorize?client_id=doorward&state="+canary, "")
		r.do(t, "GET", "/userinfo?access_token="+canary, "")
		r.do(t, "GET", "/d/"+canary, "")
		r.do(t, "POST", "/token?code="+canary, "refresh_token="+canary+"&client_id=doorward&grant_type=refresh_token", "Content-Type", formType)
		r.post(t, "/token", "refresh_token", canary, "client_id", "doorward", "grant_type", "refresh_token")
		r.do(t, "GET", "/userinfo", "", "Authorization", "Bearer "+canary, "Cookie", "x="+canary, "User-Agent", canary)
		text := r.log.String()
		if !strings.Contains(text, "route=/authorize") || !strings.Contains(text, "route=/token") {
			t.Fatalf("the log does not have the requests:\n%s", text)
		}
		if strings.Contains(text, canary) {
			t.Errorf("the log has a secret:\n%s", text)
		}
	})
	t.Run("SEC-277 a panic", func(t *testing.T) {
		fault := func() error { panic("SELECT " + canary) }
		r.store.fault.Store(&fault)
		defer r.store.fault.Store(nil)
		got := r.post(t, "/token", "client_id", "unread", "grant_type", "refresh_token")
		id := regexp.MustCompile(`under ([0-9a-f]{8})`).FindStringSubmatch(got.body)
		if got.status != 500 || got.json(t)["error"] != "server_error" || id == nil || strings.Contains(got.body, canary) {
			t.Fatalf("%d %s", got.status, got.body)
		}
		text := r.log.String()
		if !strings.Contains(text, "id="+id[1]) || strings.Contains(text, canary) || !strings.Contains(text, "goroutine") {
			t.Errorf("the log:\n%s", text)
		}
	})
	t.Run("SEC-277 thirty inner errors", func(t *testing.T) {
		fault := func() error { return errors.New("SELECT x FROM clients; host db1.internal") }
		r.store.fault.Store(&fault)
		defer r.store.fault.Store(nil)
		for i := range 30 {
			path := []string{"/token", "/device_authorization", "/revoke", "/introspect", "/authorize"}[i%5]
			client := fmt.Sprintf("client%d", i)
			got := r.post(t, path, "client_id", client, "grant_type", "refresh_token")
			if path == "/authorize" {
				got = r.do(t, "GET", "/authorize?client_id="+client, "", "Accept", "text/html")
			}
			if got.status != 500 || strings.Contains(got.body, "SELECT") || strings.Contains(got.body, "db1.") || strings.Contains(got.body, ".go:") {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	})
}

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *server.Config) { c.Metrics = "127.0.0.1:0" })
	t.Run("SEC-284 not ready while the store does not answer", func(t *testing.T) {
		if got := r.do(t, "GET", "/readyz", ""); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		fault := func() error { return authority.ErrUnavailable }
		r.store.fault.Store(&fault)
		if got := r.do(t, "GET", "/readyz", ""); got.status != 503 {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := r.do(t, "GET", "/healthz", ""); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		r.store.fault.Store(nil)
		if got := r.do(t, "GET", "/readyz", ""); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	scrape := func() string {
		response, err := http.Get("http://" + r.MetricsAddr().String() + "/metrics")
		must(t, err)
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		return string(text)
	}
	t.Run("SEC-279 nothing that is sent makes a series", func(t *testing.T) {
		series := func(text string) int { return strings.Count(text, `_bucket{`) }
		before := scrape()
		for i := range 50 {
			r.do(t, "GET", fmt.Sprintf("/unknown%d", i), "")
			r.post(t, "/token", "client_id", fmt.Sprint(i), "grant_type", fmt.Sprint(i))
		}
		after := scrape()
		if series(before) != series(after) || series(after) == 0 {
			t.Errorf("%d series, then %d", series(before), series(after))
		}
		for _, line := range []string{
			`doorward_http_requests_total{route="/token",status="4xx"} 50`, `doorward_http_requests_total{route="(none)",status="4xx"} 50`,
			"\ndoorward_ready 1\n", `doorward_http_request_duration_seconds_count{route="/token"} 50`,
		} {
			if !strings.Contains(after, line) {
				t.Errorf("no line %q in\n%s", line, after)
			}
		}
	})
}

func TestClock(t *testing.T) {
	t.Parallel()
	clock := &server.Clock{}
	r := start(t, func(c *server.Config) { c.Clock = clock })
	post := func(advance string, header ...string) answer {
		return r.do(t, "POST", "/dev/clock", "advance="+advance, append(header, "Content-Type", formType)...)
	}
	t.Run("it moves everything", func(t *testing.T) {
		begun := r.post(t, "/device_authorization", "client_id", "doorward").json(t)
		if got := post("3h"); got.status != 200 || got.json(t)["ahead"] != "3h0m0s" {
			t.Errorf("%d %s", got.status, got.body)
		}
		got := r.post(t, "/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", "doorward",
			"device_code", begun["device_code"].(string))
		if got.json(t)["error"] != "expired_token" {
			t.Errorf("%d %s", got.status, got.body)
		}
		if now, err := time.Parse(time.RFC3339Nano, r.do(t, "GET", "/dev/clock", "").json(t)["now"].(string)); err != nil || now.Before(time.Now().Add(2*time.Hour)) {
			t.Errorf("it is %v, %v", now, err)
		}
	})
	t.Run("nonsense", func(t *testing.T) {
		for _, advance := range []string{"", "abc", "99999999h", "3"} {
			if got := post(advance); got.status != 400 {
				t.Errorf("%q: %d %s", advance, got.status, got.body)
			}
		}
	})
	t.Run("SEC-201 a page of another origin", func(t *testing.T) {
		before := clock.Now()
		for _, header := range [][]string{
			{"Origin", "https://evil.example"},
			{"Sec-Fetch-Site", "cross-site"},
			{"Host", "evil.example"},
			{"Host", "evil.example:80", "Origin", "http://evil.example:80", "Sec-Fetch-Site", "same-origin"},
		} {
			if got := post("5h", header...); got.status != 403 {
				t.Errorf("%v: %d %s", header, got.status, got.body)
			}
		}
		if clock.Now().Sub(before) > time.Hour {
			t.Error("the clock was moved")
		}
	})
	t.Run("not on a public address", func(t *testing.T) {
		_, err := server.New(t.Context(), server.Config{
			Listen: "0.0.0.0:0", Clock: clock, Store: closed(t), Master: keys.NewMaster(),
		})
		if err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("New: %v", err)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]server.Config{
		"a path":        {Issuer: "https://id.example/x"},
		"a slash":       {Issuer: "https://id.example/"},
		"plain http":    {Issuer: "http://id.example"},
		"no scheme":     {Issuer: "id.example"},
		"upper case":    {Issuer: "https://ID.example"},
		"a user":        {Issuer: "https://me@id.example"},
		"half a pair":   {TLSCert: "cert.pem"},
		"no such pair":  {TLSCert: "/nowhere/c.pem", TLSKey: "/nowhere/k.pem"},
		"no store":      {},
		"a taken port":  {Listen: taken(t)},
		"no such place": {Listen: "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config.Master = keys.NewMaster()
			if config.Listen == "" {
				config.Listen = "127.0.0.1:0"
			}
			if name != "no store" {
				config.Store = closed(t)
			}
			if s, err := server.New(t.Context(), config); err == nil {
				t.Errorf("made %v", s.Addr())
			}
		})
	}
}

// taken is an address that somebody else listens on.
func taken(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// closed is a store for servers that do not come so far.
func closed(t *testing.T) server.Store {
	t.Helper()
	return &unused{}
}

type unused struct{ server.Store }

func (unused) Close() error { return nil }

func TestSeed(t *testing.T) {
	t.Parallel()
	withPeople := func(c *server.Config) { c.Seed = seed.Dev("") }
	r := start(t, withPeople)
	check := func(t *testing.T, r *running) {
		t.Helper()
		ask := func() answer { return r.do(t, "GET", "/userinfo", "", "Authorization", "Bearer "+seed.ReadyToken) }
		told := ask()
		for told.status == http.StatusServiceUnavailable { // on a machine so busy that the replica is behind for a moment
			told = ask()
		}
		got := told.json(t)
		for name, want := range map[string]any{
			"sub": "usr_1234567890", "email": "user@example.com", "name": "John Doe", "preferred_username": "johndoe",
			"organization": "Acme Corp", "role": "admin", "created_at": "2024-01-01T00:00:00Z",
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		service := r.post(t, "/token", "grant_type", "client_credentials", "client_id", "dev-service", "client_secret", seed.ServiceSecret)
		if service.status != 200 {
			t.Errorf("dev-service: %d %s", service.status, service.body)
		}
		clients, err := r.store.ListClients(t.Context())
		must(t, err)
		if len(clients) != 7 {
			t.Errorf("%d clients", len(clients))
		}
	}
	check(t, r)
	must(t, r.end())
	t.Run("a second start changes nothing", func(t *testing.T) {
		check(t, startAt(t, r.place, r.master, withPeople))
	})
}

func TestEnd_SEC292(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *server.Config) { c.Seed = seed.Dev("") })
	const exchanges = 60
	tokens := refreshTokens(t, r, exchanges)
	begun := r.post(t, "/device_authorization", "client_id", "doorward").json(t)

	var all sync.WaitGroup
	answers := make([]answer, exchanges)
	polls := make([]answer, 5)
	for i := range polls {
		all.Go(func() {
			body := "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=doorward&device_code=" + begun["device_code"].(string)
			polls[i] = r.try(body, "Prefer", "wait=25")
		})
	}
	for i := range answers {
		all.Go(func() {
			answers[i] = r.try("grant_type=refresh_token&client_id=doorward&refresh_token=" + tokens[i])
		})
		if i == exchanges/2 {
			r.stop() // in the middle of them
		}
	}
	if err := within(t, "Run", r.done); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.done <- nil
	all.Wait()
	for _, poll := range polls { // answered by the drain, or never begun
		if poll.status != 0 && poll.status != 400 {
			t.Errorf("a held poll: %d %s", poll.status, poll.body)
		}
	}
	again := startAt(t, r.place, r.master, nil)
	finished := 0
	for i, got := range answers {
		token := tokens[i]
		switch got.status {
		case 200:
			finished++
			token = got.json(t)["refresh_token"].(string)
		case 0, 503:
		default:
			t.Errorf("exchange %d: %d %s", i, got.status, got.body)
		}
		after := again.post(t, "/token", "grant_type", "refresh_token", "client_id", "doorward", "refresh_token", token)
		if after.status != 200 {
			t.Errorf("exchange %d is lost: first %d, then %d %s", i, got.status, after.status, after.body)
		}
	}
	t.Logf("%d of %d were finished before the end", finished, exchanges)
}

// try sends a token request; status 0 where there was no answer.
func (r *running) try(body string, header ...string) answer {
	request, err := http.NewRequest(http.MethodPost, r.url+"/token", strings.NewReader(body))
	if err != nil {
		return answer{}
	}
	request.Header.Set("Content-Type", formType)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return answer{}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func TestStoreFails_SEC297(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	close(r.store.failed)
	err := within(t, "Run", r.done)
	r.done <- nil
	if err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("Run: %v", err)
	}
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	var links []string
	invite := func(c *server.Config) { c.Seed, c.Invite = nil, func(link string) { links = append(links, link) } }
	r := start(t, invite)
	if len(links) != 1 || !strings.HasPrefix(links[0], r.Issuer()+"/") {
		t.Fatalf("links %q", links)
	}
	if strings.Contains(r.log.String(), links[0]) {
		t.Error("the log has the link")
	}
	must(t, r.end())
	startAt(t, r.place, r.master, func(c *server.Config) {
		c.Seed = seed.Dev("")
		c.Invite = func(string) { t.Error("a second invitation, though there are people") }
	})
}
