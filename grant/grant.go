// Package grant is the one pipeline that turns what a client presents into tokens. Every grant type is a short file that
// finds the family; the checks before and the tokens after are shared, and nobody issues tokens beside them.
//
// What comes in is a Request: a grant, and a client that the caller (endpoint, or a room of compat) has authenticated. What
// goes out is an Answer, or an error that is ready for the wire. The law it keeps: whether the client may use the grant,
// whether the person may still be acted for, the second factor and single use are checked here for every way to a token, so
// that no wire can forget one of them (SEC-155, SEC-175); and what is refused has cost an honest client nothing.
package grant

import (
	"context"
	"errors"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Granter redeems grants.
type Granter struct {
	Authority *law.Authority
	// Doorkeeper checks passwords, Factors knows who has a second one; nil: the password grant is not taken.
	Doorkeeper *identity.Doorkeeper
	Factors    identity.Factors
	Now        func() time.Time // nil: time.Now
}

// Request is what a client presents at the token endpoint, taken apart and authenticated by whoever speaks its wire.
type Request struct {
	Type oauth.GrantType
	// Client must come from Registry.Authenticate, never from a mere look-up: nothing here looks at a client's secret
	// again, and codes and refresh tokens are bound to this very client (SEC-041, SEC-119).
	Client authority.Client // authenticated
	Origin authority.Origin

	// Each grant reads its own field and no other; what else a caller fills in is ignored.
	Code         secret.String
	DeviceCode   secret.String
	RefreshToken secret.String
	APIKey       secret.String
	Username     string
	Password     secret.String
	RedirectURI  string
	Verifier     string // "" : none was sent
	// Empty: what the client gets by default; at a refresh, what was approved. A code and a device code have their scope
	// from the request that was approved, and ignore this one.
	Scope     oauth.Scope
	Resources []string
	// Named puts preferred_username and azp into the access token, for wires whose clients read their tokens. KeyAudience is
	// then added to the audience where an API key began the session; "" : nothing is.
	Named       bool
	KeyAudience string
	// Ready asks for a ready token of this level in the place of access and refresh tokens, for wires whose clients hold one
	// token and nothing else; nil: no. Only the password grant gives one.
	Ready *authority.Level
	// Wait is how long a pending device code may be waited for (RFC 7240 `wait`); 0: not at all.
	Wait time.Duration
}

// Answer is what the client gets.
type Answer struct {
	Token oauth.Token
	Ready secret.String // where Request.Ready asked for it; Token is empty then
	// Waited says that Wait was honoured; it is set beside authorization_pending too.
	Waited bool
}

// granted is what a kind found: the family (none for a service), and what the tokens are to say. Beside an error
// only waited counts, which has to be told with it.
type granted struct {
	family   *authority.Family
	scope    oauth.Scope
	audience []string
	refresh  secret.String
	nonce    string
	waited   bool
	ready    bool // refresh is a ready token, and all that the client gets
}

// kind is one grant type. There is no hook for tokens: a kind cannot make any, so that the shared end cannot be left out.
type kind interface {
	// redeem checks what is particular to the grant and changes the store, once.
	redeem(ctx context.Context, g *Granter, r *Request) (granted, error)
}

// kindOf knows every grant type that there is; nil for others. It is a switch and no map, so that nothing is built when the
// program starts.
func kindOf(name oauth.GrantType) kind {
	switch name {
	case oauth.GrantAuthorizationCode:
		return codeKind{}
	case oauth.GrantDeviceCode:
		return deviceKind{}
	case oauth.GrantRefreshToken:
		return refreshKind{}
	case oauth.GrantClientCredentials:
		return serviceKind{}
	case oauth.GrantPassword:
		return passwordKind{}
	case oauth.GrantAPIKey:
		return apiKeyKind{}
	}
	return nil
}

// Types returns the grant types that the pipeline redeems, for the authority's metadata; that of passwords is not told. It
// is there for the clients that were registered for it and for nobody else (RFC 9700 section 2.4, SEC-048); a client that
// reads metadata should not be led to it.
func Types() []oauth.GrantType {
	return []oauth.GrantType{
		oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials,
		oauth.GrantAPIKey,
	}
}

// Redeem turns the request into tokens. What the client did wrong is an *oauth.Error; a store that cannot be reached is
// temporarily_unavailable with status 503, never a refusal.
func (g *Granter) Redeem(ctx context.Context, r Request) (Answer, error) {
	k := kindOf(r.Type)
	if k == nil {
		return Answer{}, oauth.Errorf(oauth.UnsupportedGrantType, "this grant type is not known here")
	}
	// Before the kind looks at anything that was presented: a client that may not use a grant cannot find out whether a
	// code or a password is good, and consumes none.
	if !r.Client.Allows(r.Type) {
		if r.Type == oauth.GrantPassword { // to whom it is not registered for, it does not exist (RFC 9700 section 2.4)
			return Answer{}, oauth.Errorf(oauth.UnsupportedGrantType, "this grant type is not known here")
		}
		return Answer{}, oauth.Errorf(oauth.UnauthorizedClient, "this application is not registered for this grant type")
	}
	found, err := k.redeem(ctx, g, &r)
	if err != nil {
		// An answer that is lost from here on is not a login that is lost: codes and refresh tokens yield the same
		// successor to the same client again (SEC-110).
		return Answer{Waited: found.waited}, wireError(err)
	}
	if found.ready {
		return Answer{Ready: found.refresh}, nil
	}
	token, err := g.tokens(ctx, &r, found)
	return Answer{Token: token, Waited: found.waited}, wireError(err)
}

// tokens is the shared end of every grant: access token, ID token where openid was granted, refresh token where the
// client's setting gives one.
func (g *Granter) tokens(ctx context.Context, r *Request, found granted) (oauth.Token, error) {
	// Client credentials: a service has no session that could be renewed, and so no refresh token (RFC 6749 section 4.4.3,
	// SEC-127).
	if found.family == nil {
		access, life, err := g.Authority.Tokens.Service(r.Client, found.scope, found.audience)
		return oauth.Token{Access: access, Type: "Bearer", ExpiresIn: seconds(life), Scope: found.scope}, err
	}
	family := *found.family
	access, life, err := g.access(ctx, r, family, found)
	if err != nil {
		return oauth.Token{}, err
	}
	token := oauth.Token{
		Access: access, Type: "Bearer", ExpiresIn: seconds(life), Scope: found.scope, SessionID: family.ID,
	}
	var ready secret.String
	switch {
	// It goes into the ID token under the name that the client reads it by; there is no refresh token beside it, since
	// whoever holds a ready token renews it with itself.
	case family.Kind == authority.FamilyReady:
		ready = found.refresh
		token.SessionExpiresIn = seconds(family.Ends.Sub(g.now()))
	case refreshes(r.Client, family.Scope):
		token.Refresh = found.refresh
		token.IdleExpiresIn = seconds(r.Client.Idle)
		if !family.Ends.IsZero() {
			token.SessionExpiresIn = seconds(family.Ends.Sub(g.now()))
		}
	}
	if found.scope.Has(oauth.ScopeOpenID) {
		token.ID, err = g.Authority.Tokens.ID(ctx, family, r.Client, found.nonce, access, ready)
	}
	return token, err
}

// access makes the access token, in the plain form or in the one that names the person (Request.Named).
func (g *Granter) access(ctx context.Context, r *Request, family authority.Family, found granted) (secret.String, time.Duration, error) {
	if !r.Named {
		return g.Authority.Tokens.Access(family, r.Client, found.scope, found.audience)
	}
	audience := found.audience
	if family.APIKeyID != "" && r.KeyAudience != "" {
		audience = append([]string{r.KeyAudience}, audience...)
	}
	return g.Authority.Tokens.Named(ctx, family, r.Client, found.scope, audience)
}

func (g *Granter) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}

// refreshes reports whether the client is given refresh tokens. The family has one either way; it is derived from what was
// presented and simply not told.
func refreshes(client authority.Client, scope oauth.Scope) bool {
	switch client.Refreshing {
	case authority.RefreshNever:
		return false
	case authority.RefreshOffline:
		return scope.Has(oauth.ScopeOfflineAccess)
	}
	return true
}

// seconds are whole ones, rounded up: what was begun a moment ago says the life that it was given.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// wireError is the one map from the authority's errors to the wire's. What could not be found out is 503 and never a
// refusal: to invalid_grant a client answers by throwing away a session that lives (SEC-118). An error that is not in this
// list stays as it is, for the caller to log and to call a server_error.
func wireError(err error) error {
	var wire *oauth.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wire):
		return wire
	case errors.Is(err, authority.ErrUnavailable), errors.Is(err, authority.ErrTooMany), errors.Is(err, identity.ErrBusy),
		errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded):
		return &oauth.Error{
			Code: oauth.TemporarilyUnavailable, Description: "the server is busy or its store cannot be reached; nothing was lost, try again",
			Status: 503, RetryAfter: 2 * time.Second,
		}
	}
	return err
}
