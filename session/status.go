package session

import (
	"context"
	"errors"
	"net/http"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
)

// Status is what can be said about the login. Where it comes with an error it says what is known all the same: with
// ErrExpired whose login it was.
type Status struct {
	Credential cred.Credential // with the identity that the server said, where it was asked
	Verified   bool            // the server has just accepted the access token
}

// Status says whose login this is. identify asks the server and returns the credential with Subject, Account and Name
// filled in, or oauth.InvalidToken; nil: the server is not asked. A token that the server refuses is renewed once; where that
// does not help, the login was ended there and the error is ErrExpired; a token that somebody brought along and whose end is
// not known may never have been one, and is oauth.InvalidToken. Nothing is removed from the store for it.
func (s *Session) Status(ctx context.Context, identify func(context.Context, cred.Credential) (cred.Credential, error)) (Status, error) {
	c, err := s.Token(ctx)
	if err != nil {
		return s.lastKnown(ctx), err
	}
	if identify == nil {
		return Status{Credential: c}, nil
	}
	known, err := identify(ctx, c)
	if refused(err) && s.renewable(c) {
		if c, err = s.Refresh(ctx); err != nil {
			return s.lastKnown(ctx), err
		}
		known, err = identify(ctx, c)
	}
	switch {
	case err == nil:
		return Status{Credential: known, Verified: true}, nil
	case refused(err) && c.Kind == cred.KindStatic && c.Expires.IsZero() && c.SessionEnds.IsZero():
		return Status{Credential: c}, oauth.Errorf(oauth.InvalidToken, "the server does not know the token")
	case refused(err):
		return Status{Credential: c}, ErrExpired
	default:
		return Status{Credential: c}, classify(ctx, err)
	}
}

// refused reports whether the server does not accept the token.
func refused(err error) bool {
	var wire *oauth.Error
	return errors.Is(err, oauth.InvalidToken) || errors.As(err, &wire) && wire.Status == http.StatusUnauthorized
}

// lastKnown is what the store says, where it says anything.
func (s *Session) lastKnown(ctx context.Context) Status {
	c, _ := s.stored(ctx) // its error was told by whoever asks
	return Status{Credential: c}
}
