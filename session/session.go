// Package session holds the verbs of a logged-in program: log in, give a token, refresh, say who it is, log out.
//
// A token comes from the store without a lock and without the network for as long as it is good. Near its end one process
// refreshes it under the store's lock, saves the answer before anybody uses it, and all the others find it there. What is
// only temporary (no network, a busy server) never changes the store.
package session

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/doorward/doorward/cred"
)

// Errors of a session. What may pass by itself is an *oauth.TemporaryError; the rest comes from the store as it is.
var (
	// ErrLoginRequired: nobody is logged in.
	ErrLoginRequired = errors.New("not logged in")
	// ErrExpired: the login has ended, by time or because the server says so, and only a new one helps. The store still
	// says whose it was; Status returns that.
	ErrExpired = errors.New("the login has expired")
)

// Refresher renews a credential at the server. It returns old with what the server changed in it; Expires by the clock of
// this machine at the receipt of the answer. It fails with oauth.InvalidGrant where the login has ended and with an
// *oauth.TemporaryError where nothing was decided.
type Refresher interface {
	Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error)
}

// Source gives credentials that can be used now. A Session is one.
type Source interface {
	// Token returns a credential whose access token is good, or ErrLoginRequired, ErrExpired or an *oauth.TemporaryError.
	Token(ctx context.Context) (cred.Credential, error)
}

// Defaults of a Session.
const (
	DefaultEarly = time.Minute      // at most this long before its end, an access token is renewed
	DefaultLimit = 20 * time.Second // of one request to the server; less than a store waits for its lock
)

const (
	// patience is how long somebody waits for another process's refresh who has a token that still lives.
	patience = 5 * time.Second
	// grace is how long an answer may still come after the person has interrupted: what the server has rotated
	// by then would be lost.
	grace = 2 * time.Second
	// skew is how far a time of the past may lie ahead before it means that the clock was set back.
	skew = time.Minute
)

// Session is the login of one program. Its methods may be called from several goroutines; many processes may have the same
// Store and Key. Copy no Session after its first use.
type Session struct {
	Store cred.Store
	Key   cred.Key

	Refresher Refresher // nil: what is stored cannot renew itself

	// Early is how long before its end an access token is renewed; at most half of its life counts. 0: DefaultEarly, or
	// a tenth of its life where that is less.
	Early time.Duration
	// Rand spreads what machines would else do at the same moment (early renewal, back-off): it returns a number in [0, 1).
	// Early is lengthened by up to half of itself, by one draw for each Session. nil: math/rand/v2.
	Rand func() float64
	// MaxAge renews a token also when its last renewal is this old, for servers to which only that is a sign of use. 0: never.
	MaxAge time.Duration
	// Limit bounds each request to the server. 0: DefaultLimit.
	Limit time.Duration

	// Warn takes what went wrong without being a failure: *cred.WriteError (the login works, but is not on the disk as it
	// should be), *RevokeError. nil: nobody is told.
	Warn func(error)

	Now func() time.Time // nil: time.Now

	mu      sync.Mutex
	jitter  *float64 // one draw for the life of the Session
	rescued rescue
	pause   pause
}

var _ Source = (*Session)(nil)

// ended reports whether this is what is left of a login that the server has ended: whose it was, without anything that
// could be sent.
func ended(c cred.Credential) bool {
	return c.Access.IsZero() && c.Refresh.IsZero() && c.APIKey.IsZero()
}

// remains is a credential without anything that could be sent.
func remains(c cred.Credential) cred.Credential {
	return cred.Credential{
		Kind: c.Kind, Expires: c.Expires, SessionEnds: c.SessionEnds, Renewed: c.Renewed,
		Subject: c.Subject, Account: c.Account, Name: c.Name, Extra: c.Extra,
	}
}

// alive reports whether the access token can be used at this moment.
func (s *Session) alive(c cred.Credential) bool {
	return !c.Access.IsZero() && (c.Expires.IsZero() || s.now().Before(c.Expires))
}

// fresh reports whether the access token can be used and need not be renewed yet.
func (s *Session) fresh(c cred.Credential) bool {
	if !s.alive(c) || !s.renewable(c) {
		return s.alive(c)
	}
	now := s.now()
	if now.Add(skew).Before(c.Renewed) {
		return false // the clock was set back, and Expires says nothing any more
	}
	if s.MaxAge > 0 && now.Sub(c.Renewed) >= s.MaxAge {
		return false
	}
	return c.Expires.IsZero() || now.Before(c.Expires.Add(-s.early(c)))
}

// early is how long before its end this token is renewed.
func (s *Session) early(c cred.Credential) time.Duration {
	life := c.Expires.Sub(c.Renewed)
	if c.Renewed.IsZero() || life <= 0 {
		life = 10 * DefaultEarly // stored by somebody who does not say
	}
	early := cmp.Or(s.Early, min(DefaultEarly, life/10))
	early += time.Duration(float64(early) / 2 * s.spread())
	return min(early, life/2)
}

func (s *Session) spread() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jitter == nil {
		drawn := s.random()
		s.jitter = &drawn
	}
	return *s.jitter
}

func (s *Session) renewable(c cred.Credential) bool {
	return s.Refresher != nil && (!c.Refresh.IsZero() || c.Kind == cred.KindAPIKey && !c.APIKey.IsZero())
}

func (s *Session) random() float64 {
	if s.Rand == nil {
		return rand.Float64()
	}
	return s.Rand()
}

func (s *Session) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Session) warn(err error) {
	if s.Warn != nil && err != nil {
		s.Warn(err)
	}
}

// bounded returns a context for one request.
func (s *Session) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(s.Limit, DefaultLimit))
}

// unhurried is bounded, and outlives an interruption of ctx by the grace.
func (s *Session) unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	lasting, cancel := s.bounded(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-lasting.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return lasting, func() { stop(); cancel() }
}
