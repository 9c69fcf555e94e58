package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
)

// api is the product's own part of the server; the device login is the standard one. It is the session.Refresher: a ready
// token is renewed by itself, and there is no refresh token.
type api struct{ contract.Server }

// data is what the older addresses answer. The renewal has the token under two names, of which either will do.
type data struct {
	Data struct{ Token, Email string }
}

// post sends an object and returns the token of the answer, where there is one.
func (a api) post(ctx context.Context, path string, bearer secret.String, body map[string]string) (string, error) {
	var answer data
	err := a.Call(ctx, contract.Request{Method: http.MethodPost, Path: path, Bearer: bearer, Body: body}, &answer)
	return answer.Data.Token, err
}

// with is a credential with the token of an answer, which must have one: an empty token would pass for a logout.
func with(c cred.Credential, token string, err error) (cred.Credential, error) {
	if err == nil && token == "" {
		err = &oauth.TemporaryError{Err: errors.New("the server answered without a token")}
	}
	c.Kind, c.Access = cmp.Or(c.Kind, cred.KindOAuth), secret.New(token)
	return c, err
}

// password gets a token of a level (low, med or high) for a password, which the server alone judges.
func (a api) password(ctx context.Context, email string, password secret.String, level string) (cred.Credential, error) {
	token, err := a.post(ctx, "/user/login?type="+level, secret.String{}, map[string]string{"email": email, "password": password.Reveal()})
	// The server's sentence as it is: it knows whether the password was wrong or the account is locked.
	if refused := (*oauth.Error)(nil); errors.As(err, &refused) {
		err = &authcmd.Failure{Exit: authcmd.ExitFailed, Code: "refused", Message: refused.Description, Hint: "An earlier login is as it was"}
	}
	return with(cred.Credential{}, token, err)
}

// Refresh implements session.Refresher.
func (a api) Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	token, err := a.post(ctx, "/refreshtoken", secret.String{}, map[string]string{"token": old.Access.Reveal()})
	return with(old, token, err)
}

// identify asks whose token it is.
func (a api) identify(ctx context.Context, c cred.Credential) (cred.Credential, error) {
	var answer data
	err := a.Call(ctx, contract.Request{Path: "/user/info", Bearer: c.Access}, &answer)
	c.Account = oauth.Inert(answer.Data.Email)
	return c, err
}

// revoke ends the session; one that has ended needs no ending.
func (a api) revoke(ctx context.Context, c cred.Credential) error {
	if _, err := a.post(ctx, "/user/logout", c.Access, nil); !errors.Is(err, oauth.InvalidToken) {
		return err
	}
	return nil
}
