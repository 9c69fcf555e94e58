// Package contract speaks the JSON of a product's own server, for what OAuth has no words for. It has the limits of
// oauth/client and tells the same kinds of failure apart: what the server decided is an *oauth.Error, what may pass by
// itself an *oauth.TemporaryError, and what will be the same next time neither.
package contract

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	maxBody        = 1 << 20 // of an answer, in bytes
	defaultTimeout = 30 * time.Second
	maxRetryAfter  = 3600 // seconds that a server may ask for at most
)

// Server is one server.
type Server struct {
	Base    string        // its address without a slash at the end; https, or a loopback address
	HTTP    *http.Client  // nil: http.DefaultTransport. Redirects are never followed: they would carry secrets elsewhere.
	Timeout time.Duration // for one request, reading included; 0: 30 s
}

// Request is one request.
type Request struct {
	Method string // "": GET
	Path   string // with its query
	Bearer secret.String
	Body   map[string]string // sent as a JSON object; nil: nothing is sent
}

// Call makes a request and reads the answer, a JSON object, into what the caller expects. A refusal's sentence stands in the
// Description of the *oauth.Error, with the code of its problem details (RFC 9457) where it is one; else 401 is
// oauth.InvalidToken and every other one oauth.InvalidRequest. Its Status is that of the answer.
func (s Server) Call(ctx context.Context, r Request, into any) error {
	_, err := s.Poll(ctx, r, 0, into)
	return err
}

// Poll is Call for a question that the server may hold for as long as wait, until there is news (RFC 7240 section 4.3).
// waited reports that it does so: the next poll may follow at once.
func (s Server) Poll(ctx context.Context, r Request, wait time.Duration, into any) (waited bool, err error) {
	if err := oauth.CheckAddress(s.Base); err != nil {
		return false, err
	}
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	timeout += wait
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, body, err := s.send(limited, r, wait) //nolint:bodyclose // send has read and closed it
	switch {
	case err == nil:
		return wait > 0 && resp.Header.Get("Preference-Applied") != "", judge(resp, body, into)
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case limited.Err() != nil:
		err = fmt.Errorf("no answer within %s", timeout)
	}
	var wrapped *url.Error // says the address once more
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return false, &oauth.TemporaryError{Err: fmt.Errorf("%s: %w", host(s.Base), err)}
}

func (s Server) send(ctx context.Context, r Request, wait time.Duration) (*http.Response, []byte, error) {
	var text []byte
	if r.Body != nil {
		text, _ = json.Marshal(r.Body) // texts are always JSON
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, s.Base+r.Path, bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if wait > 0 {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(int(wait/time.Second)))
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.Bearer.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.Bearer.Reveal())
	}
	hc := http.Client{} // a copy: the caller may use theirs for things that do follow redirects
	if s.HTTP != nil {
		hc = *s.HTTP
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := hc.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	return resp, body, err
}

// judge reads an answer, or says why it is none.
func judge(resp *http.Response, body []byte, into any) error {
	strange := fmt.Errorf("%s did not answer as its programs expect: HTTP %d, not the JSON of an answer; is this network's "+
		"sign-in page in between, or is the address wrong?", resp.Request.URL.Host, resp.StatusCode)
	switch status := resp.StatusCode; {
	case status >= 500, status == http.StatusTooManyRequests:
		return &oauth.TemporaryError{
			Err:        fmt.Errorf("%s is busy or broken at the moment (HTTP %d)", resp.Request.URL.Host, status),
			RetryAfter: retryAfter(resp.Header),
		}
	case status >= 400:
		return refusal(status, body, strange)
	case status >= 300, len(body) > maxBody, oauth.Decode(body, into) != nil:
		return &oauth.TemporaryError{Err: strange} // a network's sign-in page goes away
	}
	return nil
}

// refusal is what the server decided, where the answer is the server's.
func refusal(status int, body []byte, strange error) error {
	var failed struct {
		Error  string          `json:"error"`
		Code   oauth.ErrorCode `json:"code"`
		Detail string          `json:"detail"`
	}
	if oauth.Decode(body, &failed) != nil || failed.Error+failed.Detail == "" {
		return strange
	}
	code := oauth.InvalidRequest
	switch {
	case failed.Error == "" && failed.Code != "":
		code = oauth.ErrorCode(oauth.Inert(string(failed.Code)))
	case status == http.StatusUnauthorized:
		code = oauth.InvalidToken
	}
	return &oauth.Error{Code: code, Description: oauth.Inert(cmp.Or(failed.Error, failed.Detail)), Status: status}
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(max(0, min(seconds, maxRetryAfter))) * time.Second
}

// host is what an error may say of an address.
func host(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return oauth.Inert(address)
	}
	return parsed.Host
}
