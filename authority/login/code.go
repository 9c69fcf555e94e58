package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	// codeLife is how long an authorization code can be redeemed. The way is browser, loopback address, this server:
	// whoever needs more than a minute for it has copied the code (SEC-021, SEC-028).
	codeLife = time.Minute
	// codeRepeat is how long the same redemption gets the same answer: duplicates in flight. Longer, and a thief who saw
	// the answer fail would have time; shorter, and a proxy that repeats a POST ends a login (SEC-293).
	codeRepeat = 5 * time.Second
	// requestLife is how long a person may take over the pages.
	requestLife = 30 * time.Minute
)

// Logins carries authorization requests through the pages and turns approvals into codes and codes into families. A request
// is in no row before it is approved: pages that are opened and left cost the store nothing (SEC-334).
type Logins struct {
	issuer   string
	store    authority.Codes
	sessions *Sessions
	master   *keys.Master
	now      func() time.Time
}

// Seal makes the request safe to travel through pages and forms: it cannot be read or changed there.
func (l *Logins) Seal(request authority.AuthorizationRequest) string {
	request.At = l.now()
	if request.ID == "" {
		request.ID = authority.NewID(request.At)
	}
	plain, err := json.Marshal(request)
	if err != nil {
		panic("authority: an authorization request is always JSON: " + err.Error())
	}
	return l.master.SealText("authorization request", plain, nil)
}

// Open returns a sealed request: ErrUnknown for a forged one, ErrExpired (with the request) half an hour after Seal.
func (l *Logins) Open(sealed string) (authority.AuthorizationRequest, error) {
	var request authority.AuthorizationRequest
	// What was approved is what was asked for: a client id, scope or address that was changed on the way does not open
	// (SEC-014, CVE-2026-7571).
	plain, err := l.master.OpenText("authorization request", sealed, nil)
	if err != nil || json.Unmarshal(plain, &request) != nil {
		return authority.AuthorizationRequest{}, authority.ErrUnknown
	}
	if l.now().After(request.At.Add(requestLife)) {
		return request, authority.ErrExpired
	}
	return request, nil
}

// Approve makes a code for the request and returns where the browser is to go with it (RFC 6749 section 4.1.2, RFC 9207).
func (l *Logins) Approve(ctx context.Context, request authority.AuthorizationRequest, approval authority.Approval) (redirect string, err error) {
	// The store keeps its hash and the event says nothing of it: the code is in the redirect and nowhere else.
	code := authority.NewSecret()
	event := l.sessions.recorder.Prepare(authority.Event{
		Kind: authority.EventApproved, PersonID: approval.PersonID, ClientID: request.ClientID, Address: approval.Address,
		Machine: request.Origin.Machine, Detail: "browser",
	})
	err = l.store.AddCode(ctx, authority.Code{
		ID: codeID(code), Request: request, Approval: approval, Expires: l.now().Add(codeLife),
	}, authority.After{Events: []authority.Event{event}})
	if err != nil {
		return "", err
	}
	l.sessions.recorder.Log(event)
	return l.answer(request, url.Values{"code": {code.Reveal()}}), nil
}

// Refuse returns where the browser is to go with an error (RFC 6749 section 4.1.2.1). The caller has checked that the
// redirect URI is registered for the client; an error for any other goes on a page (SEC-001).
func (l *Logins) Refuse(request authority.AuthorizationRequest, refusal *oauth.Error) (redirect string) {
	values := url.Values{"error": {string(refusal.Code)}}
	if refusal.Description != "" {
		values.Set("error_description", refusal.Description)
	}
	return l.answer(request, values)
}

// The state goes back byte for byte, encoded by net/url, so that a line break in it cannot become a header (SEC-019); and
// iss goes with errors too, or a client could not tell whose error it got (RFC 9207 section 2, SEC-020).
func (l *Logins) answer(request authority.AuthorizationRequest, values url.Values) string {
	if request.State != "" {
		values.Set("state", request.State)
	}
	values.Set("iss", l.issuer)
	separator := "?"
	if strings.Contains(request.RedirectURI, "?") {
		separator = "&"
	}
	return request.RedirectURI + separator + values.Encode()
}

