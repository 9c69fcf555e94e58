// Package load puts an authorization server under load over plain OAuth, so that any server can be measured with it. Every
// answer is checked, not only counted: a fast refusal is no result.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// maxAnswer bounds an answer, in bytes; pages of a login are the largest.
const maxAnswer = 1 << 20

// ErrUnexpected says that a server answered, but not what the workload asked for.
var ErrUnexpected = errors.New("unexpected answer")

// Server is an authorization server as its clients know it. Issuer and ClientID are needed.
type Server struct {
	Issuer   string
	ClientID string        // of logins and refreshes; public, or with Secret
	Secret   secret.String // "" : a public client
	Scope    oauth.Scope   // nil: openid
	// Redirect is where a login in the browser leads; nobody listens there. "": http://127.0.0.1:9999/callback.
	Redirect string

	ServiceID     string        // of client_credentials and introspection
	ServiceSecret secret.String // its secret

	// Address, where set, is told as X-Forwarded-For: a server that trusts this machine as its proxy then sees many clients,
	// and its limits for one address do not decide the measurement.
	Address func() string

	metadata oauth.Metadata
	http     *http.Client
}

// ManyAddresses is for Server.Address: a thousand private addresses in turn.
func ManyAddresses() func() string {
	var turn atomic.Uint32
	return func() string {
		n := int(turn.Add(1) % 1000)
		return "10.1." + strconv.Itoa(n/250) + "." + strconv.Itoa(n%250)
	}
}

// Open reads the server's metadata. connections is the most that will be open at once.
func (s *Server) Open(ctx context.Context, connections int) error {
	s.http = &http.Client{
		Transport: &http.Transport{
			MaxIdleConns: connections, MaxIdleConnsPerHost: connections, DisableCompression: true, IdleConnTimeout: time.Minute,
		},
		// A redirect is an answer here, and often the one that matters.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
	if s.Redirect == "" {
		s.Redirect = "http://127.0.0.1:9999/callback"
	}
	if s.Scope == nil {
		s.Scope = oauth.Scope{oauth.ScopeOpenID}
	}
	answer, err := s.get(ctx, strings.TrimSuffix(s.Issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return err
	}
	if err := answer.json(&s.metadata); err != nil {
		return err
	}
	if s.metadata.TokenEndpoint == "" {
		return fmt.Errorf("%w: the metadata of %s name no token endpoint", ErrUnexpected, s.Issuer)
	}
	return nil
}

// Close closes the connections.
func (s *Server) Close() { s.http.CloseIdleConnections() }

// answer is what came back, read to its end.
type answer struct {
	asked  string // method and path, for errors; never the query, which may carry a code
	status int
	header http.Header
	body   []byte
}

func (s *Server) get(ctx context.Context, address string, header http.Header) (answer, error) {
	return s.do(ctx, http.MethodGet, address, "", header)
}

func (s *Server) post(ctx context.Context, address string, form url.Values, header http.Header) (answer, error) {
	return s.do(ctx, http.MethodPost, address, form.Encode(), header)
}

func (s *Server) do(ctx context.Context, method, address, body string, header http.Header) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if header != nil {
		request.Header = header
	}
	if method == http.MethodPost {
		request.Header["Content-Type"] = formType
	}
	if s.Address != nil {
		request.Header["X-Forwarded-For"] = []string{s.Address()}
	}
	response, err := s.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	got := answer{asked: method + " " + request.URL.Path, status: response.StatusCode, header: response.Header}
	var text bytes.Buffer
	text.Grow(int(min(max(response.ContentLength, 512), maxAnswer)) + bytes.MinRead)
	_, err = text.ReadFrom(io.LimitReader(response.Body, maxAnswer))
	got.body = text.Bytes()
	return got, err
}

var formType = []string{"application/x-www-form-urlencoded"}

// json reads an answer that must be a 200.
func (a answer) json(into any) error {
	if a.status != http.StatusOK {
		return a.unexpected()
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("%w: %s answered without JSON: %w", ErrUnexpected, a.asked, err)
	}
	return nil
}

// refused reads the error code of RFC 6749 section 5.2; "" where the answer is none.
func (a answer) refused() oauth.ErrorCode {
	var wire struct {
		Error oauth.ErrorCode `json:"error"`
	}
	if a.status < http.StatusBadRequest || json.Unmarshal(a.body, &wire) != nil {
		return ""
	}
	return wire.Error
}

// unexpected says what came instead. Only the error code of a body is repeated: anything else may hold a token.
func (a answer) unexpected() error {
	return fmt.Errorf("%w: %s answered %d %s", ErrUnexpected, a.asked, a.status, string(a.refused()))
}

// tokens is the answer of the token endpoint, as far as it is looked at.
type tokens struct {
	Access  secret.String `json:"access_token"`
	Refresh secret.String `json:"refresh_token"`
	Type    string        `json:"token_type"`
}

// token posts to the token endpoint and checks that an access token came.
func (s *Server) token(ctx context.Context, form url.Values, header http.Header) (tokens, error) {
	got, err := s.post(ctx, s.metadata.TokenEndpoint, form, header)
	if err != nil {
		return tokens{}, err
	}
	return got.tokens()
}

func (a answer) tokens() (t tokens, err error) {
	if err := a.json(&t); err != nil {
		return t, err
	}
	if t.Access.IsZero() || !strings.EqualFold(t.Type, "Bearer") {
		return t, fmt.Errorf("%w: %s answered 200 without a bearer token", ErrUnexpected, a.asked)
	}
	return t, nil
}

// form is a request of the client that logs in.
func (s *Server) form(grant oauth.GrantType) url.Values {
	form := url.Values{"client_id": {s.ClientID}}
	if !s.Secret.IsZero() {
		form.Set("client_secret", s.Secret.Reveal())
	}
	if grant != "" {
		form.Set("grant_type", string(grant))
	}
	return form
}

// service is a request of the service.
func (s *Server) service() url.Values {
	return url.Values{"client_id": {s.ServiceID}, "client_secret": {s.ServiceSecret.Reveal()}}
}
