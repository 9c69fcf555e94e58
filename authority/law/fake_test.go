package law

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest/clock"
	"github.com/doorward/doorward/identity"
)

// memoryStore is a whole store in maps behind one mutex: a transaction is whoever holds it.
type memoryStore struct {
	mu         sync.Mutex
	statements int   // how often anybody asked
	down       error // what every method answers where it is set

	clients  map[string]authority.Client
	codes    map[string]authority.Code
	requests map[string]authority.DeviceRequest
	families map[string]authority.Family
	marks    map[markKey]authority.Mark
	keys     map[string]authority.SigningKey
	events   []authority.Event
	people   map[string]identity.Person
	attempts map[string]memoryAttempts
	apiKeys  map[string]authority.APIKey
}

// markKey is what a mark is found by.
type markKey struct {
	kind authority.MarkKind
	id   string
}

type memoryAttempts struct {
	tries int
	first time.Time
}

var (
	_ authority.Store   = (*memoryStore)(nil)
	_ identity.People   = (*memoryStore)(nil)
	_ identity.Attempts = (*memoryStore)(nil)
)

func newMemoryStore() *memoryStore {
	return &memoryStore{
		clients: map[string]authority.Client{}, codes: map[string]authority.Code{}, requests: map[string]authority.DeviceRequest{},
		families: map[string]authority.Family{}, marks: map[markKey]authority.Mark{}, keys: map[string]authority.SigningKey{},
		people: map[string]identity.Person{}, attempts: map[string]memoryAttempts{}, apiKeys: map[string]authority.APIKey{},
	}
}

// begin takes the lock; the caller gives it back with the returned function.
func (s *memoryStore) begin() (end func(), err error) {
	s.mu.Lock()
	s.statements++
	return s.mu.Unlock, s.down
}

// idOf is the id of the request with this user code. It is no statement.
func (s *memoryStore) idOf(tb testing.TB, userCode string) string {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, request := range s.requests {
		if request.UserCode == userCode {
			return id
		}
	}
	tb.Fatalf("no request has the user code %s", userCode)
	return ""
}

// asked returns how many statements there were since the last call.
func (s *memoryStore) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.statements
	s.statements = 0
	return n
}

