// Package token makes access tokens and ID tokens, says of any token whether it is good, and keeps the keys that sign them.
//
// What comes in is a family (login) or a client, and what the pipeline of grants has decided; what goes out is signed text,
// or a Standing. The law it keeps: a signature says only that a token was ours when it was made. Whether it is good now is
// asked of the marks, the client and the clock at every check, and a replica that cannot know answers ErrUnavailable, never
// yes (SEC-123, SEC-285).
package token

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// The typ of our tokens' headers: an ID token can never pass as an access token (RFC 9068 section 2.1).
const (
	// Verify compares the whole header, so that confusing the two takes a forged signature and not a careless reader.
	typAccess = "at+jwt"
	typID     = "JWT"
)

// Tokens makes access tokens and ID tokens, and says of any token whether it is good.
type Tokens struct {
	issuer   string
	keyring  *Keyring
	registry *authority.Registry
	people   identity.People
	sessions *login.Sessions
	marks    *replica.Marks
	now      func() time.Time
	// fresh is asked before every check; a replica that has lost the others knows of no new mark.
	fresh func() bool

	verified standingCache
}

// Config is what tokens are made of. All of it is needed.
type Config struct {
	Issuer   string
	Keyring  *Keyring
	Registry *authority.Registry
	People   identity.People
	Sessions *login.Sessions
	Marks    *replica.Marks
	Now      func() time.Time
	Fresh    func() bool // reports whether this replica has heard of the others lately
}

// New makes the maker and checker of tokens.
func New(config Config) *Tokens {
	return &Tokens{
		issuer: config.Issuer, keyring: config.Keyring, registry: config.Registry, people: config.People,
		sessions: config.Sessions, marks: config.Marks, now: config.Now, fresh: config.Fresh,
	}
}

// Standing is what a good token says. It was good at the moment of Check; whoever keeps one longer than a request keeps
// what may have been revoked meanwhile.
type Standing struct {
	ID         string // jti; the family's id for a ready token
	ClientID   string
	PersonID   string // "" for a service
	Subject    string // the person's id, else the client's
	FamilyID   string // sid; "" for a service
	Scope      oauth.Scope
	Audience   []string
	Issued     time.Time
	Expires    time.Time
	Ready      bool // an opaque ready token
	Level      authority.Level
	SessionEnd time.Time // when a new login will be needed; zero where the token does not say
}

// claims is the body of an access token (RFC 9068 section 2.2). Of the person it holds the id, and the name only for Named: an access
// token is handed to every API and lives in their logs.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	Session  string   `json:"sid,omitempty"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	Ends     int64    `json:"session_exp,omitempty"`
	Party    string   `json:"azp,omitempty"`                // with Username: only where somebody reads it (Named)
	Username string   `json:"preferred_username,omitempty"` // OpenID Connect Core section 5.1
}

// audience is a string where there is one, an array where there are several (RFC 7519 section 4.1.3).
type audience []string

// MarshalJSON writes the shorter form. Some resource servers compare aud as a string and would refuse a list of one.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(a))
	}
	// The one place has to be there before it can be read into.
	*a = audience{""}
	return json.Unmarshal(data, &(*a)[0])
}

// Access makes an access token of the family for scope and audience, which are within the family's. It lives as long as
// the client's access tokens do, and never beyond the session.
func (t *Tokens) Access(family authority.Family, client authority.Client, scope oauth.Scope, aud []string) (token secret.String, life time.Duration, err error) {
	return t.access(family, client, claims{Scope: scope.String(), Audience: aud})
}

// access fills in what every access token of the family says.
func (t *Tokens) access(family authority.Family, client authority.Client, c claims) (token secret.String, life time.Duration, err error) {
	now := t.now()
	// An hour at most (authority.MaxAccess; SEC-055): an API that verifies by itself hears of a revocation only at the
	// expiry.
	life = client.AccessLife()
	c.Subject, c.ClientID, c.Session = family.PersonID, client.ID, family.ID
	if !family.Ends.IsZero() {
		// Else the last refresh before the absolute end would carry the session beyond it (SEC-121).
		life = min(life, family.Ends.Sub(now))
		c.Ends = family.Ends.Unix()
	}
	token, err = t.sign(client, c, now, life)
	return token, life, err
}

// Service makes an access token for a client that acts for itself (RFC 6749 section 4.4): no person, no session.
func (t *Tokens) Service(client authority.Client, scope oauth.Scope, aud []string) (token secret.String, life time.Duration, err error) {
	life = client.AccessLife()
	token, err = t.sign(client, claims{
		Subject: client.ID, Audience: aud, ClientID: client.ID, Scope: scope.String(),
	}, t.now(), life)
	return token, life, err
}

// sign stamps what all access tokens have. The id begins with the time, to the millisecond, where iat has seconds: the id
// is what a mark is compared with (Standing.began).
func (t *Tokens) sign(client authority.Client, c claims, now time.Time, life time.Duration) (secret.String, error) {
	c.Issuer, c.ID, c.Issued, c.Expires = t.issuer, authority.NewID(now), now.Unix(), now.Add(life).Unix()
	return t.signed(client, typAccess, c)
}

