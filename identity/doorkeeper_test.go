package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/secret"
)

const here = "192.0.2.7"

func TestRightPassword(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	d := door(newMemory(ada(h)), h, &now)
	for _, name := range []string{"ada", " ADA ", "ada@example.com", "Ada@Example.COM"} {
		person, err := d.Password(t.Context(), name, secret.New("lovelace-1815-engine"), here)
		if err != nil || person.ID != "usr_ada" {
			t.Errorf("Password(%q) = %q, %v", name, person.ID, err)
		}
	}
}

// Three replicas share the store; every guess of a burst is either counted out or one of the five that are evaluated.
func TestBurstOfGuesses_SEC152_SEC102(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	m := newMemory(ada(h))
	hashers := []*Hasher{quick(), quick(), quick()}
	var wrong, locked atomic.Int64
	var all sync.WaitGroup
	for i := range 200 {
		d := door(m, hashers[i%3], &now)
		name := []string{"ada", "ADA", "ada@example.com"}[i%3]
		all.Go(func() {
			switch _, err := d.Password(context.Background(), name, secret.New(fmt.Sprint("guess ", i)), here); {
			case errors.Is(err, ErrWrong):
				wrong.Add(1)
			case errors.Is(err, ErrLocked):
				locked.Add(1)
			}
		})
	}
	all.Wait()
	evaluated := hashers[0].Computed() + hashers[1].Computed() + hashers[2].Computed()
	if evaluated != 5 || wrong.Load() != 5 || locked.Load() != 195 {
		t.Errorf("evaluated %d, wrong %d, locked %d; want 5, 5, 195", evaluated, wrong.Load(), locked.Load())
	}
}

