// Package login is what becomes of a person's yes: an authorization code or a device login, then a session (a Family), which is
// refreshed until it ends.
//
// What comes in is an authorization request or a terminal that asks, and a person's decision; what goes out is a Family
// with its first token, and from then on its rotations. The law it keeps: whatever can be presented once is judged in one
// compare-and-swap of the store, whose function is pure and may run again; secrets are derived and never stored, so that a
// lost answer can be given again (SEC-110) and a dump of the database is worth nothing (SEC-125); and not being able to ask
// is never a refusal (SEC-118).
package login

import (
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
)

// Config is what logins are made of. All of it is needed but what says otherwise.
type Config struct {
	Issuer    string
	Store     Store
	People    identity.People
	Attempts  identity.Attempts // counts guesses of user codes
	Master    *keys.Master
	Marks     *replica.Marks
	Decided   *replica.Decided
	Recorder  *authority.Recorder
	Now       func() time.Time
	UserCodes *usercode.Source
	// PendingPerAddress bounds the live pending device requests of one address; 0: 1,000.
	PendingPerAddress int
}

// Store is what logins keep. It is one for all three services, since a decision and the family that it becomes are one
// transaction.
type Store interface {
	authority.Codes
	authority.DeviceRequests
	authority.Families
	authority.Feed
}

// New makes the law of logins: sessions, and the two ways that an approval becomes one. Nothing is read and nothing begun:
// the caller loads Marks and Decided before the first request.
func New(config Config) (*Sessions, *Logins, *Devices) {
	sessions := &Sessions{
		store: config.Store, feed: config.Store, master: config.Master, people: config.People, marks: config.Marks,
		recorder: config.Recorder, issuer: config.Issuer, now: config.Now,
	}
	logins := &Logins{issuer: config.Issuer, store: config.Store, sessions: sessions, master: config.Master, now: config.Now}
	return sessions, logins, newDevices(config, sessions)
}
