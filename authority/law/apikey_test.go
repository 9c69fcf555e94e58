package law

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

var _ authority.APIKeys = (*memoryStore)(nil)

func (s *memoryStore) AddAPIKey(_ context.Context, key authority.APIKey, most int, after authority.After) error {
	living := 0
	for _, other := range s.apiKeys {
		if other.Hash == key.Hash {
			return authority.ErrTaken
		}
		if other.PersonID == key.PersonID && other.Revoked.IsZero() {
			living++
		}
	}
	if living >= most {
		return authority.ErrTooMany
	}
	return addRow(s, s.apiKeys, key.ID, key, after)
}

func (s *memoryStore) APIKey(_ context.Context, id string) (authority.APIKey, error) {
	return getRow(s, s.apiKeys, id)
}

func (s *memoryStore) APIKeyByHash(_ context.Context, hash [32]byte) (authority.APIKey, error) {
	return findRow(s, s.apiKeys, func(k authority.APIKey) bool { return k.Hash == hash })
}

func (s *memoryStore) ChangeAPIKey(_ context.Context, id string, change func(*authority.APIKey) (authority.After, error)) (authority.APIKey, error) {
	return changeRow(s, s.apiKeys, id, change)
}

func (s *memoryStore) APIKeysOf(_ context.Context, personID string) ([]authority.APIKey, error) {
	return listRows(s, s.apiKeys, func(k authority.APIKey) bool { return k.PersonID == personID && k.Revoked.IsZero() },
		func(a, b authority.APIKey) int { return b.Created.Compare(a.Created) })
}

func (s *memoryStore) FamiliesOfKey(_ context.Context, keyID string) ([]authority.Family, error) {
	return listRows(s, s.families, func(f authority.Family) bool { return f.APIKeyID == keyID && f.Ended.IsZero() },
		func(a, b authority.Family) int { return strings.Compare(a.ID, b.ID) })
}

func TestAPIKey_SEC141_SEC142_IsShownOnceAndCheckedByItsSum(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	given, key, err := h.Keys.Issue(t.Context(), apikey.Ask{PersonID: "usr_1", Name: "ci", IssuedBy: "usr_admin"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(key.Hint, given.Reveal()[4:20]) || !strings.HasPrefix(given.Reveal(), "dwk_") {
		t.Error("the hint shows the key, or the key has another form")
	}
	found, err := h.Keys.Check(t.Context(), given)
	if err != nil || found.PersonID != "usr_1" || found.IssuedBy != "usr_admin" {
		t.Fatalf("%+v, %v", found, err)
	}
	changed := []byte(given.Reveal())
	changed[10] ^= 1
	h.store.asked()
	if _, err := h.Keys.Check(t.Context(), secret.New(string(changed))); !errors.Is(err, authority.ErrUnknown) || h.store.asked() != 0 {
		t.Errorf("a mistyped key: %v", err)
	}
}

func TestAPIKey_SEC143_RevokingEndsItsSessionsEverywhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	given, key, err := h.Keys.Issue(t.Context(), apikey.Ask{PersonID: "usr_1"})
	if err != nil {
		t.Fatal(err)
	}
	session, err := h.Sessions.Open(t.Context(), h.cli, h.approval(), "api key", authority.Origin{}, key)
	if err != nil {
		t.Fatal(err)
	}
	access, next := h.access(session), h.rotate(session.Refresh)
	if err := h.Keys.Revoke(t.Context(), "usr_2", key.ID, "", ""); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("SEC-148: somebody else revokes it: %v", err)
	}
	if err := h.Keys.Revoke(t.Context(), "usr_1", key.ID, "", ""); err != nil {
		t.Fatal(err)
	}
	h.unknown("an access token of a revoked key", access)
	h.refused(next, h.cli)
	if _, err := h.Keys.Check(t.Context(), given); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("the key itself: %v", err)
	}
}

func TestAPIKey_ExpiresAndSeededKeysWorkByHashAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seeded := secret.New("ABCDEFG1234567")
	if _, _, err := h.Keys.Issue(t.Context(), apikey.Ask{PersonID: "usr_1", Key: seeded, Life: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Keys.Check(t.Context(), seeded); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Hour)
	if _, err := h.Keys.Check(t.Context(), seeded); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("after its end: %v", err)
	}
}

func (h *house) readyClient() authority.Client {
	client := h.cli
	client.ReadyClaim, client.TokenPrefix = "platform_token", "rio_"
	return client
}

func TestReadyLogin_RIO13_RIO17_EndsInAReadyTokenOfLevelOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	client := h.readyClient()
	verifier := oauth.NewVerifier()
	code := h.approve(client, verifier)
	first, err := h.redeem(code, client, redirect, verifier)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.redeem(code, client, redirect, verifier)
	if err != nil || again.Refresh != first.Refresh {
		t.Fatalf("a lost answer: %v", err)
	}
	standing, err := h.Tokens.Check(t.Context(), first.Refresh.Reveal())
	if err != nil || !standing.Ready || standing.Level != authority.LevelMedium || !standing.Expires.Equal(h.clock.Now().Add(7*24*time.Hour)) {
		t.Errorf("%+v, %v", standing, err)
	}
}

