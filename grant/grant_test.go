package grant_test

import (
	"context"
	"errors"
	"testing"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/oauth"
)

// TestOnlyWhatAClientIsRegisteredFor asks for every grant type with a client that has none, and for one that is not a grant.
// Nothing is looked up: the granter has no authority at all.
func TestOnlyWhatAClientIsRegisteredFor(t *testing.T) {
	t.Parallel()
	g := &grant.Granter{}
	want := map[oauth.GrantType]oauth.ErrorCode{
		oauth.GrantPassword: oauth.UnsupportedGrantType, // SEC-048: to whom it is not registered for, it does not exist
		"nonsense":          oauth.UnsupportedGrantType,
	}
	for _, kind := range grant.Types() {
		want[kind] = oauth.UnauthorizedClient
	}
	for kind, code := range want {
		if _, err := g.Redeem(context.Background(), grant.Request{Type: kind}); !errors.Is(err, code) {
			t.Errorf("%s: %v, want %s", kind, err, code)
		}
	}
}

// TestMissingParameters are refused before anything is looked up.
func TestMissingParameters(t *testing.T) {
	t.Parallel()
	g := &grant.Granter{}
	for _, kind := range []oauth.GrantType{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken} {
		client := authority.Client{ID: "c", Grants: []oauth.GrantType{kind}}
		if _, err := g.Redeem(context.Background(), grant.Request{Type: kind, Client: client}); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("%s: %v, want invalid_request", kind, err)
		}
	}
}