// signed signs with the client's algorithm, or the keyring's first. keys.ErrNoKey where a client names one that no key is
// kept for; the client's row is then at fault and no other client is disturbed.
func (t *Tokens) signed(client authority.Client, typ string, body any) (secret.String, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return secret.String{}, err
	}
	token, err := t.keyring.Ring().Sign(t.algorithm(client), typ, text)
	return secret.New(token), err
}

// algorithm is what the client's tokens are signed with.
func (t *Tokens) algorithm(client authority.Client) keys.Alg {
	if client.Algorithm == "" {
		return t.keyring.algorithms[0]
	}
	return client.Algorithm
}

// idClaims is the body of an ID token (OpenID Connect Core sections 2 and 5.1).
type idClaims struct {
	Issuer     string   `json:"iss"`
	Subject    string   `json:"sub"`
	Audience   string   `json:"aud"`
	Expires    int64    `json:"exp"`
	Issued     int64    `json:"iat"`
	AuthTime   int64    `json:"auth_time,omitempty"`
	Nonce      string   `json:"nonce,omitempty"`
	AccessHash string   `json:"at_hash"`
	Methods    []string `json:"amr,omitempty"`
	Session    string   `json:"sid"`
	Email      string   `json:"email,omitempty"`
	Verified   *bool    `json:"email_verified,omitempty"`
	Name       string   `json:"name,omitempty"`
	Username   string   `json:"preferred_username,omitempty"`

	more map[string]string // claims whose names are settings
}

// MarshalJSON adds what has no name of its own. The fixed members come first and the object is never empty, so that its
// closing brace can become a comma.
func (c idClaims) MarshalJSON() ([]byte, error) {
	type plain idClaims
	text, err := json.Marshal(plain(c))
	if err != nil || len(c.more) == 0 {
		return text, err
	}
	more, err := json.Marshal(c.more)
	if err != nil {
		return nil, err
	}
	text[len(text)-1] = ','
	return append(text, more[1:]...), nil
}

// ID makes the ID token that goes with access, for whoever was granted openid. ready is the family's ready token, for a
// client whose logins end in one.
func (t *Tokens) ID(ctx context.Context, family authority.Family, client authority.Client, nonce string, access, ready secret.String) (secret.String, error) {
	// Read now, and not kept in the family: a name that was changed since the login is the new one.
	person, err := t.people.Person(ctx, family.PersonID)
	if err != nil {
		return secret.String{}, err
	}
	now := t.now()
	c := idClaims{
		Issuer: t.issuer, Subject: person.ID, Audience: client.ID, Issued: now.Unix(), Expires: now.Add(client.AccessLife()).Unix(),
		Nonce: nonce, AccessHash: accessHash(t.algorithm(client), access), Methods: family.Methods, Session: family.ID,
	}
	if !family.AuthTime.IsZero() {
		c.AuthTime = family.AuthTime.Unix()
	}
	// By what was approved for the session. The access token beside it may have been narrowed for one request.
	if family.Scope.Has(oauth.ScopeEmail) {
		c.Email, c.Verified = person.Email, &person.EmailVerified
	}
	if family.Scope.Has(oauth.ScopeProfile) {
		c.Name, c.Username = person.Name, person.Username
	}
	// The claim's name is the operator's setting and comes last; nothing that a client sends can become one.
	if client.ReadyClaim != "" && !ready.IsZero() {
		c.more = map[string]string{client.ReadyClaim: ready.Reveal()}
	}
	return t.signed(client, typID, c)
}

