package session

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
)

// RevokeError is a warning: the login was ended or replaced on this machine, but the server did not confirm that the session
// has ended there too.
type RevokeError struct {
	Account string // whose session, where that is known
	Err     error
}

// Error says what may live on.
func (e *RevokeError) Error() string {
	whose := "the session"
	if e.Account != "" {
		whose += " of " + e.Account
	}
	return whose + " may live on at the server, which did not confirm its end: " + e.Err.Error()
}

// Unwrap returns what went wrong.
func (e *RevokeError) Unwrap() error { return e.Err }

// classify makes an *oauth.TemporaryError of every error that decides nothing about the credential. An interruption of ctx
// is itself.
func classify(ctx context.Context, err error) error {
	var temporary *oauth.TemporaryError
	var wire *oauth.Error
	var network net.Error
	switch {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return ctx.Err()
	case errors.As(err, &temporary):
		return temporary
	case errors.As(err, &wire):
		if undecided(wire) {
			return &oauth.TemporaryError{Err: err, RetryAfter: wire.RetryAfter}
		}
		return err
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return &oauth.TemporaryError{Err: err}
	}
	return err
}

// undecided reports whether an error answer says nothing about the grant.
func undecided(e *oauth.Error) bool {
	switch e.Code {
	case oauth.ServerError, oauth.TemporarilyUnavailable, oauth.SlowDown:
		return true
	}
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// rescue is a credential that could not be saved: the successor of one that is still in the store.
type rescue struct {
	parent, child cred.Credential
}

// rescue keeps a renewed credential in memory. The next process recovers by itself where the server lets the parent yield
// the same successor once more.
func (s *Session) rescue(parent, child cred.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ended(s.rescued.child) || !sameTokens(s.rescued.child, parent) {
		s.rescued.parent = parent
	} // else the store still holds the first parent of the line
	s.rescued.child = child
	s.pause = pause{}
}

// successor is the credential that counts where stored is in the store.
func (s *Session) successor(stored cred.Credential) cred.Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ended(s.rescued.child) && sameTokens(s.rescued.parent, stored) {
		return s.rescued.child
	}
	return stored
}

// forget drops what the store holds now, and the memory of failures.
func (s *Session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rescued, s.pause = rescue{}, pause{}
}

// pause keeps a long-lived program from asking a server that is down with every call.
type pause struct {
	failures int
	until    time.Time // our own back-off: in force while there is a token to use meanwhile
	ordered  time.Time // the server's Retry-After: in force for everybody
}

const (
	firstPause = time.Second
	maxPause   = 2 * time.Minute
)

// backOff doubles the pause, and spreads it so that many programs do not come back at the same moment.
func (s *Session) backOff(retryAfter time.Duration) {
	spread := 0.5 + s.random()/2
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := min(firstPause<<min(s.pause.failures, 10), maxPause)
	s.pause.failures++
	s.pause.until = now.Add(time.Duration(float64(wait) * spread))
	if retryAfter > 0 {
		s.pause.ordered = now.Add(min(retryAfter, maxPause))
	}
}

// pausing fails while the server is not to be asked.
func (s *Session) pausing(usable bool) error {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.pause.ordered
	if usable && s.pause.until.After(until) {
		until = s.pause.until
	}
	if !now.Before(until) {
		return nil
	}
	return &oauth.TemporaryError{Err: errors.New("the server did not answer and will be asked again later"), RetryAfter: until.Sub(now)}
}
