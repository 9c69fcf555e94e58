package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/doorward/doorward/secret"
)

// MaxPassword is the longest password, in bytes. Longer ones are refused before any work.
const MaxPassword = 1024

// maxName is the longest user name or e-mail address that is looked up, in bytes (RFC 5321 section 4.5.3.1).
const maxName = 320

// ErrTooLong refuses a password of more than MaxPassword bytes. It is an ErrWrong too, for callers who tell no more
// apart.
var ErrTooLong error = tooLong{}

type tooLong struct{}

func (tooLong) Error() string {
	return fmt.Sprintf("%v: the password is longer than %d bytes", ErrWrong, MaxPassword)
}
func (tooLong) Unwrap() error { return ErrWrong }

// Doorkeeper is the one way in which a password is checked, whatever path it came by: the sign-in page, a password
// grant, a product's own wire contract. People, Attempts and Hasher are needed.
type Doorkeeper struct {
	People   People
	Attempts Attempts
	Hasher   *Hasher
	Now      func() time.Time // nil: time.Now

	Tries  int           // wrong passwords for one account within Window; 0: 5
	Window time.Duration // 0: 15 minutes
	// AddressTries bounds the tries of one address (of an IPv6 /64) within Window, right ones included, since a whole
	// company may share one; 0: 1,000.
	AddressTries int
}

// Password returns the person whose name (a user name or e-mail address) and password these are.
//
// It fails with ErrWrong for an unknown name, a wrong password, a person without one and a disabled person alike, with
// the same work done; with ErrTooLong; with ErrLocked where the account or the address has used up its tries, be the
// password right or wrong; with ErrBusy where too many are signing in; otherwise with the store's error or that of ctx.
// A try is counted in the store before the password is looked at, so that guesses made at the same moment, on whatever
// replica, do not pass the limit. The password is taken byte for byte: nothing is trimmed, folded or normalised.
func (d *Doorkeeper) Password(ctx context.Context, name string, password secret.String, address string) (Person, error) {
	if len(password.Reveal()) > MaxPassword {
		return Person{}, ErrTooLong
	}
	// A place among those who compute comes first: a person whom a flood kept out has not used up a try.
	leave, err := d.Hasher.enter()
	if err != nil {
		return Person{}, err
	}
	defer leave()
	person, account, err := d.find(ctx, name)
	if err != nil {
		return Person{}, err
	}
	if err := d.count(ctx, account, address); err != nil {
		return Person{}, err
	}
	right, err := d.Hasher.check(ctx, person.Password, password)
	if err != nil {
		return Person{}, err
	}
	if !right || person.Disabled {
		return Person{}, ErrWrong
	}
	return person, d.Attempts.ClearAttempts(ctx, account)
}

// Unlock forgets the wrong tries of a person, for an administrator.
func (d *Doorkeeper) Unlock(ctx context.Context, personID string) error {
	return d.Attempts.ClearAttempts(ctx, accountKey(personID))
}

// find returns the person of name, or nobody, and the key under which the tries are counted. A person has one count,
// whichever of the two names was typed, in whatever spelling; a name that nobody has is counted by itself, so that the
// answers do not differ.
func (d *Doorkeeper) find(ctx context.Context, name string) (Person, string, error) {
	canonical := Canonical(name)
	if utf8.ValidString(name) && plausible(canonical) {
		person, err := d.People.PersonByName(ctx, canonical)
		if err == nil {
			return person, accountKey(person.ID), nil
		}
		if !errors.Is(err, ErrUnknown) {
			return Person{}, "", err
		}
	}
	return Person{}, accountKey("\x00" + canonical), nil
}

// count adds one try to the account and to the address.
func (d *Doorkeeper) count(ctx context.Context, account, address string) error {
	now, window := d.now(), d.Window
	if window <= 0 {
		window = 15 * time.Minute
	}
	for _, limit := range []struct {
		key     string
		allowed int
		usual   int
	}{
		{attemptKey("address", network(address)), d.AddressTries, 1000},
		{account, d.Tries, 5},
	} {
		if limit.allowed <= 0 {
			limit.allowed = limit.usual
		}
		tries, err := d.Attempts.CountAttempt(ctx, limit.key, now, window)
		if err != nil {
			return err
		}
		if tries > limit.allowed {
			return ErrLocked
		}
	}
	return nil
}

func (d *Doorkeeper) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// plausible reports whether somebody could have this name at all. Others are not looked up: some stores cannot hold a
// NUL, and an index need not search a megabyte.
func plausible(canonical string) bool {
	return canonical != "" && len(canonical) <= maxName &&
		!strings.ContainsFunc(canonical, unicode.IsControl)
}

func accountKey(account string) string { return attemptKey("password", account) }

// attemptKey bounds the length of a key and keeps what was typed out of the store: it may be a password, typed into the
// wrong field.
func attemptKey(kind, value string) string {
	sum := sha256.Sum256([]byte(value))
	return kind + ":" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

// network is what an address is counted as: IPv4 by itself, IPv6 by its /64, since one machine has all of that.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, _ := ip.Prefix(64) // 64 is a length that every IPv6 address has
	return prefix.String()
}
