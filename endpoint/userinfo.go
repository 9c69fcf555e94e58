package endpoint

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// userinfo tells a program who its person is (OpenID Connect Core section 5.3).
type userinfo struct {
	*Endpoint
	profiles *profiles
}

// serve takes the token from the Authorization header alone: one in the address is refused, since addresses are logged
// (SEC-139), and a body is not read.
func (u *userinfo) serve(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, "the token belongs into the Authorization header; there are no parameters")
	}
	token, ok := bearer(r.Header["Authorization"])
	if !ok {
		// Without a token there is nothing to call wrong (RFC 6750 section 3.1).
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+u.Issuer+`"`)
		send(w, http.StatusUnauthorized, []byte(`{"error":"invalid_token","error_description":"a bearer token is needed"}`))
		return nil
	}
	standing, err := u.Authority.Tokens.Check(r.Context(), token)
	if errors.Is(err, authority.ErrUnknown) {
		return oauth.Errorf(oauth.InvalidToken, "the token is not valid, or not any more")
	}
	if err != nil {
		return err
	}
	// A service's token has no person, whatever its scope is.
	if standing.PersonID == "" || !standing.Scope.Has(oauth.ScopeOpenID) {
		return oauth.Errorf(oauth.InsufficientScope, "the token does not have the scope openid")
	}
	known, err := u.profiles.of(r.Context(), standing.PersonID)
	if errors.Is(err, identity.ErrUnknown) {
		return oauth.Errorf(oauth.InvalidToken, "the token is not valid, or not any more")
	}
	if err != nil {
		return err
	}
	send(w, http.StatusOK, known.claims(&standing))
	return nil
}

// bearer reads the header of RFC 6750 section 2.1.
func bearer(header []string) (token string, ok bool) {
	if len(header) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	token = strings.Trim(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// profile is a person as claims tell of them. Organisation and role are those of the organisation joined first.
type profile struct {
	person       identity.Person
	organisation string
	role         identity.Role
}

// claims are those that the token's scope opens (OpenID Connect Core section 5.4); organization, role and created_at are
// ours, under profile; session_exp is ours too, and everybody's.
func (p *profile) claims(standing *token.Standing) []byte {
	var body object
	body.text("sub", p.person.ID)
	if standing.Scope.Has(oauth.ScopeEmail) && p.person.Email != "" {
		body.text("email", p.person.Email)
		body.flag("email_verified", p.person.EmailVerified)
	}
	if standing.Scope.Has(oauth.ScopeProfile) {
		body.text("name", p.person.Name)
		body.text("preferred_username", p.person.Username)
		body.text("organization", p.organisation)
		body.text("role", string(p.role))
		body.text("created_at", p.person.Created.UTC().Format(time.RFC3339))
	}
	if !standing.SessionEnd.IsZero() { // when a new login will be needed: a program that was handed a token cannot know
		body.number("session_exp", standing.SessionEnd.Unix())
	}
	return body.bytes()
}

const (
	// profileAge is how long a profile is believed. What ends a session is never in it: that is checked at every request.
	profileAge = time.Second
	// maxProfiles bounds the memory; a cache that is full starts anew.
	maxProfiles = 4096
)

// profiles reads people and their places, and remembers them for a second, so that a service that checks every request
// of a person costs the store two reads a second.
type profiles struct {
	people        identity.People
	organisations identity.Organisations
	now           func() time.Time

	mu    sync.Mutex
	known map[string]readProfile
}

type readProfile struct {
	profile
	read time.Time
}

// of returns the profile of a person; identity.ErrUnknown where the person is gone or disabled.
func (p *profiles) of(ctx context.Context, id string) (profile, error) {
	now := p.now()
	p.mu.Lock()
	known, ok := p.known[id]
	p.mu.Unlock()
	if age := now.Sub(known.read); ok && age >= 0 && age < profileAge {
		return known.profile, nil
	}
	// Outside the lock: a slow store holds up those who ask it, and nobody else. Two may read the same person at once.
	found, err := p.read(ctx, id)
	if err != nil {
		return profile{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxProfiles {
		p.known = make(map[string]readProfile)
	}
	p.known[id] = readProfile{found, now}
	return found, nil
}

func (p *profiles) read(ctx context.Context, id string) (profile, error) {
	person, err := p.people.Person(ctx, id)
	if err != nil {
		return profile{}, err
	}
	if person.Disabled { // marks end the sessions; this is for the moment in between
		return profile{}, identity.ErrUnknown
	}
	memberships, err := p.organisations.Memberships(ctx, id)
	if err != nil {
		return profile{}, err
	}
	found := profile{person: person}
	if len(memberships) > 0 { // the first joined comes first
		found.organisation, found.role = memberships[0].Organisation.Name, memberships[0].Role
	}
	return found, nil
}
