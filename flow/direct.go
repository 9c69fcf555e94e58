package flow

import (
	"context"
	"errors"
	"strings"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// ErrBadSecret says that what was given as a token or key is empty, or holds spaces or control characters, as a bad paste does.
var ErrBadSecret = errors.New("flow: that is no token or key: it is empty or holds spaces or control characters; nothing was sent")

// Password logs in with a user name and a password, for servers that still take them (RFC 6749 section 4.3).
type Password struct {
	Client   *client.Client
	Username string
	Password secret.String // empty: the person is asked
	Question string        // what they are asked; "" is "Password"
	Scope    oauth.Scope
}

// Login sends the password once; it is not kept.
func (p Password) Login(ctx context.Context, ui UI) (cred.Credential, error) {
	password, err := given(ctx, ui, p.Password, p.Question, "Password")
	if err != nil {
		return cred.Credential{}, err
	}
	token, err := p.Client.Password(ctx, p.Username, password, p.Scope)
	if err != nil {
		return cred.Credential{}, err
	}
	made, err := complete(ctx, p.Client, token, p.Scope, "")
	if err == nil && made.Account == "" {
		made.Account = p.Username
	}
	return made, err
}

// APIKey logs in with an API key, which is exchanged for short tokens and kept for the next exchange.
type APIKey struct {
	Client   *client.Client
	Key      secret.String // empty: the person is asked
	Question string        // what they are asked; "" is "API key"
	Scope    oauth.Scope
}

// Login exchanges the key, and fails with ErrBadSecret before anything is sent where it cannot be one.
func (a APIKey) Login(ctx context.Context, ui UI) (cred.Credential, error) {
	key, err := pasted(ctx, ui, a.Key, a.Question, "API key")
	if err != nil {
		return cred.Credential{}, err
	}
	token, err := a.Client.APIKey(ctx, key, a.Scope)
	if err != nil {
		return cred.Credential{}, err
	}
	made, err := complete(ctx, a.Client, token, a.Scope, "")
	if err != nil {
		return cred.Credential{}, err
	}
	made.Kind, made.APIKey = cred.KindAPIKey, key
	return made, nil
}

// Static takes a ready token as it is.
type Static struct {
	Token    secret.String  // empty: the person is asked
	Question string         // what they are asked; "" is "Token"
	Client   *client.Client // asks the server whose token it is, and so whether it is good; nil: it is taken unseen
}

// Login checks the token with the server where Client is set: one that the server refuses fails with oauth.InvalidToken.
func (s Static) Login(ctx context.Context, ui UI) (cred.Credential, error) {
	token, err := pasted(ctx, ui, s.Token, s.Question, "Token")
	if err != nil {
		return cred.Credential{}, err
	}
	made := cred.Credential{Kind: cred.KindStatic, Access: token, TokenType: "Bearer"}
	if s.Client == nil {
		return made, nil
	}
	made.Renewed = clock(s.Client).Round(0)
	return OAuth{s.Client}.Identify(ctx, made)
}

// given returns the secret that is there, else asks for it.
func given(ctx context.Context, ui UI, there secret.String, question, usual string) (secret.String, error) {
	if !there.IsZero() {
		return there, nil
	}
	if question == "" {
		question = usual
	}
	return ui.AskSecret(ctx, question)
}

// pasted is given for tokens and keys: the white space around a paste goes, and what is left must be able to travel.
func pasted(ctx context.Context, ui UI, there secret.String, question, usual string) (secret.String, error) {
	value, err := given(ctx, ui, there, question, usual)
	if err != nil {
		return secret.String{}, err
	}
	value = secret.New(strings.TrimSpace(value.Reveal()))
	if !sendable(value) {
		return secret.String{}, ErrBadSecret
	}
	return value, nil
}
