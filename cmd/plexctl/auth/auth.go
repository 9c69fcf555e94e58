// Package auth is plexctl's login, through the identity provider of a Domain.
package auth

import (
	"context"
	"errors"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/cred/profiles"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/flow/jsonwire"
	"github.com/doorward/doorward/oauth/client/contract"
)

// ErrSessionExpired says that the code ended, by this machine's clock or by the server's word, before anybody approved it.
var ErrSessionExpired = errors.New("device-code session expired before approval; restart with `plexctl login`")

// Login is a flow.Flow: the device login through one binding of one Domain, once.
type Login struct{ wire jsonwire.Wire }

// New makes the login; domain and binding are UUIDs.
func New(server contract.Server, domain, binding string) *Login {
	return &Login{jsonwire.Wire{
		Server: server, Begins: "/v1/auth/device-code", Polls: "/v1/auth/device-token",
		Ask: map[string]string{"domain_id": domain, "idp_binding_id": binding}, Client: map[string]string{"client_id": "plexctl"},
	}}
}

// Login shows the code and polls until the operator has decided. It fails with ErrSessionExpired, oauth.ErrMalformed, or
// oauth.AccessDenied, whose status is 403 where the identity provider refused.
func (l *Login) Login(ctx context.Context, ui flow.UI) (cred.Credential, error) {
	made, err := flow.Device{Wire: &l.wire, Issuer: l.wire.Server.Base}.Login(ctx, ui)
	if errors.Is(err, flow.ErrExpired) {
		return made, ErrSessionExpired
	}
	made.Extra = map[string]string{profiles.Server: l.wire.Server.Base}
	return made, err
}

// ExpiresIn is the life of the token that was made, in seconds.
func (l *Login) ExpiresIn() int64 { return l.wire.ExpiresIn }
