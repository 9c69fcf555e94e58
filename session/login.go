package session

import (
	"context"
	"errors"

	"github.com/doorward/doorward/cred"
)

// Login obtains a credential, saves it, and only then ends the session that it replaced: until it is saved, the earlier
// login stays as it was, whatever fails or interrupts. obtain talks to the person and runs outside the store's lock; where
// the store could not take the answer anyway (cred.ErrNewer, *cred.RefusedError, no permission), it is not called.
//
// revoke ends a session at the server; nil: sessions are left to their end. It is called for the login that was replaced, unless
// that was a token somebody had brought along, and for the new one where it could not be saved. Its failure is a warning
// (*RevokeError).
func (s *Session) Login(
	ctx context.Context,
	obtain func(context.Context) (cred.Credential, error),
	revoke func(context.Context, cred.Credential) error,
) (cred.Credential, error) {
	if err := s.probe(ctx); err != nil {
		return cred.Credential{}, err
	}
	fresh, err := obtain(ctx)
	if err != nil {
		return cred.Credential{}, err
	}
	fresh.Renewed = s.now().Round(0)
	var replaced cred.Credential
	_, err = s.Store.Update(ctx, s.Key, func(old cred.Credential, _ bool) (cred.Credential, error) {
		replaced = s.successor(old) // a refresh may have finished while obtain ran: its successor is replaced too
		return fresh, nil
	})
	if err = s.accept(err); err != nil {
		s.end(ctx, fresh, cred.Credential{}, revoke)
		return cred.Credential{}, err
	}
	s.forget()
	s.end(ctx, replaced, fresh, revoke)
	return fresh, nil
}

// probe asks the store for the lock and the file, without a change: a person is not sent to the browser for nothing. What a
// login repairs is no obstacle.
func (s *Session) probe(ctx context.Context) error {
	_, err := s.Store.Update(ctx, s.Key, func(old cred.Credential, _ bool) (cred.Credential, error) { return old, errKeep })
	if errors.Is(err, errKeep) {
		return nil
	}
	return err
}

// accept makes a warning of a write that counts although the disk did not confirm it.
func (s *Session) accept(err error) error {
	var unconfirmed *cred.WriteError
	if errors.As(err, &unconfirmed) && unconfirmed.Saved {
		s.warn(err)
		return nil
	}
	return err
}

// end revokes a session that nobody on this machine holds any more.
func (s *Session) end(ctx context.Context, gone, held cred.Credential, revoke func(context.Context, cred.Credential) error) {
	same := gone.SessionID != "" && gone.SessionID == held.SessionID ||
		!gone.Refresh.IsZero() && gone.Refresh == held.Refresh || !gone.Access.IsZero() && gone.Access == held.Access
	if revoke == nil || ended(gone) || same || gone.Kind == cred.KindStatic {
		return // a static token was not made by a login here, and may be in use elsewhere
	}
	s.warn(s.revoke(ctx, gone, revoke))
}

// revoke returns a *RevokeError where the server did not confirm. It goes on for a moment when the person interrupts.
func (s *Session) revoke(ctx context.Context, c cred.Credential, revoke func(context.Context, cred.Credential) error) error {
	request, cancel := s.unhurried(ctx)
	defer cancel()
	if err := revoke(request, c); err != nil {
		return &RevokeError{Account: c.Account, Err: err}
	}
	return nil
}

// errKeep leaves Update without a write.
var errKeep = errors.New("session: nothing to save")

// Logout ends the login at the server and removes it from the store, in this order, so that a crash in between leaves no
// session that nobody can end. With the server out of reach it is removed all the same, and a *RevokeError says so: the
// logout is done, and that is a warning. revoke nil: it is removed here only. Fails with ErrLoginRequired where nobody is
// logged in.
func (s *Session) Logout(ctx context.Context, revoke func(context.Context, cred.Credential) error) error {
	if _, err := s.stored(ctx); err != nil {
		return err
	}
	var warning error
	// Under the lock, so that no refresh makes a successor between the end of the session and its removal.
	_, err := s.Store.Update(ctx, s.Key, func(old cred.Credential, found bool) (cred.Credential, error) {
		if !found {
			return old, ErrLoginRequired
		}
		if old = s.successor(old); revoke != nil && !ended(old) {
			warning = s.revoke(ctx, old, revoke)
		}
		return old, errKeep
	})
	if !errors.Is(err, errKeep) {
		return err
	}
	// An interruption after the end of the session must not leave its tokens here.
	err = s.accept(s.Store.Delete(context.WithoutCancel(ctx), s.Key))
	if err != nil && !errors.Is(err, cred.ErrNotFound) {
		return err
	}
	s.forget()
	return warning
}
