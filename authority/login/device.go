package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login/devicecode"
	"github.com/doorward/doorward/authority/poll"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	// deviceMargin is how long before its end a code can no longer be approved: a terminal that keeps its interval, on
	// whatever replica, still comes by in time for what the page has promised (SEC-076).
	deviceMargin = 15 * time.Second
	// maxWait bounds the time that a poll may wait.
	maxWait = 30 * time.Second
	// codeTries is how many user codes are tried where the first is taken.
	codeTries = 8
)

// Devices is the law of device logins (RFC 8628): a terminal begins one and polls, a person decides in a browser.
//
// What a poll needs is in memory and in the code itself: decided, pace and waiters belong to this replica, and none of them
// decides anything. Whether a login may be redeemed is judged by the store alone (Redeem).
type Devices struct {
	store    authority.DeviceRequests
	attempts identity.Attempts
	master   *keys.Master
	sessions *Sessions
	decided  *replica.Decided
	waiters  *poll.Waiters
	pace     *poll.Pace
	pending  *poll.Pendings
	codes    *usercode.Source
	now      func() time.Time
}

func newDevices(config Config, sessions *Sessions) *Devices {
	isDecided := func(id string) bool { _, ok := config.Decided.State(id); return ok }
	return &Devices{
		store: config.Store, attempts: config.Attempts, master: config.Master, sessions: sessions, decided: config.Decided,
		waiters: poll.NewWaiters(isDecided), pace: poll.NewPace(config.Now), pending: poll.NewPendings(config.Store, config.PendingPerAddress),
		codes: config.UserCodes, now: config.Now,
	}
}

// Wake lets the poll that waits for the request go: another replica has decided it.
func (d *Devices) Wake(id string) { d.waiters.Wake(id) }

// Drain answers every waiting poll at once; new ones do not wait.
func (d *Devices) Drain() { d.waiters.Drain() }

// DeviceAsk is what a terminal asks for, checked. The caller has checked scope and audience against the client.
type DeviceAsk struct {
	Scope     oauth.Scope
	Audience  []string
	Challenge oauth.Challenge // "" : no PKCE
	Origin    authority.Origin
	Binding   string // the binding that the person must sign in through; "" : any way
	Digits    bool   // the user code may hold digits, as base32 does; else it is of letters alone
}

// DeviceBegun is a device login that has begun.
type DeviceBegun struct {
	Code     secret.String // the device code
	UserCode string        // for people: WDJB-MJHT
	Expires  time.Time
	Interval time.Duration // between polls
}

// Begin begins a device login: one row. ErrTooMany where the address has too many that nobody has decided.
func (d *Devices) Begin(ctx context.Context, client authority.Client, ask DeviceAsk) (DeviceBegun, error) {
	// For wires that do not ask it themselves: the device login can be phished, and is off for a client that never asked
	// for it (SEC-087).
	if client.Disabled || !client.Allows(oauth.GrantDeviceCode) {
		return DeviceBegun{}, oauth.Errorf(oauth.UnauthorizedClient, "this application may not use the device login")
	}
	// Whole milliseconds, so that row and device code say the same in every store.
	now := d.now().Truncate(time.Millisecond)
	if err := d.pending.Enter(ctx, ask.Origin.Address, now); err != nil {
		return DeviceBegun{}, err
	}
	request := authority.DeviceRequest{
		ID: authority.NewID(now), ClientID: client.ID, Scope: ask.Scope, Audience: ask.Audience, Challenge: ask.Challenge,
		Origin: ask.Origin, Binding: ask.Binding, Created: now, Expires: now.Add(authority.DeviceLife), State: authority.DevicePending,
	}
	alphabet := usercode.Alphabet
	if ask.Digits {
		alphabet += usercode.Digits
	}
	if err := d.add(ctx, &request, alphabet); err != nil {
		return DeviceBegun{}, err
	}
	code := devicecode.Code{
		ID: request.ID, Client: client.ID, Expires: request.Expires, Scope: devicecode.HashScope(ask.Scope), Challenge: ask.Challenge,
	}
	return DeviceBegun{
		Code: code.Seal(d.master), UserCode: usercode.Format(request.UserCode), Expires: request.Expires, Interval: poll.Interval,
	}, nil
}

