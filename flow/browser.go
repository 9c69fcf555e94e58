package flow

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// usualPatience is how long a login in the browser may take.
const usualPatience = 5 * time.Minute

// Browser logs in with the person's browser on this machine: authorization code, PKCE, and a callback on a loopback
// address (RFC 8252 section 7.3). Nothing in the environment moves the listener or the redirect.
type Browser struct {
	Client *client.Client
	Scope  oauth.Scope // empty: the client's default at the server
	Name   string      // of the program, on the page that ends the login; "" is "The program"

	Port     int  // of the callback; 0: any free one
	Fallback bool // where Port is taken, any free one will do; otherwise it is a *PortError

	// Path is that of the callback, as the client registered it; "" is "/callback".
	Path string
	// RandomPath takes a new path for each login, which others on this machine cannot guess (SEC-248), for servers that
	// leave the path to the client. Path is not used then.
	RandomPath bool
	// Localhost writes http://localhost:PORT instead of http://127.0.0.1:PORT into the redirect, for servers that
	// registered it so. The name may lead a browser to ::1, so that is listened on too.
	Localhost bool

	Timeout time.Duration // for the whole login; 0: 5 min. After it, ErrTimeout.
}

// PortError says that the callback's port cannot be had.
type PortError struct {
	Port int
	Err  error
}

// Error names the port and what to do.
func (e *PortError) Error() string {
	return fmt.Sprintf("flow: port %d of this machine, which the login needs for a moment, is in use; choose another one", e.Port)
}

// Unwrap returns what the system said.
func (e *PortError) Unwrap() error { return e.Err }

// Login sends the person's browser to the server and waits for it to come back. It fails with ErrTimeout, with what the
// server said (*oauth.Error), with *oauth.IssuerError where another server answered, with a *PortError, or as the client
// does. When it returns, the listener is gone.
func (b Browser) Login(ctx context.Context, ui UI) (cred.Credential, error) {
	patience := b.Timeout
	if patience <= 0 {
		patience = usualPatience
	}
	caller := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrTimeout)
	defer cancel()
	metadata, err := b.Client.Describe(ctx)
	if err != nil {
		return cred.Credential{}, err
	}
	door, err := b.listen(metadata)
	if err != nil {
		return cred.Credential{}, err
	}
	// The page is opened under the caller's context, beside the wait: a browser that was started under the login's own
	// would be killed with its end, and one in the terminal returns only when it is closed.
	opened := make(chan error, 1)
	open := func(page string) { go func() { defer close(opened); opened <- ui.OpenPage(caller, page) }() }
	made, begun, err := b.through(ctx, door, open, opened)
	door.close(err)
	if begun {
		settle(opened)
	}
	return made, err
}

// settle gives OpenPage a moment to return, so that it does not write to the terminal together with the caller.
func settle(opened <-chan error) {
	limit := time.After(time.Second)
	for {
		select {
		case _, more := <-opened:
			if !more {
				return
			}
		case <-limit:
			return
		}
	}
}

// through is the login itself, between the opening and the closing of the listener. begun says that the page was opened.
func (b Browser) through(
	ctx context.Context, door *door, open func(page string), opened <-chan error,
) (made cred.Credential, begun bool, err error) {
	verifier := oauth.NewVerifier()
	nonce := ""
	if len(b.Scope) == 0 || b.Scope.Has(oauth.ScopeOpenID) {
		nonce = rand.Text()
	}
	page, err := b.Client.AuthorizationURL(ctx, client.AuthorizationRequest{
		RedirectURI: door.redirect(),
		Scope:       b.Scope,
		State:       door.state,
		Nonce:       nonce,
		Challenge:   verifier.Challenge(),
	})
	if err != nil {
		return cred.Credential{}, false, err
	}
	open(page)
	code, err := door.wait(ctx, opened)
	if err != nil {
		return cred.Credential{}, true, err
	}
	token, err := b.Client.Exchange(ctx, code, door.redirect(), verifier)
	if err != nil {
		return cred.Credential{}, true, err
	}
	made, err = complete(ctx, b.Client, token, b.Scope, nonce)
	return made, true, err
}

// wait returns the code that comes back, or why there is none.
func (d *door) wait(ctx context.Context, opened <-chan error) (secret.String, error) {
	for {
		select {
		case answer := <-d.answers:
			return answer.code, answer.err
		case err := <-opened:
			if err != nil {
				return secret.String{}, err
			}
			opened = nil
		case <-ctx.Done():
			return secret.String{}, context.Cause(ctx)
		}
	}
}

// listen opens the loopback listeners and serves them.
func (b Browser) listen(metadata oauth.Metadata) (*door, error) {
	listeners, err := b.bind(b.Port)
	if err != nil && b.Port != 0 && b.Fallback {
		listeners, err = b.bind(0)
	}
	if err != nil {
		return nil, &PortError{b.Port, err}
	}
	host := "127.0.0.1"
	if b.Localhost {
		host = "localhost"
	}
	path := b.Path
	switch {
	case b.RandomPath:
		path = "/" + rand.Text()
	case path == "":
		path = "/callback"
	}
	_, port, _ := net.SplitHostPort(listeners[0].Addr().String())
	door := &door{
		host: net.JoinHostPort(host, port), path: path, state: rand.Text(), name: b.Name,
		issuer: metadata.Issuer, promised: metadata.IssInResponse,
		answers: make(chan callback, 1), done: make(chan struct{}),
	}
	door.serve(listeners)
	return door, nil
}

// bind listens on 127.0.0.1 and, for a redirect to the name localhost, on the same port of ::1 where the machine has it:
// another user who had that one would be handed the code.
func (b Browser) bind(port int) ([]net.Listener, error) {
	for try := 0; ; try++ {
		four, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, err
		}
		if !b.Localhost || !hasIPv6() {
			return []net.Listener{four}, nil
		}
		_, got, _ := net.SplitHostPort(four.Addr().String())
		six, err := net.Listen("tcp6", net.JoinHostPort("::1", got))
		if err == nil {
			return []net.Listener{four, six}, nil
		}
		_ = four.Close()
		if port != 0 || try == 9 {
			return nil, err
		}
	}
}

// hasIPv6 tells a machine without ::1 from one where its port is taken, in the same way on every system.
func hasIPv6() bool {
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = probe.Close()
	return true
}
