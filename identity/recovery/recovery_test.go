package recovery

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// build is the service at two replicas of one store, in which Ada and Bob are.
func build(t *testing.T) (one, two *Codes) {
	t.Helper()
	now := func() time.Time { return noon }
	store := stores.Open(t, now, nil)
	for _, name := range []string{"ada", "bob"} {
		err := store.AddPerson(t.Context(), identity.Person{ID: "usr_" + name, Username: name, Email: name + "@example.com", Created: noon})
		if err != nil {
			t.Fatal(err)
		}
	}
	totp := func() *identity.TOTP { return &identity.TOTP{Factors: store, Attempts: store, Now: now} }
	return &Codes{TOTP: totp()}, &Codes{TOTP: totp()}
}

func made(t *testing.T, c *Codes, personID string) []secret.String {
	t.Helper()
	codes, err := c.Make(t.Context(), personID)
	if err != nil || len(codes) != Many {
		t.Fatal(codes, err)
	}
	return codes
}

func use(t *testing.T, c *Codes, personID string, code secret.String, wantLeft int, want error) {
	t.Helper()
	left, err := c.Use(t.Context(), personID, code, "192.0.2.1")
	if !errors.Is(err, want) || left != wantLeft {
		t.Fatalf("Use answered %d and %v and not %d and %v", left, err, wantLeft, want)
	}
}

func TestEachOnce_SEC176(t *testing.T) {
	t.Parallel()
	one, two := build(t)
	codes := made(t, one, "usr_ada")
	use(t, one, "usr_ada", codes[0], 9, nil)
	use(t, one, "usr_ada", codes[0], 0, identity.ErrWrong)
	use(t, two, "usr_ada", codes[0], 0, identity.ErrWrong)
	use(t, two, "usr_ada", secret.New(strings.ToLower(strings.ReplaceAll(codes[1].Reveal(), "-", "  "))), 8, nil)
	t.Run("SEC-176 of somebody else", func(t *testing.T) {
		use(t, one, "usr_bob", codes[2], 0, identity.ErrWrong)
		made(t, one, "usr_bob")
		use(t, one, "usr_bob", codes[2], 0, identity.ErrWrong)
	})
	t.Run("SEC-176 replaced", func(t *testing.T) {
		fresh := made(t, two, "usr_ada")
		use(t, one, "usr_ada", codes[2], 0, identity.ErrWrong)
		for left, code := range fresh {
			use(t, one, "usr_ada", code, Many-1-left, nil)
		}
		if left, err := one.Left(t.Context(), "usr_ada"); left != 0 || err != nil {
			t.Error(left, err)
		}
		use(t, one, "usr_ada", fresh[0], 0, identity.ErrWrong)
	})
	t.Run("SEC-176 ended", func(t *testing.T) {
		fresh := made(t, two, "usr_ada")
		for range 2 { // the second time there is nothing to end
			if err := one.End(t.Context(), "usr_ada"); err != nil {
				t.Fatal(err)
			}
		}
		use(t, one, "usr_ada", fresh[0], 0, identity.ErrWrong)
	})
	if _, err := one.Make(t.Context(), "usr_nobody"); !errors.Is(err, identity.ErrUnknown) {
		t.Error("codes of nobody:", err)
	}
}

// TestGuesses_SEC176: five wrong ones lock both kinds of codes, and the right one is not used up meanwhile.
func TestGuesses_SEC176(t *testing.T) {
	t.Parallel()
	one, two := build(t)
	codes := made(t, one, "usr_ada")
	for _, guess := range []string{"", "x", codes[0].Reveal() + "A", strings.Repeat("A", 24), strings.Repeat("A", 1<<20)} {
		use(t, one, "usr_ada", secret.New(guess), 0, identity.ErrWrong)
	}
	use(t, two, "usr_ada", codes[0], 0, identity.ErrLocked)
	if err := one.TOTP.Check(t.Context(), "usr_ada", secret.New("000000"), "192.0.2.1"); !errors.Is(err, identity.ErrLocked) {
		t.Error("one-time codes have a count of their own:", err)
	}
	if left, err := one.Left(t.Context(), "usr_ada"); left != Many || err != nil {
		t.Error(left, err)
	}
	if err := one.TOTP.Unlock(t.Context(), "usr_ada"); err != nil {
		t.Fatal(err)
	}
	use(t, one, "usr_ada", codes[0], 9, nil)
}

// TestAtOnce_SEC176: of many who bring one code at once, at two replicas, one is the first; and makers do not meet either.
func TestAtOnce_SEC176(t *testing.T) {
	t.Parallel()
	one, two := build(t)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			if _, err := []*Codes{one, two}[n%2].Make(context.Background(), "usr_ada"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if rows, err := one.TOTP.Factors.Factors(t.Context(), "usr_ada"); len(rows) != 1 || err != nil || rows[0].Confirmed() {
		t.Fatal("not one row, or one that counts as a factor by itself:", rows, err)
	}
	codes := made(t, one, "usr_ada")
	answers := make([]error, 5) // as many as are let try
	begin := make(chan struct{})
	for n := range answers {
		all.Go(func() {
			<-begin
			_, answers[n] = []*Codes{one, two}[n%2].Use(context.Background(), "usr_ada", codes[5], "192.0.2.1")
		})
	}
	close(begin)
	all.Wait()
	good := 0
	for _, err := range answers {
		switch {
		case err == nil:
			good++
		case !errors.Is(err, identity.ErrWrong) && !errors.Is(err, identity.ErrLocked):
			t.Error(err)
		}
	}
	if left, err := one.Left(t.Context(), "usr_ada"); good != 1 || left != 9 || err != nil {
		t.Errorf("one code was good %d times, and %d are left: %v", good, left, err)
	}
}

// What is kept of a code is 32 bytes that do not have it in them, and a one-time code never has the form of a recovery code.
func TestForm_SEC176(t *testing.T) {
	t.Parallel()
	one, _ := build(t)
	codes, seen := made(t, one, "usr_ada"), map[string]bool{}
	rows, err := one.TOTP.Factors.Factors(t.Context(), "usr_ada")
	if err != nil || len(rows) != 1 || len(rows[0].Secret) != Many*32 || rows[0].Kind != identity.FactorRecovery {
		t.Fatal(rows, err)
	}
	for _, code := range codes {
		if text := code.Reveal(); !Is(code) || len(text) != 29 || seen[text] || strings.Contains(string(rows[0].Secret), plain(code)) {
			t.Error("a code is none, is there twice, or is kept:", len(text))
		}
		seen[code.Reveal()] = true
	}
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[0-9 -]{0,16}`).Draw(r, "one-time code")
		if Is(secret.New(text)) {
			r.Errorf("%q is taken for a recovery code", text)
		}
	})
}

func FuzzIs(f *testing.F) {
	for _, seed := range []string{"", "123456", "ABCD-EFGH-IJKL-MNOP-QRST-UVWX", "abcd efgh ijkl mnop qrst uvwx", "ABCD=", "\xff", strings.Repeat("-", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := plain(secret.New(text))
		if got != "" && (len(got) != length || plain(secret.New(grouped(got))) != got || strings.Trim(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "") {
			t.Errorf("%q is read as %q", text, got)
		}
	})
}