// add stores the request under a user code that no live request has: the store holds them apart (SEC-107). Codes are drawn
// anew and not counted up, since neighbours could be guessed. Eight that were all taken mean a store that is full, not bad
// luck: at 20 to the 8th, a million live codes are hit once in 25,000 draws.
func (d *Devices) add(ctx context.Context, request *authority.DeviceRequest, alphabet string) error {
	length := d.codes.Length(usercode.WindowOf(request.Created))
	for range codeTries {
		request.UserCode = d.codes.Make(alphabet, length)
		if err := d.store.AddDeviceRequest(ctx, *request); !errors.Is(err, authority.ErrTaken) {
			return err
		}
	}
	return fmt.Errorf("%w: no free user code after %d tries", authority.ErrTooMany, codeTries)
}

// Get returns a request in whatever state, or ErrUnknown.
func (d *Devices) Get(ctx context.Context, id string) (authority.DeviceRequest, error) {
	return d.store.DeviceRequest(ctx, id)
}

// Approve is the person's yes. Of several decisions one wins: the others get ErrUsed, with the request as it stands.
// ErrExpired comes a few seconds before the device code ends, so that a terminal can still fetch what was approved here.
// approval.Scope may be narrower than what was asked for; nil stands for all of it. Where the request names a binding, an
// approval that did not come through it is ErrUnknown.
func (d *Devices) Approve(ctx context.Context, id string, approval authority.Approval) (authority.DeviceRequest, error) {
	// Prepared inside the transaction and stored by it: there is no approval without its line in the audit (SEC-278).
	event := d.sessions.recorder.Prepare
	return d.decide(ctx, id, func(r *authority.DeviceRequest, now time.Time) (authority.Event, error) {
		if r.Binding != "" && r.Binding != approval.Binding {
			return authority.Event{}, authority.ErrUnknown
		}
		if r.Approval = approval; approval.Scope == nil {
			r.Approval.Scope = r.Scope
		}
		// A page that was tampered with cannot give more than the terminal asked for (SEC-014).
		r.Approval.Scope = within(r.Approval.Scope, r.Scope)
		if approval.At.IsZero() {
			r.Approval.At = now
		}
		r.State = authority.DeviceApproved
		return event(authority.Event{
			Kind: authority.EventApproved, PersonID: approval.PersonID, ClientID: r.ClientID, Address: approval.Address,
			Machine: r.Origin.Machine, Detail: "device",
		}), nil
	})
}

// Deny is the person's no; errors as of Approve.
func (d *Devices) Deny(ctx context.Context, id, personID, address string) (authority.DeviceRequest, error) {
	return d.decide(ctx, id, func(r *authority.DeviceRequest, _ time.Time) (authority.Event, error) {
		r.State = authority.DeviceDenied
		return d.denied(r, personID, address), nil
	})
}

// Refuse ends a request of the binding because its provider did not vouch for the person; errors as of Approve. The
// terminal's access_denied then has status 403, which a person's Deny has not.
func (d *Devices) Refuse(ctx context.Context, id, binding, address string) (authority.DeviceRequest, error) {
	return d.decide(ctx, id, func(r *authority.DeviceRequest, _ time.Time) (authority.Event, error) {
		if binding == "" || r.Binding != binding {
			return authority.Event{}, authority.ErrUnknown
		}
		r.State = authority.DeviceRefused
		event := d.denied(r, "", address)
		event.Detail = "refused by the identity provider"
		return event, nil
	})
}

