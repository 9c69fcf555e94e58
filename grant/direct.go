package grant

import (
	"context"
	"errors"
	"slices"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// passwordKind is the password grant (RFC 6749 section 4.3), for clients that were registered for it because they are older
// than the better ways. It passes the same door as every other password, and is refused for whoever has a second factor.
type passwordKind struct{}

func (passwordKind) redeem(ctx context.Context, g *Granter, r *Request) (granted, error) {
	// As for a grant that does not exist: a server without people has no passwords to be tried.
	if g.Doorkeeper == nil {
		return granted{}, oauth.Errorf(oauth.UnsupportedGrantType, "passwords are not taken here")
	}
	if r.Username == "" || r.Password.IsZero() {
		return granted{}, oauth.Errorf(oauth.InvalidRequest, "the parameters username and password are needed")
	}
	// The same door as the page's: it counts the attempt in the store before it hashes, so that neither two hundred at once
	// nor another replica yields more guesses (SEC-152), and it is bounded, so that hashes do not starve refreshes
	// (SEC-161).
	person, err := g.Doorkeeper.Password(ctx, r.Username, r.Password, r.Origin.Address)
	if err != nil {
		return granted{}, g.wrongPassword(ctx, r, err)
	}
	// After the password, never before: who has a second factor is told only to whoever knows the first (SEC-157). Without
	// this check the oldest grant would be the way around the newest factor (SEC-175, CVE-2026-34727).
	if g.Factors != nil {
		factors, err := g.Factors.Factors(ctx, person.ID)
		if err != nil {
			return granted{}, err
		}
		if slices.ContainsFunc(factors, identity.Factor.Confirmed) { // one that was only begun protects nothing yet
			return granted{}, oauth.Errorf(oauth.InteractionRequired, "this account has a second factor; log in with a browser")
		}
	}
	if r.Ready != nil {
		return g.openReady(ctx, r, person.ID)
	}
	return g.open(ctx, r, authority.Approval{PersonID: person.ID, Methods: []string{"pwd"}}, "password", authority.APIKey{})
}

// openReady makes the ready token that a password gives. It is for Request.Ready; the caller's wire knows no other token.
// The level decides its life and nothing else.
func (g *Granter) openReady(ctx context.Context, r *Request, personID string) (granted, error) {
	scope, err := r.Client.GrantScope(r.Scope)
	if err != nil {
		return granted{}, err
	}
	token, family, err := g.Authority.Sessions.IssueReady(ctx, login.ReadyAsk{
		Client: r.Client, PersonID: personID, Scope: scope, Level: *r.Ready, Origin: r.Origin, How: "password",
	}, g.Authority.Issuer)
	return granted{family: &family, refresh: token, ready: true}, err
}

// Renew exchanges a ready token that lives for its successor, for wires that know no refresh token. Its holder is all the proof
// there is, so that its client must be one without a secret. A token that is not good, whatever the reason, is invalid_grant.
func (g *Granter) Renew(ctx context.Context, ready secret.String, origin authority.Origin) (secret.String, error) {
	over := oauth.Errorf(oauth.InvalidGrant, "the token has expired, or was never good")
	// Check first: it knows the marks, so that a token of somebody who was disabled a second ago is not renewed (SEC-123).
	standing, err := g.Authority.Tokens.Check(ctx, ready.Reveal())
	if errors.Is(err, authority.ErrUnknown) {
		return secret.String{}, over
	}
	if err != nil {
		return secret.String{}, wireError(err)
	}
	// With the empty secret only a public client passes; the token of a confidential one, stolen, cannot be kept alive by
	// whoever has it and not the secret.
	client, err := g.Authority.Registry.Authenticate(ctx, standing.ClientID, secret.String{})
	if errors.Is(err, oauth.InvalidClient) {
		return secret.String{}, over
	}
	if err != nil {
		return secret.String{}, wireError(err)
	}
	next, _, err := g.Authority.Sessions.RenewReady(ctx, ready, client, origin)
	if errors.Is(err, authority.ErrUnknown) {
		return secret.String{}, over
	}
	return next, wireError(err)
}

// wrongPassword maps the door's errors, and leaves a line in the audit. Both refusals are invalid_grant, since RFC 6749
// section 5.2 has no other word; that the account is locked is said in words. What is neither (a store that fails, a door
// that is too busy) is not the person's fault and leaves no line (SEC-118).
func (g *Granter) wrongPassword(ctx context.Context, r *Request, err error) error {
	event := authority.Event{ClientID: r.Client.ID, Address: r.Origin.Address, Detail: "password grant"}
	switch {
	case errors.Is(err, identity.ErrLocked):
		event.Kind = authority.EventSignInLocked
		err = oauth.Errorf(oauth.InvalidGrant, "too many wrong passwords; try again later")
	case errors.Is(err, identity.ErrWrong):
		event.Kind = authority.EventSignInFailed
		err = oauth.Errorf(oauth.InvalidGrant, "the name or the password is wrong")
	default:
		return err
	}
	g.Authority.Recorder.Record(ctx, event)
	return err
}

// apiKeyKind exchanges an API key for a session of the person that it acts as. A key is a credential of its own and asks for
// no second factor; issuing one did.
type apiKeyKind struct{}

func (apiKeyKind) redeem(ctx context.Context, g *Granter, r *Request) (granted, error) {
	if g.Authority.Keys == nil {
		return granted{}, oauth.Errorf(oauth.UnsupportedGrantType, "API keys are not taken here")
	}
	if r.APIKey.IsZero() {
		return granted{}, oauth.Errorf(oauth.InvalidRequest, "the parameter api_key is missing")
	}
	key, err := g.Authority.Keys.Check(ctx, r.APIKey)
	if errors.Is(err, authority.ErrUnknown) {
		// One sentence for all three, so that a key that leaked cannot be told from one that never was (SEC-143).
		return granted{}, oauth.Errorf(oauth.InvalidGrant, "the API key is wrong, was revoked, or has expired")
	}
	if err != nil {
		return granted{}, err
	}
	found, err := g.open(ctx, r, authority.Approval{PersonID: key.PersonID, Methods: []string{"key"}}, "api key", key)
	if err != nil {
		return granted{}, err
	}
	// A revocation ends the sessions that it finds. One that ran while this one was being made has not found it: so the key is
	// looked at once more, now that it would (SEC-143).
	if _, err := g.Authority.Keys.Check(ctx, r.APIKey); errors.Is(err, authority.ErrUnknown) {
		ended := g.Authority.Sessions.End(ctx, found.family.ID, "", "api key revoked", r.Origin.Address)
		return granted{}, errors.Join(ended, oauth.Errorf(oauth.InvalidGrant, "the API key is wrong, was revoked, or has expired"))
	} else if err != nil {
		return granted{}, err
	}
	return found, nil
}

// open makes the session that a password or an API key gives: no more than the client may ask for, and no more than the key
// allows.
func (g *Granter) open(ctx context.Context, r *Request, approval authority.Approval, how string, key authority.APIKey) (granted, error) {
	// The client's bounds and then the key's: a key that was narrowed on purpose must not widen with whoever presents it
	// (SEC-145). Refused, and not narrowed in silence, because a script cannot see that it got less.
	scope, err := r.Client.GrantScope(r.Scope)
	if err != nil {
		return granted{}, err
	}
	if key.Scope != nil && !scope.Within(key.Scope) {
		return granted{}, oauth.Errorf(oauth.InvalidScope, "this API key allows: %s", key.Scope)
	}
	now := g.now()
	approval.Scope, approval.AuthTime, approval.At, approval.Address = scope, now, now, r.Origin.Address
	opened, err := g.Authority.Sessions.Open(ctx, r.Client, approval, how, r.Origin, key)
	return fromRedeemed(opened), err
}