// Redeem turns a code into a family, in one compare-and-swap; for grant's pipeline only. Every refusal is the same
// invalid_grant.
func (l *Logins) Redeem(ctx context.Context, ask CodeRedemption) (Redeemed, error) {
	refused := oauth.Errorf(oauth.InvalidGrant, "the code is wrong, was used before, or has expired")
	var begun authority.Family // where verdict is codeFresh
	var verdict codeVerdict
	var events []authority.Event
	code, err := l.store.ChangeCode(ctx, codeID(ask.Code), func(c *authority.Code) (authority.After, error) {
		events = nil // this may run again
		verdict = ask.judge(c, l.now())
		// The family would begin after the mark that ended all of the person's sessions, and be spared by it; the approval was
		// given before (SEC-123).
		if verdict == codeFresh && l.sessions.marks.Over("", c.Approval.PersonID, ask.Client.ID, c.Approval.At) {
			verdict = codeRefused
		}
		if verdict != codeFresh {
			return authority.After{}, authority.ErrNoChange
		}
		approval := c.Approval
		approval.Scope = within(approval.Scope, ask.Client.Scope) // what the client may still ask for today (SEC-079)
		var err error
		begun, err = l.sessions.begin(ask.Client, approval, familySeed{
			// The address is that of the browser that asked. Whoever redeems may be a program behind another one (SEC-028).
			How: "browser", Audience: c.Request.Audience, Origin: c.Request.Origin, Presented: ask.Code,
		})
		if elsewhere(c.Approval.Address, ask.Origin.Address) {
			events = append(events, l.sessions.recorder.Prepare(authority.Event{
				Kind: authority.EventCodeElsewhere, PersonID: c.Approval.PersonID, ClientID: ask.Client.ID, FamilyID: begun.ID,
				Address: ask.Origin.Address, Machine: c.Request.Origin.Machine, Detail: "approved from " + c.Approval.Address,
			}))
		}
		c.Redeemed, c.FamilyID = l.now(), begun.ID
		return authority.After{Family: &begun, Events: events}, err
	})
	if errors.Is(err, authority.ErrUnknown) {
		return Redeemed{}, refused
	}
	if err != nil {
		return Redeemed{}, err
	}
	l.sessions.recorder.Log(events...)
	switch verdict {
	// After the five seconds, or with a wrong verifier, somebody else has had the code: what the first redemption gave dies
	// with it (RFC 6749 section 4.1.2, SEC-037). The session is ended before the refusal is told.
	case codeReplayed:
		l.sessions.recorder.Record(ctx, authority.Event{
			Kind: authority.EventCodeReplay, PersonID: code.Approval.PersonID, ClientID: ask.Client.ID, FamilyID: code.FamilyID,
			Address: ask.Origin.Address,
		})
		if err := l.sessions.End(ctx, code.FamilyID, "", "code replayed", ask.Origin.Address); err != nil && !errors.Is(err, authority.ErrUnknown) {
			return Redeemed{}, err
		}
		return Redeemed{}, refused
	case codeRefused:
		return Redeemed{}, refused
	// A duplicate in flight: firstAnswer derives the same first token again, and no second family comes of it (SEC-038,
	// SEC-039).
	case codeRepeated:
		if begun, err = l.sessions.Get(ctx, code.FamilyID); err != nil {
			return Redeemed{}, err
		}
	}
	refresh, err := l.sessions.firstAnswer(ctx, begun, ask.Client, ask.Code)
	return Redeemed{Family: begun, Refresh: refresh, Nonce: code.Request.Nonce}, err
}

// elsewhere reports whether a code is redeemed in another network (IPv4 /24, IPv6 /48) than it was approved in: most likely
// somebody was talked into handing it over (SEC-028), yet maybe a laptop has changed its network within the minute, so that it is
// told to the audit and not refused. Of a browser with IPv6 and a program with IPv4 nothing can be said.
func elsewhere(approved, redeemed string) bool {
	from, err := netip.ParseAddr(approved)
	to, bad := netip.ParseAddr(redeemed)
	if err != nil || bad != nil {
		return false
	}
	from, to = from.Unmap().WithZone(""), to.Unmap().WithZone("")
	bits := 48
	if from.Is4() {
		bits = 24
	}
	return from.Is4() == to.Is4() && !netip.PrefixFrom(from, bits).Contains(to)
}

// CodeRedemption is what a client presents with a code. Verifier was parsed by the caller: one of a wrong length or alphabet
// never gets here (RFC 7636 section 4.1, SEC-046).
type CodeRedemption struct {
	Client      authority.Client
	Code        secret.String
	RedirectURI string
	Verifier    oauth.Verifier
	Origin      authority.Origin
}

// Redeemed is what a code or a device code became.
type Redeemed struct {
	Family  authority.Family
	Refresh secret.String // the family's first refresh token; its ready token where Family.Kind is FamilyReady
	Nonce   string        // of the authorization request
}

type codeVerdict int

const (
	// The zero value refuses: a path that forgot to judge gives nothing out.
	codeRefused codeVerdict = iota
	codeFresh
	codeRepeated
	codeReplayed
)

// judge looks at each binding by itself: a code is refused where any of them does not hold (CVE-2026-28513 was an AND for
// an OR).
func (r *CodeRedemption) judge(c *authority.Code, now time.Time) codeVerdict {
	// The redirect URI is compared letter by letter, its port too: at the token endpoint it is the one that was used
	// (SEC-042), and no longer a pattern that was registered.
	right := c.Request.ClientID == r.Client.ID
	right = right && c.Request.RedirectURI == r.RedirectURI
	right = right && c.Request.Challenge.Matches(r.Verifier)
	switch {
	case !c.Redeemed.IsZero() && right && now.Sub(c.Redeemed) <= codeRepeat:
		return codeRepeated
	case !c.Redeemed.IsZero():
		return codeReplayed
	case right && now.Before(c.Expires):
		return codeFresh
	}
	return codeRefused
}

func codeID(code secret.String) string {
	sum := sha256.Sum256([]byte(code.Reveal()))
	return hex.EncodeToString(sum[:])
}
