package grant_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func TestOnPostgreSQL(t *testing.T) { stores.OnPostgreSQL(t) }

// house is a pipeline over a real store, with one person and one client that may use every grant.
type house struct {
	t       *testing.T
	law     *law.Authority
	store   stores.Store
	granter *grant.Granter
	client  authority.Client
	master  *keys.Master
}

const (
	personID = "usr_john"
	password = "MySecretPassword"
	resource = "https://api.example"
)

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, store: stores.Open(t, time.Now, nil), master: keys.NewMaster()}
	h.law = law.New(law.Config{
		Issuer: "https://id.example", Store: h.store, People: h.store, Attempts: h.store, APIKeys: h.store, Master: h.master,
		Log: slog.New(slog.DiscardHandler),
	})
	hasher := &identity.Hasher{Memory: 8, Passes: 1}
	h.granter = &grant.Granter{
		Authority: h.law, Factors: h.store,
		Doorkeeper: &identity.Doorkeeper{People: h.store, Attempts: h.store, Hasher: hasher},
	}
	h.client = authority.Client{
		ID: "cli", Scope: oauth.ParseScope("openid email deploy"), Default: oauth.Scope{"openid", "email"}, Resources: []string{resource},
		Grants: []oauth.GrantType{oauth.GrantPassword, oauth.GrantAPIKey, oauth.GrantRefreshToken},
	}
	hash, err := hasher.Hash(t.Context(), secret.New(password))
	good(t, err, h.law.Load(t.Context()), h.law.Registry.Add(t.Context(), h.client, "test"),
		h.store.AddPerson(t.Context(), identity.Person{ID: personID, Username: "john", Password: hash}))
	return h
}

