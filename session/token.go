package session

import (
	"context"
	"errors"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
)

// Token returns a credential whose access token is good: the stored one without a lock and without the network, or the
// renewed one, saved before it is returned. Fails with ErrLoginRequired, ErrExpired, an *oauth.TemporaryError, or what the
// store answers (*cred.DamagedError, cred.ErrNewer, …).
func (s *Session) Token(ctx context.Context) (cred.Credential, error) {
	seen, err := s.stored(ctx)
	if err != nil {
		return cred.Credential{}, err
	}
	if s.fresh(seen) {
		return seen, nil
	}
	return s.renew(ctx, renewal{seen: seen})
}

// Refresh renews the credential whether it is near its end or not, for a token that a server has refused. Where another
// process has renewed it since the call, that one is returned. Fails as Token does; an access token that still lives does not
// stand in here.
func (s *Session) Refresh(ctx context.Context) (cred.Credential, error) {
	seen, err := s.stored(ctx)
	if err != nil {
		return cred.Credential{}, err
	}
	return s.renew(ctx, renewal{seen: seen, forced: true})
}

// stored is the credential that counts now.
func (s *Session) stored(ctx context.Context) (cred.Credential, error) {
	c, err := s.Store.Get(ctx, s.Key)
	if errors.Is(err, cred.ErrNotFound) {
		return c, ErrLoginRequired
	}
	return s.successor(c), err
}

// renewal is one attempt to renew a credential.
type renewal struct {
	seen   cred.Credential // what was stored when it began
	forced bool

	ended   bool            // the server says that the login has ended
	parent  cred.Credential // what was presented to the server
	adopted cred.Credential // what somebody stored without the lock meanwhile
}

// errAdopted leaves Update without a write.
var errAdopted = errors.New("session: another program has stored a newer credential")

func (s *Session) renew(ctx context.Context, r renewal) (cred.Credential, error) {
	if ended(r.seen) || !s.renewable(r.seen) {
		return s.unrenewable(r)
	}
	usable := !r.forced && s.alive(r.seen)
	if err := s.pausing(usable); err != nil {
		return s.standIn(r, usable, err)
	}
	locking := ctx
	if usable {
		var cancel context.CancelFunc
		locking, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	got, err := s.Store.Update(locking, s.Key, func(old cred.Credential, found bool) (cred.Credential, error) {
		return s.change(ctx, &r, old, found)
	})
	return s.settle(ctx, r, usable, got, err)
}

// unrenewable is the answer for what cannot renew itself.
func (s *Session) unrenewable(r renewal) (cred.Credential, error) {
	if s.alive(r.seen) {
		return r.seen, nil
	}
	return cred.Credential{}, ErrExpired
}

// change runs under the lock: it looks again whether there is anything left to do, and does it.
func (s *Session) change(ctx context.Context, r *renewal, old cred.Credential, found bool) (cred.Credential, error) {
	if !found {
		return cred.Credential{}, ErrLoginRequired
	}
	old = s.successor(old)
	r.parent = old
	switch {
	case ended(old):
		return cred.Credential{}, ErrExpired
	case s.done(*r, old):
		return old, nil
	case !s.renewable(old):
		return cred.Credential{}, ErrExpired
	}
	fresh, err := s.ask(ctx, old)
	if !errors.Is(err, oauth.InvalidGrant) {
		return fresh, err
	}
	// Somebody who does not know the lock may have stored a newer one: that is not ours to clear.
	newer, lookErr := s.stored(ctx)
	if lookErr == nil && !sameTokens(newer, old) && !ended(newer) {
		return s.adopt(ctx, r, newer)
	}
	r.ended = true
	return remains(old), nil
}

// adopt goes on with a credential that appeared in the store while the server was asked about an older one.
func (s *Session) adopt(ctx context.Context, r *renewal, newer cred.Credential) (cred.Credential, error) {
	if s.fresh(newer) || !s.renewable(newer) {
		r.adopted = newer
		return cred.Credential{}, errAdopted
	}
	r.parent = newer
	fresh, err := s.ask(ctx, newer)
	if errors.Is(err, oauth.InvalidGrant) {
		r.ended = true
		return remains(newer), nil
	}
	return fresh, err
}

// done reports whether another process has done the work since this attempt began.
func (s *Session) done(r renewal, old cred.Credential) bool {
	if r.forced && sameTokens(old, r.seen) {
		return false
	}
	return s.fresh(old)
}

// ask has the server renew a credential. Its errors are told apart: what is temporary is an *oauth.TemporaryError.
func (s *Session) ask(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	if err := ctx.Err(); err != nil {
		return cred.Credential{}, err // nothing was sent yet
	}
	request, cancel := s.unhurried(ctx)
	defer cancel()
	fresh, err := s.Refresher.Refresh(request, old)
	if err == nil && fresh.Access.IsZero() {
		err = &oauth.TemporaryError{Err: errors.New("the server renewed the login without sending a token")}
	}
	if err != nil {
		return cred.Credential{}, classify(ctx, err)
	}
	if fresh.Refresh.IsZero() { // the server may keep the old one in force (RFC 6749 section 6)
		fresh.Refresh = old.Refresh
	}
	fresh.Renewed = s.now().Round(0)
	return fresh, nil
}

// settle turns what Update answered into what the caller can use.
func (s *Session) settle(ctx context.Context, r renewal, usable bool, got cred.Credential, err error) (cred.Credential, error) {
	var unsaved *cred.WriteError
	var temporary *oauth.TemporaryError
	switch {
	case errors.Is(err, errAdopted):
		return s.unrenewable(renewal{seen: r.adopted})
	case r.ended && (err == nil || errors.As(err, &unsaved)):
		s.warn(err)
		return cred.Credential{}, ErrExpired
	case err == nil:
		s.forget()
		return got, nil
	case errors.As(err, &unsaved) && !got.Access.IsZero():
		// The server has rotated: this credential is the login now, on the disk or not.
		s.rescue(r.parent, got)
		s.warn(unsaved)
		return got, nil
	case errors.As(err, &temporary):
		s.backOff(temporary.RetryAfter)
		return s.standIn(r, usable, err)
	case ctx.Err() != nil:
		return cred.Credential{}, ctx.Err()
	case errors.Is(err, cred.ErrBusy):
		return s.standIn(r, usable, &oauth.TemporaryError{Err: err})
	case errors.As(err, &unsaved):
		s.warn(unsaved) // it was not even tried: without the lock nothing is sent
		return s.standIn(r, usable, err)
	}
	return cred.Credential{}, err
}

// standIn returns the access token that still lives in place of the renewed one, or the error where there is none.
func (s *Session) standIn(r renewal, usable bool, err error) (cred.Credential, error) {
	if usable && s.alive(r.seen) {
		return r.seen, nil
	}
	return cred.Credential{}, err
}

func sameTokens(a, b cred.Credential) bool {
	return a.Access == b.Access && a.Refresh == b.Refresh && a.APIKey == b.APIKey
}
