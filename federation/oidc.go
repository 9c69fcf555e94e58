package federation

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	// leeway is how far the provider's clock may be from ours.
	leeway = 2 * time.Minute
	// tripLife is how long somebody may take at the provider.
	tripLife = 30 * time.Minute
	// maxSubject is the longest subject (OpenID Connect Core 1.0 section 2).
	maxSubject = 255
)

// OIDC is a Provider that speaks OpenID Connect. All fields but Secret, ACR and AMR are needed.
type OIDC struct {
	Upstreams *Upstreams
	Issuer    string // exactly as the provider writes it
	ClientID  string
	Secret    secret.String // zero: we are a public client there
	ACR       []string      // one of these must be reached; nil: any
	AMR       []string      // all of these must have been used
}

// trip is what outlives the round trip. Nonce and verifier have 256 random bits each (SEC-196).
type trip struct {
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Callback string    `json:"c"`
	Issuer   string    `json:"i"`
	Anew     bool      `json:"a,omitempty"`
	At       time.Time `json:"t"`
}

// Begin implements Provider.
func (p *OIDC) Begin(ctx context.Context, ask Ask) (string, error) {
	found, err := p.Upstreams.discover(ctx, p.Issuer)
	if err != nil {
		return "", err
	}
	begun := trip{
		Nonce: oauth.NewVerifier().Reveal(), Verifier: oauth.NewVerifier().Reveal(), Callback: ask.Callback, Issuer: p.Issuer, Anew: ask.Anew,
		At: p.Upstreams.Now(),
	}
	sealed, err := json.Marshal(begun)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier)}
	if len(p.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(p.ACR, " ")))
	}
	if ask.Anew { // max_age makes the provider say when it was (OpenID Connect Core 1.0 section 3.1.2.1), so that it can be checked
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return p.config(found, ask.Callback).AuthCodeURL(ask.Seal(sealed), options...), nil
}

func (p *OIDC) config(found *discovered, callback string) *oauth2.Config {
	endpoint := found.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.Secret.IsZero() || found.posts() {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret.Reveal(), Endpoint: endpoint, RedirectURL: callback,
		Scopes: []string{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail},
	}
}

// Complete implements Provider.
func (p *OIDC) Complete(ctx context.Context, back Return) (Identity, error) {
	var begun trip
	if err := json.Unmarshal(back.Trip, &begun); err != nil || begun.Issuer != p.Issuer {
		return Identity{}, fmt.Errorf("%w: it belongs to another provider", ErrAnswer)
	}
	found, err := p.Upstreams.discover(ctx, p.Issuer)
	if err != nil {
		return Identity{}, err
	}
	if age := p.Upstreams.Now().Sub(begun.At); age > tripLife {
		return Identity{}, fmt.Errorf("%w: it came too late", ErrAnswer)
	}
	code, err := p.code(found, back.Values)
	if err != nil {
		return Identity{}, err
	}
	claims, err := p.redeem(ctx, found, begun, code)
	if err != nil {
		return Identity{}, err
	}
	if err := p.strong(claims, begun); err != nil {
		return Identity{}, err
	}
	return claims.identity(p.Issuer), nil
}

// code looks at the parameters of the callback. Who answers is checked before anything is sent to anybody (RFC 9207
// section 2.4, SEC-184), and before an error is believed.
func (p *OIDC) code(found *discovered, values url.Values) (string, error) {
	for _, name := range []string{"iss", "code", "error", "state"} {
		if len(values[name]) > 1 {
			return "", fmt.Errorf("%w: %s is there twice", ErrAnswer, name)
		}
	}
	if issuer, said := values.Get("iss"), values.Has("iss"); said && issuer != p.Issuer || !said && found.Issues {
		return "", fmt.Errorf("%w: another provider answered", ErrAnswer)
	}
	switch refusal := values.Get("error"); {
	case refusal == string(oauth.TemporarilyUnavailable), refusal == string(oauth.ServerError):
		return "", fmt.Errorf("%w: %s", ErrUnavailable, p.Issuer)
	case refusal != "":
		refusal = oauth.Inert(refusal)
		return "", &RefusedError{Code: refusal[:min(len(refusal), 64)]}
	case values.Get("code") == "":
		return "", fmt.Errorf("%w: there is no code", ErrAnswer)
	}
	return values.Get("code"), nil
}