func TestRenewReady_RIO09_RIO19_SameLevelSameSessionAndAGraceForTheOld(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token, family, err := h.Sessions.IssueReady(t.Context(), login.ReadyAsk{Client: h.cli, PersonID: "usr_1", Level: authority.LevelHigh}, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(29 * 24 * time.Hour)
	answers := make([]secret.String, 20)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			next, _, err := h.Sessions.RenewReady(t.Context(), token, h.cli, authority.Origin{})
			if err != nil {
				t.Error(err)
			}
			answers[i] = next
		})
	}
	group.Wait()
	next := answers[0]
	for _, answer := range answers {
		if answer != next {
			t.Fatal("two successors")
		}
	}
	standing, err := h.Tokens.Check(t.Context(), next.Reveal())
	if err != nil || standing.FamilyID != family.ID || standing.Level != authority.LevelHigh || !standing.Expires.Equal(h.clock.Now().Add(30*24*time.Hour)) {
		t.Errorf("%+v, %v", standing, err)
	}
	if _, err := h.Tokens.Check(t.Context(), token.Reveal()); err != nil {
		t.Errorf("the old one, within the grace: %v", err)
	}
	h.clock.Advance(5*time.Minute + time.Second)
	h.unknown("the old one, after the grace", token.Reveal())
	if _, _, err := h.Sessions.RenewReady(t.Context(), token, h.cli, authority.Origin{}); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("renewing the old one: %v", err)
	}
	if _, _, err := h.Sessions.RenewReady(t.Context(), next, h.other, authority.Origin{}); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("another client: %v", err)
	}
}

// TestRenewReady_SEC128 renews a token that was made under the master key before the current one: asked again, it yields the
// same successor and not a second branch.
func TestRenewReady_SEC128_UnderAnOlderMasterKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token, _, err := h.Sessions.IssueReady(t.Context(), login.ReadyAsk{Client: h.cli, PersonID: "usr_1", Level: authority.LevelHigh}, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	h.master = h.master.Rotate()
	h.open()
	first, _, err := h.Sessions.RenewReady(t.Context(), token, h.cli, authority.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := h.Sessions.RenewReady(t.Context(), token, h.cli, authority.Origin{})
	if err != nil || again != first {
		t.Fatalf("asked again it yields another successor: %v", err)
	}
	if _, _, err := h.Sessions.RenewReady(t.Context(), first, h.cli, authority.Origin{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Sessions.RenewReady(t.Context(), token, h.cli, authority.Origin{}); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("two renewals back: %v, want ErrUnknown", err)
	}
}

// overtakenKey is a store in which somebody else acts between a look at a key and what is changed after it.
type overtakenKey struct {
	*memoryStore
	by func()
}

func (s *overtakenKey) ChangeAPIKey(
	ctx context.Context, id string, change func(*authority.APIKey) (authority.After, error),
) (authority.APIKey, error) {
	if by := s.by; by != nil {
		s.by = nil
		by()
	}
	return s.memoryStore.ChangeAPIKey(ctx, id, change)
}

// TestAPIKey_SEC143_RevokedMeanwhile: of a use and a revocation at once, the revocation wins.
func TestAPIKey_SEC143_RevokedMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	given, key, err := h.Keys.Issue(t.Context(), apikey.Ask{PersonID: "usr_1", Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	other := h.replica()
	store := &overtakenKey{h.store, func() {
		if err := other.Keys.Revoke(t.Context(), "usr_1", key.ID, "usr_1", ""); err != nil {
			t.Error(err)
		}
	}}
	racing := New(Config{
		Issuer: h.Issuer, Store: h.store, People: h.store, Attempts: h.store, APIKeys: store, Master: h.master, Now: h.clock.Now,
		Algorithms: []keys.Alg{keys.ES256},
	})
	if err := racing.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := racing.Keys.Check(t.Context(), given); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("the key was good: %v", err)
	}
}

func TestAPIKey_SEC143_OfADisabledPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	given, _, err := h.Keys.Issue(t.Context(), apikey.Ask{PersonID: "usr_1", Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	person := h.store.people["usr_1"]
	person.Disabled = true
	h.store.people["usr_1"] = person
	if _, err := h.Keys.Check(t.Context(), given); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("the key was good: %v", err)
	}
}

// TestAPIKey_SEC128_MovesToTheNewMasterKey: a key that is used survives the end of the master key that it was issued under.
func TestAPIKey_SEC128_MovesToTheNewMasterKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	given, _, err := h.Keys.Issue(t.Context(), apikey.Ask{PersonID: "usr_1", Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Keys.Check(t.Context(), given); err != nil { // used a moment before the rotation
		t.Fatal(err)
	}
	old := h.master.Current()
	h.master = h.master.Rotate()
	h.open()
	if _, err := h.Keys.Check(t.Context(), given); err != nil {
		t.Fatalf("in the overlap: %v", err)
	}
	h.master = h.master.Keep(1)
	if slices.Contains(h.master.IDs(), old) {
		t.Fatal("the old master key is still there")
	}
	a := New(Config{
		Issuer: h.Issuer, Store: h.store, People: h.store, Attempts: h.store, APIKeys: h.store, Master: h.master, Now: h.clock.Now,
	})
	if _, err := a.Keys.Check(t.Context(), given); err != nil {
		t.Errorf("after it: %v", err)
	}
}
