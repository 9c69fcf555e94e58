// Package ready logs in to servers whose logins end in a ready token: an opaque token of some days, which a claim of the ID
// token carries. There is no refresh token beside it.
package ready

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// ErrNoToken says that the login was approved, but the ID token carries no ready token.
var ErrNoToken = errors.New("flow: the server approved the login without the token that this program needs")

// Wire is a device login (RFC 8628) that ends in a ready token. One value serves one login at a time.
type Wire struct {
	Client *client.Client
	Scope  oauth.Scope
	Claim  string // of the ID token, whose value is the ready token

	verifier oauth.Verifier
}

var _ flow.DeviceWire = (*Wire)(nil)

// Begin asks for a code; the verifier stays in this process.
func (w *Wire) Begin(ctx context.Context) (oauth.DeviceAuthorization, error) {
	w.verifier = oauth.NewVerifier()
	return w.Client.DeviceAuthorize(ctx, w.Scope, w.verifier.Challenge())
}

// Poll asks once. It fails as flow.DeviceWire says, with *client.IDTokenError, or with ErrNoToken.
func (w *Wire) Poll(ctx context.Context, code secret.String) (cred.Credential, bool, error) {
	answer, waited, err := w.Client.PollDevice(ctx, code, w.verifier)
	if err != nil {
		return cred.Credential{}, waited, err
	}
	known, err := w.Client.CheckIDToken(ctx, answer, "")
	if err != nil {
		return cred.Credential{}, waited, err
	}
	token := claim(answer.ID, w.Claim)
	if token == "" {
		return cred.Credential{}, waited, ErrNoToken
	}
	return cred.Credential{
		Kind: cred.KindOAuth, Access: secret.New(token), TokenType: "Bearer", SessionID: answer.SessionID,
		Subject: known.Subject, Account: known.Email, Name: known.Name,
	}, waited, nil
}

// claim reads a text out of an ID token that was checked.
func claim(token secret.String, name string) string {
	var claims map[string]json.RawMessage
	var value string
	if parts := strings.Split(token.Reveal(), "."); len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || oauth.Decode(payload, &claims) != nil || json.Unmarshal(claims[name], &value) != nil {
			return ""
		}
	}
	return value
}
