package identity

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/doorward/doorward/secret"
)

// ErrEncoded says that a stored password hash is none that this room can check. It is a fault of the store or of an
// import, not of the person.
var ErrEncoded = errors.New("identity: the stored password hash is damaged or of an unknown kind")

// Bounds on what a stored hash may ask for, so that an imported row cannot take the machine's memory.
const (
	maxMemory = 256 << 10 // KiB
	maxPasses = 16
	maxLanes  = 16
	saltSize  = 16
	sumSize   = 32
)

// base64raw is the B64 of the PHC string format: the standard alphabet without padding.
func base64raw() *base64.Encoding { return base64.RawStdEncoding.Strict() }

// encoded is a password hash in the form of the PHC string format: $argon2id$v=19$m=19456,t=2,p=1$salt$sum.
type encoded struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
	salt   []byte
	sum    []byte
}

// String writes the PHC form.
func (e encoded) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, e.memory, e.passes, e.lanes,
		base64raw().EncodeToString(e.salt), base64raw().EncodeToString(e.sum))
}

// parseEncoded reads what String wrote, and nothing looser than that; it fails with ErrEncoded.
func parseEncoded(text string) (encoded, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return encoded{}, ErrEncoded
	}
	var e encoded
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &e.memory, &e.passes, &e.lanes); n != 3 || err != nil {
		return encoded{}, ErrEncoded
	}
	var saltErr, sumErr error
	e.salt, saltErr = base64raw().DecodeString(parts[4])
	e.sum, sumErr = base64raw().DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || !e.bounded() || e.String() != text {
		return encoded{}, ErrEncoded
	}
	return e, nil
}

// bounded reports whether the costs are ones that argon2 accepts and this machine survives.
func (e encoded) bounded() bool {
	return e.memory >= 8*uint32(e.lanes) && e.memory <= maxMemory &&
		e.passes >= 1 && e.passes <= maxPasses && e.lanes >= 1 && e.lanes <= maxLanes &&
		len(e.salt) >= 8 && len(e.salt) <= 64 && len(e.sum) >= 16 && len(e.sum) <= 64
}

// derive computes the sum of password at the costs and the salt of e.
func (e encoded) derive(password secret.String, size int) []byte {
	return argon2.IDKey([]byte(password.Reveal()), e.salt, e.passes, e.memory, e.lanes, uint32(size)) //nolint:gosec // size ≤ 64
}

// matches reports, in constant time, whether password has the sum of e.
func (e encoded) matches(password secret.String) bool {
	return subtle.ConstantTimeCompare(e.derive(password, len(e.sum)), e.sum) == 1
}
