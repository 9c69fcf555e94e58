package law

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/keys"
)

// What the keyring promises: a key is announced, signs, and stays to verify.
const (
	keyAnnounce = 24 * time.Hour
	keyLife     = 90 * 24 * time.Hour
	keyOverlap  = 2 * time.Hour
)

func TestKeyring_SEC289_RotationOverlaps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := h.replica()
	old := h.access(h.login())
	kid := func(token string) string { return strings.SplitN(token, ".", 2)[0] }

	h.clock.Advance(keyLife - keyAnnounce + time.Second)
	if err := h.Keyring.Load(t.Context()); err != nil { // announces the next key
		t.Fatal(err)
	}
	if n := strings.Count(string(h.Keyring.JWKS()), `"kid"`); n != 2 {
		t.Fatalf("%d keys are announced, want 2", n)
	}
	if token := h.access(h.login()); kid(token) != kid(old) {
		t.Error("an announced key signs")
	}
	if err := second.Keyring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}

	h.clock.Advance(keyAnnounce)
	if err := h.Keyring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := h.access(h.login())
	if kid(fresh) == kid(old) {
		t.Fatal("the new key does not sign")
	}
	// The second replica has not looked since the announcement, and verifies what the first signs now.
	if _, _, err := second.Keyring.Ring().Verify(fresh, "at+jwt"); err != nil {
		t.Errorf("the other replica: %v", err)
	}
	if _, _, err := h.Keyring.Ring().Verify(old, "at+jwt"); err != nil {
		t.Errorf("the old token, during the overlap: %v", err)
	}

	h.clock.Advance(keyOverlap - time.Minute)
	if err := h.Keyring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Keyring.Ring().Verify(old, "at+jwt"); err != nil {
		t.Errorf("the old token, at the end of the overlap: %v", err)
	}

	h.clock.Advance(time.Minute + time.Second)
	if err := h.Keyring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Keyring.Ring().Verify(old, "at+jwt"); err == nil {
		t.Error("the old key outlives its overlap")
	}
	if n := len(h.store.keys); n != 1 {
		t.Errorf("%d keys are kept, want 1", n)
	}
}

// stale is a store that answers its first question for the signing keys with what another replica has read as well.
type stale struct {
	*memoryStore
	keys []authority.SigningKey
}

func (s *stale) ListSigningKeys(ctx context.Context) ([]authority.SigningKey, error) {
	if old := s.keys; old != nil {
		s.keys = nil
		return old, nil
	}
	return s.memoryStore.ListSigningKeys(ctx)
}

func TestKeyring_TwoReplicasThatStartTogetherMakeOneKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old, err := h.store.ListSigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(keyLife)
	for range 2 { // both have read the same list
		ring := token.NewKeyring(&stale{h.store, old}, h.master, []keys.Alg{keys.ES256}, h.clock.Now, slog.New(slog.DiscardHandler))
		if err := ring.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(h.store.keys); n != 2 {
		t.Errorf("%d keys, want the old one and one new one", n)
	}
}

func TestKeyring_RotateSignsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := h.access(h.login())
	h.clock.Advance(time.Second)
	if err := h.Keyring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := h.access(h.login())
	if strings.SplitN(fresh, ".", 2)[0] == strings.SplitN(old, ".", 2)[0] {
		t.Error("the old key still signs")
	}
	if _, err := h.Tokens.Check(t.Context(), old); err != nil {
		t.Errorf("the old token: %v", err)
	}
}

func TestKeyring_AWrongMasterKeyIsSaidAtTheStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.master = keys.NewMaster()
	a := New(Config{Issuer: h.Issuer, Store: h.store, People: h.store, Attempts: h.store, Master: h.master, Now: h.clock.Now})
	if err := a.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("load: %v", err)
	}
}

func TestFollower_NewsArriveOnOtherReplicas(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := h.replica()
	redeemed := h.login()
	token := h.access(redeemed)
	if err := second.Sessions.End(t.Context(), redeemed.Family.ID, "", "logout", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Tokens.Check(t.Context(), token); err != nil {
		t.Fatalf("this replica heard without asking: %v", err)
	}
	h.clock.Set(h.clock.Now().Add(-time.Hour)) // clocks that jump lose no news
	if err := h.follower.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.unknown("after the catch-up", token)
}
