package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var keyTests = []test{
	{"signing keys/kept, changed, removed", keysKept},
	{"signing keys/one of an algorithm in its time", keysConflict},
	{"signing keys/two replicas that start at once make one", keysRaced},
}

// key is one of ES256.
func key(id string, signs time.Time) authority.SigningKey {
	return authority.SigningKey{ID: id, Alg: "ES256", Sealed: []byte{0, 255, 1}, Created: Now(), Signs: signs}
}

// Keys are listed in the order in which they begin to sign.
func keysKept(t *testing.T, s Store) {
	ctx := t.Context()
	first, second := key("z", Now()), key("a", Now().Add(time.Hour))
	second.Retires = Now().Add(2 * time.Hour)
	good(t, s.AddSigningKey(ctx, second, Now().Add(2*time.Hour)))
	good(t, s.AddSigningKey(ctx, first, Now().Add(2*time.Hour)))
	found(t, []authority.SigningKey{first, second})(s.ListSigningKeys(ctx))
	// An id is a key's for good: what it signed is verified by that id.
	is(t, s.AddSigningKey(ctx, first, Now().Add(2*time.Hour)), authority.ErrTaken)
	first.Retires, first.Sealed = Now().Add(time.Minute), []byte("again")
	good(t, s.ChangeSigningKey(ctx, "z", func(k *authority.SigningKey) error { *k = first; return nil }))
	is(t, s.ChangeSigningKey(ctx, "z", func(k *authority.SigningKey) error { k.Alg = "never"; return errChange }), errChange)
	// ErrNoChange is success, and keeps the row as it was.
	good(t, s.ChangeSigningKey(ctx, "z", func(k *authority.SigningKey) error { k.Alg = "never"; return authority.ErrNoChange }))
	is(t, s.ChangeSigningKey(ctx, "Z", func(*authority.SigningKey) error { return nil }), authority.ErrUnknown)
	found(t, []authority.SigningKey{first, second})(s.ListSigningKeys(ctx))
	good(t, s.RemoveSigningKey(ctx, "z"))
	is(t, s.RemoveSigningKey(ctx, "z"), authority.ErrUnknown)
	found(t, []authority.SigningKey{second})(s.ListSigningKeys(ctx))
}

// Of one algorithm there is one key for one time; another algorithm, or a later time, is another matter.
func keysConflict(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddSigningKey(ctx, key("a", Now()), Now()))
	is(t, s.AddSigningKey(ctx, key("b", Now().Add(time.Hour)), Now()), authority.ErrConflict)
	is(t, s.AddSigningKey(ctx, key("b", Now().Add(time.Hour)), Now().Add(-time.Hour)), authority.ErrConflict)
	// A later notAfter is the wish for the next key, which an old one does not conflict with.
	good(t, s.AddSigningKey(ctx, key("b", Now().Add(time.Hour)), Now().Add(time.Microsecond)))
	other := key("c", Now())
	other.Alg = "RS256"
	good(t, s.AddSigningKey(ctx, other, Now()))
}

// Twenty replicas that start at once with an empty store sign with the same key.
func keysRaced(t *testing.T, s Store) {
	once(t, parallel(20, func(n int) error {
		// Two keys would be two replicas whose tokens the other refuses until it looks again (SEC-289).
		return s.AddSigningKey(t.Context(), key(strconv.Itoa(n), Now()), Now())
	}), authority.ErrConflict)
	keys, err := s.ListSigningKeys(t.Context())
	good(t, err)
	same(t, len(keys), 1)
}
