// Package flow holds the ways to obtain a credential: the browser with PKCE, the device code, an API key, a password, a
// ready token. A flow talks to an authorization server through oauth/client and to the person through a UI; it stores
// nothing (session does).
package flow

import (
	"context"
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
	// person can open the address by hand.
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
}
