// Package flow holds the ways to obtain a credential: the browser with PKCE, the device code, an API key, a password, a
// ready token. A flow talks to an authorization server through oauth/client and to the person through a UI; it stores
// nothing (session does).
package flow

import (
	"context"
	"errors"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// Flow obtains a credential, once. It returns when the person is done, has refused, or ctx has ended.
type Flow interface {
	Login(ctx context.Context, ui UI) (cred.Credential, error)
}

// UI is what a flow needs of the person's terminal. Implementations print; they never decide.
type UI interface {
	// ShowCode shows where to go and which code to enter there. It returns at once; what it shows may go on moving (a
	// countdown) until ctx ends, which is when the wait is over.
	ShowCode(ctx context.Context, prompt Prompt) error
	// OpenPage shows the address and tries to open it in a browser. A browser that does not open is not an error: the
	// person can open the address by hand. It may return while the login goes on, or only when the browser is closed; ctx
	// outlives the login, so that its end does not take the browser with it.
	OpenPage(ctx context.Context, url string) error
	// AskSecret asks for a secret without echo. Without a terminal it fails with an error that says so.
	AskSecret(ctx context.Context, question string) (secret.String, error)
}

// Prompt is what a device login shows (RFC 8628 section 3.3).
type Prompt struct {
	UserCode    string    // as the server wrote it, dash included
	URI         string    // where the code is entered
	URIComplete string    // the same with the code filled in; "" where the server has none
	Expires     time.Time // by this machine's clock

	// Warning is set where the server sent an address that is not to be trusted. Show it with the address; do not open
	// the address and do not draw a QR code of it. URIComplete is empty then.
	Warning string
}

// Errors of flows. What the server decided comes as *oauth.Error: errors.Is(err, oauth.AccessDenied) is the person's No.
var (
	// ErrTimeout: nobody came back from the browser in time.
	ErrTimeout = errors.New("flow: nobody completed the sign-in in time; nothing was changed, start the login again")
	// ErrExpired: the device code ended, by this machine's clock or by the server's word, before anybody approved it.
	ErrExpired = errors.New("flow: the code expired before it was approved; nothing was changed, start the login again")
	// ErrNotRenewable: the credential has nothing to renew itself with.
	ErrNotRenewable = errors.New("flow: this login cannot renew itself; log in again")
	// ErrOtherPerson: the server now says that the login belongs to somebody else than before.
	ErrOtherPerson = errors.New("flow: the server answered for another person than this login is of")
)
