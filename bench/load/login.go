package load

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// Browser is one in which somebody has signed in.
type Browser struct {
	server  *Server
	cookies []string // the Cookie header
	origin  string
}

// SignIn signs a person in at the server's own pages.
func (s *Server) SignIn(ctx context.Context, name string, password secret.String) (*Browser, error) {
	base, err := url.Parse(s.Issuer)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	if err := (&visitor.Visitor{Base: s.Issuer, HTTP: &http.Client{Jar: jar}}).SignIn(ctx, name, password); err != nil {
		return nil, err
	}
	var pairs []string
	for _, cookie := range jar.Cookies(base) {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	return &Browser{server: s, cookies: []string{strings.Join(pairs, "; ")}, origin: base.Scheme + "://" + base.Host}, nil
}

// header is what a browser sends with a navigation.
func (b *Browser) header(site string) http.Header {
	return http.Header{"Cookie": b.cookies, "Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
}

// open follows redirects within the server until there is a page, which must be whole, with the button on it.
func (b *Browser) open(ctx context.Context, address, button string) (decision, *url.URL, error) {
	for range 5 {
		got, err := b.server.get(ctx, address, b.header("none"))
		if err != nil {
			return decision{}, nil, err
		}
		at, err := url.Parse(address)
		if err != nil {
			return decision{}, nil, err
		}
		if got.status/100 == 3 {
			next, err := at.Parse(got.header.Get("Location"))
			if err != nil {
				return decision{}, nil, err
			}
			if next.Scheme+"://"+next.Host != b.origin {
				return decision{}, nil, fmt.Errorf("%w: %s led away from the server before there was a decision", ErrUnexpected, got.asked)
			}
			address = next.String()
			continue
		}
		form, ok := findDecision(got.body, button)
		if got.status != http.StatusOK || !ok {
			return decision{}, nil, fmt.Errorf("%w: %s answered %d and has no button %q", ErrUnexpected, got.asked, got.status, button)
		}
		return form, at, nil
	}
	return decision{}, nil, fmt.Errorf("%w: redirects without end", ErrUnexpected)
}

// press sends the form and returns where the answer leads.
func (b *Browser) press(ctx context.Context, form decision, at *url.URL) (*url.URL, error) {
	target, err := at.Parse(form.action)
	if err != nil {
		return nil, err
	}
	header := b.header("same-origin")
	header["Origin"] = []string{b.origin}
	got, err := b.server.post(ctx, target.String(), form.values, header)
	if err != nil {
		return nil, err
	}
	if got.status/100 != 3 {
		return nil, got.unexpected()
	}
	return target.Parse(got.header.Get("Location"))
}

// Login is a whole login by authorization code and PKCE in a browser where somebody is signed in.
func (b *Browser) Login(ctx context.Context) (tokens, error) {
	s := b.server
	verifier, state := oauth.NewVerifier(), oauth.NewVerifier().Reveal()
	query := url.Values{
		"response_type": {"code"}, "client_id": {s.ClientID}, "redirect_uri": {s.Redirect}, "scope": {s.Scope.String()},
		"state": {state}, "code_challenge": {string(verifier.Challenge())}, "code_challenge_method": {oauth.ChallengeS256},
	}
	form, at, err := b.open(ctx, s.metadata.AuthorizationEndpoint+"?"+query.Encode(), visitor.ButtonApprove)
	if err != nil {
		return tokens{}, err
	}
	back, err := b.press(ctx, form, at)
	if err != nil {
		return tokens{}, err
	}
	code := back.Query().Get("code")
	if !strings.HasPrefix(back.String(), s.Redirect+"?") || back.Query().Get("state") != state || code == "" {
		return tokens{}, fmt.Errorf("%w: the login did not lead back with its code and state", ErrUnexpected)
	}
	ask := s.form(oauth.GrantAuthorizationCode)
	ask.Set("code", code)
	ask.Set("redirect_uri", s.Redirect)
	ask.Set("code_verifier", verifier.Reveal())
	return s.token(ctx, ask, nil)
}

// device is a device login that has begun (RFC 8628 section 3.2).
type device struct {
	Code     secret.String `json:"device_code"`
	UserCode string        `json:"user_code"`
	URI      string        `json:"verification_uri"`
	Complete string        `json:"verification_uri_complete"`
	verifier oauth.Verifier
}

// begin begins a device login.
func (s *Server) begin(ctx context.Context) (d device, err error) {
	d.verifier = oauth.NewVerifier()
	form := s.form("")
	form.Set("scope", s.Scope.String())
	form.Set("code_challenge", string(d.verifier.Challenge()))
	form.Set("code_challenge_method", oauth.ChallengeS256)
	got, err := s.post(ctx, s.metadata.DeviceAuthorizationEndpoint, form, nil)
	if err != nil {
		return d, err
	}
	if err := got.json(&d); err != nil {
		return d, err
	}
	if d.Code.IsZero() || d.UserCode == "" || d.URI == "" {
		return d, fmt.Errorf("%w: %s answered 200 without its codes", ErrUnexpected, got.asked)
	}
	return d, nil
}

// poll asks once; wait is how long the server may hold the answer (RFC 7240), 0: not at all.
func (s *Server) poll(ctx context.Context, d *device, wait string) (answer, error) {
	form := s.form(oauth.GrantDeviceCode)
	form.Set("device_code", d.Code.Reveal())
	form.Set("code_verifier", d.verifier.Reveal())
	var header http.Header
	if wait != "" {
		header = http.Header{"Prefer": {"wait=" + wait}}
	}
	return s.post(ctx, s.metadata.TokenEndpoint, form, header)
}

// approve opens the page of a device login, presses Approve and, as a browser does, reads the page behind it. before is
// called when the page is read and the button is about to be pressed.
func (b *Browser) approve(ctx context.Context, d *device, before func()) error {
	form, at, err := b.open(ctx, d.Complete, visitor.ButtonApprove)
	if err != nil {
		return err
	}
	before()
	next, err := b.press(ctx, form, at)
	if err != nil {
		return err
	}
	got, err := b.server.get(ctx, next.String(), b.header("same-origin"))
	if err == nil && got.status != http.StatusOK {
		return got.unexpected()
	}
	return err
}

// DeviceLogin is a whole device login in a browser where somebody is signed in.
func (b *Browser) DeviceLogin(ctx context.Context) (tokens, error) {
	d, err := b.server.begin(ctx)
	if err != nil {
		return tokens{}, err
	}
	if err := b.approve(ctx, &d, func() {}); err != nil {
		return tokens{}, err
	}
	got, err := b.server.poll(ctx, &d, "")
	if err != nil {
		return tokens{}, err
	}
	return got.tokens()
}

// refresh rotates a refresh token.
func (s *Server) refresh(ctx context.Context, token secret.String) (tokens, error) {
	form := s.form(oauth.GrantRefreshToken)
	form.Set("refresh_token", token.Reveal())
	next, err := s.token(ctx, form, nil)
	if err == nil && next.Refresh.IsZero() {
		err = fmt.Errorf("%w: a refresh without a refresh token", ErrUnexpected)
	}
	return next, err
}
