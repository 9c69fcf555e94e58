package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// maxLife is the longest life of a key that is not without end.
const maxLife = 10 * 365 * 24 * time.Hour

// addAPIKey issues a key in the name of an administrator who may: the command line itself is nobody, and whose hand it was has
// to stand in the audit and in the person's own list of keys.
func (o *Office) addAPIKey(r *http.Request) (any, error) {
	var ask desk.NewAPIKey
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	ctx := r.Context()
	if err := checkAPIKey(ask); err != nil {
		return nil, err
	}
	person, err := o.person(ctx, ask.User)
	if err != nil {
		return nil, err
	}
	by, err := o.person(ctx, ask.By)
	switch {
	case err != nil:
		return nil, err
	case person.Disabled:
		return nil, wrong("%s is disabled, and a key would be of no use.", person.Username)
	case by.Disabled || !by.Administrator:
		return nil, wrong("%s is no administrator, and may issue keys to nobody.", by.Username)
	}
	given, key, err := o.Authority.Keys.Issue(ctx, apikey.Ask{
		PersonID: person.ID, Name: ask.Name, Scope: ask.Scope, IssuedBy: by.ID, Life: ask.Life,
	})
	if errors.Is(err, authority.ErrTooMany) {
		return nil, wrong("%s has as many keys as one may have: revoke one first.", person.Username)
	}
	if err != nil {
		return nil, err
	}
	shown := shownAPIKey(key, person)
	shown.Key = given.Reveal()
	return shown, nil
}

// checkAPIKey refuses what the services would cut or keep as it is: nothing of a key is changed in silence.
func checkAPIKey(ask desk.NewAPIKey) error {
	bad := func(scope string) bool { // RFC 6749 section 3.3
		return scope == "" || len(scope) > 100 || !visible(scope) || strings.ContainsAny(scope, ` "\`)
	}
	switch {
	case ask.Life < 0 || ask.Life > maxLife:
		return wrong("A key lives up to ten years, or without end.")
	case len(ask.Scope) > 100 || slices.ContainsFunc(ask.Scope, bad):
		return wrong("A scope is made of visible ASCII characters, without spaces, quotation marks and backslashes.")
	}
	return identity.CheckName("name", ask.Name)
}

// apiKeys lists keys by their hints; of their values only hashes are kept.
func (o *Office) apiKeys(r *http.Request) (any, error) {
	person, err := o.person(r.Context(), r.FormValue("user"))
	if err != nil {
		return nil, err
	}
	all, err := o.Authority.Keys.Of(r.Context(), person.ID)
	return shownAll(all, func(k authority.APIKey) desk.APIKey { return shownAPIKey(k, person) }), err
}

// revokeAPIKey wants the person too, so that a mistyped id never hits somebody else's key.
func (o *Office) revokeAPIKey(r *http.Request) (any, error) {
	ctx, id := r.Context(), r.FormValue("id")
	person, err := o.person(ctx, r.FormValue("user"))
	if err != nil {
		return nil, err
	}
	all, err := o.Authority.Keys.Of(ctx, person.ID)
	if err != nil {
		return nil, err
	}
	// A key that is revoked already is gone through again: sessions may be left of it, where something failed before.
	revoked := desk.APIKey{ID: id, PersonID: person.ID, Username: person.Username}
	for _, key := range all {
		if key.ID == id {
			revoked = shownAPIKey(key, person)
		}
	}
	err = o.Authority.Keys.Revoke(ctx, person.ID, id, actor, "")
	if errors.Is(err, authority.ErrUnknown) {
		return nil, missing(err, "key of "+person.Username+" with the id", id)
	}
	return revoked, partly(err, "The key may be revoked, but not every session that it began was ended. Do it again.")
}

// shownAPIKey is a key without its hash.
func shownAPIKey(k authority.APIKey, p identity.Person) desk.APIKey {
	return desk.APIKey{
		ID: k.ID, PersonID: p.ID, Username: p.Username, Name: oauth.Inert(k.Name), Hint: k.Hint, Scope: k.Scope, IssuedBy: k.IssuedBy,
		Created: k.Created.UTC(), Expires: moment(k.Expires), LastUsed: moment(k.LastUsed),
	}
}

// moment is nil for none.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}
