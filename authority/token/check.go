package token

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
)

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
	if client.Disabled || client.Namesake(standing.began(), now) ||
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