func good(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// redeem redeems and expects the code; "" stands for success.
func (h *house) redeem(want oauth.ErrorCode, r grant.Request) grant.Answer {
	h.t.Helper()
	if r.Client.ID == "" {
		r.Client = h.client
	}
	answer, err := h.granter.Redeem(h.t.Context(), r)
	switch {
	case want == "" && err != nil:
		h.t.Fatal(err)
	case want != "" && !errors.Is(err, want):
		h.t.Fatalf("%v, want %s", err, want)
	}
	return answer
}

func byPassword(word string) grant.Request {
	return grant.Request{
		Type: oauth.GrantPassword, Username: "john", Password: secret.New(word), Origin: authority.Origin{Address: "192.0.2.1"},
	}
}

func TestRefreshNarrows_SEC120(t *testing.T) {
	t.Parallel()
	h := open(t)
	refresh := h.redeem("", byPassword(password)).Token.Refresh
	ask := func(scope string, resources ...string) grant.Request {
		return grant.Request{Type: oauth.GrantRefreshToken, RefreshToken: refresh, Scope: oauth.ParseScope(scope), Resources: resources}
	}
	h.redeem(oauth.InvalidScope, ask("openid email deploy")) // the client may have it, and this session was not given it
	h.redeem(oauth.InvalidTarget, ask("", resource))
	narrow := h.redeem("", ask("email", "https://id.example")) // what was refused has rotated nothing
	if narrow.Token.Scope.String() != "email" {
		t.Errorf("narrowed to %q", narrow.Token.Scope)
	}
	if standing, err := h.law.Tokens.Check(t.Context(), narrow.Token.Access.Reveal()); err != nil || standing.Scope.String() != "email" {
		t.Errorf("the access token says %q, %v", standing.Scope, err)
	}
	refresh = narrow.Token.Refresh
	if wide := h.redeem("", ask("")); wide.Token.Scope.String() != "openid email" {
		t.Errorf("narrowing stuck: %q", wide.Token.Scope)
	}
}

func TestPasswordGrant_SEC175(t *testing.T) {
	t.Parallel()
	h := open(t)
	wrong := byPassword("wrong")
	h.redeem(oauth.InvalidGrant, wrong)
	wider := byPassword(password)
	wider.Scope = oauth.Scope{"admin"}
	h.redeem(oauth.InvalidScope, wider)
	token := h.redeem("", byPassword(password)).Token
	if token.Scope.String() != "openid email" || token.Refresh.IsZero() || token.ID.IsZero() {
		t.Errorf("got %+v", token)
	}
	good(t, h.store.AddFactor(t.Context(), identity.Factor{ID: "f", PersonID: personID, Kind: identity.FactorTOTP, Created: time.Now()}))
	h.redeem("", byPassword(password)) // one that was only begun protects nothing yet
	good(t, h.store.RemoveFactor(t.Context(), "f"))
	good(t, h.store.AddFactor(t.Context(), identity.Factor{ID: "g", PersonID: personID, Kind: identity.FactorTOTP, LastStep: 1, Created: time.Now()}))
	h.redeem(oauth.InteractionRequired, byPassword(password))
	for range 5 {
		h.redeem(oauth.InvalidGrant, wrong)
	}
	h.redeem(oauth.InvalidGrant, byPassword(password)) // right, and locked
	kinds := make(map[authority.EventKind]int)
	events, err := h.law.Recorder.List(t.Context(), authority.EventFilter{ClientID: "cli"})
	good(t, err)
	for _, event := range events {
		kinds[event.Kind]++
	}
	if kinds[authority.EventSignInFailed] < 5 || kinds[authority.EventSignInLocked] < 1 {
		t.Errorf("the audit has %v", kinds)
	}
}

func TestAPIKeyGrant_SEC145(t *testing.T) {
	t.Parallel()
	h := open(t)
	given, key, err := h.law.Keys.Issue(t.Context(), apikey.Ask{PersonID: personID, Name: "ci", Scope: oauth.Scope{"email"}})
	good(t, err)
	ask := func(key secret.String, scope string) grant.Request {
		return grant.Request{Type: oauth.GrantAPIKey, APIKey: key, Scope: oauth.ParseScope(scope)}
	}
	h.redeem(oauth.InvalidScope, ask(given, "")) // the client's default is more than the key allows
	h.redeem(oauth.InvalidScope, ask(given, "email deploy"))
	h.redeem(oauth.InvalidGrant, ask(secret.New("dwk_none"), "email"))
	token := h.redeem("", ask(given, "email")).Token
	if token.Scope.String() != "email" {
		t.Errorf("got %q", token.Scope)
	}
	good(t, h.law.Keys.Revoke(t.Context(), personID, key.ID, "", ""))
	h.redeem(oauth.InvalidGrant, ask(given, "email"))
	h.redeem(oauth.InvalidGrant, grant.Request{Type: oauth.GrantRefreshToken, RefreshToken: token.Refresh}) // ended with its key
}

// revoking is a store in which the key is revoked between its check and the session that it begins.
type revoking struct {
	stores.Store
	by func()
}

func (r *revoking) AddFamily(ctx context.Context, family authority.Family, after authority.After) error {
	if by := r.by; by != nil {
		r.by = nil
		by()
	}
	return r.Store.AddFamily(ctx, family, after)
}

// TestAPIKeyGrant_SEC143_RevokedMeanwhile: no session outlives a key that was revoked while the session began.
func TestAPIKeyGrant_SEC143_RevokedMeanwhile(t *testing.T) {
	t.Parallel()
	h := open(t)
	given, key, err := h.law.Keys.Issue(t.Context(), apikey.Ask{PersonID: personID, Name: "ci"})
	good(t, err)
	racing := &revoking{Store: h.store, by: func() { good(t, h.law.Keys.Revoke(t.Context(), personID, key.ID, personID, "")) }}
	h.granter.Authority = law.New(law.Config{
		Issuer: "https://id.example", Store: racing, People: h.store, Attempts: h.store, APIKeys: h.store, Master: h.master,
	})
	good(t, h.granter.Authority.Load(t.Context()))
	h.redeem(oauth.InvalidGrant, grant.Request{Type: oauth.GrantAPIKey, APIKey: given})
	families, err := h.store.FamiliesOfKey(t.Context(), key.ID)
	good(t, err)
	if len(families) != 0 {
		t.Errorf("%d sessions of the revoked key live", len(families))
	}
}

func TestReadyTokens(t *testing.T) {
	t.Parallel()
	h := open(t)
	level := authority.LevelHigh
	ask := byPassword(password)
	ask.Ready = &level
	answer := h.redeem("", ask)
	if answer.Ready.IsZero() || !answer.Token.Access.IsZero() || !answer.Token.Refresh.IsZero() {
		t.Fatalf("got %+v", answer)
	}
	standing, err := h.law.Tokens.Check(t.Context(), answer.Ready.Reveal())
	if err != nil || !standing.Ready || standing.Level != level || standing.Scope.String() != "openid email" {
		t.Errorf("standing %+v, %v", standing, err)
	}
	next, err := h.granter.Renew(t.Context(), answer.Ready, authority.Origin{})
	good(t, err)
	if again, err := h.granter.Renew(t.Context(), answer.Ready, authority.Origin{}); err != nil || again != next {
		t.Errorf("asked again it is another one, %v", err)
	}
	good(t, h.law.Sessions.End(t.Context(), standing.FamilyID, "", "logout", ""))
	if _, err := h.granter.Renew(t.Context(), next, authority.Origin{}); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("of an ended session: %v", err)
	}
	confidential := h.client
	given, hash := authority.NewClientSecret()
	confidential.ID, confidential.SecretHash = "service", hash
	good(t, h.law.Registry.Add(t.Context(), confidential, "test"))
	if given.IsZero() {
		t.Fatal("no secret")
	}
	token, _, err := h.law.Sessions.IssueReady(t.Context(), login.ReadyAsk{
		Client: confidential, PersonID: personID, Scope: oauth.Scope{"email"}, Level: level, How: "token",
	}, h.law.Issuer)
	good(t, err)
	if _, err := h.granter.Renew(t.Context(), token, authority.Origin{}); !errors.Is(err, oauth.InvalidGrant) {
		t.Errorf("of a client with a secret, which was not shown: %v", err)
	}
}

// TestServiceNeedsASecret: whoever knows a client's id is not that client.
func TestServiceNeedsASecret(t *testing.T) {
	t.Parallel()
	h := open(t)
	public := h.client
	public.Grants = append(slices.Clone(public.Grants), oauth.GrantClientCredentials)
	h.redeem(oauth.UnauthorizedClient, grant.Request{Type: oauth.GrantClientCredentials, Client: public})
}
