package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client"
	"github.com/doorward/doorward/secret"
)

// DeviceWire is how a server is asked about a device login; the loop around it is Device's.
type DeviceWire interface {
	// Begin asks for a code.
	Begin(ctx context.Context) (oauth.DeviceAuthorization, error)
	// Poll asks once whether the login was approved. It fails with oauth.AuthorizationPending, oauth.SlowDown,
	// oauth.ExpiredToken or oauth.AccessDenied (as *oauth.Error), with *oauth.TemporaryError where the server could not be
	// asked just now, and with anything else to end the login. waited reports that the server held the request until there
	// was news or its time was up, so that the next one may follow at once.
	Poll(ctx context.Context, code secret.String) (made cred.Credential, waited bool, err error)
}

const (
	usualInterval = 5 * time.Second  // RFC 8628 section 3.2
	slowDown      = 5 * time.Second  // section 3.5: added for good by each slow_down
	maxBackOff    = 30 * time.Second // between two tries of a server that cannot be reached
	usualLife     = 10 * time.Minute // where the server does not say how long the code lives
)

// Device logs in with a code that the person enters in a browser anywhere (RFC 8628).
type Device struct {
	Wire DeviceWire

	// Issuer is the server's address. The page where the code is entered must be on its host, or on one of Hosts;
	// elsewhere, it is shown with a warning and never opened.
	Issuer string
	Hosts  []string // more host names, without port

	// Open opens the page in a browser too, where it is to be trusted.
	Open bool
}

// Login shows the code and polls until the person has decided, the code has ended (ErrExpired) or ctx has. Once the code
// is there, a server that cannot be reached is asked again, less and less often, until the code ends.
func (d Device) Login(ctx context.Context, ui UI) (cred.Credential, error) {
	began := time.Now()
	device, err := d.Wire.Begin(ctx)
	if err != nil {
		return cred.Credential{}, err
	}
	life := time.Duration(device.ExpiresIn) * time.Second
	if life <= 0 {
		life = usualLife
	}
	ctx, cancel := context.WithDeadlineCause(ctx, began.Add(life), ErrExpired)
	defer cancel() // ends what ShowCode shows
	prompt := d.prompt(device)
	prompt.Expires = began.Add(life)
	if err := d.show(ctx, ui, prompt); err != nil {
		return cred.Credential{}, err
	}
	return d.poll(ctx, device)
}

// show hands the code to the person; what a browser is sent to has passed prompt's judgement.
func (d Device) show(ctx context.Context, ui UI, prompt Prompt) error {
	if err := ui.ShowCode(ctx, prompt); err != nil {
		return err
	}
	if !d.Open || prompt.Warning != "" {
		return nil
	}
	page := prompt.URIComplete
	if page == "" {
		page = prompt.URI
	}
	return ui.OpenPage(ctx, page)
}

