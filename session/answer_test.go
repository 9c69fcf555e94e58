package session

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// answering is a server of one sentence.
type answering func(old cred.Credential) (cred.Credential, error)

func (a answering) Refresh(_ context.Context, old cred.Credential) (cred.Credential, error) {
	return a(old)
}

// TestServerKeepsItsRefreshToken: a server that rotates nothing leaves it out of its answer (RFC 6749 section 6).
func TestServerKeepsItsRefreshToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.Refresher = answering(func(old cred.Credential) (cred.Credential, error) {
		old.Access, old.Refresh, old.Expires = secret.New("new"), secret.String{}, b.clock.now().Add(life)
		return old, nil
	})
	b.wantToken(t, "new")
	if kept := b.stored(t).Refresh.Reveal(); kept != "r" {
		t.Errorf("the refresh token is %q, want the one that is in force", kept)
	}
}

// TestAnswerWithoutAToken: what a server forgot to send ends no login.
func TestAnswerWithoutAToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	before := b.bytes(t)
	b.Refresher = answering(func(old cred.Credential) (cred.Credential, error) {
		old.Access, old.Refresh = secret.String{}, secret.New("r+")
		return old, nil
	})
	if _, err := b.Token(t.Context()); !temporary(err) {
		t.Errorf("%v, want a temporary error", err)
	}
	if b.bytes(t) != before {
		t.Error("the store was changed")
	}
}

// TestLoggedOutWhileItWaited: who logs out in one terminal is logged out in the other one, which was waiting for the lock.
func TestLoggedOutWhileItWaited(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	store := &overtaken{Store: b.file, by: func() {
		if err := b.file.Delete(context.Background(), key); err != nil {
			t.Error(err)
		}
	}}
	b.Store = store
	if _, err := b.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
		t.Errorf("%v, want ErrLoginRequired", err)
	}
	if b.server.asked() != 0 {
		t.Error("the server was asked for a login that is gone")
	}
}

// TestEndedWhileItWaited: what another process found out under the lock is not asked again.
func TestEndedWhileItWaited(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]cred.Credential{
		"the session has ended":     {Kind: cred.KindOAuth, Account: "ada@example.com"},
		"a token that cannot renew": {Kind: cred.KindStatic, Access: secret.New("x"), Expires: start.Add(-life)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.Store = &overtaken{Store: b.file, by: func() { b.store(t, left) }}
			if _, err := b.Token(t.Context()); !errors.Is(err, ErrExpired) {
				t.Errorf("%v, want ErrExpired", err)
			}
			if b.server.asked() != 0 {
				t.Error("the server was asked")
			}
		})
	}
}

// TestLogoutTwiceAtOnce: the second one finds that nobody is logged in, and revokes nothing.
func TestLogoutTwiceAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, life)
	b.Store = &overtaken{Store: b.file, by: func() {
		if err := b.file.Delete(context.Background(), key); err != nil {
			t.Error(err)
		}
	}}
	revoked := false
	err := b.Logout(t.Context(), func(context.Context, cred.Credential) error { revoked = true; return nil })
	if !errors.Is(err, ErrLoginRequired) || revoked {
		t.Errorf("%v, revoked %t", err, revoked)
	}
}

// overtaken is a store in which somebody else gets the lock first.
type overtaken struct {
	cred.Store
	by func()
}

func (o *overtaken) Update(ctx context.Context, key cred.Key, change func(cred.Credential, bool) (cred.Credential, error)) (cred.Credential, error) {
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return o.Store.Update(ctx, key, change)
}

func TestClassify(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := classify(gone, &oauth.TemporaryError{Err: context.Canceled}); !errors.Is(err, context.Canceled) || temporary(err) {
		t.Errorf("an interruption: %v", err)
	}
	wrapped := &oauth.TemporaryError{Err: errors.New("busy"), RetryAfter: 7}
	if err := classify(t.Context(), errors.Join(errors.New("refresh"), wrapped)); err != wrapped { //nolint:errorlint // itself
		t.Errorf("a temporary error: %v", err)
	}
	for name, err := range map[string]error{
		"a deadline of the transport": context.DeadlineExceeded, "half an answer": io.ErrUnexpectedEOF,
		"503":              &oauth.Error{Code: oauth.InvalidGrant, Status: http.StatusServiceUnavailable},
		"too many":         &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusTooManyRequests},
		"server_error":     &oauth.Error{Code: oauth.ServerError, Status: 400},
		"temporarily down": &oauth.Error{Code: oauth.TemporarilyUnavailable, Status: 400},
	} {
		if got := classify(t.Context(), err); !temporary(got) {
			t.Errorf("%s is final: %v", name, got)
		}
	}
	for name, err := range map[string]error{
		"invalid_grant": &oauth.Error{Code: oauth.InvalidGrant, Status: 400}, "invalid_client": &oauth.Error{Code: oauth.InvalidClient, Status: 401},
		"somebody's own": errors.New("x"),
	} {
		if got := classify(t.Context(), err); temporary(got) {
			t.Errorf("%s passes for temporary: %v", name, got)
		}
	}
}