func (d *Devices) denied(r *authority.DeviceRequest, personID, address string) authority.Event {
	return d.sessions.recorder.Prepare(authority.Event{
		Kind: authority.EventDenied, PersonID: personID, ClientID: r.ClientID, Address: address, Machine: r.Origin.Machine, Detail: "device",
	})
}

// decide turns a pending request into a decided one. The caller has signed the person in and asked; here it is judged
// whether there is still something to decide. Of two tabs, or an approval and a denial at once, the store lets one through
// (SEC-077).
func (d *Devices) decide(
	ctx context.Context, id string, verdict func(*authority.DeviceRequest, time.Time) (authority.Event, error),
) (authority.DeviceRequest, error) {
	var found authority.DeviceRequest
	var event authority.Event
	request, err := d.store.ChangeDeviceRequest(ctx, id, func(r *authority.DeviceRequest) (authority.After, error) {
		// Inside the function: a transaction that waited is judged by the time at which it runs (SEC-076).
		now := d.now()
		switch found = *r; {
		case r.State != authority.DevicePending:
			return authority.After{}, authority.ErrUsed
		case !decidable(r, now):
			return authority.After{}, authority.ErrExpired
		}
		var err error
		event, err = verdict(r, now)
		r.Decided = now
		return authority.After{Events: []authority.Event{event}}, err
	})
	if err != nil {
		return found, err
	}
	d.sessions.recorder.Log(event)
	d.announce(request)
	return request, nil
}

// decidable reports whether a decision would still reach the terminal.
func decidable(r *authority.DeviceRequest, now time.Time) bool {
	return now.Before(r.Expires.Add(-deviceMargin))
}

// announce tells this replica at once what was committed; the others hear of it from the store. Only after the commit: news
// of a change that is then undone could not be called back.
func (d *Devices) announce(request authority.DeviceRequest) {
	d.decided.Learn(authority.Decision{ID: request.ID, State: request.State, Decided: request.Decided, Expires: request.Expires})
	d.waiters.Wake(request.ID)
}

// Disown is "this was not me": it takes back an approval that was not redeemed, and ends the session that came of one that
// was. A request that is pending is denied. Only who approved it can take it back; it is ErrUnknown to everybody else.
func (d *Devices) Disown(ctx context.Context, id, personID, address string) error {
	var after authority.After
	request, err := d.store.ChangeDeviceRequest(ctx, id, func(r *authority.DeviceRequest) (authority.After, error) {
		after = authority.After{} // this may run again
		switch {
		case r.State == authority.DeviceDenied || r.State == authority.DeviceRefused:
			return authority.After{}, authority.ErrNoChange
		// Else anybody who signed in could end the logins of others by their ids.
		case r.State != authority.DevicePending && r.Approval.PersonID != personID:
			return authority.After{}, authority.ErrUnknown
		case r.State == authority.DeviceRedeemed:
			return authority.After{}, authority.ErrNoChange
		}
		r.State, r.Decided = authority.DeviceDenied, d.now()
		after = authority.After{Events: []authority.Event{d.denied(r, personID, address)}}
		return after, nil
	})
	if err != nil {
		return err
	}
	d.sessions.recorder.Log(after.Events...)
	// The terminal holds its tokens already, so that denying the request would change nothing (SEC-093).
	if request.State == authority.DeviceRedeemed {
		return d.sessions.End(ctx, request.FamilyID, personID, "disowned", address)
	}
	d.announce(request)
	return nil
}

