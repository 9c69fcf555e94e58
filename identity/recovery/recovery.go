// Package recovery is the codes by which somebody gets in who has lost the authenticator: ten of them, each good once in
// the place of a one-time code.
package recovery

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

const (
	// Many is how many codes somebody gets.
	Many = 10

	// size is the random bytes of a code, 120 bits. ASVS 5.0 6.5.2 lets a plain hash stand at rest from 112 bits on: nobody
	// tries 2^120 values of a stolen row, so that a salt and a slow hash would protect nothing more, and the door would pay
	// for ten of them at every try.
	size   = 15
	length = 24 // letters of a code, without its hyphens
	group  = 4  // letters between hyphens, as people copy them
)

// Codes makes recovery codes and takes them back. A person's are one row of the store of factors, its secret the SHA-256 of
// each code that is left: what is used up goes from the row, and new ones replace it, each in one change. TOTP is needed: its
// store is theirs, and its tries are counted together with theirs.
type Codes struct{ TOTP *identity.TOTP }

// alphabet is base32: letters and the digits 2 to 7, none of which is taken for another when copied by hand in capitals.
func alphabet() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// Is reports whether somebody who typed this means a recovery code: it has the form of one. A one-time code never has.
func Is(typed secret.String) bool { return len(plain(typed)) == length }

// plain is a code without what people write into it; "" where it cannot be one.
func plain(typed secret.String) string {
	text := typed.Reveal()
	if len(text) > 4*length {
		return ""
	}
	text = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
	if raw, err := alphabet().DecodeString(text); err != nil || len(raw) != size {
		return ""
	}
	return text
}

// Make returns new codes of the person, to be shown once: they are kept as hashes. Those from before are worth nothing from
// then on. It fails with identity.ErrUnknown where there is no such person, otherwise with the store's error.
func (c *Codes) Make(ctx context.Context, personID string) ([]secret.String, error) {
	codes := make([]secret.String, Many)
	row := identity.Factor{
		ID: idOf(personID), PersonID: personID, Kind: identity.FactorRecovery, Name: "Recovery codes", Created: c.now(),
	}
	for i := range codes {
		var raw [size]byte
		_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
		text := alphabet().EncodeToString(raw[:])
		sum := hash(personID, text)
		row.Secret = append(row.Secret, sum[:]...)
		codes[i] = secret.New(grouped(text))
	}
	replace := func() error {
		_, err := c.TOTP.Factors.ChangeFactor(ctx, row.ID, func(f *identity.Factor) error { *f = row; return nil })
		return err
	}
	err := replace()
	if errors.Is(err, identity.ErrUnknown) { // the first ones
		if err = c.TOTP.Factors.AddFactor(ctx, row); errors.Is(err, identity.ErrTaken) {
			err = replace() // another browser was quicker
		}
	}
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// grouped writes a code as people copy it.
func grouped(text string) string {
	var parts []string
	for part := range slices.Chunk([]byte(text), group) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, "-")
}

// Use uses up a code of the person and returns how many are left; case, spaces and hyphens do not matter. It fails with
// identity.ErrWrong for a code that is none, was used before, was replaced or is somebody else's, all alike, and as
// identity.TOTP.Check does for too many tries. Of two that bring one code at the same moment, at whatever replica, one is
// the first.
func (c *Codes) Use(ctx context.Context, personID string, typed secret.String, address string) (left int, err error) {
	err = c.TOTP.Counted(ctx, personID, address, func() error {
		sum := hash(personID, plain(typed))
		row, err := c.TOTP.Factors.ChangeFactor(ctx, idOf(personID), func(f *identity.Factor) error {
			at := find(f.Secret, sum)
			if at < 0 {
				return identity.ErrWrong
			}
			f.Secret = slices.Delete(slices.Clone(f.Secret), at, at+len(sum))
			return nil
		})
		left = len(row.Secret) / sha256.Size
		if errors.Is(err, identity.ErrUnknown) {
			return identity.ErrWrong // this person has none, which is nobody's business
		}
		return err
	})
	return left, err
}

// Left returns how many codes the person can still use.
func (c *Codes) Left(ctx context.Context, personID string) (int, error) {
	factors, err := c.TOTP.Factors.Factors(ctx, personID)
	for _, factor := range factors {
		if factor.Kind == identity.FactorRecovery {
			return len(factor.Secret) / sha256.Size, nil
		}
	}
	return 0, err
}

// End makes the codes of a person worthless, who has no authenticator any more; none is no error.
func (c *Codes) End(ctx context.Context, personID string) error {
	if err := c.TOTP.Factors.RemoveFactor(ctx, idOf(personID)); !errors.Is(err, identity.ErrUnknown) {
		return err
	}
	return nil
}

func (c *Codes) now() time.Time {
	if c.TOTP.Now == nil {
		return time.Now()
	}
	return c.TOTP.Now()
}

// idOf is the id of a person's row. It follows from the person, so that nobody ever has two.
func idOf(personID string) string { return "recovery_" + personID }

// hash is what is kept of a code. The person is part of it: a row that was copied to somebody else opens nothing.
func hash(personID, text string) [sha256.Size]byte {
	return sha256.Sum256([]byte("recovery\x00" + personID + "\x00" + text))
}

// find returns where a hash begins among those that are kept; -1: nowhere. It looks at all of them.
func find(kept []byte, sum [sha256.Size]byte) int {
	found := -1
	for at := 0; at+len(sum) <= len(kept); at += len(sum) {
		if subtle.ConstantTimeCompare(kept[at:at+len(sum)], sum[:]) == 1 {
			found = at
		}
	}
	return found
}
