// Package authority is the law of the server: which client may ask for what, what an approval is worth, how codes and
// families of tokens live and end. It works over a store and a clock and knows neither HTTP nor SQL.
//
// Here are its words, the store by noun, clients and the audit. What is done with them has rooms below: login (an approval
// becomes a session, and the session lives), token, apikey, usercode; poll and replica, which spare the store; and law, which
// wires them.
package authority

import (
	"errors"
	"time"

	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
)

// Errors of this room.
var (
	ErrUnknown     = errors.New("authority: no such thing")
	ErrTaken       = errors.New("authority: the id or code is in use")
	ErrUsed        = errors.New("authority: it was used or decided before")
	ErrDenied      = errors.New("authority: it was denied")
	ErrExpired     = errors.New("authority: it has expired")
	ErrConflict    = errors.New("authority: somebody else changed it at the same time")
	ErrUnavailable = errors.New("authority: the store cannot be reached at this moment")
	ErrTooMany     = errors.New("authority: too many at once; try again later")
	// ErrNoChange is what a change function returns to keep a row as it is; the store then answers without an error.
	ErrNoChange = errors.New("authority: nothing to change")
)

// Refreshing says when a client gets refresh tokens.
type Refreshing string

// When a client gets refresh tokens.
const (
	RefreshAlways  Refreshing = "always"
	RefreshOffline Refreshing = "offline_access" // where that scope was granted
	RefreshNever   Refreshing = "never"
)

// Client is a program that may ask for tokens (RFC 6749 section 2).
type Client struct {
	ID         string
	Name       string   // shown to people
	SecretHash []byte   // SHA-256 of the machine-made secret; nil: a public client
	Redirects  []string // registered redirect URIs; see RedirectAllowed for the loopback rule
	Grants     []oauth.GrantType
	Scope      oauth.Scope // what it may ask for
	Default    oauth.Scope // what a request without scope means
	Audience   string      // aud of its access tokens where no resource was asked for; "" : the issuer
	Resources  []string    // what `resource` may name beside Audience (RFC 8707)
	Algorithm  keys.Alg    // of its tokens; "" : ES256
	Refreshing Refreshing  // "" : RefreshAlways
	// Introspects allows the client to introspect tokens whose audience it is (RFC 7662): Audience, its own id, or any of
	// Resources.
	Introspects bool

	Access   time.Duration // life of an access token; 0: 10 minutes
	Idle     time.Duration // a session without use this long ends; 0: never
	Absolute time.Duration // a session ends this long after it began; 0: never
	// Replay is how long the previous refresh token still yields its successor; 0: 24 hours.
	Replay time.Duration

	TokenPrefix string // of its ready tokens; "" : dwt_
	// ReadyClaim makes a login end in a ready token of level 1, which the ID token carries under this name; no refresh
	// tokens then. "" : logins end in sessions.
	ReadyClaim string
	Disabled   bool
	Created    time.Time
}

// Public reports whether the client has no secret.
func (c *Client) Public() bool { return len(c.SecretHash) == 0 }

// Origin is what is known of the machine that asks.
type Origin struct {
	Address string // the peer, by the rules for trusted proxies; no port
	Agent   string // User-Agent as sent, cut to 256 bytes
	Machine string // the label that the requester claims, cut and cleaned; shown, never trusted
}

// Approval is a person's yes.
type Approval struct {
	PersonID string
	Scope    oauth.Scope
	Methods  []string  // how the person had signed in: amr values
	AuthTime time.Time // when
	At       time.Time
	Address  string // of the browser
	// Binding is the binding through which an upstream provider vouched for the person, with the acr that it said; "" :
	// nobody did.
	Binding string
	ACR     string
}