// fail makes every method answer err; nil ends that.
func (s *memoryStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

func (s *memoryStore) apply(after authority.After) error {
	if f := after.Family; f != nil {
		if _, taken := s.families[f.ID]; taken {
			return authority.ErrTaken
		}
		s.families[f.ID] = *f
	}
	for _, mark := range after.Marks {
		s.marks[markKey{mark.Kind, mark.ID}] = mark
	}
	s.events = append(s.events, after.Events...)
	return nil
}

func addRow[V any](s *memoryStore, rows map[string]V, id string, row V, after authority.After) error {
	end, err := s.begin()
	defer end()
	if err != nil {
		return err
	}
	if _, taken := rows[id]; taken {
		return authority.ErrTaken
	}
	if err := s.apply(after); err != nil {
		return err
	}
	rows[id] = row
	return nil
}

func findRow[V any](s *memoryStore, rows map[string]V, match func(V) bool) (V, error) {
	var none V
	end, err := s.begin()
	defer end()
	if err != nil {
		return none, err
	}
	for _, row := range rows {
		if match(row) {
			return row, nil
		}
	}
	return none, authority.ErrUnknown
}

func getRow[V any](s *memoryStore, rows map[string]V, id string) (V, error) {
	var none V
	end, err := s.begin()
	defer end()
	if err != nil {
		return none, err
	}
	if row, ok := rows[id]; ok {
		return row, nil
	}
	return none, authority.ErrUnknown
}

func changeRow[V any](s *memoryStore, rows map[string]V, id string, change func(*V) (authority.After, error)) (V, error) {
	var none V
	end, err := s.begin()
	defer end()
	if err != nil {
		return none, err
	}
	row, ok := rows[id]
	if !ok {
		return none, authority.ErrUnknown
	}
	changed := row
	after, err := change(&changed)
	if errors.Is(err, authority.ErrNoChange) {
		return row, nil
	}
	if err != nil {
		return none, err
	}
	if err := s.apply(after); err != nil {
		return none, err
	}
	rows[id] = changed
	return changed, nil
}

func removeRow[V any](s *memoryStore, rows map[string]V, id string, after authority.After) error {
	end, err := s.begin()
	defer end()
	if err != nil {
		return err
	}
	if _, ok := rows[id]; !ok {
		return authority.ErrUnknown
	}
	delete(rows, id)
	return s.apply(after)
}

func (s *memoryStore) AddClient(_ context.Context, client authority.Client) error {
	return addRow(s, s.clients, client.ID, client, authority.After{})
}

func (s *memoryStore) Client(_ context.Context, id string) (authority.Client, error) {
	return getRow(s, s.clients, id)
}

func (s *memoryStore) ChangeClient(_ context.Context, id string, change func(*authority.Client) (authority.After, error)) (authority.Client, error) {
	return changeRow(s, s.clients, id, change)
}

func (s *memoryStore) RemoveClient(_ context.Context, id string, after authority.After) error {
	return removeRow(s, s.clients, id, after)
}

func (s *memoryStore) ListClients(context.Context) ([]authority.Client, error) {
	return listRows(s, s.clients, nil, func(a, b authority.Client) int { return cmp.Compare(a.ID, b.ID) })
}

func listRows[V any](s *memoryStore, rows map[string]V, match func(V) bool, order func(a, b V) int) ([]V, error) {
	end, err := s.begin()
	defer end()
	if err != nil {
		return nil, err
	}
	var list []V
	for _, row := range rows {
		if match == nil || match(row) {
			list = append(list, row)
		}
	}
	slices.SortFunc(list, order)
	return list, nil
}

func (s *memoryStore) AddCode(_ context.Context, code authority.Code, after authority.After) error {
	return addRow(s, s.codes, code.ID, code, after)
}

func (s *memoryStore) ChangeCode(_ context.Context, id string, change func(*authority.Code) (authority.After, error)) (authority.Code, error) {
	return changeRow(s, s.codes, id, change)
}

func (s *memoryStore) AddDeviceRequest(_ context.Context, request authority.DeviceRequest) error {
	end, err := s.begin()
	defer end()
	if err != nil {
		return err
	}
	for _, other := range s.requests {
		if other.ID == request.ID || other.UserCode == request.UserCode && other.Expires.After(request.Created) {
			return authority.ErrTaken
		}
	}
	s.requests[request.ID] = request
	return nil
}

func (s *memoryStore) DeviceRequest(_ context.Context, id string) (authority.DeviceRequest, error) {
	return getRow(s, s.requests, id)
}

func (s *memoryStore) DeviceRequestByUserCode(_ context.Context, userCode string, now time.Time) (authority.DeviceRequest, error) {
	return findRow(s, s.requests, func(r authority.DeviceRequest) bool { return r.UserCode == userCode && r.Expires.After(now) })
}

func (s *memoryStore) ChangeDeviceRequest(
	_ context.Context, id string, change func(*authority.DeviceRequest) (authority.After, error),
) (authority.DeviceRequest, error) {
	return changeRow(s, s.requests, id, change)
}

func (s *memoryStore) PendingDeviceRequests(_ context.Context, address string, now time.Time) (int, error) {
	list, err := listRows(s, s.requests, func(r authority.DeviceRequest) bool {
		return r.Origin.Address == address && r.State == authority.DevicePending && r.Expires.After(now)
	}, func(a, b authority.DeviceRequest) int { return cmp.Compare(a.ID, b.ID) })
	return len(list), err
}

func (s *memoryStore) AddFamily(_ context.Context, family authority.Family, after authority.After) error {
	return addRow(s, s.families, family.ID, family, after)
}

func (s *memoryStore) Family(_ context.Context, id string) (authority.Family, error) {
	return getRow(s, s.families, id)
}

func (s *memoryStore) FamilyByToken(_ context.Context, hash [32]byte) (authority.Family, error) {
	return findRow(s, s.families, func(f authority.Family) bool {
		return f.Kind == authority.FamilyReady && (f.Current == hash || f.Previous == hash && f.Generation > 0)
	})
}

func (s *memoryStore) ChangeFamily(_ context.Context, id string, change func(*authority.Family) (authority.After, error)) (authority.Family, error) {
	return changeRow(s, s.families, id, change)
}

func (s *memoryStore) FamiliesOf(_ context.Context, personID string, now time.Time) ([]authority.Family, error) {
	return listRows(s, s.families, func(f authority.Family) bool {
		return f.PersonID == personID && f.Ended.IsZero() && (f.Ends.IsZero() || f.Ends.After(now))
	}, func(a, b authority.Family) int { return b.LastUsed.Compare(a.LastUsed) })
}

func (s *memoryStore) NewsSince(_ context.Context, since, now time.Time) (authority.News, error) {
	end, err := s.begin()
	defer end()
	var news authority.News
	if err != nil {
		return news, err
	}
	for _, r := range s.requests {
		if r.State != authority.DevicePending && !r.Decided.Before(since) && r.Expires.After(now) {
			news.Decisions = append(news.Decisions, authority.Decision{ID: r.ID, State: r.State, Decided: r.Decided, Expires: r.Expires})
		}
	}
	for _, mark := range s.marks {
		if !mark.Made.Before(since) && mark.Expires.After(now) {
			news.Marks = append(news.Marks, mark)
		}
	}
	return news, nil
}

func (s *memoryStore) AddMarks(_ context.Context, after authority.After) error {
	end, err := s.begin()
	defer end()
	if err != nil {
		return err
	}
	return s.apply(after)
}

func (s *memoryStore) ListSigningKeys(context.Context) ([]authority.SigningKey, error) {
	return listRows(s, s.keys, nil, func(a, b authority.SigningKey) int { return a.Created.Compare(b.Created) })
}

func (s *memoryStore) AddSigningKey(_ context.Context, key authority.SigningKey, notAfter time.Time) error {
	end, err := s.begin()
	defer end()
	if err != nil {
		return err
	}
	for _, other := range s.keys {
		if other.Alg == key.Alg && !other.Signs.Before(notAfter) {
			return authority.ErrConflict
		}
	}
	s.keys[key.ID] = key
	return nil
}

func (s *memoryStore) ChangeSigningKey(_ context.Context, id string, change func(*authority.SigningKey) error) error {
	_, err := changeRow(s, s.keys, id, func(key *authority.SigningKey) (authority.After, error) { return authority.After{}, change(key) })
	return err
}

func (s *memoryStore) RemoveSigningKey(_ context.Context, id string) error {
	return removeRow(s, s.keys, id, authority.After{})
}

func (s *memoryStore) AddEvents(_ context.Context, events ...authority.Event) error {
	return s.AddMarks(context.Background(), authority.After{Events: events})
}

func (s *memoryStore) ListEvents(_ context.Context, filter authority.EventFilter) ([]authority.Event, error) {
	end, err := s.begin()
	defer end()
	if err != nil {
		return nil, err
	}
	var list []authority.Event
	for _, event := range slices.Backward(s.events) {
		if (filter.PersonID == "" || event.PersonID == filter.PersonID) &&
			(filter.ClientID == "" || event.ClientID == filter.ClientID) &&
			(filter.FamilyID == "" || event.FamilyID == filter.FamilyID) &&
			(filter.Kind == "" || event.Kind == filter.Kind) && !event.At.Before(filter.Since) &&
			len(list) < cmp.Or(filter.Limit, 100) {
			list = append(list, event)
		}
	}
	return list, nil
}

func (s *memoryStore) AddPerson(_ context.Context, person identity.Person) error {
	end, err := s.begin()
	defer end()
	if err != nil {
		return err
	}
	for _, other := range s.people {
		if other.ID == person.ID || identity.Canonical(other.Username) == identity.Canonical(person.Username) ||
			person.Email != "" && identity.Canonical(other.Email) == identity.Canonical(person.Email) {
			return identity.ErrTaken
		}
	}
	s.people[person.ID] = person
	return nil
}

func (s *memoryStore) Person(_ context.Context, id string) (identity.Person, error) {
	person, err := getRow(s, s.people, id)
	return person, ofIdentity(err)
}

func (s *memoryStore) PersonByName(_ context.Context, name string) (identity.Person, error) {
	person, err := findRow(s, s.people, func(p identity.Person) bool {
		return identity.Canonical(p.Username) == name || identity.Canonical(p.Email) == name
	})
	return person, ofIdentity(err)
}

func (s *memoryStore) ChangePerson(_ context.Context, id string, change func(*identity.Person) error) (identity.Person, error) {
	person, err := changeRow(s, s.people, id, func(p *identity.Person) (authority.After, error) { return authority.After{}, change(p) })
	return person, ofIdentity(err)
}

func (s *memoryStore) RemovePerson(_ context.Context, id string) error {
	return ofIdentity(removeRow(s, s.people, id, authority.After{}))
}

func (s *memoryStore) ListPeople(_ context.Context, after string, limit int) ([]identity.Person, error) {
	list, err := listRows(s, s.people, func(p identity.Person) bool { return identity.Canonical(p.Username) > after },
		func(a, b identity.Person) int {
			return cmp.Compare(identity.Canonical(a.Username), identity.Canonical(b.Username))
		})
	return list[:min(limit, len(list))], err
}

// ofIdentity gives an unknown person the error of its own room.
func ofIdentity(err error) error {
	if errors.Is(err, authority.ErrUnknown) {
		return identity.ErrUnknown
	}
	return err
}

func (s *memoryStore) CountAttempt(_ context.Context, key string, now time.Time, window time.Duration) (int, error) {
	end, err := s.begin()
	defer end()
	if err != nil {
		return 0, err
	}
	counted, ok := s.attempts[key]
	if !ok || counted.first.Before(now.Add(-window)) {
		counted = memoryAttempts{first: now}
	}
	counted.tries++
	s.attempts[key] = counted
	return counted.tries, nil
}

func (s *memoryStore) TakeBackAttempt(_ context.Context, key string) error {
	end, err := s.begin()
	defer end()
	if counted, ok := s.attempts[key]; ok && counted.tries > 0 && err == nil {
		counted.tries--
		s.attempts[key] = counted
	}
	return err
}

func (s *memoryStore) ClearAttempts(_ context.Context, key string) error {
	end, err := s.begin()
	defer end()
	delete(s.attempts, key)
	return err
}

// TestMemoryStore holds the fake to the store's contract where the tests of this package lean on it.
func TestMemoryStore(t *testing.T) {
	t.Parallel()
	ctx, s, now := t.Context(), newMemoryStore(), clock.New().Now()
	request := authority.DeviceRequest{ID: "a", UserCode: "BCDFGHJK", Created: now, Expires: now.Add(time.Minute), State: authority.DevicePending}
	if err := s.AddDeviceRequest(ctx, request); err != nil {
		t.Fatal(err)
	}
	request.ID = "b"
	if err := s.AddDeviceRequest(ctx, request); !errors.Is(err, authority.ErrTaken) {
		t.Errorf("a user code twice among the living: %v", err)
	}
	request.Created, request.Expires = now.Add(time.Minute), now.Add(2*time.Minute)
	if err := s.AddDeviceRequest(ctx, request); err != nil {
		t.Errorf("a user code of an expired request: %v", err)
	}
	boom := errors.New("boom")
	_, err := s.ChangeDeviceRequest(ctx, "a", func(r *authority.DeviceRequest) (authority.After, error) {
		r.State = authority.DeviceDenied
		return authority.After{Family: &authority.Family{ID: "f"}}, boom
	})
	if got, _ := s.DeviceRequest(ctx, "a"); !errors.Is(err, boom) || got.State != authority.DevicePending || len(s.families) != 0 {
		t.Errorf("a failed change was kept: %v, %+v", err, got)
	}
	if got, err := s.ChangeDeviceRequest(ctx, "a", func(r *authority.DeviceRequest) (authority.After, error) {
		r.State = authority.DeviceDenied
		return authority.After{}, authority.ErrNoChange
	}); err != nil || got.State != authority.DevicePending {
		t.Errorf("ErrNoChange: %v, %+v", err, got)
	}
	if _, err := s.Person(ctx, "nobody"); !errors.Is(err, identity.ErrUnknown) {
		t.Errorf("an unknown person: %v", err)
	}
}