// redeem exchanges the code and verifies the ID token (OpenID Connect Core 1.0 section 3.1.3.7).
func (p *OIDC) redeem(ctx context.Context, found *discovered, begun trip, code string) (claims, error) {
	ctx = p.Upstreams.context(ctx)
	token, err := p.config(found, begun.Callback).Exchange(ctx, code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return claims{}, p.exchangeFailed(ctx, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return claims{}, fmt.Errorf("%w: there is no ID token", ErrAnswer)
	}
	verifier := found.Verifier(&oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: found.verifies, Now: p.Upstreams.Now})
	verified, err := verifier.Verify(ctx, raw)
	if err != nil {
		p.Upstreams.Log.WarnContext(ctx, "an ID token was refused", "issuer", p.Issuer, "error", brief(err))
		return claims{}, fmt.Errorf("%w: its ID token does not verify", ErrAnswer)
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return claims{}, fmt.Errorf("%w: its ID token cannot be read", ErrAnswer)
	}
	if reason := p.wrong(verified, &c, begun); reason != "" {
		return claims{}, fmt.Errorf("%w: %s", ErrAnswer, reason)
	}
	if verified.AccessTokenHash != "" && verified.VerifyAccessToken(token.AccessToken) != nil {
		return claims{}, fmt.Errorf("%w: its ID token belongs to another access token", ErrAnswer)
	}
	p.describe(ctx, found, token, &c)
	return c, nil
}

// describe asks userinfo for the names of somebody whose ID token has none, as OpenID Connect Core 1.0 section 5.4 has it for
// this flow. It is about names alone: an answer about another subject counts for nothing (section 5.3.2), and none is no
// fault. Who somebody is, and how they proved it, the signed ID token has said.
func (p *OIDC) describe(ctx context.Context, found *discovered, token *oauth2.Token, c *claims) {
	if c.Email != "" || c.Name != "" || oauth.CheckAddress(found.UserInfoEndpoint()) != nil {
		return
	}
	var said claims
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err == nil && info.Subject == c.Subject {
		err = info.Claims(&said)
	}
	if err != nil {
		p.Upstreams.Log.InfoContext(ctx, "an identity provider told no names", "issuer", p.Issuer, "error", brief(err))
		return
	}
	c.Email, c.Verified, c.Username, c.Name = said.Email, said.Verified, said.Username, said.Name
}

// wrong says what the library leaves to its caller: audiences beside ours, the time of issue, the nonce, the subject; and the
// issuer letter by letter, since the library makes an exception.
func (p *OIDC) wrong(verified *oidc.IDToken, c *claims, begun trip) string {
	now := p.Upstreams.Now()
	switch {
	case verified.Issuer != p.Issuer:
		return "its ID token is of another issuer"
	case c.Party != "" && c.Party != p.ClientID, c.Party == "" && len(verified.Audience) != 1:
		return "its ID token was made for somebody else"
	case verified.IssuedAt.IsZero() || verified.IssuedAt.Unix() <= 0 || verified.IssuedAt.After(now.Add(leeway)):
		return "its ID token was not made now"
	case subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(begun.Nonce)) != 1:
		return "its ID token answers another login"
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return "its ID token names nobody"
	}
	return ""
}

// strong checks what the binding requires of a sign-in, and that it was a new one where that was asked for.
func (p *OIDC) strong(c claims, begun trip) error {
	if len(p.ACR) > 0 && !slices.Contains(p.ACR, c.ACR) {
		return &RefusedError{Code: unmet}
	}
	for _, method := range p.AMR {
		if !slices.Contains(c.AMR, method) {
			return &RefusedError{Code: unmet}
		}
	}
	if begun.Anew && (c.AuthTime == 0 || time.Unix(int64(c.AuthTime), 0).Before(begun.At.Add(-leeway))) {
		return &RefusedError{Code: string(oauth.LoginRequired)}
	}
	return nil
}

func (p *OIDC) exchangeFailed(ctx context.Context, err error) error {
	p.Upstreams.Log.WarnContext(ctx, "an identity provider did not take its code", "issuer", p.Issuer, "error", brief(err))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 {
		return fmt.Errorf("%w: the provider did not take its own code", ErrAnswer)
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, p.Issuer)
}
