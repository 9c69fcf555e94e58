package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	maxBody        = 1 << 20 // of an answer, after decompression (SEC-336)
	defaultTimeout = 30 * time.Second
	maxRetryAfter  = time.Hour // what a server may ask for at most
)

// AnswerError says that an answer did not come from an OAuth server, or not whole: a web page, a redirect, garbage, more
// than 1 MiB. Most often a network's sign-in page, a proxy, or a wrong address.
type AnswerError struct {
	Host   string
	Status int    // of HTTP
	Reason string // what was wrong with it
	// RequestID is the name by which the server's operator finds the request (X-Request-Id); "" where it was not said.
	RequestID string
}

// Error says who answered what.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s did not answer as an OAuth server does: HTTP %d, %s", e.Host, e.Status, e.Reason)
}

// request is one request; form is nil for GET.
type request struct {
	method  string
	address string
	form    url.Values
	bearer  secret.String // for userinfo
	kind    string        // the scheme of bearer
	wait    time.Duration // of a long poll
}

// answer is a 2xx answer, or the whole of another one inside an error.
type answer struct {
	host   string
	status int
	header http.Header
	body   []byte
}

// send makes one request and returns the 2xx answer; everything else is an error, of the kinds the package names.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	limit := c.Timeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, limit+r.wait)
	defer cancel()
	got, err := c.roundTrip(limited, r)
	switch {
	case err == nil:
		return got, c.judge(got)
	case ctx.Err() != nil:
		return answer{}, context.Cause(ctx) // the caller went; the server did nothing wrong
	case limited.Err() != nil:
		err = fmt.Errorf("%s: no answer within %s", host(r.address), limit+r.wait)
	}
	return answer{}, lasting(err)
}

// lasting wraps what may pass, and leaves the errors that will be the same next time.
func lasting(err error) error {
	var address *oauth.AddressError
	if errors.As(err, &address) {
		return err
	}
	return &oauth.TemporaryError{Err: err}
}

// roundTrip sends and reads, within the limits of size; its errors carry neither the URL nor the body.
func (c *Client) roundTrip(ctx context.Context, r request) (answer, error) {
	req, err := r.build(ctx, c)
	if err != nil {
		return answer{}, err
	}
	resp, err := c.http().Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", req.URL.Host, withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	got := answer{host: req.URL.Host, status: resp.StatusCode, header: resp.Header}
	// The limit is on what comes out of gzip; one byte more than allowed tells a long answer from a full one.
	got.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("%s: the answer broke off: %w", got.host, err)
	}
	if len(got.body) > maxBody {
		return answer{}, got.wrong("more than 1 MiB")
	}
	return got, nil
}