// AuthorizationRequest is a checked request at the authorization endpoint. It travels sealed through the pages.
type AuthorizationRequest struct {
	ID          string          `json:"id"`
	ClientID    string          `json:"cl"`
	RedirectURI string          `json:"ru"`
	State       string          `json:"st,omitempty"`
	Nonce       string          `json:"no,omitempty"`
	Scope       oauth.Scope     `json:"sc,omitempty"`
	Challenge   oauth.Challenge `json:"ch"`
	Audience    []string        `json:"au,omitempty"`
	Login       bool            `json:"lo,omitempty"` // prompt=login: the person signs in anew
	MaxAge      int64           `json:"ma,omitempty"` // seconds, -1 where none was asked
	Origin      Origin          `json:"or"`
	At          time.Time       `json:"at"`
}

// Code is an authorization code (RFC 6749 section 4.1.2).
type Code struct {
	ID       string // hash of the code
	Request  AuthorizationRequest
	Approval Approval
	Expires  time.Time
	Redeemed time.Time // zero: not yet
	FamilyID string    // what it was redeemed into
}

// CodeKept is how long a store keeps a code after it has expired: a replay can then still end what came of it.
const CodeKept = 24 * time.Hour

// DeviceLife is how long a device code can be polled with and redeemed.
const DeviceLife = 10 * time.Minute

// DeviceState is where a device request stands.
type DeviceState string

// The states of a device request. Pending is the absence of news.
const (
	DevicePending  DeviceState = "pending"
	DeviceApproved DeviceState = "approved"
	DeviceDenied   DeviceState = "denied"
	DeviceRedeemed DeviceState = "redeemed"
	// DeviceRefused: the identity provider that had to vouch for the person did not.
	DeviceRefused DeviceState = "refused"
)

// DeviceRequest is a device login from its beginning to its redemption (RFC 8628).
type DeviceRequest struct {
	ID        string // sealed in the device code
	UserCode  string // normalised: upper case, no dash
	ClientID  string
	Scope     oauth.Scope
	Audience  []string
	Challenge oauth.Challenge // "" : the client sent none
	Origin    Origin
	Binding   string // the binding that the person must sign in through; "" : any way
	Created   time.Time
	Expires   time.Time

	State    DeviceState
	Approval Approval  // where State is approved or redeemed
	Decided  time.Time // the last change of State; zero while pending
	FamilyID string    // where redeemed
}

// Decision is the news that replicas tell each other of a device request.
type Decision struct {
	ID      string
	State   DeviceState
	Decided time.Time
	Expires time.Time
}

// FamilyKind says what a family's tokens are.
type FamilyKind string

// The kinds of family.
const (
	FamilySession FamilyKind = "session" // access tokens, refreshed
	FamilyReady   FamilyKind = "ready"   // one opaque ready token
)

// Level is the strength of a ready token or session: it decides how long it lives.
type Level int

// The levels and their lives (24 hours, 7 days, 30 days).
const (
	LevelLow Level = iota
	LevelMedium
	LevelHigh
)

