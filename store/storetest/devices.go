package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
)

var deviceTests = []test{
	{"device requests/every field is kept", devicesKept},
	{"device requests/a live user code is taken, an expired one makes way", devicesTaken},
	{"device requests/found by user code while they live", devicesByCode},
	{"device requests/decided and redeemed", devicesDecided},
	{"device requests/redeemed by one of many", devicesRaced},
	{"device requests/pending ones counted by address", devicesPending},
}

// device is pending for another ten minutes.
func device(id, userCode string) authority.DeviceRequest {
	return authority.DeviceRequest{
		ID: id, UserCode: userCode, ClientID: "c", Scope: []string{"openid", rough}, Audience: []string{"a"}, Challenge: "challenge",
		Origin: origin(), Created: Now(), Expires: Now().Add(10 * time.Minute), State: authority.DevicePending,
	}
}

// Every field comes back, of a request that nobody has decided and of one that was redeemed.
func devicesKept(t *testing.T, s Store) {
	ctx := t.Context()
	full := device("d1", "BCDFGHJK")
	bare := authority.DeviceRequest{ID: "d2", UserCode: "B", State: authority.DevicePending, Expires: Now().Add(time.Second)}
	decided := device("d3", "C")
	decided.State, decided.Approval, decided.Decided, decided.FamilyID = authority.DeviceRedeemed, approval(), Now(), "f1"
	for _, d := range []authority.DeviceRequest{full, bare, decided} {
		good(t, s.AddDeviceRequest(ctx, d))
		found(t, d)(s.DeviceRequest(ctx, d.ID))
	}
	gone[authority.DeviceRequest](t, authority.ErrUnknown)(s.DeviceRequest(ctx, "D1"))
}

// A user code names one request as long as that lives, or a person would approve somebody else's; then it is free.
func devicesTaken(t *testing.T, s Store) {
	ctx := t.Context()
	first := device("d1", "CODE")
	good(t, s.AddDeviceRequest(ctx, first))
	second := device("d2", "CODE")
	// The moment of the request decides what is alive, and not the clock of the database.
	second.Created = first.Expires.Add(-time.Microsecond)
	is(t, s.AddDeviceRequest(ctx, second), authority.ErrTaken)
	gone[authority.DeviceRequest](t, authority.ErrUnknown)(s.DeviceRequest(ctx, "d2"))
	found(t, first)(s.DeviceRequest(ctx, "d1"))
	// Decided is not expired: the code still names the decided one.
	_, err := s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Decided = authority.DeviceDenied, Now()
		return authority.After{}, nil
	})
	good(t, err)
	is(t, s.AddDeviceRequest(ctx, second), authority.ErrTaken)
	second.Created = first.Expires
	second.Expires = second.Created.Add(time.Minute)
	good(t, s.AddDeviceRequest(ctx, second))
	found(t, second)(s.DeviceRequestByUserCode(ctx, "CODE", second.Created))
	// An id that is in use is taken as well, and nothing of the second request is kept.
	is(t, s.AddDeviceRequest(ctx, device("d2", "OTHER")), authority.ErrTaken)
	gone[authority.DeviceRequest](t, authority.ErrUnknown)(s.DeviceRequestByUserCode(ctx, "OTHER", Now()))
}

// A code is found as it was issued, and until its request expires: exactly then it is not.
func devicesByCode(t *testing.T, s Store) {
	ctx := t.Context()
	d := device("d1", "CODE")
	good(t, s.AddDeviceRequest(ctx, d))
	found(t, d)(s.DeviceRequestByUserCode(ctx, "CODE", Now()))
	found(t, d)(s.DeviceRequestByUserCode(ctx, "CODE", d.Expires.Add(-time.Microsecond)))
	// What was typed is normalised before; here it is compared as it is, and never as a pattern (SEC-105).
	for _, other := range []string{"code", "COD", "CODE ", "", "%", "____"} {
		gone[authority.DeviceRequest](t, authority.ErrUnknown)(s.DeviceRequestByUserCode(ctx, other, Now()))
	}
	gone[authority.DeviceRequest](t, authority.ErrUnknown)(s.DeviceRequestByUserCode(ctx, "CODE", d.Expires))
}

