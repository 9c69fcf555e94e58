package federation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	// wireTimeout bounds one request to a provider, its body included: a person waits for it.
	wireTimeout = 10 * time.Second
	// maxBody bounds an answer, in bytes. The largest key sets in the field have 30 kB.
	maxBody = 128 << 10
)

var (
	errPrivate = errors.New("the address is private and not allowed for a provider")
	errLong    = errors.New("the answer is too long")
)

// client makes the HTTP client for providers: it follows no redirect, uses no proxy, and looks at the address that a name
// was resolved to at the moment of connecting, so that no answer of a name server leads into our own network (SEC-193).
func client(roots *x509.CertPool, resolver *net.Resolver, allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: wireTimeout, Resolver: resolver}
	if !allowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return public(address) }
	}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: wireTimeout, ResponseHeaderTimeout: wireTimeout, IdleConnTimeout: time.Minute,
		MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true,
	}
	return &http.Client{
		Transport: bounded{transport}, Timeout: wireTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// notPublic are the networks beside those that netip knows by name: this network, carrier-grade NAT, IETF protocols,
// documentation, benchmarks, reserved; for IPv6 the ways to write IPv4 inside it, discard, documentation.
func notPublic() (networks []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		networks = append(networks, netip.MustParsePrefix(text))
	}
	return networks
}

// public refuses a resolved address that is not one of the public Internet.
func public(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	ip := at.Addr().Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return errPrivate
	}
	for _, network := range notPublic() {
		if network.Contains(ip) {
			return errPrivate
		}
	}
	return nil
}

// bounded cuts answers that are too long with an error: a body that is silently cut could still be read as something.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &limited{response.Body, maxBody}
	return response, nil
}

type limited struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, errLong
	}
	return n, err
}

// detached keeps what a discovery began going when the person who caused it leaves: others wait for it too.
func detached(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
