package login

import (
	"context"
	"errors"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login/devicecode"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// DeviceRedemption is what a terminal presents with its device code.
type DeviceRedemption struct {
	Client   authority.Client
	Code     secret.String
	Verifier string // as it was sent; "" : none
	Origin   authority.Origin
}

// Redeem turns an approved request into a family, in one compare-and-swap, and returns the family with its first refresh
// token; for grant's pipeline only. The same code yields the same answer until that token is used or the code expires, so
// that a lost answer loses no login. After that, and for a person or an approval that is no longer good, it is
// invalid_grant. A missing or wrong verifier consumes nothing.
func (d *Devices) Redeem(ctx context.Context, id string, ask DeviceRedemption) (Redeemed, error) {
	opened, err := d.open(ask.Code, ask.Client)
	if err != nil {
		return Redeemed{}, err
	}
	// Before the store: who has the device code and not the verifier costs it nothing and uses nothing up.
	if err := proven(opened, id, ask.Verifier); err != nil {
		return Redeemed{}, err
	}
	if err := ctx.Err(); err != nil { // whoever has left is not redeemed
		return Redeemed{}, err
	}
	family, err := d.become(ctx, opened, ask)
	if errors.Is(err, authority.ErrUnknown) {
		return Redeemed{}, refused("the device code is unknown")
	}
	if err != nil {
		return Redeemed{}, err
	}
	refresh, err := d.sessions.firstAnswer(ctx, family, ask.Client, ask.Code)
	if err != nil {
		return Redeemed{}, err
	}
	return Redeemed{Family: family, Refresh: refresh}, nil
}

// proven checks that the code was presented by who began the login: PKCE on the device grant, as on the other one. A
// verifier without a challenge is refused too (RFC 9700 section 2.1.1: no downgrade).
func proven(c devicecode.Code, id, verifier string) error {
	switch {
	case c.ID != id:
		return refused("the device code is not of this login")
	case c.Challenge == "" && verifier == "":
		return nil
	}
	if parsed, err := oauth.ParseVerifier(verifier); err != nil || !c.Challenge.Matches(parsed) {
		return refused("the code_verifier is missing or wrong")
	}
	return nil
}

// become returns the family that the request becomes, or has become before. All that costs time (deriving, asking for the
// person) is done before the transaction, whose function only compares and sets. Polls that get here at once each make a
// family, and one of them is kept (SEC-075).
func (d *Devices) become(ctx context.Context, code devicecode.Code, ask DeviceRedemption) (authority.Family, error) {
	request, err := d.store.DeviceRequest(ctx, code.ID)
	if err != nil {
		return authority.Family{}, err
	}
	switch request.State {
	case authority.DeviceRedeemed:
		return d.sessions.Get(ctx, request.FamilyID)
	case authority.DeviceApproved:
	default:
		return authority.Family{}, undecided(request.State)
	}
	// The family begins before the person is looked at: a mark that ends all of the person's sessions in between is then
	// later than the family, and ends it too.
	family, err := d.begin(request, ask)
	if err != nil {
		return authority.Family{}, err
	}
	if err := d.good(ctx, request, code, ask.Client); err != nil {
		return authority.Family{}, err
	}
	changed, err := d.store.ChangeDeviceRequest(ctx, request.ID, func(r *authority.DeviceRequest) (authority.After, error) {
		switch r.State {
		case authority.DeviceRedeemed:
			return authority.After{}, authority.ErrNoChange
		case authority.DeviceApproved:
		default:
			return authority.After{}, undecided(r.State)
		}
		r.State, r.Decided, r.FamilyID = authority.DeviceRedeemed, family.Created, family.ID
		return authority.After{Family: &family}, nil
	})
	if err != nil {
		return authority.Family{}, err
	}
	d.announce(changed)
	if changed.FamilyID != family.ID { // another poll was faster: its family is the one
		return d.sessions.Get(ctx, changed.FamilyID)
	}
	return family, nil
}

// begin makes the family, narrowed to what the client may still ask for (SEC-079). Its machine bears the label that the
// person saw. Address and agent are those of the terminal that redeems: it is the machine that will hold the session.
func (d *Devices) begin(request authority.DeviceRequest, ask DeviceRedemption) (authority.Family, error) {
	approval, origin := request.Approval, ask.Origin
	origin.Machine = request.Origin.Machine
	approval.Scope = within(approval.Scope, ask.Client.Scope)
	if len(request.Approval.Scope) > 0 && len(approval.Scope) == 0 {
		return authority.Family{}, oauth.Errorf(oauth.InvalidScope, "this application may no longer ask for what was approved")
	}
	return d.sessions.begin(ask.Client, approval, familySeed{
		How: "device", Audience: request.Audience, Origin: origin, Presented: ask.Code,
	})
}

// good checks what may have changed since the approval. A disabled person (SEC-078) and a scope that somebody changed in
// the row are refused here; a client that was disabled is, by open.
func (d *Devices) good(ctx context.Context, request authority.DeviceRequest, code devicecode.Code, client authority.Client) error {
	if !code.OfScope(request.Scope) {
		return refused("the device code is not of this login")
	}
	person := request.Approval.PersonID
	active, err := d.sessions.Active(ctx, person)
	if err != nil {
		return err
	}
	// An approval given before all of the person's sessions were ended is over with them.
	if !active || d.sessions.marks.Over("", person, client.ID, request.Approval.At) {
		return refused("the account cannot be used, or its sessions were ended")
	}
	return nil
}

// undecided is the answer for a request that cannot be redeemed.
func undecided(state authority.DeviceState) error {
	switch state {
	case authority.DeviceDenied:
		return denied()
	case authority.DeviceRefused:
		return refusedElsewhere()
	}
	return pending()
}