// poll is the loop of RFC 8628 section 3.5. The first poll goes out at once: a server that can wait then answers the very
// moment the person approves.
func (d Device) poll(ctx context.Context, device oauth.DeviceAuthorization) (cred.Credential, error) {
	pace := pace{interval: time.Duration(device.Interval) * time.Second}
	if pace.interval <= 0 {
		pace.interval = usualInterval
	}
	for {
		asked := time.Now()
		made, waited, err := d.Wire.Poll(ctx, device.DeviceCode)
		if err == nil {
			return made, nil
		}
		if ctx.Err() != nil {
			return cred.Credential{}, context.Cause(ctx)
		}
		pause, again := pace.after(err, waited, time.Since(asked))
		if !again {
			return cred.Credential{}, ended(err)
		}
		select {
		case <-ctx.Done():
			return cred.Credential{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// ended gives the end by the server's clock the same face as the end by ours.
func ended(err error) error {
	if errors.Is(err, oauth.ExpiredToken) {
		return fmt.Errorf("%w (%w)", ErrExpired, err)
	}
	return err
}

// pace decides when to poll again.
type pace struct {
	interval time.Duration
	failures int // in a row
}

// after returns the pause before the next poll, and whether there is to be one. A poll that the server held has waited
// already; the interval counts from its beginning, so that a server which only pretends to wait is not flooded.
func (p *pace) after(err error, waited bool, took time.Duration) (pause time.Duration, again bool) {
	var temporary *oauth.TemporaryError
	switch {
	case errors.Is(err, oauth.AuthorizationPending):
		p.failures = 0
		if waited {
			return max(0, p.interval-took), true
		}
		return p.interval, true
	case errors.Is(err, oauth.SlowDown):
		p.failures = 0
		p.interval += slowDown
		return p.interval, true
	case errors.As(err, &temporary):
		p.failures++
		return max(p.backOff(), temporary.RetryAfter), true
	}
	return 0, false
}

// backOff doubles the interval with each failure in a row (section 3.5), up to maxBackOff where that is longer.
func (p *pace) backOff() time.Duration {
	pause := p.interval
	for range p.failures {
		if pause >= maxBackOff {
			break
		}
		pause = min(2*pause, maxBackOff)
	}
	return pause
}

// prompt judges the addresses that the server sent (SEC-269): they are somebody else's text until proven to be a page of
// the issuer.
func (d Device) prompt(device oauth.DeviceAuthorization) Prompt {
	prompt := Prompt{UserCode: device.UserCode, URI: device.VerificationURI}
	switch {
	case !plain(device.VerificationURI) || oauth.CheckAddress(device.VerificationURI) != nil:
		prompt.URI = oauth.Inert(device.VerificationURI)
		prompt.Warning = "The server sent an address that is not a safe web address. Do not open it."
	case !d.trusts(device.VerificationURI):
		prompt.Warning = "The server sent an address on another host than its own. Open it only if you know that host."
	case plain(device.VerificationURIComplete) && oauth.CheckAddress(device.VerificationURIComplete) == nil &&
		d.trusts(device.VerificationURIComplete):
		prompt.URIComplete = device.VerificationURIComplete
	}
	return prompt
}

// trusts compares host names without ports: the page may be a neighbour of the issuer on the same machine. All names of
// this machine itself are one.
func (d Device) trusts(address string) bool {
	page, err := url.Parse(address)
	if err != nil {
		return false
	}
	issuer, err := url.Parse(d.Issuer)
	own := err == nil && issuer.Hostname() != "" && (strings.EqualFold(page.Hostname(), issuer.Hostname()) ||
		oauth.Loopback(page.Hostname()) && oauth.Loopback(issuer.Hostname()))
	return own || slices.ContainsFunc(d.Hosts, func(h string) bool { return strings.EqualFold(page.Hostname(), h) })
}

// plain reports whether text is what a URL is made of: printable ASCII, no spaces.
func plain(text string) bool { return sendable(secret.New(text)) }

// OAuthWire is the standard DeviceWire, bound to this process by PKCE. One value serves one login at a time.
type OAuthWire struct {
	Client *client.Client
	Scope  oauth.Scope

	verifier oauth.Verifier
}

// Begin asks for a code; the verifier stays in this process.
func (w *OAuthWire) Begin(ctx context.Context) (oauth.DeviceAuthorization, error) {
	w.verifier = oauth.NewVerifier()
	return w.Client.DeviceAuthorize(ctx, w.Scope, w.verifier.Challenge())
}

// Poll asks once, and lets the server wait for the decision where it can.
func (w *OAuthWire) Poll(ctx context.Context, code secret.String) (cred.Credential, bool, error) {
	token, waited, err := w.Client.PollDevice(ctx, code, w.verifier)
	if err != nil {
		return cred.Credential{}, waited, err
	}
	made, err := complete(ctx, w.Client, token, w.Scope, "")
	return made, waited, err
}