// Life returns how long something of this level lives.
func (l Level) Life() time.Duration {
	switch l {
	case LevelHigh:
		return 30 * 24 * time.Hour
	case LevelMedium:
		return 7 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// Family is what one machine holds for its whole life; people read "session". It is one row, changed by
// compare-and-swap: a refresh rotates the secret in place.
type Family struct {
	ID       string // NewID: it tells when the family began
	Kind     FamilyKind
	ClientID string
	PersonID string // "" only for families of service clients
	Scope    oauth.Scope
	Audience []string
	Origin   Origin
	How      string   // the grant that began it, for people: browser, device, password, api key, token
	Methods  []string // amr
	AuthTime time.Time
	Level    Level
	IssuedBy string // the administrator who issued it for the person; "" : the person
	APIKeyID string // the API key that began it; "" : none
	Binding  string // as in the approval
	ACR      string // as in the approval

	Created     time.Time
	LastUsed    time.Time
	LastAddress string
	Ends        time.Time // absolute end; zero: none

	KeyID      string // the master key that its secrets derive from
	Salt       []byte
	Generation int64
	Current    [32]byte  // SHA-256 of the current secret (of the whole token for FamilyReady)
	Previous   [32]byte  // of the one before
	Rotated    time.Time // when Current was made

	Ended     time.Time // zero: it lives
	EndReason string    // revoked, replay, logout, disabled, …
}

// APIKey is a credential of its own for scripts: it acts as its person, and is exchanged for sessions.
type APIKey struct {
	ID       string // NewID
	PersonID string
	Name     string // what people call it
	Hash     [32]byte
	Hint     string      // its first and last characters, for lists
	Scope    oauth.Scope // what its sessions may do; nil: what the client may ask for
	IssuedBy string      // the administrator who issued it for the person; "" : the person
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time // to the minute
	Revoked  time.Time // zero: it lives
}

// MarkKind says what a mark ends.
type MarkKind string

// What a mark ends.
const (
	MarkFamily MarkKind = "family"
	MarkPerson MarkKind = "person"
	MarkClient MarkKind = "client"
)

// Mark says "what began before T is over" of a family, a person or a client. It lives as long as the longest access token.
type Mark struct {
	Kind    MarkKind
	ID      string
	Before  time.Time // families that began before this are over
	Made    time.Time
	Expires time.Time
}

// maxAccess is the longest life of an access token, and so the life of a mark: after it, nothing that the mark speaks of
// could be valid anyway. The slack covers replicas whose clocks differ.
const (
	MaxAccess = time.Hour
	markLife  = MaxAccess + 5*time.Minute
)

// NewMark makes a mark of now, for all that began before now.
func NewMark(kind MarkKind, id string, now time.Time) Mark {
	return Mark{Kind: kind, ID: id, Before: now, Made: now, Expires: now.Add(markLife)}
}

// SigningKey is a key of the store, its private part sealed.
type SigningKey struct {
	ID      string
	Alg     keys.Alg
	Sealed  []byte
	Created time.Time
	Signs   time.Time // from when it signs: replicas have read it by then
	Retires time.Time // from when it neither signs nor verifies; zero: not planned
}

// EventKind names what happened, as words.with.dots.
type EventKind string

// The audit events.
const (
	EventSignIn         EventKind = "sign_in.succeeded"
	EventSignInFailed   EventKind = "sign_in.failed"
	EventSignInLocked   EventKind = "sign_in.locked"
	EventSignOut        EventKind = "sign_out"
	EventApproved       EventKind = "login.approved"
	EventDenied         EventKind = "login.denied"
	EventCodeGuess      EventKind = "user_code.wrong"
	EventReplay         EventKind = "refresh_token.replayed"
	EventCodeReplay     EventKind = "code.replayed"
	EventCodeElsewhere  EventKind = "code.redeemed_elsewhere" // from another network than it was approved from
	EventForeign        EventKind = "token.foreign_client"
	EventSessionEnded   EventKind = "session.ended"
	EventTokenIssued    EventKind = "ready_token.issued"
	EventAPIKeyIssued   EventKind = "api_key.issued"
	EventAPIKeyRevoked  EventKind = "api_key.revoked"
	EventFactorAdded    EventKind = "factor.added"
	EventFactorRemoved  EventKind = "factor.removed"
	EventRecoveryMade   EventKind = "recovery_codes.made"
	EventRecoveryUsed   EventKind = "recovery_code.used"
	EventPassword       EventKind = "password.changed"
	EventDomainAdded    EventKind = "domain.added"
	EventBindingAdded   EventKind = "binding.added"
	EventBindingChanged EventKind = "binding.changed"
	EventPersonAdded    EventKind = "person.added"
	EventPersonChanged  EventKind = "person.changed"
	EventPersonRemoved  EventKind = "person.removed"
	EventClientAdded    EventKind = "client.added"
	EventClientChanged  EventKind = "client.changed"
	EventClientRemoved  EventKind = "client.removed"
	EventKeyRotated     EventKind = "signing_key.rotated"
	EventMasterKeyAdded EventKind = "master_key.rotated"
)

// Event is one line of the audit: who, what, when, from where, how. It never carries a secret.
type Event struct {
	ID       string
	At       time.Time
	Kind     EventKind
	PersonID string // whom it is about
	Actor    string // who did it: a person's id, "admin" for the command line, "" : the person or nobody known
	ClientID string
	FamilyID string
	Address  string
	Machine  string
	Detail   string
}
