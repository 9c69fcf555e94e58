package strangers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// library is a program as a careful author writes it with golang.org/x/oauth2 and go-oidc. What the two leave to their
// caller is done by hand, as their documentation wants: state, nonce, at_hash, and the answer's iss (RFC 9207).
type library struct {
	provider *oidc.Provider
	config   oauth2.Config
}

// newLibrary discovers the issuer. ctx must carry the HTTP client (oidc.ClientContext) and outlive the program: the keys
// are fetched under it.
func newLibrary(ctx context.Context, issuer, client string) (*library, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	return &library{provider: provider, config: oauth2.Config{
		ClientID: client, Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}}, nil
}

// browser logs in with a browser on this machine; open is given the address to open.
func (l *library) browser(ctx context.Context, open func(address string)) (*oauth2.Token, *oidc.IDToken, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	answers := make(chan url.Values, 1)
	door := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><html lang=en><title>go-oidc</title><p>Go back to the program.</p></html>")
		answers <- r.URL.Query()
	})}
	go func() { _ = door.Serve(listener) }()
	defer func() { _ = door.Close() }()
	config := l.config
	config.RedirectURL = "http://" + listener.Addr().String() + "/callback"
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	open(config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	var answer url.Values
	select {
	case answer = <-answers:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if err := l.check(answer, state); err != nil {
		return nil, nil, err
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	id, err := l.identify(ctx, token, nonce)
	return token, id, err
}

// check judges the authorization answer before its code is shown to anybody.
func (l *library) check(answer url.Values, state string) error {
	var metadata struct {
		Issuer   string `json:"issuer"`
		Promised bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := l.provider.Claims(&metadata); err != nil {
		return err
	}
	switch {
	case answer.Get("state") != state:
		return errors.New("this is not the answer to our request (state)")
	case (metadata.Promised || answer.Has("iss")) && answer.Get("iss") != metadata.Issuer:
		return fmt.Errorf("the answer is from another issuer (iss %q)", answer.Get("iss"))
	case answer.Has("error"):
		return errors.New(answer.Get("error"))
	}
	return nil
}

// identify checks the ID token that came with token.
func (l *library) identify(ctx context.Context, token *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("there is no ID token")
	}
	id, err := l.provider.VerifierContext(ctx, &oidc.Config{ClientID: l.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if id.Nonce != nonce {
		return nil, errors.New("the ID token belongs to another login (nonce)")
	}
	return id, id.VerifyAccessToken(token.AccessToken)
}

// device logs in with a code; show is given where it is entered.
func (l *library) device(ctx context.Context, show func(*oauth2.DeviceAuthResponse)) (*oauth2.Token, *oidc.IDToken, error) {
	verifier := oauth2.GenerateVerifier()
	begun, err := l.config.DeviceAuth(ctx, oauth2.S256ChallengeOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	show(begun)
	token, err := l.config.DeviceAccessToken(ctx, begun, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	id, err := l.identify(ctx, token, "")
	return token, id, err
}

// TestOAuth2AndGoOIDC goes through the whole life of a login with the two libraries. x/oauth2 first tries the Authorization
// header, and sends it with an empty secret for a public client, as oidc-agent does.
func TestOAuth2AndGoOIDC_SEC051_SEC059_SEC134(t *testing.T) {
	t.Parallel()
	house := begin(t)
	for _, test := range []struct {
		flow  string
		style oauth2.AuthStyle
	}{
		{"code", oauth2.AuthStyleAutoDetect},
		{"code", oauth2.AuthStyleInHeader},
		{"code", oauth2.AuthStyleInParams},
		{"device", oauth2.AuthStyleInHeader},
	} {
		t.Run(fmt.Sprintf("%s style %d", test.flow, test.style), func(t *testing.T) {
			t.Parallel()
			ctx := oidc.ClientContext(t.Context(), house.HTTP)
			l, err := newLibrary(ctx, house.Issuer, "doorward")
			must(t, err)
			l.config.Endpoint.AuthStyle = test.style
			var token *oauth2.Token
			var id *oidc.IDToken
			if test.flow == "code" {
				token, id, err = l.browser(ctx, func(address string) { house.approve(t, address) })
			} else {
				token, id, err = l.device(ctx, func(begun *oauth2.DeviceAuthResponse) {
					page, err := house.john(t).ApproveCode(t.Context(), begun.UserCode) // read off the screen, and typed
					if err != nil || page.Alert() != "" {
						t.Error(err)
					}
				})
			}
			must(t, err)
			l.live(ctx, t, house, token, id)
		})
	}
}

// live uses the login for everything that it is good for, and ends it.
func (l *library) live(ctx context.Context, t *testing.T, house *authority, token *oauth2.Token, id *oidc.IDToken) {
	t.Helper()
	if id.Subject != johnID || id.Issuer != house.Issuer || token.TokenType != "Bearer" || token.RefreshToken == "" {
		t.Errorf("the ID token is for %q of %q; token type %q", id.Subject, id.Issuer, token.TokenType)
	}
	person, err := l.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	must(t, err)
	if person.Subject != johnID || person.Email != "user@example.com" || !person.EmailVerified {
		t.Errorf("userinfo says %+v", person)
	}
	// A source whose access token is missing refreshes at once.
	fresh, err := l.config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	must(t, err)
	renewed, err := l.identify(ctx, fresh, "")
	must(t, err)
	if fresh.AccessToken == token.AccessToken || fresh.RefreshToken == token.RefreshToken || renewed.Subject != johnID {
		t.Error("the refresh brought nothing new, or somebody else's")
	}
	introspect := func(access string) any {
		status, answer := house.post(t, "/introspect", "dev-service", "dev-service-secret", "token", access)
		if status != http.StatusOK {
			t.Errorf("introspection answers %d %v", status, answer)
		}
		return answer["active"]
	}
	if introspect(fresh.AccessToken) != true {
		t.Error("the fresh token is not active")
	}
	for _, ended := range []string{"a-token-that-nobody-issued", fresh.RefreshToken} {
		if status, answer := house.post(t, "/revoke", "doorward", "", "token", ended); status != http.StatusOK || len(answer) > 0 {
			t.Errorf("revocation answers %d %v", status, answer)
		}
	}
	if introspect(fresh.AccessToken) != false {
		t.Error("the token of an ended session is active")
	}
	_, err = l.config.TokenSource(ctx, &oauth2.Token{RefreshToken: fresh.RefreshToken}).Token()
	if decided := (*oauth2.RetrieveError)(nil); !errors.As(err, &decided) || decided.ErrorCode != "invalid_grant" {
		t.Errorf("a refresh after the revocation: %v", err)
	}
	if _, err := l.provider.UserInfo(ctx, oauth2.StaticTokenSource(fresh)); err == nil {
		t.Error("userinfo answers after the revocation")
	}
}

// TestOIDCAgentHeader sends what oidc-agent sends to every endpoint: the Authorization header with a public client's id and
// an empty secret. It is taken for "none" everywhere but where a secret is needed.
func TestOIDCAgentHeader_SEC051(t *testing.T) {
	t.Parallel()
	house := begin(t)
	for _, test := range []struct {
		path   string
		status int
		code   any
		pairs  []string
	}{
		{"/device_authorization", 200, nil, []string{"scope", "openid offline_access", "client_id", "doorward"}},
		{"/token", 400, "invalid_grant", []string{"grant_type", "refresh_token", "refresh_token", "no-such-token"}},
		{"/token", 400, "invalid_grant", []string{"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", "no-such-code"}},
		{"/revoke", 200, nil, []string{"token", "no-such-token"}},
		{"/introspect", 401, "invalid_client", []string{"token", "no-such-token"}},
	} {
		if status, answer := house.post(t, test.path, "doorward", "", test.pairs...); status != test.status || answer["error"] != test.code {
			t.Errorf("%s answers %d %v, want %d %v", test.path, status, answer, test.status, test.code)
		}
	}
	if status, answer := house.post(t, "/token", "dev-service", "", "grant_type", "client_credentials"); status != 401 || answer["error"] != "invalid_client" {
		t.Errorf("an empty secret of a client that has one: %d %v", status, answer)
	}
}
