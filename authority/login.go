package authority

import (
	"time"

	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
)

// LoginConfig is what logins are made of. All of it is needed but what says otherwise.
type LoginConfig struct {
	Issuer   string
	Store    LoginStore
	People   identity.People
	Attempts identity.Attempts // counts guesses of user codes
	Master   *keys.Master
	Marks    *marks
	Decided  *decided
	Recorder *Recorder
	Now      func() time.Time
	// PendingPerAddress bounds the live pending device requests of one address; 0: 1,000.
	PendingPerAddress int
}

// LoginStore is what logins keep.
type LoginStore interface {
	Codes
	DeviceRequests
	Families
	Feed
}

// NewLogin makes the law of logins: sessions, and the two ways that an approval becomes one.
func NewLogin(config LoginConfig) (*Sessions, *Logins, *Devices) {
	sessions := &Sessions{
		store: config.Store, feed: config.Store, master: config.Master, people: config.People, marks: config.Marks,
		recorder: config.Recorder, issuer: config.Issuer, now: config.Now,
	}
	logins := &Logins{issuer: config.Issuer, store: config.Store, sessions: sessions, master: config.Master, now: config.Now}
	return sessions, logins, newDevices(config, sessions)
}
