package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

var keyClauses = []clause{
	{"api keys/every field is kept, each hash is one key's", apiKeysKept},
	{"api keys/changed with what else belongs to it", apiKeysChanged},
	{"api keys/those that live count against the quota", apiKeysQuota},
	{"api keys/SEC-150 50 at once at quota - 1 are one", apiKeysRaced},
	{"api keys/a person's, the newest first", apiKeysListed},
	{"api keys/what a key began", apiKeysFamilies},
}

// plenty is a quota that no clause but those about quotas comes near to.
const plenty = 1000

// apiKey has every field filled but those that end it; its hash is made of its id.
func apiKey(id, personID string) authority.APIKey {
	k := authority.APIKey{
		ID: id, PersonID: personID, Name: rough, Hint: "dwk…abcd", Scope: []string{"openid", rough}, IssuedBy: "usr_2",
		Created: Now(), LastUsed: Now().Add(-time.Minute),
	}
	copy(k.Hash[:], "hash "+id)
	return k
}

// Every field comes back, of keys that live and of those that are over: the law, not the store, says that they are. A key
// that was revoked is not added again, so that a seed does not make it live.
func apiKeysKept(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	over := apiKey("k2", "usr_1")
	over.Expires, over.Revoked = Now().Add(-time.Hour), Now()
	for _, k := range []authority.APIKey{apiKey("k1", "usr_1"), over, {ID: "bare", PersonID: "usr_1"}} {
		good(t, s.AddAPIKey(ctx, k, plenty, authority.After{Events: []authority.Event{event(k.ID)}}))
		found(t, k)(s.APIKey(ctx, k.ID))
		found(t, k)(s.APIKeyByHash(ctx, k.Hash))
	}
	// Events of an addition that is refused must not be there afterwards: the audit would tell of keys that never were.
	never := authority.After{Events: []authority.Event{event("never")}}
	sameID, sameHash := apiKey("k1", "usr_1"), apiKey("k9", "usr_1")
	sameID.Hash, sameHash.Hash = [32]byte{9}, over.Hash
	is(t, s.AddAPIKey(ctx, sameID, plenty, never), authority.ErrTaken)
	is(t, s.AddAPIKey(ctx, sameHash, plenty, never), authority.ErrTaken)
	// Nobody's key: it would act as whoever is given that id one day.
	is(t, s.AddAPIKey(ctx, apiKey("k9", "usr_9"), plenty, never), authority.ErrUnknown)
	gone[authority.APIKey](t, authority.ErrUnknown)(s.APIKey(ctx, "K1"))
	gone[authority.APIKey](t, authority.ErrUnknown)(s.APIKeyByHash(ctx, [32]byte{9}))
	found(t, []authority.Event{event("bare"), event("k2"), event("k1")})(s.ListEvents(ctx, authority.EventFilter{}))
	good(t, s.RemovePerson(ctx, "usr_1"))
	// With the person, for good (SEC-143).
	gone[authority.APIKey](t, authority.ErrUnknown)(s.APIKeyByHash(ctx, over.Hash))
	gone[authority.APIKey](t, authority.ErrUnknown)(s.APIKey(ctx, "k1"))
}

// Both what each use changes and everything else is saved, in one key and in no other.
func apiKeysChanged(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddAPIKey(ctx, apiKey("k1", "usr_1"), plenty, authority.After{}))
	good(t, s.AddAPIKey(ctx, apiKey("k2", "usr_1"), plenty, authority.After{}))
	want := apiKey("k1", "usr_1")
	want.LastUsed = Now().Add(time.Minute)
	found(t, want)(s.ChangeAPIKey(ctx, "k1", func(k *authority.APIKey) (authority.After, error) {
		k.LastUsed = Now().Add(time.Minute)
		return authority.After{}, nil
	}))
	found(t, want)(s.APIKey(ctx, "k1"))
	want.Revoked, want.Name, want.Scope, want.LastUsed = Now(), "new", nil, time.Time{}
	found(t, want)(s.ChangeAPIKey(ctx, "k1", func(k *authority.APIKey) (authority.After, error) {
		*k = want
		// The id cannot be changed: a change function that tries must not reach another row.
		k.ID = "k2"
		return authority.After{Events: []authority.Event{event("e1")}}, nil
	}))
	found(t, want)(s.APIKeyByHash(ctx, want.Hash))
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
	_, err := s.ChangeAPIKey(ctx, "k2", func(k *authority.APIKey) (authority.After, error) {
		k.Hash = want.Hash
		return authority.After{}, nil
	})
	is(t, err, authority.ErrTaken)
	found(t, apiKey("k2", "usr_1"))(s.APIKey(ctx, "k2"))
	changes(t, s, s.ChangeAPIKey, "k1", want, func(k *authority.APIKey) { k.Revoked, k.Name = time.Time{}, "never" })
	found(t, want)(s.APIKey(ctx, "k1"))
}

