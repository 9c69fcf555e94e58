// Package jsonwire is the device login (RFC 8628) of servers that take JSON at addresses of their own and answer a refusal
// with problem details (RFC 9457), whose code is that of section 3.5.
package jsonwire

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
)

// hold is how long the server may hold a poll until there is news; it is below what many proxies cut.
const hold = 25 * time.Second

// Wire is one login at a time.
type Wire struct {
	Server      contract.Server
	Begins      string            // the path that gives a code
	Polls       string            // the path that gives the token
	Ask, Client map[string]string // members of the request for a code, and of both

	// ExpiresIn is what the answer said of the token's life, in seconds, once there is one.
	ExpiresIn int64
}

var _ flow.DeviceWire = (*Wire)(nil)

// Begin asks for a code. An answer without what is needed is oauth.ErrMalformed.
func (w *Wire) Begin(ctx context.Context) (oauth.DeviceAuthorization, error) {
	var answer json.RawMessage
	if _, err := w.post(ctx, w.Begins, w.Ask, 0, &answer); err != nil {
		return oauth.DeviceAuthorization{}, err
	}
	device, err := oauth.ParseDeviceAuthorization(answer)
	if err == nil && device.ExpiresIn < 1 {
		err = oauth.ErrMalformed
	}
	return device, err
}

// Poll asks once, and lets the server wait for the decision where it can. A token that cannot be used is oauth.ErrMalformed.
func (w *Wire) Poll(ctx context.Context, code secret.String) (cred.Credential, bool, error) {
	var answer json.RawMessage
	waited, err := w.post(ctx, w.Polls, map[string]string{"device_code": code.Reveal()}, hold, &answer)
	if err != nil {
		return cred.Credential{}, waited, err
	}
	token, err := oauth.ParseToken(answer)
	if err != nil {
		return cred.Credential{}, waited, err
	}
	made := cred.Credential{Kind: cred.KindOAuth, Access: token.Access, TokenType: token.Type, Scope: token.Scope}
	if w.ExpiresIn = token.ExpiresIn; w.ExpiresIn > 0 {
		made.Expires = time.Now().Add(time.Duration(w.ExpiresIn) * time.Second).Truncate(time.Second)
	}
	return made, waited, nil
}

// post sends the members with those of the client, which are in every request.
func (w *Wire) post(ctx context.Context, path string, members map[string]string, wait time.Duration, into any) (bool, error) {
	body := maps.Clone(w.Client)
	if body == nil {
		body = make(map[string]string, len(members))
	}
	maps.Copy(body, members)
	return w.Server.Poll(ctx, contract.Request{Method: http.MethodPost, Path: path, Body: body}, wait, into)
}