// accessHash is at_hash: the left half of the hash that goes with the signature's algorithm (OpenID Connect Core section
// 3.1.3.6). ES256 and RS256 go with SHA-256; Ed25519 hashes with SHA-512 inside, and verifiers expect that.
func accessHash(alg keys.Alg, access secret.String) string {
	if alg == keys.EdDSA {
		sum := sha512.Sum512([]byte(access.Reveal()))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(access.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Check says what a token is good for: ErrUnknown for one that is not, whatever the reason; ErrUnavailable where this
// replica cannot say, which is not a no. A token is checked against the marks at every call; its signature once.
func (t *Tokens) Check(ctx context.Context, token string) (Standing, error) {
	// Before the cache is looked at: what was good a minute ago may have been revoked at another replica since (SEC-284).
	if !t.fresh() {
		return Standing{}, authority.ErrUnavailable
	}
	// The cache is kept by hash: a dump of the memory then holds no token that could be used (SEC-274).
	key := sha256.Sum256([]byte(token))
	standing, ok := t.verified.get(key, t.now())
	if !ok {
		var err error
		if standing, err = t.read(ctx, token); err != nil {
			return Standing{}, err
		}
		t.verified.put(key, standing, t.now())
	}
	// ErrUnknown for a client that was removed: its tokens are over with it.
	client, err := t.registry.Client(ctx, standing.ClientID)
	if err != nil {
		return Standing{}, err
	}
	// Taken again after the look-ups: a token must not pass because the store was slow.
	now := t.now()
	if client.Disabled || client.Namesake(standing.began()) ||
		!now.Before(standing.Expires) || now.Before(standing.Issued.Add(-authority.ClockSlack)) ||
		// Marks compare with the beginning of the session and not with that of the token: a token that was refreshed a
		// moment after "end all sessions" belongs to a session that began before it.
		t.marks.Over(standing.FamilyID, standing.PersonID, standing.ClientID, standing.began()) {
		return Standing{}, authority.ErrUnknown
	}
	return standing, nil
}

// began is when the session began, by its id; for a service, when the token was made. The zero time for an id that is none
// of ours: every mark is later than that, and ends it.
func (s *Standing) began() time.Time {
	id := s.FamilyID
	if id == "" {
		id = s.ID
	}
	began, _ := authority.IDTime(id)
	return began
}

// read tells the two kinds of token apart by their form alone. What is neither is looked up as a ready token, and not
// found.
func (t *Tokens) read(ctx context.Context, token string) (Standing, error) {
	if strings.Count(token, ".") == 2 {
		return t.readAccess(token)
	}
	family, err := t.sessions.FindReady(ctx, token)
	if err != nil {
		return Standing{}, err
	}
	return Standing{
		ID: family.ID, ClientID: family.ClientID, PersonID: family.PersonID, Subject: family.PersonID, FamilyID: family.ID,
		Scope: family.Scope, Audience: family.Audience, Issued: family.Created, Expires: family.Ends, Ready: true,
		Level: family.Level, SessionEnd: family.Ends,
	}, nil
}

func (t *Tokens) readAccess(token string) (Standing, error) {
	body, _, err := t.keyring.Ring().Verify(token, typAccess)
	if err != nil {
		return Standing{}, authority.ErrUnknown
	}
	var c claims
	// The signature was right, so the issuer can differ only where two authorities share a store or its signing keys; a
	// token of the other one says nothing here.
	if json.Unmarshal(body, &c) != nil || c.Issuer != t.issuer {
		return Standing{}, authority.ErrUnknown
	}
	standing := Standing{
		ID: c.ID, ClientID: c.ClientID, Subject: c.Subject, FamilyID: c.Session, Scope: oauth.ParseScope(c.Scope),
		Audience: c.Audience, Issued: time.Unix(c.Issued, 0), Expires: time.Unix(c.Expires, 0),
	}
	// Without a session it is a service that acts for itself, and its subject is no person's id, whatever it looks like.
	if c.Session != "" {
		standing.PersonID = c.Subject
	}
	if c.Ends != 0 {
		standing.SessionEnd = time.Unix(c.Ends, 0)
	}
	return standing, nil
}

// standingCache remembers what tokens were found to say. What can change (marks, clients, time) is never in it; a ready
// token's row is read again every few seconds, for stores that are changed by hand.
type standingCache struct {
	mu      sync.RWMutex
	entries map[[32]byte]cachedStanding
}

type cachedStanding struct {
	standing Standing
	read     time.Time
}

const (
	maxStandings  = 16384
	readyReadable = 5 * time.Second
)

func (c *standingCache) get(key [32]byte, now time.Time) (Standing, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	entry, ok := c.entries[key]
	// A negative age means that the clock was set back; the entry is then of a time that nobody can place.
	if age := now.Sub(entry.read); entry.standing.Ready && (age < 0 || age > readyReadable) {
		return Standing{}, false
	}
	return entry.standing, ok
}

// A cache that is full starts anew. It costs one signature or one look-up for each token that is still in use, and needs no
// list of who was used last; its size is bounded whatever is sent (SEC-334), and only good tokens get in.
func (c *standingCache) put(key [32]byte, standing Standing, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxStandings {
		c.entries = make(map[[32]byte]cachedStanding)
	}
	c.entries[key] = cachedStanding{standing, now}
}

// Revoke ends the session of any token of ours (RFC 7009): nothing happens for an unknown token, and nothing for one of
// another client.
func (t *Tokens) Revoke(ctx context.Context, token string, client authority.Client, address string) error {
	id := ""
	// A wrapped token is revoked by the value inside, like the bare one.
	token = t.Unwrap(token)
	// A refresh token of whatever generation: whoever logs out with one that was rotated away meanwhile still means this
	// session.
	if family, ok := t.sessions.FamilyOf(token); ok {
		id = family
	} else if standing, err := t.read(ctx, token); err == nil {
		id = standing.FamilyID
		// A store that fails is told: a client that was answered 200 forgets the token, and nobody would ever end the session
		// (SEC-135, CVE-2020-15223).
	} else if !errors.Is(err, authority.ErrUnknown) {
		return err
	}
	if id == "" {
		return nil
	}
	family, err := t.sessions.Get(ctx, id)
	if errors.Is(err, authority.ErrUnknown) {
		return nil
	}
	// With another client's token nothing happens, and nothing is said either (SEC-132; RFC 7009 section 2.1).
	if err != nil || family.ClientID != client.ID {
		return err
	}
	return t.sessions.End(ctx, id, "", "logout", address)
}
