package law

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/secret"
)

// twice is a store whose transactions are each tried again once, as one that met another.
type twice struct{ *memoryStore }

func (s twice) ChangeFamily(ctx context.Context, id string, change func(*authority.Family) (authority.After, error)) (authority.Family, error) {
	if undone, err := s.Family(ctx, id); err == nil {
		_, _ = change(&undone)
	}
	return s.memoryStore.ChangeFamily(ctx, id, change)
}

// TestAudit_SEC278_TheLogSaysWhatIsStored: once, although a transaction ran twice, and not at all where nothing was changed.
func TestAudit_SEC278_TheLogSaysWhatIsStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var log bytes.Buffer
	h.Authority = New(Config{
		Issuer: "https://id.example", Store: twice{h.store}, People: h.store, Attempts: h.store, APIKeys: h.store, Master: h.master,
		Now: h.clock.Now, Algorithms: []keys.Alg{keys.ES256}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err := h.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	logged := func(kind authority.EventKind) int {
		return strings.Count(log.String(), "msg=audit kind="+string(kind)+" ")
	}
	redeemed := h.login()
	for range 2 { // the second changes nothing
		if err := h.Sessions.End(t.Context(), redeemed.Family.ID, "", "logout", ""); err != nil {
			t.Fatal(err)
		}
	}
	other := h.login()
	h.rotate(h.rotate(other.Refresh))
	h.refused(other.Refresh, h.cli)
	ask := apikey.Ask{PersonID: "usr_1", Name: "ci", Key: secret.New("a-key-that-is-imported")}
	if _, _, err := h.Keys.Issue(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Keys.Issue(t.Context(), ask); !errors.Is(err, authority.ErrTaken) {
		t.Fatalf("a key that is there: %v", err)
	}
	for kind, want := range map[authority.EventKind]int{
		authority.EventSessionEnded: 1, authority.EventReplay: 1, authority.EventAPIKeyIssued: 1, authority.EventApproved: 2,
	} {
		if logged(kind) != want || h.events(kind) != want {
			t.Errorf("%s: %d times in the log and %d in the store, want %d", kind, logged(kind), h.events(kind), want)
		}
	}
}