// Poll answers a terminal's question (RFC 8628 section 3.5). No error means: approved, go on with Redeem. Else it is an
// *oauth.Error: authorization_pending, slow_down, access_denied, expired_token or, for a code that is not of this
// authority or not of this client, invalid_grant. A pending poll does no database work.
//
// wait is how long the caller is content to wait for a decision (RFC 7240); waited reports whether it was honoured, which
// Preference-Applied tells the terminal: it may then poll again at once. Where ctx ends first, its error comes back and
// nothing must be redeemed, because nobody is there to receive it.
func (d *Devices) Poll(
	ctx context.Context, client authority.Client, code secret.String, wait time.Duration, address string,
) (id string, waited bool, err error) {
	// In this order, the cheapest first: what is forged, foreign or expired dies without a look at anything that is shared,
	// and what is decided is told to whoever asks, however early; only a pending poll is paced.
	opened, err := d.open(code, client)
	if err != nil {
		return "", false, err
	}
	if decided, err := d.verdict(opened.ID); decided {
		return opened.ID, false, err
	}
	// The client adds five seconds to its interval and keeps them (RFC 8628 section 3.5, SEC-073). It is paced by login and
	// never by address, which many terminals share.
	if interval, ok := d.pace.Poll(opened.ID); !ok {
		slow := oauth.Errorf(oauth.SlowDown, "poll no more often than every %d seconds", int(interval.Seconds()))
		return opened.ID, false, slow
	}
	if wait <= 0 {
		return opened.ID, false, pending()
	}
	waited, err = d.wait(ctx, opened, min(wait, maxWait), address)
	return opened.ID, waited, err
}

// wait waits for a decision, at most until the code expires. ctx is looked at before the verdict: who has left is not
// redeemed, even where the decision came in the same moment.
func (d *Devices) wait(ctx context.Context, code devicecode.Code, most time.Duration, address string) (waited bool, err error) {
	_, waited = d.waiters.Wait(ctx, code.ID, address, min(most, code.Expires.Sub(d.now())))
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if decided, err := d.verdict(code.ID); decided {
		return waited, err
	}
	if !d.now().Before(code.Expires) {
		return waited, expired()
	}
	// What was waited for here counts as the interval: the next poll may come at once.
	if waited {
		d.pace.Waited(code.ID)
	}
	return waited, pending()
}

// open opens the device code of a client.
func (d *Devices) open(code secret.String, client authority.Client) (devicecode.Code, error) {
	opened, ok := devicecode.Open(d.master, code)
	switch {
	case !ok || opened.Client != client.ID: // the same words: a code of another client is as good as none (SEC-069)
		return devicecode.Code{}, refused("the device code is not one of this application")
	case client.Disabled || !client.Allows(oauth.GrantDeviceCode):
		return devicecode.Code{}, oauth.Errorf(oauth.UnauthorizedClient, "this application may not use the device login")
	// Last, so that expired_token is only told to the client whose code it was; others learn nothing of it.
	case !d.now().Before(opened.Expires):
		return devicecode.Code{}, expired()
	}
	return opened, nil
}

// verdict says what was decided: with no error, that there is something to redeem.
func (d *Devices) verdict(id string) (decided bool, err error) {
	switch state, ok := d.decided.State(id); {
	case !ok:
		return false, nil
	case state == authority.DeviceDenied:
		return true, denied()
	case state == authority.DeviceRefused:
		return true, refusedElsewhere()
	}
	return true, nil
}

func pending() error {
	return &oauth.Error{Code: oauth.AuthorizationPending, Description: "nobody has approved this login yet"}
}

func denied() error { return oauth.Errorf(oauth.AccessDenied, "this login was denied") }

// refusedElsewhere is a denial by the identity provider.
func refusedElsewhere() error {
	refused := oauth.Errorf(oauth.AccessDenied, "the identity provider did not let this login through")
	refused.Status = 403
	return refused
}

func expired() error {
	return oauth.Errorf(oauth.ExpiredToken, "the code has expired; begin the login again")
}

func refused(why string) error { return &oauth.Error{Code: oauth.InvalidGrant, Description: why} }

// within returns a copy of the values of scope that are also in limit: the slice may be a row's, which a store holds on to.
func within(scope, limit oauth.Scope) oauth.Scope {
	return slices.DeleteFunc(slices.Clone(scope), func(value string) bool { return !limit.Has(value) })
}
