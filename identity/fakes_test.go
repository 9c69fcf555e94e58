package identity

import (
	"context"
	"sync"
	"time"

	"github.com/doorward/doorward/secret"
)

// memory keeps the nouns of this room for tests, each call one transaction.
type memory struct {
	mu          sync.Mutex
	people      map[string]Person
	signIns     map[string]SignIn
	invitations map[string]Invitation
	attempts    map[string]int
	first       map[string]time.Time
	looked      int
	gate        chan struct{} // where set, look-ups by name wait until it is closed
}

func newMemory(people ...Person) *memory {
	m := &memory{
		people: map[string]Person{}, signIns: map[string]SignIn{}, invitations: map[string]Invitation{},
		attempts: map[string]int{}, first: map[string]time.Time{},
	}
	for _, person := range people {
		m.people[person.ID] = person
	}
	return m
}

func (m *memory) lock() func() { m.mu.Lock(); return m.mu.Unlock }

func (m *memory) AddPerson(_ context.Context, person Person) error {
	defer m.lock()()
	for _, other := range m.people {
		if Canonical(other.Username) == Canonical(person.Username) || Canonical(other.Email) == Canonical(person.Email) {
			return ErrTaken
		}
	}
	m.people[person.ID] = person
	return nil
}

func (m *memory) Person(_ context.Context, id string) (Person, error) {
	defer m.lock()()
	person, found := m.people[id]
	if !found {
		return Person{}, ErrUnknown
	}
	return person, nil
}

func (m *memory) PersonByName(_ context.Context, name string) (Person, error) {
	if m.gate != nil {
		<-m.gate
	}
	defer m.lock()()
	m.looked++
	for _, person := range m.people {
		if name == Canonical(person.Username) || name == Canonical(person.Email) {
			return person, nil
		}
	}
	return Person{}, ErrUnknown
}

func (m *memory) ChangePerson(_ context.Context, id string, change func(*Person) error) (Person, error) {
	defer m.lock()()
	person := m.people[id]
	if err := change(&person); err != nil {
		return Person{}, err
	}
	m.people[id] = person
	return person, nil
}

func (m *memory) RemovePerson(context.Context, string) error { return nil }

func (m *memory) ListPeople(context.Context, string, int) ([]Person, error) { return nil, nil }

func (m *memory) AddSignIn(_ context.Context, signIn SignIn) error {
	defer m.lock()()
	m.signIns[signIn.ID] = signIn
	return nil
}

func (m *memory) SignIn(_ context.Context, id string) (SignIn, error) {
	defer m.lock()()
	signIn, found := m.signIns[id]
	if !found {
		return SignIn{}, ErrUnknown
	}
	return signIn, nil
}

func (m *memory) RenewSignIn(_ context.Context, old string, renewed SignIn) error {
	defer m.lock()()
	if _, found := m.signIns[old]; !found {
		return ErrUnknown
	}
	delete(m.signIns, old)
	m.signIns[renewed.ID] = renewed
	return nil
}

func (m *memory) RemoveSignIn(_ context.Context, id string) error {
	defer m.lock()()
	if _, found := m.signIns[id]; !found {
		return ErrUnknown
	}
	delete(m.signIns, id)
	return nil
}

func (m *memory) RemoveSignIns(_ context.Context, personID string) error {
	defer m.lock()()
	for id, signIn := range m.signIns {
		if signIn.PersonID == personID {
			delete(m.signIns, id)
		}
	}
	return nil
}

func (m *memory) AddInvitation(_ context.Context, invitation Invitation) error {
	defer m.lock()()
	m.invitations[invitation.ID] = invitation
	return nil
}

func (m *memory) Invitation(_ context.Context, id string) (Invitation, error) {
	defer m.lock()()
	invitation, found := m.invitations[id]
	if !found {
		return Invitation{}, ErrUnknown
	}
	return invitation, nil
}

func (m *memory) AcceptInvitation(ctx context.Context, id string, person Person) error {
	if _, err := m.Invitation(ctx, id); err != nil {
		return err
	}
	if err := m.AddPerson(ctx, person); err != nil {
		return err
	}
	defer m.lock()()
	delete(m.invitations, id)
	return nil
}

func (m *memory) CountAttempt(_ context.Context, key string, now time.Time, window time.Duration) (int, error) {
	defer m.lock()()
	if now.Sub(m.first[key]) > window {
		m.first[key], m.attempts[key] = now, 0
	}
	m.attempts[key]++
	return m.attempts[key], nil
}

func (m *memory) TakeBackAttempt(_ context.Context, key string) error {
	defer m.lock()()
	m.attempts[key] = max(0, m.attempts[key]-1)
	return nil
}

func (m *memory) ClearAttempts(_ context.Context, key string) error {
	defer m.lock()()
	delete(m.attempts, key)
	delete(m.first, key)
	return nil
}

// noon is the time in tests.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// quick is a hasher whose hashes cost next to nothing.
func quick() *Hasher { return &Hasher{Memory: 8, Passes: 1, AtOnce: 2, Waiting: 1000} }

// ada is a person whose password is lovelace-1815-engine.
func ada(h *Hasher) Person { return somebody(h, "ada", "lovelace-1815-engine") }

func somebody(h *Hasher, username, password string) Person {
	encoded, err := h.Hash(context.Background(), secret.New(password))
	if err != nil {
		panic(err)
	}
	return Person{
		ID: "usr_" + username, Username: username, Email: username + "@example.com", Name: "Ada Lovelace", Password: encoded,
	}
}

// door is a doorkeeper over m at a time that the test moves.
func door(m *memory, h *Hasher, now *time.Time) *Doorkeeper {
	return &Doorkeeper{People: m, Attempts: m, Hasher: h, Now: func() time.Time { return *now }}
}