func TestLockout(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	d := door(newMemory(ada(h)), h, &now)
	try := func(password string) error {
		_, err := d.Password(t.Context(), "ada", secret.New(password), here)
		return err
	}
	for range 4 {
		if err := try("wrong wrong"); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	if err := try("lovelace-1815-engine"); err != nil {
		t.Fatal("the fifth try, right:", err)
	}
	for range 5 {
		if err := try("wrong wrong"); !errors.Is(err, ErrWrong) {
			t.Fatal("a right password clears the count:", err)
		}
	}
	if err := try("lovelace-1815-engine"); !errors.Is(err, ErrLocked) {
		t.Error("the sixth try, right:", err)
	}
	now = now.Add(15*time.Minute + time.Second)
	if err := try("lovelace-1815-engine"); err != nil {
		t.Error("after the window:", err)
	}
	for range 6 {
		_ = try("wrong wrong")
	}
	if err := d.Unlock(t.Context(), "usr_ada"); err != nil || try("lovelace-1815-engine") != nil {
		t.Error("an administrator unlocks:", err)
	}
}

// The counters are rows by key: other names cannot push one out, and what was typed is not in them.
func TestInventedNames_SEC154(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	m := newMemory(ada(h))
	d := door(m, h, &now)
	d.AddressTries = 1 << 30
	for range 6 {
		_, _ = d.Password(t.Context(), "ada", secret.New("wrong wrong"), here)
	}
	for i := range 2000 {
		_, _ = d.Password(t.Context(), fmt.Sprint("invented", i), secret.New("wrong wrong"), here)
	}
	if _, err := d.Password(t.Context(), "ada", secret.New("lovelace-1815-engine"), here); !errors.Is(err, ErrLocked) {
		t.Error("the victim's counter is gone:", err)
	}
	for key := range m.attempts {
		if len(key) > 40 || strings.Contains(key, "invented") {
			t.Fatalf("the key %q is long or tells what was typed", key)
		}
	}
}

// Work is counted, not timed: the same number of hashes of the same cost for everybody who fails.
func TestEqualWork_SEC157(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	disabled, passwordless := ada(h), ada(h)
	disabled.ID, disabled.Username, disabled.Email, disabled.Disabled = "usr_off", "off", "off@example.com", true
	passwordless.ID, passwordless.Username, passwordless.Email, passwordless.Password = "usr_none", "none", "none@example.com", ""
	m := newMemory(ada(h), disabled, passwordless)
	d := door(m, h, &now)
	for _, name := range []string{"ada", "off", "none", "nobody", ""} {
		for try := range 7 {
			before := h.Computed()
			password := "wrong wrong"
			if name == "off" {
				password = "lovelace-1815-engine" // right, and still no entry
			}
			_, err := d.Password(t.Context(), name, secret.New(password), here)
			want, work := ErrWrong, int64(1)
			if try >= 5 {
				want, work = ErrLocked, 0
			}
			if !errors.Is(err, want) || h.Computed()-before != work {
				t.Errorf("%q, try %d: %v with %d hashes; want %v with %d", name, try, err, h.Computed()-before, want, work)
			}
		}
	}
}

func TestLongPasswords_SEC158_SEC159(t *testing.T) {
	t.Parallel()
	now := noon
	for _, size := range []int{64, 73, 1024} {
		h := quick()
		base := strings.Repeat("Aq", 36) // 72 bytes, where bcrypt would stop
		password := (base + strings.Repeat("x", 1024))[:size]
		d := door(newMemory(somebody(h, "long", password)), h, &now)
		if _, err := d.Password(t.Context(), "long", secret.New(password), here); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := d.Password(t.Context(), "long", secret.New(password[:size-1]+"y"), here); !errors.Is(err, ErrWrong) {
			t.Errorf("%d bytes with another tail: %v", size, err)
		}
	}
	h := quick()
	m := newMemory(ada(h))
	before := h.Computed()
	_, err := door(m, h, &now).Password(t.Context(), "ada", secret.New(strings.Repeat("x", 1<<20)), here)
	if !errors.Is(err, ErrTooLong) || !errors.Is(err, ErrWrong) || h.Computed() != before || m.looked != 0 {
		t.Errorf("a megabyte: %v, %d hashes, %d look-ups", err, h.Computed()-before, m.looked)
	}
	if _, err := h.Hash(t.Context(), secret.New(strings.Repeat("x", 1025))); !errors.Is(err, ErrTooLong) {
		t.Error("hashing 1,025 bytes:", err)
	}
}

// Passwords are bytes: nothing is trimmed, cut at NUL, folded or normalised.
func TestPasswordsAreBytes_SEC160(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	for i, pair := range [][2]string{
		{"before\x00after", "before"},
		{"before\x00after", "before\x00other"},
		{" leading space", "leading space"},
		{"trailing space ", "trailing space"},
		{"caf\u00e9 au lait", "cafe\u0301 au lait"}, // NFC, NFD
		{"CaseMatters", "casematters"},
	} {
		name := fmt.Sprint("person", i)
		d := door(newMemory(somebody(h, name, pair[0])), h, &now)
		if _, err := d.Password(t.Context(), name, secret.New(pair[1]), here); !errors.Is(err, ErrWrong) {
			t.Errorf("%q passed for %q: %v", pair[1], pair[0], err)
		}
		if _, err := d.Password(t.Context(), name, secret.New(pair[0]), here); err != nil {
			t.Errorf("%q: %v", pair[0], err)
		}
	}
}

func TestHostileNames_SEC167(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	m := newMemory(ada(h))
	d := door(m, h, &now)
	for _, name := range []string{
		"*)(uid=*", "' OR 1=1", "{{7*7}}", "ada\x00", "ada\n", "\xff\xfe", strings.Repeat("a", 1<<16), "", "../ada", "${jndi:x}", "ada%00",
	} {
		if _, err := d.Password(t.Context(), name, secret.New("lovelace-1815-engine"), here); !errors.Is(err, ErrWrong) && name != "ada\n" {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	if m.looked > 7 {
		t.Errorf("%d look-ups: names that cannot be are not for the store", m.looked)
	}
}

func TestAddressBudget_SEC101(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	d := door(newMemory(ada(h)), h, &now)
	d.AddressTries = 20
	for i := range 20 {
		address := fmt.Sprintf("2001:db8:1:2::%x", i+1)
		if _, err := d.Password(t.Context(), fmt.Sprint("spray", i), secret.New("Sommer"), address); !errors.Is(err, ErrWrong) {
			t.Fatal(i, err)
		}
	}
	right := secret.New("lovelace-1815-engine")
	if _, err := d.Password(t.Context(), "ada", right, "2001:db8:1:2:ffff::1"); !errors.Is(err, ErrLocked) {
		t.Error("the same /64:", err)
	}
	for _, address := range []string{"2001:db8:1:3::1", here, "", "not an address"} {
		if _, err := d.Password(t.Context(), "ada", right, address); err != nil {
			t.Errorf("another network, %q: %v", address, err)
		}
	}
}
