// Package apikey issues and checks credentials for scripts.
//
// What comes in is a wish for a key, from its person or from an administrator who acts for the person, or a key that a
// script presents; what goes out is the key, once, or the row that it stands for. The law it keeps: only a keyed hash is
// stored (SEC-125), a key begins sessions and is never itself sent to an API, and what is over for its person is over for
// the key at once (SEC-143).
package apikey

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	apiKeyPurpose = "api key"
	apiKeyPrefix  = "dwk_"
	// maxAPIKeys bounds the keys of one person. It is enforced by the store in the transaction that adds, so that fifty
	// creations at once do not pass it (SEC-150).
	maxAPIKeys = 50
	// maxKeyName is how many bytes of a name are kept.
	maxKeyName = 100
)

// Keys issues and checks API keys: credentials of their own, for scripts, which act as a person.
type Keys struct {
	store    authority.APIKeys
	people   identity.People
	sessions *login.Sessions
	master   *keys.Master
	recorder *authority.Recorder
	now      func() time.Time
}

// New makes the law of API keys over the store.
func New(store authority.APIKeys, people identity.People, sessions *login.Sessions, master *keys.Master, recorder *authority.Recorder, now func() time.Time) *Keys {
	return &Keys{store: store, people: people, sessions: sessions, master: master, recorder: recorder, now: now}
}

// Ask is an API key that is to be made.
type Ask struct {
	PersonID string
	Name     string
	Scope    oauth.Scope
	IssuedBy string        // an administrator's id; "" : the person's own
	Life     time.Duration // 0: it does not expire
	Address  string
	Key      secret.String // zero: a new one; a value is for seeds and imports
}

// Issue makes a key and returns it, once: only its hash is kept. It fails with ErrTooMany where the person has fifty.
func (k *Keys) Issue(ctx context.Context, ask Ask) (secret.String, authority.APIKey, error) {
	given := ask.Key
	if given.IsZero() {
		given = authority.NewOpaque(apiKeyPrefix)
	}
	// The hint is for lists, where people recognise a key: at most seven characters, and never more than half of a short
	// one.
	text, now := given.Reveal(), k.now()
	key := authority.APIKey{
		ID: authority.NewID(now), PersonID: ask.PersonID, Name: cutText(ask.Name, maxKeyName), Scope: ask.Scope, IssuedBy: ask.IssuedBy, Created: now,
		Hash: k.master.Hash(apiKeyPurpose, []byte(text)), Hint: text[:min(3, len(text)/4)] + "…" + text[len(text)-min(4, len(text)/4):],
	}
	if ask.Life > 0 {
		key.Expires = now.Add(ask.Life)
	}
	// With the key, in one transaction: there is no key without a line in the audit (SEC-278).
	event := k.recorder.Prepare(authority.Event{
		Kind: authority.EventAPIKeyIssued, PersonID: key.PersonID, Actor: key.IssuedBy, Address: ask.Address, Detail: key.ID,
	})
	err := k.store.AddAPIKey(ctx, key, maxAPIKeys, authority.After{Events: []authority.Event{event}})
	if err == nil {
		k.recorder.Log(event)
	}
	return given, key, err
}

// Check returns the key that was presented; ErrUnknown where there is none, it was revoked or has expired, or its person is
// gone or disabled. A mistyped key of our form is refused by its checksum, without a look-up.
func (k *Keys) Check(ctx context.Context, given secret.String) (authority.APIKey, error) {
	text := given.Reveal()
	// Bounded before it is hashed. The checksum holds for our prefix alone: imported keys have a form of their own.
	if text == "" || len(text) > 256 || strings.HasPrefix(text, apiKeyPrefix) && !authority.Intact(text) {
		return authority.APIKey{}, authority.ErrUnknown
	}
	key, err := k.find(ctx, text)
	if err != nil {
		return authority.APIKey{}, err
	}
	now := k.now()
	if !key.Revoked.IsZero() || !key.Expires.IsZero() && !now.Before(key.Expires) {
		return authority.APIKey{}, authority.ErrUnknown
	}
	// Asked at every use and remembered by nobody, so that disabling a person reaches keys on every replica (SEC-143).
	if active, err := k.sessions.Active(ctx, key.PersonID); err != nil || !active {
		return authority.APIKey{}, errors.Join(authority.ErrUnknown, err)
	}
	// A script that asks every second costs one write a minute. A key that was found under an older master key moves to the
	// current one, so that it outlives the older one's end (SEC-128).
	hash := k.master.Hash(apiKeyPurpose, []byte(text))
	if now.Sub(key.LastUsed) < time.Minute && key.Hash == hash {
		return key, nil
	}
	return k.store.ChangeAPIKey(ctx, key.ID, func(key *authority.APIKey) (authority.After, error) {
		if !key.Revoked.IsZero() { // since it was read (SEC-143)
			return authority.After{}, authority.ErrUnknown
		}
		key.LastUsed, key.Hash = now, hash
		return authority.After{}, nil
	})
}

// find looks under every live master key, the current one first: keys issued before a rotation stay good in the overlap
// (SEC-128).
func (k *Keys) find(ctx context.Context, text string) (authority.APIKey, error) {
	for _, hash := range k.master.Hashes(apiKeyPurpose, []byte(text)) {
		key, err := k.store.APIKeyByHash(ctx, hash)
		if !errors.Is(err, authority.ErrUnknown) {
			return key, err
		}
	}
	return authority.APIKey{}, authority.ErrUnknown
}

// Of lists a person's keys that live, the newest first.
func (k *Keys) Of(ctx context.Context, personID string) ([]authority.APIKey, error) {
	return k.store.APIKeysOf(ctx, personID)
}

// Revoke ends a key of the person and every session that it began; ErrUnknown for a key of somebody else. The key is ended
// first and its sessions after it: whoever presents it in between begins nothing new. A store that fails half way leaves
// the key revoked; calling it again ends the rest.
func (k *Keys) Revoke(ctx context.Context, personID, id, actor, address string) error {
	var after authority.After
	_, err := k.store.ChangeAPIKey(ctx, id, func(key *authority.APIKey) (authority.After, error) {
		after = authority.After{} // this may run again
		switch {
		// As if there were no such key: ids must not tell who has which (SEC-148, CVE-2025-27507).
		case key.PersonID != personID:
			return authority.After{}, authority.ErrUnknown
		case !key.Revoked.IsZero():
			return authority.After{}, authority.ErrNoChange
		}
		key.Revoked = k.now()
		event := k.recorder.Prepare(authority.Event{Kind: authority.EventAPIKeyRevoked, PersonID: personID, Actor: actor, Address: address, Detail: id})
		after = authority.After{Events: []authority.Event{event}}
		return after, nil
	})
	if err != nil {
		return err
	}
	k.recorder.Log(after.Events...)
	families, err := k.store.FamiliesOfKey(ctx, id)
	if err != nil {
		return err
	}
	for _, family := range families {
		if err := k.sessions.End(ctx, family.ID, actor, "api key revoked", address); err != nil && !errors.Is(err, authority.ErrUnknown) {
			return err
		}
	}
	return nil
}

// cutText cuts a name without leaving half a character, which a store of text would refuse.
func cutText(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
