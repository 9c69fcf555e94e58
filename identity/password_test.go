package identity

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/secret"
)

func TestChangePassword_SEC163_SEC213(t *testing.T) {
	t.Parallel()
	const oldText, newText = "lovelace-1815-engine", "seven grey herons wade"
	h, now := quick(), noon
	was := ada(h)
	m := newMemory(was, somebody(h, "bob", oldText))
	d := door(m, h, &now)
	change := func(id, old, chosen string) error {
		return d.ChangePassword(t.Context(), id, secret.New(old), secret.New(chosen), "192.0.2.1")
	}
	for name, row := range map[string]struct {
		id, old, chosen string
		want            error
	}{
		"a weak one":      {was.ID, oldText, "password1", ErrWeak},
		"the old one":     {was.ID, oldText, oldText, ErrWeak},
		"one too long":    {was.ID, oldText, strings.Repeat("ab cd", 300), ErrWeak},
		"a wrong old one": {was.ID, "wrong", newText, ErrWrong},
		"no old one":      {was.ID, "", newText, ErrWrong},
		"nobody":          {"usr_nobody", oldText, newText, ErrUnknown},
	} {
		if err := change(row.id, row.old, row.chosen); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(was, m.people[was.ID]); diff != "" {
		t.Fatal("a refusal has changed something:", diff)
	}
	now = now.Add(time.Minute)
	if err := change(was.ID, oldText, newText); err != nil {
		t.Fatal(err)
	}
	got := m.people[was.ID]
	if !got.PasswordChanged.Equal(now) || got.Password == was.Password {
		t.Errorf("changed at %v", got.PasswordChanged)
	}
	got.Password, got.PasswordChanged = was.Password, was.PasswordChanged
	if diff := cmp.Diff(was, got); diff != "" {
		t.Error("SEC-213: more than the password was changed:", diff)
	}
	if _, err := d.Password(t.Context(), "ada", secret.New(newText), "192.0.2.1"); err != nil {
		t.Error("the new password:", err)
	}
	t.Run("SEC-163 wrong old ones are counted with wrong sign-ins", func(t *testing.T) {
		for range 3 {
			_ = change("usr_bob", "wrong", newText)
		}
		for range 2 {
			_, _ = d.Password(t.Context(), "bob", secret.New("wrong"), "192.0.2.1")
		}
		if err := change("usr_bob", oldText, newText); !errors.Is(err, ErrLocked) {
			t.Error(err)
		}
	})
	t.Run("SEC-163 who has no password gets none", func(t *testing.T) {
		none := somebody(h, "carol", oldText)
		none.Password = ""
		m.people[none.ID] = none
		if err := change(none.ID, "", newText); !errors.Is(err, ErrWrong) || m.people[none.ID].Password != "" {
			t.Error(err)
		}
	})
}
