package authority

import (
	"context"
	"errors"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Redeem turns an approved request into a family, in one compare-and-swap, and returns the family with its first refresh
// token; for grant's pipeline only. The same code yields the same answer until that token is used or the code expires, so
// that a lost answer loses no login. After that, and for a person or an approval that is no longer good, it is
// invalid_grant. A wrong verifier consumes nothing; nil stands for none.
func (d *Devices) Redeem(
	ctx context.Context, id string, code secret.String, client Client, verifier *oauth.Verifier, origin Origin,
) (Family, secret.String, error) {
	opened, err := d.open(code, client)
	if err != nil {
		return Family{}, secret.String{}, err
	}
	if err := opened.proves(id, verifier); err != nil {
		return Family{}, secret.String{}, err
	}
	if err := ctx.Err(); err != nil { // whoever has left is not redeemed
		return Family{}, secret.String{}, err
	}
	request, err := d.store.DeviceRequest(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return Family{}, secret.String{}, refused("the device code is unknown")
	}
	if err != nil {
		return Family{}, secret.String{}, err
	}
	family, err := d.become(ctx, request, opened, client, familySeed{
		How: "device", Audience: request.Audience, Origin: origin, Presented: code,
	})
	if err != nil {
		return Family{}, secret.String{}, err
	}
	refresh, err := d.sessions.firstAnswer(ctx, family, code)
	return family, refresh, err
}

// proves checks that the code was presented by who began the login: PKCE on the device grant, as on the other one. A
// verifier without a challenge is refused too (RFC 9700 section 2.1.1: no downgrade).
func (c deviceCode) proves(id string, verifier *oauth.Verifier) error {
	switch {
	case c.id != id:
		return refused("the device code is not of this login")
	case c.challenge == "" && verifier == nil:
		return nil
	case verifier == nil || !c.challenge.Matches(*verifier):
		return refused("the code_verifier is missing or wrong")
	}
	return nil
}

// become returns the family that the request becomes, or has become before.
func (d *Devices) become(ctx context.Context, request DeviceRequest, code deviceCode, client Client, seed familySeed) (Family, error) {
	switch request.State {
	case DeviceRedeemed:
		return d.sessions.Get(ctx, request.FamilyID)
	case DeviceApproved:
	default:
		return Family{}, undecided(request.State)
	}
	approval, err := d.good(ctx, request, code, client)
	if err != nil {
		return Family{}, err
	}
	seed.Origin.Machine = request.Origin.Machine // the label that the person saw
	family, err := d.sessions.begin(client, approval, seed)
	if err != nil {
		return Family{}, err
	}
	changed, err := d.store.ChangeDeviceRequest(ctx, request.ID, func(r *DeviceRequest) (After, error) {
		switch r.State {
		case DeviceRedeemed:
			return After{}, ErrNoChange
		case DeviceApproved:
		default:
			return After{}, undecided(r.State)
		}
		r.State, r.Decided, r.FamilyID = DeviceRedeemed, family.Created, family.ID
		return After{Family: &family}, nil
	})
	if err != nil {
		return Family{}, err
	}
	d.announce(changed)
	if changed.FamilyID != family.ID { // another poll was faster: its family is the one
		return d.sessions.Get(ctx, changed.FamilyID)
	}
	return family, nil
}

// good checks what may have changed since the approval and returns it, narrowed to what the client may still ask for.
func (d *Devices) good(ctx context.Context, request DeviceRequest, code deviceCode, client Client) (Approval, error) {
	approval := request.Approval
	if !code.ofScope(request.Scope) {
		return Approval{}, refused("the device code is not of this login")
	}
	active, err := d.sessions.active(ctx, approval.PersonID)
	if err != nil {
		return Approval{}, err
	}
	// An approval given before all of the person's sessions were ended is over with them.
	if !active || d.sessions.marks.over("", approval.PersonID, client.ID, approval.At) {
		return Approval{}, refused("the account cannot be used, or its sessions were ended")
	}
	asked := len(approval.Scope)
	if approval.Scope = within(approval.Scope, client.Scope); asked > 0 && len(approval.Scope) == 0 {
		return Approval{}, oauth.Errorf(oauth.InvalidScope, "this application may no longer ask for what was approved")
	}
	return approval, nil
}

// undecided is the answer for a request that cannot be redeemed.
func undecided(state DeviceState) error {
	if state == DeviceDenied {
		return denied()
	}
	return pending()
}
