package identity

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/doorward/doorward/secret"
)

// 500 sign-ins at once: what computes and what waits is bounded, the excess is refused without work and is not counted.
func TestFloodIsBounded_SEC161(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := noon
		h := quick()
		m := newMemory(ada(h))
		m.gate = make(chan struct{}) // everybody who is let in waits here
		narrow := &Hasher{Memory: 8, Passes: 1, AtOnce: 2, Waiting: 10}
		d := door(m, narrow, &now)
		d.Tries = 1000
		var busy, done atomic.Int64
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				_, err := d.Password(context.Background(), "ada", secret.New("lovelace-1815-engine"), here)
				if errors.Is(err, ErrBusy) {
					busy.Add(1)
				} else if err == nil {
					done.Add(1)
				}
			})
		}
		synctest.Wait()
		if busy.Load() != 488 || narrow.Computed() != 0 {
			t.Errorf("busy %d, computed %d; want 488 and 0 while the others wait", busy.Load(), narrow.Computed())
		}
		close(m.gate)
		all.Wait()
		if done.Load() != 12 {
			t.Errorf("%d of those inside got their turn, want 12", done.Load())
		}
		if _, err := d.Password(t.Context(), "ada", secret.New("lovelace-1815-engine"), here); err != nil {
			t.Error("after the flood:", err)
		}
	})
}

func TestTurnEndsWithContext(t *testing.T) {
	t.Parallel()
	h := quick()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, secret.New("lovelace-1815-engine")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if h.Computed() != 0 {
		t.Error("worked for somebody who left")
	}
}

func TestDefaultCosts(t *testing.T) {
	t.Parallel()
	var h Hasher
	encoded, err := h.Hash(t.Context(), secret.New("lovelace-1815-engine"))
	if err != nil || !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(encoded, err)
	}
	if ok, err := h.Check(t.Context(), encoded, secret.New("lovelace-1815-engine")); !ok || err != nil {
		t.Error(ok, err)
	}
	if ok, err := h.Check(t.Context(), encoded, secret.New("lovelace-1815-engine ")); ok || err != nil {
		t.Error(ok, err)
	}
	again, _ := h.Hash(t.Context(), secret.New("lovelace-1815-engine"))
	if again == encoded {
		t.Error("two hashes share a salt")
	}
}

func TestDamagedHashes(t *testing.T) {
	t.Parallel()
	h := quick()
	good := "$argon2id$v=19$m=8,t=1,p=1$lFsMWVqX+kdgjzaV/+24EA$Kr7m2dF30Fj5T3+PL0wV4ED8+5ytKQ63K5fARht7MwQ"
	for _, text := range []string{
		"x", "$", good + "$", good[1:], strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=8", "m=4294967295", 1), strings.Replace(good, "m=8", "m=08", 1), strings.Replace(good, "t=1", "t=0", 1),
		strings.Replace(good, "t=1", "t=1000", 1), strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "p=1", "p=2", 1),
		good[:len(good)-2], good[:len(good)-30], strings.Replace(good, "$m=", "$ m=", 1), "$2a$10$abcdefghijklmnopqrstuv",
	} {
		if ok, err := h.Check(t.Context(), text, secret.New("lovelace-1815-engine")); ok || !errors.Is(err, ErrEncoded) {
			t.Errorf("Check(%q) = %t, %v", text, ok, err)
		}
	}
	// From the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -e
	known := "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := h.Check(t.Context(), known, secret.New("password")); !ok || err != nil {
		t.Error("the reference's hash:", ok, err)
	}
}

func FuzzParseEncoded(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=-1,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEncoded(text)
		if err == nil && (e.String() != text || !e.bounded()) {
			t.Errorf("%q was read as %q", text, e.String())
		}
	})
}