// A request goes from pending to approved to redeemed, with its events and its family in the same changes.
func devicesDecided(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddDeviceRequest(ctx, device("d1", "CODE")))
	want := device("d1", "CODE")
	want.State, want.Approval, want.Decided = authority.DeviceApproved, approval(), Now()
	found(t, want)(s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Approval, d.Decided = authority.DeviceApproved, approval(), Now()
		return authority.After{Events: []authority.Event{event("e1")}}, nil
	}))
	found(t, want)(s.DeviceRequest(ctx, "d1"))
	found(t, []authority.Event{event("e1")})(s.ListEvents(ctx, authority.EventFilter{}))
	begun := family("f1")
	want.State, want.Decided, want.FamilyID = authority.DeviceRedeemed, Now().Add(time.Second), "f1"
	found(t, want)(s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Decided, d.FamilyID = authority.DeviceRedeemed, Now().Add(time.Second), "f1"
		return authority.After{Family: &begun}, nil
	}))
	found(t, begun)(s.Family(ctx, "f1"))
	changes(t, s, s.ChangeDeviceRequest, "d1", want, func(d *authority.DeviceRequest) { d.State, d.ClientID = "never", "never" })
	found(t, want)(s.DeviceRequest(ctx, "d1"))
	// Any field but the id may be changed.
	want.Scope, want.Challenge, want.UserCode, want.Expires = nil, "", "NEW", want.Expires.Add(time.Hour)
	found(t, want)(s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
		*d = want
		d.ID = "another"
		return authority.After{}, nil
	}))
	found(t, want)(s.DeviceRequestByUserCode(ctx, "NEW", Now()))
}

// Fifty polls at once redeem once, and fifty new requests with one code are one.
func devicesRaced(t *testing.T, s Store) {
	ctx := t.Context()
	good(t, s.AddDeviceRequest(ctx, device("d1", "CODE")))
	once(t, parallel(50, func(n int) error {
		begun := family("f" + strconv.Itoa(n))
		_, err := s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
			// Two that both saw "pending" would begin two families for one approval (SEC-075).
			if d.State != authority.DevicePending {
				return authority.After{}, authority.ErrUsed
			}
			d.State, d.FamilyID, d.Decided = authority.DeviceRedeemed, begun.ID, Now()
			return authority.After{Family: &begun}, nil
		})
		return err
	}), authority.ErrUsed)
	families, err := s.FamiliesOf(ctx, "usr_1", Now())
	good(t, err)
	same(t, len(families), 1)
	once(t, parallel(50, func(n int) error {
		return s.AddDeviceRequest(ctx, device("n"+strconv.Itoa(n), "SAME"))
	}), authority.ErrTaken)
}

// What limits the pending requests of an address counts neither decided, expired nor other people's ones.
func devicesPending(t *testing.T, s Store) {
	ctx := t.Context()
	for n := range 3 {
		good(t, s.AddDeviceRequest(ctx, device("d"+strconv.Itoa(n), "CODE"+strconv.Itoa(n))))
	}
	other, old := device("other", "OTHER"), device("old", "OLD")
	// The address is a field of the request's origin; a store may keep it in a column of its own.
	other.Origin.Address = "2001:db8::2"
	old.Expires = Now()
	good(t, s.AddDeviceRequest(ctx, other))
	good(t, s.AddDeviceRequest(ctx, old))
	found(t, 3)(s.PendingDeviceRequests(ctx, "2001:db8::1", Now()))
	found(t, 1)(s.PendingDeviceRequests(ctx, "2001:db8::2", Now()))
	found(t, 0)(s.PendingDeviceRequests(ctx, "2001:db8::3", Now()))
	_, err := s.ChangeDeviceRequest(ctx, "d0", func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Decided = authority.DeviceDenied, Now()
		return authority.After{}, nil
	})
	good(t, err)
	found(t, 2)(s.PendingDeviceRequests(ctx, "2001:db8::1", Now()))
	found(t, 0)(s.PendingDeviceRequests(ctx, "2001:db8::1", Now().Add(10*time.Minute)))
}
