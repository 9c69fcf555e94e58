package login

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/poll"
	"github.com/doorward/doorward/authority/usercode"
)

// Guesser is who types a user code: a person who has signed in, from an address.
type Guesser struct {
	PersonID string
	Address  string
}

// Lookup finds the pending request of a user code as somebody typed it. ErrUnknown stands for an unknown code, an expired,
// a used and a decided one alike.
//
// Every look-up is counted in the store before it is made, for the person and for the address (IPv6: the /64), so that
// neither two hundred at once, nor other replicas, nor a restart yield more guesses than the limit. A right look-up takes its
// own count back, and nothing else: who owns codes that are right gains no guess by typing them. Beyond 5 wrong ones a person, and 20 an address, in ten minutes of the clock it
// is ErrTooMany; the code itself is never locked (SEC-108).
func (d *Devices) Lookup(ctx context.Context, userCode string, guesser Guesser) (authority.DeviceRequest, error) {
	now := d.now()
	window := usercode.WindowOf(now)
	person := guessKey("person", guesser.PersonID, window)
	host := guessKey("address", poll.HostKey(guesser.Address), window)
	// A person who is locked out does not use up what colleagues at the same address have.
	if err := d.count(ctx, person, usercode.Limit); err != nil {
		return authority.DeviceRequest{}, err
	}
	if err := d.count(ctx, host, usercode.HostLimit); err != nil {
		return authority.DeviceRequest{}, err
	}
	request, err := d.find(ctx, usercode.Normalize(userCode), now)
	switch {
	case err == nil:
		err = d.takeBack(ctx, person, host)
	case errors.Is(err, authority.ErrUnknown):
		// The count of all misses, over which new codes grow longer: with many live codes somebody's code is hit sooner
		// (RFC 8628 section 5.1). It refuses nobody, or a few strangers could close the page for everybody.
		d.codes.Miss(window)
		d.sessions.recorder.Record(ctx, authority.Event{Kind: authority.EventCodeGuess, PersonID: guesser.PersonID, Address: guesser.Address})
	}
	return request, err
}

// guessKey names a counter. The window is part of the name, so that all replicas count the same ten minutes.
func guessKey(kind, of string, window int64) string {
	return "guess:" + kind + ":" + of + ":" + strconv.FormatInt(window, 36)
}

// count counts one look-up under key; ErrTooMany where more than limit were wrong, this one taken for a wrong one.
func (d *Devices) count(ctx context.Context, key string, limit int) error {
	tries, err := d.attempts.CountAttempt(ctx, key, d.now(), usercode.Window)
	if err != nil {
		return err
	}
	if tries > limit {
		return authority.ErrTooMany
	}
	return nil
}

// takeBack takes one look-up back from both counters, at once: the store commits them together.
func (d *Devices) takeBack(ctx context.Context, person, host string) error {
	other := make(chan error, 1)
	go func() { other <- d.attempts.TakeBackAttempt(ctx, host) }()
	return errors.Join(d.attempts.TakeBackAttempt(ctx, person), <-other)
}

// find returns the pending request of a normalised user code.
func (d *Devices) find(ctx context.Context, userCode string, now time.Time) (authority.DeviceRequest, error) {
	if userCode == "" {
		return authority.DeviceRequest{}, authority.ErrUnknown
	}
	request, err := d.store.DeviceRequestByUserCode(ctx, userCode, now)
	if err != nil {
		return authority.DeviceRequest{}, err
	}
	// The same words as for a code that never was: who guesses learns nothing of the logins of others (SEC-105).
	if request.State != authority.DevicePending || !decidable(&request, now) {
		return authority.DeviceRequest{}, authority.ErrUnknown
	}
	return request, nil
}