// Keys that were revoked or have expired when the new one is made count no more, and nobody counts against another.
func apiKeysQuota(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	good(t, s.AddPerson(ctx, person("usr_2", "bob", "bob@example.org")))
	timed, revoked := apiKey("timed", "usr_1"), apiKey("revoked", "usr_1")
	timed.Expires, revoked.Revoked = Now().Add(time.Hour), Now()
	for _, k := range []authority.APIKey{revoked, apiKey("k1", "usr_1"), timed} {
		good(t, s.AddAPIKey(ctx, k, 2, authority.After{}))
	}
	good(t, s.AddAPIKey(ctx, apiKey("other", "usr_2"), 1, authority.After{}))
	next := apiKey("next", "usr_1")
	is(t, s.AddAPIKey(ctx, next, 2, authority.After{Events: []authority.Event{event("never")}}), authority.ErrTooMany)
	// Exactly at its expiry a key counts no more, and not a microsecond before.
	next.Created = timed.Expires.Add(-time.Microsecond)
	is(t, s.AddAPIKey(ctx, next, 2, authority.After{}), authority.ErrTooMany)
	gone[authority.APIKey](t, authority.ErrUnknown)(s.APIKey(ctx, "next"))
	found(t, []authority.Event(nil))(s.ListEvents(ctx, authority.EventFilter{}))
	next.Created = timed.Expires
	good(t, s.AddAPIKey(ctx, next, 2, authority.After{}))
	is(t, s.AddAPIKey(ctx, apiKey("none", "usr_2"), 0, authority.After{}), authority.ErrTooMany)
}

// Fifty who make a person's last key at once make one: a count outside the transaction would let all of them by.
func apiKeysRaced(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	const quota = 5
	for n := range quota - 1 {
		good(t, s.AddAPIKey(ctx, apiKey("old"+strconv.Itoa(n), "usr_1"), quota, authority.After{}))
	}
	once(t, parallel(50, func(n int) error {
		id := "new" + strconv.Itoa(n)
		return s.AddAPIKey(ctx, apiKey(id, "usr_1"), quota, authority.After{Events: []authority.Event{event(id)}})
	}), authority.ErrTooMany)
	keys, err := s.APIKeysOf(ctx, "usr_1")
	good(t, err)
	same(t, len(keys), quota)
	events, err := s.ListEvents(ctx, authority.EventFilter{})
	good(t, err)
	same(t, len(events), 1)
}

// Revoked ones are not listed, expired ones are: their person wants to know why a script stopped.
func apiKeysListed(t *testing.T, s More) {
	ctx := t.Context()
	for n, id := range []string{"usr_1", "usr_2"} {
		good(t, s.AddPerson(ctx, person(id, "person"+strconv.Itoa(n), id+"@example.org")))
	}
	var want []authority.APIKey
	for n := range 3 {
		k := apiKey("k"+strconv.Itoa(n), "usr_1")
		k.Created = Now().Add(-time.Duration(n) * time.Microsecond)
		want = append(want, k)
	}
	// One that has expired, to be listed all the same.
	want[1].Expires = Now().Add(-time.Hour)
	revoked, other := apiKey("revoked", "usr_1"), apiKey("other", "usr_2")
	revoked.Revoked = Now()
	for _, k := range []authority.APIKey{want[1], revoked, want[2], other, want[0]} {
		good(t, s.AddAPIKey(ctx, k, plenty, authority.After{}))
	}
	found(t, want)(s.APIKeysOf(ctx, "usr_1"))
	found(t, []authority.APIKey{other})(s.APIKeysOf(ctx, "usr_2"))
	found(t, []authority.APIKey(nil))(s.APIKeysOf(ctx, ""))
}

// What a key began and what has not ended is found, so that revoking the key ends it. A family whose time is over has ended
// by the clock, which the law has and this method has not: it may be listed.
func apiKeysFamilies(t *testing.T, s More) {
	ctx := t.Context()
	f := func(id, key string) authority.Family {
		f := family(id)
		f.APIKeyID = key
		return f
	}
	ended := f("f3", "k1")
	ended.Ended = Now()
	for _, f := range []authority.Family{f("f2", "k1"), f("f1", "k1"), ended, f("f4", "k2"), f("f5", "")} {
		good(t, s.AddFamily(ctx, f, authority.After{}))
	}
	found(t, []authority.Family{f("f1", "k1"), f("f2", "k1")})(s.FamiliesOfKey(ctx, "k1"))
	// No key is not "every session without a key": revoking by an empty id would end everybody's.
	found(t, []authority.Family(nil))(s.FamiliesOfKey(ctx, ""))
	found(t, []authority.Family(nil))(s.FamiliesOfKey(ctx, "K1"))
	_, err := s.ChangeFamily(ctx, "f1", func(f *authority.Family) (authority.After, error) {
		f.Ended = Now()
		return authority.After{}, nil
	})
	good(t, err)
	found(t, []authority.Family{f("f2", "k1")})(s.FamiliesOfKey(ctx, "k1"))
	good(t, s.Close())
	_, err = s.FamiliesOfKey(ctx, "k1")
	is(t, err, authority.ErrUnavailable)
	is(t, s.AddAPIKey(ctx, apiKey("k", "usr_1"), plenty, authority.After{}), authority.ErrUnavailable)
	// Not reachable is never unknown, or a revocation that did nothing would read as done (SEC-118, SEC-135).
	if errors.Is(err, identity.ErrUnknown) || errors.Is(err, authority.ErrUnknown) {
		t.Fatal("a closed store said that there is nothing")
	}
}
