package authority

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	apiKeyPurpose = "api key"
	apiKeyPrefix  = "dwk_"
	// maxAPIKeys bounds the keys of one person.
	maxAPIKeys = 50
	// maxKeyName is how many bytes of a name are kept.
	maxKeyName = 100
)

// Keys issues and checks API keys: credentials of their own, for scripts, which act as a person.
type Keys struct {
	store    APIKeys
	people   identity.People
	sessions *Sessions
	master   *keys.Master
	recorder *Recorder
	now      func() time.Time
}

// NewKeys makes the law of API keys over the store.
func NewKeys(store APIKeys, people identity.People, sessions *Sessions, master *keys.Master, recorder *Recorder, now func() time.Time) *Keys {
	return &Keys{store: store, people: people, sessions: sessions, master: master, recorder: recorder, now: now}
}

// APIKeyAsk is an API key that is to be made.
type APIKeyAsk struct {
	PersonID string
	Name     string
	Scope    oauth.Scope
	IssuedBy string        // an administrator's id; "" : the person's own
	Life     time.Duration // 0: it does not expire
	Address  string
	Key      secret.String // zero: a new one; a value is for seeds and imports
}

// Issue makes a key and returns it, once: only its hash is kept. It fails with ErrTooMany where the person has fifty.
func (k *Keys) Issue(ctx context.Context, ask APIKeyAsk) (secret.String, APIKey, error) {
	given := ask.Key
	if given.IsZero() {
		given = newOpaque(apiKeyPrefix)
	}
	text, now := given.Reveal(), k.now()
	key := APIKey{
		ID: NewID(now), PersonID: ask.PersonID, Name: cutText(ask.Name, maxKeyName), Scope: ask.Scope, IssuedBy: ask.IssuedBy, Created: now,
		Hash: k.master.Hash(apiKeyPurpose, []byte(text)), Hint: text[:min(3, len(text)/4)] + "…" + text[len(text)-min(4, len(text)/4):],
	}
	if ask.Life > 0 {
		key.Expires = now.Add(ask.Life)
	}
	event := k.recorder.event(Event{
		Kind: EventAPIKeyIssued, PersonID: key.PersonID, Actor: key.IssuedBy, Address: ask.Address, Detail: key.ID,
	})
	return given, key, k.store.AddAPIKey(ctx, key, maxAPIKeys, After{Events: []Event{event}})
}

// Check returns the key that was presented; ErrUnknown where there is none, it was revoked or has expired, or its person is
// gone or disabled. A mistyped key of our form is refused by its checksum, without a look-up.
func (k *Keys) Check(ctx context.Context, given secret.String) (APIKey, error) {
	text := given.Reveal()
	if text == "" || len(text) > 256 || strings.HasPrefix(text, apiKeyPrefix) && !intact(text) {
		return APIKey{}, ErrUnknown
	}
	key, err := k.find(ctx, text)
	if err != nil {
		return APIKey{}, err
	}
	now := k.now()
	if !key.Revoked.IsZero() || !key.Expires.IsZero() && !now.Before(key.Expires) {
		return APIKey{}, ErrUnknown
	}
	if active, err := k.sessions.active(ctx, key.PersonID); err != nil || !active {
		return APIKey{}, errors.Join(ErrUnknown, err)
	}
	if now.Sub(key.LastUsed) < time.Minute {
		return key, nil
	}
	return k.store.ChangeAPIKey(ctx, key.ID, func(key *APIKey) (After, error) {
		key.LastUsed = now
		return After{}, nil
	})
}

func (k *Keys) find(ctx context.Context, text string) (APIKey, error) {
	for _, hash := range k.master.Hashes(apiKeyPurpose, []byte(text)) {
		key, err := k.store.APIKeyByHash(ctx, hash)
		if !errors.Is(err, ErrUnknown) {
			return key, err
		}
	}
	return APIKey{}, ErrUnknown
}

// Of lists a person's keys that live, the newest first.
func (k *Keys) Of(ctx context.Context, personID string) ([]APIKey, error) {
	return k.store.APIKeysOf(ctx, personID)
}

// Revoke ends a key of the person and every session that it began; ErrUnknown for a key of somebody else.
func (k *Keys) Revoke(ctx context.Context, personID, id, actor, address string) error {
	_, err := k.store.ChangeAPIKey(ctx, id, func(key *APIKey) (After, error) {
		switch {
		case key.PersonID != personID:
			return After{}, ErrUnknown
		case !key.Revoked.IsZero():
			return After{}, ErrNoChange
		}
		key.Revoked = k.now()
		event := k.recorder.event(Event{Kind: EventAPIKeyRevoked, PersonID: personID, Actor: actor, Address: address, Detail: id})
		return After{Events: []Event{event}}, nil
	})
	if err != nil {
		return err
	}
	families, err := k.store.FamiliesOfKey(ctx, id)
	if err != nil {
		return err
	}
	for _, family := range families {
		if err := k.sessions.End(ctx, family.ID, actor, "api key revoked", address); err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
	}
	return nil
}

func cutText(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
