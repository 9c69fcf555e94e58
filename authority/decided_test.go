package authority

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestDecidedLearns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		news []DeviceState
		want DeviceState
	}{
		{nil, ""},
		{[]DeviceState{DevicePending}, ""},
		{[]DeviceState{DeviceApproved}, DeviceApproved},
		{[]DeviceState{DeviceApproved, DeviceApproved}, DeviceApproved},
		{[]DeviceState{DeviceApproved, DeviceRedeemed}, DeviceRedeemed},
		{[]DeviceState{DeviceRedeemed, DeviceApproved}, DeviceRedeemed},
		{[]DeviceState{DeviceApproved, DeviceDenied}, DeviceDenied}, // disowned before it was redeemed
		{[]DeviceState{DeviceDenied, DeviceApproved}, DeviceDenied},
		{[]DeviceState{DeviceDenied, DeviceRedeemed}, DeviceDenied},
		{[]DeviceState{DeviceRedeemed, DeviceDenied}, DeviceRedeemed},
		{[]DeviceState{DeviceApproved, DevicePending}, DeviceApproved},
	} {
		clock := newTestClock()
		d := newDecided(clock.Now)
		for _, state := range test.news {
			d.learn(Decision{ID: "a", State: state, Decided: clock.Now(), Expires: clock.Now().Add(time.Minute)})
		}
		got, known := d.state("a")
		if got != test.want || known != (test.want != "") {
			t.Errorf("%v: %q, %v", test.news, got, known)
		}
	}
}

func TestDecidedKeepsUntilExpiry(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	d := newDecided(clock.Now)
	d.learn(Decision{ID: "old", State: DeviceApproved, Expires: clock.Now().Add(-2 * time.Second)})
	d.learn(Decision{ID: "a", State: DeviceApproved, Expires: clock.Now().Add(time.Minute)})
	if _, known := d.state("old"); known {
		t.Error("an expired decision was learned")
	}
	clock.Advance(time.Minute - time.Millisecond)
	for i := range 10_000 {
		d.learn(Decision{ID: fmt.Sprint(i), State: DeviceDenied, Expires: clock.Now().Add(time.Minute)})
	}
	if _, known := d.state("a"); !known {
		t.Error("a decision was forgotten before its code expired")
	}
}

// TestDecidedIsBounded: under constant load the size is constant.
func TestDecidedIsBounded(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	d := newDecided(clock.Now)
	const rate, minutes = 10_000, 60
	for minute := range minutes {
		for i := range rate {
			d.learn(Decision{
				ID: fmt.Sprint(minute, " ", i), State: DeviceRedeemed, Expires: clock.Now().Add(time.Duration(i) * time.Minute / rate),
			})
		}
		clock.Advance(time.Minute)
	}
	if size := d.size(); size > 2*rate {
		t.Errorf("%d entries where %d live at most", size, rate)
	}
}

func TestDecidedInParallel(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	d := newDecided(clock.Now)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 1000 {
				id := fmt.Sprint(i)
				d.learn(Decision{ID: id, State: DeviceApproved, Expires: clock.Now().Add(time.Minute)})
				if _, known := d.state(id); !known {
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