// build checks the address once more, right before anything is sent: every request comes through here, whatever part of
// the metadata its address is from.
func (r request) build(ctx context.Context, c *Client) (*http.Request, error) {
	if err := c.checkAddress(r.address); err != nil {
		return nil, err
	}
	basic := r.form != nil && c.usesBasic()
	var body io.Reader
	if r.form != nil {
		if !basic {
			r.form.Set("client_id", c.ID)
			set(r.form, "client_secret", c.Secret.Reveal())
		}
		body = strings.NewReader(r.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.address, body)
	if err != nil {
		return nil, &oauth.AddressError{Address: oauth.Inert(r.address), Reason: "is not a URL"}
	}
	req.Header.Set("Accept", "application/json")
	if r.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if basic {
		// Both halves are form-encoded first: a colon in the id would move the border between them.
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	if !r.bearer.IsZero() {
		req.Header.Set("Authorization", r.kind+" "+r.bearer.Reveal())
	}
	if r.wait > 0 {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(int(r.wait/time.Second))) // RFC 7240 section 4.3
	}
	return req, nil
}

// usesBasic reports how the client proves itself: client_secret_basic where there is a secret (RFC 6749 section 2.3.1),
// except where the server lists client_secret_post and nothing better. A public client sends its bare client_id.
func (c *Client) usesBasic() bool {
	if c.Secret.IsZero() {
		return false
	}
	listed := oauth.Scope(c.known().TokenEndpointAuthMethods)
	return !listed.Has("client_secret_post") || listed.Has("client_secret_basic")
}

// known returns the metadata without asking for it.
func (c *Client) known() oauth.Metadata {
	if c.Metadata.Issuer != "" {
		return c.Metadata
	}
	c.discovery.Lock()
	defer c.discovery.Unlock()
	if c.found == nil {
		return oauth.Metadata{}
	}
	return *c.found
}

// http returns the client's HTTP without redirects: an OAuth endpoint has none, and following one would carry secrets to
// an address that nobody configured.
func (c *Client) http() *http.Client {
	hc := http.Client{} // a copy: the caller may use theirs for things that do follow redirects
	if c.HTTP != nil {
		hc = *c.HTTP
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc
}

// judge turns an answer that is not a success into an error.
func (c *Client) judge(got answer) error {
	wire := oauth.ParseError(got.body)
	if wire != nil {
		wire.Status = got.status
		wire.RetryAfter = c.retryAfter(got.header)
		wire.RequestID = got.requestID()
	}
	switch {
	case got.status >= 500 || got.status == http.StatusTooManyRequests || got.status == http.StatusRequestTimeout:
		return &oauth.TemporaryError{Err: got.overloaded(wire), RetryAfter: c.retryAfter(got.header)}
	case wire != nil && (wire.Code == oauth.TemporarilyUnavailable || wire.Code == oauth.ServerError):
		return &oauth.TemporaryError{Err: wire, RetryAfter: wire.RetryAfter}
	case wire != nil: // also with 200, which well-known servers send
		return wire
	case got.status >= 200 && got.status < 300:
		return nil
	// A resource (userinfo) may say no with a challenge alone (RFC 6750 section 3); without one, a proxy said it.
	case got.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") != "":
		return &oauth.Error{Code: oauth.InvalidToken, Status: got.status}
	}
	return got.strange(got.status)
}

// overloaded keeps the wire's error for the codes that a busy server sends. Any other is kept as text only: a proxy's 502
// with a stale invalid_grant in it must not be taken for a decision.
func (a answer) overloaded(wire *oauth.Error) error {
	if wire == nil {
		return a.wrong("it is busy or broken at the moment")
	}
	switch wire.Code {
	case oauth.ServerError, oauth.TemporarilyUnavailable, oauth.SlowDown, oauth.AuthorizationPending:
		return wire
	}
	return a.wrong(wire.Error())
}

// wrong is the error for an answer that cannot be used.
func (a answer) wrong(reason string) *AnswerError {
	return &AnswerError{Host: a.host, Status: a.status, Reason: reason, RequestID: a.requestID()}
}

// maxRequestID is how much of a request's id is believed to be one.
const maxRequestID = 128

// requestID is what the server calls this request, for people to pass on: inert, and cut where it is no name any more.
func (a answer) requestID() string {
	id := oauth.Inert(a.header.Get("X-Request-Id"))
	return id[:min(len(id), maxRequestID)]
}

// strange is the error for an answer that is neither a success nor an OAuth error. A page or a redirect in the place of
// an answer is the network's doing and may pass; a 4xx without an OAuth error will be the same next time.
func (a answer) strange(status int) error {
	err := a.wrong("not the JSON of an OAuth answer")
	err.Status = status
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case status >= 300 && status < 400:
		err.Reason = "a redirect; is this network's sign-in page in between, or is the address wrong?"
	case kind == "text/html":
		err.Reason = "a web page; is this network's sign-in page in between, or is the address wrong?"
	}
	if status < 400 {
		return &oauth.TemporaryError{Err: err}
	}
	return err
}

// retryAfter reads Retry-After (RFC 9110 section 10.2.3), seconds or a date; at most an hour is believed.
func (c *Client) retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if n, err := strconv.Atoi(value); err == nil {
		return min(time.Duration(max(0, min(n, 3600)))*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(c.now()), maxRetryAfter))
	}
	return 0
}

// withoutURL drops the *url.Error around a transport's error: the address is said already, and its query is nobody's
// business in a log.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// host is what an error may say of an address.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return oauth.Inert(address)
	}
	return u.Host
}
