package identity

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/secret"
)

func TestPresence_SEC204(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	m := newMemory(ada(h))
	p := &Presence{SignIns: m, People: m, Now: func() time.Time { return now }}
	first, signIn, err := p.Begin(t.Context(), "usr_ada", []string{"pwd"}, here, strings.Repeat("é", 200))
	if err != nil || len(signIn.Agent) > 256 || strings.Contains(signIn.ID, first.Reveal()) {
		t.Fatal(signIn, err)
	}
	if person, _, err := p.Who(t.Context(), first); err != nil || person.ID != "usr_ada" {
		t.Fatal(person.ID, err)
	}
	second, renewed, err := p.Renew(t.Context(), first, []string{"pwd", "otp"})
	if err != nil || second == first || renewed.ID == signIn.ID || len(renewed.Methods) != 2 {
		t.Fatal("renewal:", renewed, err)
	}
	gone := func(cookie secret.String, why string) {
		t.Helper()
		if _, _, err := p.Who(t.Context(), cookie); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", why, err)
		}
	}
	gone(first, "the cookie from before the renewal")
	gone(secret.String{}, "no cookie")
	if _, _, err := p.Renew(t.Context(), first, nil); !errors.Is(err, ErrUnknown) {
		t.Error("renewing a dead sign-in:", err)
	}
	if err := p.End(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	gone(second, "after signing out")
	if err := p.End(t.Context(), second); err != nil {
		t.Error("signing out twice:", err)
	}
}

func TestPresenceEnds(t *testing.T) {
	t.Parallel()
	h := quick()
	for name, change := range map[string]func(*memory, *Presence, *time.Time){
		"time":     func(_ *memory, _ *Presence, now *time.Time) { *now = now.Add(12 * time.Hour) },
		"disabled": func(m *memory, _ *Presence, _ *time.Time) { m.edit(func(p *Person) { p.Disabled = true }) },
		"password": func(m *memory, _ *Presence, _ *time.Time) {
			m.edit(func(p *Person) { p.PasswordChanged = noon.Add(time.Second) })
		},
		"removed": func(m *memory, _ *Presence, _ *time.Time) { delete(m.people, "usr_ada") },
		"end all": func(_ *memory, p *Presence, _ *time.Time) { _ = p.EndAll(t.Context(), "usr_ada") },
	} {
		now, m := noon, newMemory(ada(h))
		p := &Presence{SignIns: m, People: m, Now: func() time.Time { return now }}
		cookie, _, err := p.Begin(t.Context(), "usr_ada", nil, here, "")
		if _, _, who := p.Who(t.Context(), cookie); err != nil || who != nil {
			t.Fatal(name, err, who)
		}
		change(m, p, &now)
		if _, _, err := p.Who(t.Context(), cookie); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (m *memory) edit(change func(*Person)) {
	person := m.people["usr_ada"]
	change(&person)
	m.people["usr_ada"] = person
}

func TestWelcome_SEC310_SEC166_OnceAndToTheMoment(t *testing.T) {
	t.Parallel()
	h, now := quick(), noon
	m := newMemory(ada(h))
	w := &Welcome{Invitations: m, Hasher: h, Now: func() time.Time { return now }}
	link, invitation := NewInvitation(noon, time.Hour)
	_ = m.AddInvitation(t.Context(), invitation)
	grace := Person{Name: "Grace Hopper", Username: " grace ", Email: "grace@example.com", ID: "chosen", Disabled: true, Password: "x"}
	good := secret.New("nanosecond of wire")
	for want, try := range map[error]func() error{
		ErrUnknown: func() error { _, err := w.Accept(t.Context(), NewLink(), grace, good); return err },
		ErrWeak:    func() error { _, err := w.Accept(t.Context(), link, grace, secret.New("grace1906")); return err },
		ErrTaken: func() error {
			taken := grace
			taken.Username = "ADA"
			_, err := w.Accept(t.Context(), link, taken, good)
			return err
		},
	} {
		if err := try(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	person, err := w.Accept(t.Context(), link, grace, good)
	if err != nil || !person.Administrator || person.Disabled || person.ID == "chosen" || person.Username != "grace" {
		t.Fatal(person, err)
	}
	if _, err := door(m, h, &now).Password(t.Context(), "grace", good, here); err != nil {
		t.Error("signing in:", err)
	}
	if _, err := w.Find(t.Context(), link); !errors.Is(err, ErrUnknown) {
		t.Error("the link again:", err)
	}
	late, expired := NewInvitation(noon, time.Hour)
	_ = m.AddInvitation(t.Context(), expired)
	now = now.Add(time.Hour - time.Nanosecond)
	if _, err := w.Find(t.Context(), late); err != nil {
		t.Error("a link in its last moment:", err)
	}
	now = now.Add(time.Nanosecond)
	if _, err := w.Find(t.Context(), late); !errors.Is(err, ErrUnknown) {
		t.Error("an expired link:", err)
	}
}

func TestCheckPerson(t *testing.T) {
	t.Parallel()
	ok := Person{Name: "Ada Lovelace", Username: "ada", Email: "ada@example.com"}
	if err := CheckPerson(ok); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string][]func(*Person, string){
		"name":     {func(p *Person, s string) { p.Name = s }},
		"username": {func(p *Person, s string) { p.Username = s }},
		"email":    {func(p *Person, s string) { p.Email = s }},
	} {
		for _, bad := range []string{"", " ", "a\x00b", "a\nb", "a\u202eb", strings.Repeat("a", 300), "\xff"} {
			person := ok
			change[0](&person, bad)
			var refused *FieldError
			if err := CheckPerson(person); !errors.As(err, &refused) || refused.Field != field {
				t.Errorf("%s %q: %v", field, bad, err)
			}
		}
	}
	for _, bad := range []string{"ada@example.com", "a b"} {
		if CheckPerson(Person{Name: "A", Username: bad, Email: "a@b.c"}) == nil {
			t.Errorf("username %q", bad)
		}
	}
	for _, bad := range []string{"ada", "Ada <ada@example.com>", "a@b, c@d", "ada@", "a b@example.com"} {
		if CheckPerson(Person{Name: "A", Username: "ada", Email: bad}) == nil {
			t.Errorf("e-mail %q", bad)
		}
	}
}

func TestNewPersonID(t *testing.T) {
	t.Parallel()
	a, b := NewPersonID(), NewPersonID()
	if a == b || !strings.HasPrefix(a, "usr_") || len(a) != 20 {
		t.Error(a, b)
	}
}
