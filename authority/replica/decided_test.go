package replica

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest/clock"
)

func TestDecidedLearns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		news []authority.DeviceState
		want authority.DeviceState
	}{
		{nil, ""},
		{[]authority.DeviceState{authority.DevicePending}, ""},
		{[]authority.DeviceState{authority.DeviceApproved}, authority.DeviceApproved},
		{[]authority.DeviceState{authority.DeviceApproved, authority.DeviceApproved}, authority.DeviceApproved},
		{[]authority.DeviceState{authority.DeviceApproved, authority.DeviceRedeemed}, authority.DeviceRedeemed},
		{[]authority.DeviceState{authority.DeviceRedeemed, authority.DeviceApproved}, authority.DeviceRedeemed},
		{[]authority.DeviceState{authority.DeviceApproved, authority.DeviceDenied}, authority.DeviceDenied}, // disowned before it was redeemed
		{[]authority.DeviceState{authority.DeviceDenied, authority.DeviceApproved}, authority.DeviceDenied},
		{[]authority.DeviceState{authority.DeviceDenied, authority.DeviceRedeemed}, authority.DeviceDenied},
		{[]authority.DeviceState{authority.DeviceRedeemed, authority.DeviceDenied}, authority.DeviceRedeemed},
		{[]authority.DeviceState{authority.DeviceApproved, authority.DevicePending}, authority.DeviceApproved},
	} {
		turned := clock.New()
		d := NewDecided(turned.Now)
		for _, state := range test.news {
			d.Learn(authority.Decision{ID: "a", State: state, Decided: turned.Now(), Expires: turned.Now().Add(time.Minute)})
		}
		got, known := d.State("a")
		if got != test.want || known != (test.want != "") {
			t.Errorf("%v: %q, %v", test.news, got, known)
		}
	}
}

func TestDecidedKeepsUntilExpiry(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	d := NewDecided(turned.Now)
	d.Learn(authority.Decision{ID: "old", State: authority.DeviceApproved, Expires: turned.Now().Add(-2 * time.Second)})
	d.Learn(authority.Decision{ID: "a", State: authority.DeviceApproved, Expires: turned.Now().Add(time.Minute)})
	if _, known := d.State("old"); known {
		t.Error("an expired decision was learned")
	}
	turned.Advance(time.Minute - time.Millisecond)
	for i := range 10_000 {
		d.Learn(authority.Decision{ID: fmt.Sprint(i), State: authority.DeviceDenied, Expires: turned.Now().Add(time.Minute)})
	}
	if _, known := d.State("a"); !known {
		t.Error("a decision was forgotten before its code expired")
	}
}

// TestDecidedIsBounded: under constant load the size is constant.
func TestDecidedIsBounded(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	d := NewDecided(turned.Now)
	const rate, minutes = 10_000, 60
	for minute := range minutes {
		for i := range rate {
			d.Learn(authority.Decision{
				ID: fmt.Sprint(minute, " ", i), State: authority.DeviceRedeemed, Expires: turned.Now().Add(time.Duration(i) * time.Minute / rate),
			})
		}
		turned.Advance(time.Minute)
	}
	if size := d.size(); size > 2*rate {
		t.Errorf("%d entries where %d live at most", size, rate)
	}
}

func TestDecidedInParallel(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	d := NewDecided(turned.Now)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 1000 {
				id := fmt.Sprint(i)
				d.Learn(authority.Decision{ID: id, State: authority.DeviceApproved, Expires: turned.Now().Add(time.Minute)})
				if _, known := d.State(id); !known {
					t.Error("not known at once")
				}
			}
		})
	}
	group.Wait()
	if size := d.size(); size != 1000 {
		t.Errorf("%d entries", size)
	}
}
