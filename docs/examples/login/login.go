// Package login shows how a program of one's own logs a person in and has an access token from then on.
package login

import (
	"context"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/session"
)

// Token logs in as my-cli at https://id.example, keeps the login in the file at path, and returns an access token. ui is the
// person's terminal: authcmd.Program has one, a test brings its own.
func Token(ctx context.Context, issuer, path string, ui flow.UI) (secret.String, error) {
	server := &client.Client{Issuer: issuer, ID: "my-cli"}
	keeper := flow.OAuth{Client: server}
	login := &session.Session{
		Store:     &cred.File{Path: path},
		Key:       cred.Key{Issuer: server.Issuer, Client: server.ID},
		Refresher: keeper,
	}
	obtain := func(ctx context.Context) (cred.Credential, error) {
		return flow.Browser{Client: server, Name: "my-cli"}.Login(ctx, ui)
	}
	if _, err := login.Login(ctx, obtain, keeper.Revoke); err != nil { // once
		return secret.String{}, err
	}
	token, err := login.Token(ctx) // whenever: cached, refreshed under a lock, saved before use
	return token.Access, err
}
