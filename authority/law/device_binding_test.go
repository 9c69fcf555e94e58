package law

import (
	"errors"
	"testing"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/oauth"
)

func TestDeviceBinding_PLX16_PLX21(t *testing.T) {
	t.Parallel()
	b := newDeviceBench(t)
	ask := login.DeviceAsk{Scope: oauth.Scope{"openid"}, Origin: authority.Origin{Address: "192.0.2.1"}, Binding: "upstream"}
	begun, id := b.beginFor(t, b.client, ask)
	through := b.approval()
	for _, binding := range []string{"", "another"} {
		through.Binding = binding
		if _, err := b.Devices.Approve(t.Context(), id, through); !errors.Is(err, authority.ErrUnknown) {
			t.Errorf("approved through %q: %v", binding, err)
		}
		if _, err := b.Devices.Refuse(t.Context(), id, binding, "198.51.100.7"); !errors.Is(err, authority.ErrUnknown) {
			t.Errorf("refused through %q: %v", binding, err)
		}
	}
	wantCode(t, "nobody has decided", b.poll(t, begun.Code), oauth.AuthorizationPending)
	through.Binding, through.ACR = "upstream", "urn:mfa"
	if _, err := b.Devices.Approve(t.Context(), id, through); err != nil {
		t.Fatal(err)
	}
	redeemed, err := b.redeem(t, id, begun.Code)
	if err != nil || redeemed.Family.Binding != "upstream" || redeemed.Family.ACR != "urn:mfa" {
		t.Errorf("%+v, %v", redeemed.Family, err)
	}
	// The provider's refusal, on every replica, is told from a person's no by its status.
	other := b.replica(t)
	begun, id = b.beginFor(t, b.client, ask)
	if _, err := b.Devices.Refuse(t.Context(), id, "upstream", "198.51.100.7"); err != nil {
		t.Fatal(err)
	}
	if err := other.follower.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, devices := range map[string]*login.Devices{"this": b.Devices, "other": other.Devices} {
		_, _, err := devices.Poll(t.Context(), b.client, begun.Code, 0, "192.0.2.1")
		var wire *oauth.Error
		if !errors.As(err, &wire) || wire.Code != oauth.AccessDenied || wire.Status != 403 {
			t.Errorf("%s replica: %v", name, err)
		}
	}
	if _, err := b.redeem(t, id, begun.Code); err == nil {
		t.Error("what was refused was redeemed")
	}
	if _, err := b.Devices.Approve(t.Context(), id, through); !errors.Is(err, authority.ErrUsed) {
		t.Error("what was refused can be approved:", err)
	}
	if err := b.Devices.Disown(t.Context(), id, b.person.ID, ""); err != nil {
		t.Error(err)
	}
	begun, id = b.beginFor(t, b.client, ask)
	if _, err := b.Devices.Deny(t.Context(), id, b.person.ID, ""); err != nil {
		t.Fatal(err)
	}
	var wire *oauth.Error
	if err := b.poll(t, begun.Code); !errors.As(err, &wire) || wire.Status == 403 {
		t.Error("a person's no:", err)
	}
}
