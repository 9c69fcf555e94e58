package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorward/doorward/cred"
)

// Transport is an http.RoundTripper that sends the bearer token of a Source (RFC 6750 section 2.1), to the servers that it
// belongs to and to nobody else: not to other hosts or ports, not in the clear, and not along a redirect that has left
// its server, even where it leads back. All other requests pass as they are.
type Transport struct {
	Source Source

	// Servers are the addresses whose scheme, host and port the token belongs to ("https://api.example.com"). Plain http
	// counts for loopback addresses only. None: the token is sent nowhere.
	Servers []string

	Base http.RoundTripper // nil: http.DefaultTransport
}

// RoundTrip adds the token where it belongs. Where the Source has none, the request is not sent and its error returned.
// A request that carries an Authorization of its own keeps it.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Authorization") != "" || !t.belongs(req) {
		return t.base().RoundTrip(req)
	}
	value, err := t.authorization(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as the contract of a RoundTripper has it
		}
		return nil, err
	}
	authorized := req.Clone(req.Context())
	authorized.Header.Set("Authorization", value)
	return t.base().RoundTrip(authorized)
}

func (t *Transport) authorization(ctx context.Context) (string, error) {
	c, err := t.Source.Token(ctx)
	if err != nil {
		return "", err
	}
	if c.TokenType != "" && !strings.EqualFold(c.TokenType, "Bearer") {
		return "", fmt.Errorf("a token of type %q cannot be sent as a bearer token", c.TokenType)
	}
	if err := sendable(c); err != nil {
		return "", err
	}
	return "Bearer " + c.Access.Reveal(), nil
}

// sendable refuses a token that would end the header line; net/http would say so with the token in its words.
func sendable(c cred.Credential) error {
	if strings.ContainsFunc(c.Access.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the stored access token has characters that no token has: log in again")
	}
	return nil
}

// belongs reports whether the request, and every one that led to it by a redirect, is to a server of the token, and to the
// same one.
func (t *Transport) belongs(req *http.Request) bool {
	here := origin(req.URL)
	if here == "" || !t.known(here) || req.Host != "" && !strings.EqualFold(req.Host, req.URL.Host) {
		return false
	}
	for cause := req.Response; cause != nil && cause.Request != nil; cause = cause.Request.Response {
		if origin(cause.Request.URL) != here {
			return false
		}
	}
	return true
}

func (t *Transport) known(here string) bool {
	for _, server := range t.Servers {
		if parsed, err := url.Parse(server); err == nil && origin(parsed) == here {
			return true
		}
	}
	return false
}

// origin is scheme, host and port, or nothing for an address that no token may be sent to.
func origin(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch {
	case host == "" || u.User != nil:
		return ""
	case u.Scheme == "https":
		if port == "" {
			port = "443"
		}
	case u.Scheme == "http" && loopback(host):
		if port == "" {
			port = "80"
		}
	default:
		return ""
	}
	return u.Scheme + "://" + net.JoinHostPort(host, port)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}
