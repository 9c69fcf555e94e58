package federation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/doorward/doorward/federation"
)

func begin(t *testing.T, u *federation.Upstreams, issuer string) error {
	t.Helper()
	p := &federation.OIDC{Upstreams: u, Issuer: issuer, ClientID: clientID}
	_, err := p.Begin(t.Context(), federation.Ask{Seal: func([]byte) string { return "s" }})
	return err
}

// flipping is a name server whose every answer is this machine, whatever it may have said to whoever looked before.
func flipping(t *testing.T, address [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: address},
				}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestPrivateAddresses_SEC193(t *testing.T) {
	t.Parallel()
	reached := false
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	for _, issuer := range []string{
		"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::1]:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://10.0.0.1",
		"https://192.168.1.1", "https://169.254.169.254", "https://100.64.0.1", "https://[fd00::1]", "https://[fe80::1]", "https://0.0.0.0:" + port,
		"https://[64:ff9b::7f00:1]", "http://localhost:" + port, "http://idp.example", "ftp://idp.example", "",
	} {
		if err := begin(t, new(federation.Upstreams), issuer); !errors.Is(err, federation.ErrUnavailable) {
			t.Error(issuer, err)
		}
	}
	u := &federation.Upstreams{Resolver: flipping(t, [4]byte{127, 0, 0, 1})}
	if err := begin(t, u, "https://idp.example:"+port); !errors.Is(err, federation.ErrUnavailable) || reached {
		t.Error("a name that leads inside:", err, reached)
	}
}

func TestRedirects_SEC193(t *testing.T) {
	t.Parallel()
	elsewhere := lie(t)
	l := lie(t)
	l.handle = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
	}
	if err := begin(t, l.upstreams(), l.URL); !errors.Is(err, federation.ErrUnavailable) || elsewhere.asked.Load() != 0 {
		t.Error("a redirect was followed:", err)
	}
	for _, field := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		l := lie(t)
		l.metadata[field] = "http://idp.example/x"
		if err := begin(t, l.upstreams(), l.URL); !errors.Is(err, federation.ErrUnavailable) {
			t.Error(field, err)
		}
	}
}

func TestLimits_SEC194(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"a body without end": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(long(1 << 20))) },
		"500":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"garbage":            func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"nothing":            func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"an endless header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 64<<10))
			w.WriteHeader(200)
		},
	} {
		l := lie(t)
		l.handle = handle
		if err := begin(t, l.upstreams(), l.URL); !errors.Is(err, federation.ErrUnavailable) {
			t.Error(name, err)
		}
		l = lie(t) // the same where the keys are
		p := l.provider()
		begun := l.begin(p, false)
		l.set(func() {
			l.handle = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/jwks" {
					handle(w, r)
					return
				}
				then := l.handle
				l.handle = nil
				l.mu.Unlock()
				l.ServeHTTP(w, r)
				l.mu.Lock()
				l.handle = then
			}
		})
		if who, err := l.complete(p, begun, nil); err == nil {
			t.Error(name, who)
		}
	}
}

func TestDiscoveryIsKept_SEC194_SEC200(t *testing.T) {
	t.Parallel()
	l := lie(t)
	u := l.upstreams()
	for range 3 {
		if err := begin(t, u, l.URL); err != nil {
			t.Fatal(err)
		}
	}
	if asked := l.asked.Load(); asked != 1 {
		t.Errorf("%d discoveries within the hour", asked)
	}
	calls := 0
	l.set(func() {
		l.now = l.now.Add(2 * time.Hour)
		l.handle = func(w http.ResponseWriter, _ *http.Request) { calls++; w.WriteHeader(503) }
	})
	for range 5 {
		if err := begin(t, u, l.URL); err != nil {
			t.Error("an old discovery serves while the provider is down:", err)
		}
	}
	l.set(func() {
		if calls != 1 {
			t.Errorf("the provider was asked %d times within the pause", calls)
		}
		l.now = l.now.Add(23 * time.Hour)
	})
	if err := begin(t, u, l.URL); !errors.Is(err, federation.ErrUnavailable) || !strings.Contains(err.Error(), l.URL) {
		t.Error("after a day, and saying which:", err)
	}
	l.set(func() { l.handle, l.now = nil, l.now.Add(time.Minute) })
	if err := begin(t, u, l.URL); err != nil {
		t.Error("it is back:", err)
	}
}

func TestOneDiscoveryForMany_SEC194(t *testing.T) {
	t.Parallel()
	l := lie(t)
	u := l.upstreams()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := begin(t, u, l.URL); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked := l.asked.Load(); asked != 1 {
		t.Errorf("%d discoveries", asked)
	}
}

func TestCertificates_SEC195(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	u := &federation.Upstreams{AllowPrivate: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := begin(t, u, s.URL); !errors.Is(err, federation.ErrUnavailable) || !strings.Contains(log.String(), "certificate") {
		t.Error("nobody vouches for it:", err, log.String())
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	log.Reset()
	u = &federation.Upstreams{
		AllowPrivate: true, Roots: roots, Resolver: flipping(t, [4]byte{127, 0, 0, 1}), Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	if err := begin(t, u, "https://idp.test:"+port); !errors.Is(err, federation.ErrUnavailable) || !strings.Contains(log.String(), "idp.test") {
		t.Error("another host's certificate:", err, log.String())
	}
	log.Reset()
	if err := begin(t, u, s.URL); !strings.Contains(log.String(), "404") { // the certificate is fine, and the page is not there
		t.Error(err, log.String())
	}
}
