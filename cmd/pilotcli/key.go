package main

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// exchange is the flow of an API key.
type exchange struct {
	cli *cli
	key string
}

// Login exchanges the key. One that cannot be a key is not sent.
func (e exchange) Login(ctx context.Context, _ flow.UI) (cred.Credential, error) {
	var err error = oauth.InvalidGrant
	var made cred.Credential
	// The key is a part of the address: a slash or a question mark in it would ask for something else.
	if url.PathEscape(e.key) == e.key {
		made, err = e.cli.collect(ctx, e.cli.base, secret.New(e.key))
	}
	if errors.Is(err, oauth.InvalidGrant) {
		return cred.Credential{}, &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "api_key_invalid", Message: "The API key is not valid, or not any more.",
			Hint: "Please use a valid API key. An administrator issues one in the portal.",
		}
	}
	return made, err
}

// collect gets a session for an API key, which this wire has in the address. It fails with oauth.InvalidGrant for a wrong one.
func (c *cli) collect(ctx context.Context, base string, key secret.String) (cred.Credential, error) {
	// The whole address is a secret, and so is masked wherever an address is told (SEC-274).
	token, err := c.at(base).Collect(ctx, secret.New(base+"/realms/pilot/api-key/"+key.Reveal()))
	if err != nil {
		return cred.Credential{}, err
	}
	return cred.Credential{
		Kind: cred.KindAPIKey, APIKey: key, Access: token.Access, Refresh: token.Refresh, TokenType: token.Type,
		Expires: time.Now().Round(0).Add(time.Duration(token.ExpiresIn) * time.Second), Extra: map[string]string{serverKey: base},
	}, nil
}
