package authority

import (
	"context"
	"time"
)

// After is what else a change does, in the same transaction.
type After struct {
	Family *Family // a new family to add
	Marks  []Mark
	Events []Event
}

// The store, split by noun. Every method may answer ErrUnavailable (wrapped) where the store cannot be reached; a row that is
// not there is ErrUnknown. A change function is pure and short, runs inside the transaction and may run again where the
// transaction is tried again; its error undoes the change and comes back as it is, and ErrNoChange keeps the row and comes back
// as nil.

// Store is everything that the authority keeps, for those who open one; each service takes only its nouns.
type Store interface {
	Clients
	Codes
	DeviceRequests
	Families
	Feed
	SigningKeys
	Events
}

// Clients is where clients are kept.
type Clients interface {
	AddClient(ctx context.Context, client Client) error // ErrTaken
	Client(ctx context.Context, id string) (Client, error)
	ChangeClient(ctx context.Context, id string, change func(*Client) (After, error)) (Client, error)
	RemoveClient(ctx context.Context, id string, after After) error
	ListClients(ctx context.Context) ([]Client, error)
}

// Codes is where authorization codes are kept.
type Codes interface {
	AddCode(ctx context.Context, code Code, after After) error
	// ChangeCode redeems: change sets Redeemed and FamilyID and returns the new family in After.
	ChangeCode(ctx context.Context, id string, change func(*Code) (After, error)) (Code, error)
}

// DeviceRequests is where device logins are kept.
type DeviceRequests interface {
	// AddDeviceRequest answers ErrTaken where a live request has the same user code.
	AddDeviceRequest(ctx context.Context, request DeviceRequest) error
	DeviceRequest(ctx context.Context, id string) (DeviceRequest, error)
	// DeviceRequestByUserCode finds among the requests that have not expired at now.
	DeviceRequestByUserCode(ctx context.Context, userCode string, now time.Time) (DeviceRequest, error)
	// ChangeDeviceRequest decides or redeems.
	ChangeDeviceRequest(ctx context.Context, id string, change func(*DeviceRequest) (After, error)) (DeviceRequest, error)
	// PendingDeviceRequests counts the requests of an address that are pending and alive at now.
	PendingDeviceRequests(ctx context.Context, address string, now time.Time) (int, error)
}

// Families is where families are kept.
type Families interface {
	AddFamily(ctx context.Context, family Family, after After) error // ErrTaken
	Family(ctx context.Context, id string) (Family, error)
	// FamilyByToken finds a ready token by its hash, the current one or the one before.
	FamilyByToken(ctx context.Context, hash [32]byte) (Family, error)
	ChangeFamily(ctx context.Context, id string, change func(*Family) (After, error)) (Family, error)
	// FamiliesOf lists what a person holds that has not ended, the last used first.
	FamiliesOf(ctx context.Context, personID string, now time.Time) ([]Family, error)
}

// APIKeys is where API keys are kept.
type APIKeys interface {
	// AddAPIKey answers ErrTaken for an id or hash in use, and ErrTooMany where the person has most keys that live.
	AddAPIKey(ctx context.Context, key APIKey, most int, after After) error
	APIKey(ctx context.Context, id string) (APIKey, error)
	APIKeyByHash(ctx context.Context, hash [32]byte) (APIKey, error)
	ChangeAPIKey(ctx context.Context, id string, change func(*APIKey) (After, error)) (APIKey, error)
	// APIKeysOf lists a person's keys that are not revoked, the newest first.
	APIKeysOf(ctx context.Context, personID string) ([]APIKey, error)
	// FamiliesOfKey lists the families that the key began and that have not ended.
	FamiliesOfKey(ctx context.Context, keyID string) ([]Family, error)
}

// News is what a replica missed.
type News struct {
	Decisions []Decision
	Marks     []Mark
}

// Feed tells replicas what others did.
type Feed interface {
	// NewsSince returns the decisions and marks made at or after since that have not expired at now. One round trip; it
	// is the only statement that a waiting poll may cost, and the store counts it apart (Statements).
	NewsSince(ctx context.Context, since, now time.Time) (News, error)
	// AddMarks stores marks (and events) that belong to no other change.
	AddMarks(ctx context.Context, after After) error
}

// SigningKeys is where signing keys are kept.
type SigningKeys interface {
	ListSigningKeys(ctx context.Context) ([]SigningKey, error)
	// AddSigningKey answers ErrConflict where another replica added one of the same algorithm whose Signs is at or after
	// notAfter, so that two replicas that start at once make one key.
	AddSigningKey(ctx context.Context, key SigningKey, notAfter time.Time) error
	ChangeSigningKey(ctx context.Context, id string, change func(*SigningKey) error) error
	RemoveSigningKey(ctx context.Context, id string) error
}

// EventFilter chooses events; zero fields choose all.
type EventFilter struct {
	PersonID string
	ClientID string
	FamilyID string
	Kind     EventKind
	Since    time.Time
	Limit    int // 0: 100
}

// Events is the audit.
type Events interface {
	AddEvents(ctx context.Context, events ...Event) error
	// ListEvents returns the newest first.
	ListEvents(ctx context.Context, filter EventFilter) ([]Event, error)
}
