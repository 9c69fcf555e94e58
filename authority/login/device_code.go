package login

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	deviceCodePurpose = "device code"
	// A code of another version is refused like a forged one. The replica that made it still takes it, in a rolling
	// upgrade, and it lives ten minutes.
	deviceCodeVersion = 1
	// maxDeviceCode is above the length of every code that we make: longer ones are not worth decoding.
	maxDeviceCode = 2048
	scopeHashSize = 16
)

// deviceCode is what a device code says by itself. It travels sealed, so that a forged, a foreign and an expired code die
// on the CPU, without a look-up.
type deviceCode struct {
	id         string
	client     string
	expires    time.Time // to the millisecond
	scope      [scopeHashSize]byte
	challenge  oauth.Challenge // "" : the client sent none
	thumbprint string          // of the DPoP key (RFC 9449); "" : none
}

// seal writes: version, expiry in milliseconds, hash of the scope, then each text behind its length. The lengths make it
// one to one: no two codes have the same plaintext, whatever is in their texts.
func (c deviceCode) seal(master *keys.Master) secret.String {
	texts := []string{c.id, c.client, string(c.challenge), c.thumbprint}
	plain := make([]byte, 0, 160)
	plain = append(plain, deviceCodeVersion)
	plain = binary.BigEndian.AppendUint64(plain, uint64(c.expires.UnixMilli()))
	plain = append(plain, c.scope[:]...)
	for _, text := range texts {
		plain = binary.AppendUvarint(plain, uint64(len(text)))
		plain = append(plain, text...)
	}
	return secret.New(master.SealText(deviceCodePurpose, plain, nil))
}

// openDeviceCode reads what seal wrote; false for everything else.
func openDeviceCode(master *keys.Master, code secret.String) (deviceCode, bool) {
	if len(code.Reveal()) > maxDeviceCode {
		return deviceCode{}, false
	}
	plain, err := master.OpenText(deviceCodePurpose, code.Reveal(), nil)
	if err != nil {
		return deviceCode{}, false
	}
	return parseDeviceCode(plain)
}

// parseDeviceCode takes the plaintext apart. One copy is made of it; the texts are parts of that.
func parseDeviceCode(plain []byte) (deviceCode, bool) {
	const head = 1 + 8 + scopeHashSize
	if len(plain) < head || plain[0] != deviceCodeVersion {
		return deviceCode{}, false
	}
	c := deviceCode{expires: time.UnixMilli(int64(binary.BigEndian.Uint64(plain[1:])))}
	copy(c.scope[:], plain[9:head])
	rest := plain[head:]
	all := string(rest)
	var texts [4]string
	for i := range texts {
		length, size := binary.Uvarint(rest)
		// Compared as unsigned: a length that is near 2 to the 64th must not turn negative and pass.
		if size <= 0 || length > uint64(len(rest)-size) {
			return deviceCode{}, false
		}
		start := len(all) - len(rest) + size
		texts[i] = all[start : start+int(length)]
		rest = rest[size+int(length):]
	}
	c.id, c.client, c.challenge, c.thumbprint = texts[0], texts[1], oauth.Challenge(texts[2]), texts[3]
	return c, len(rest) == 0 && c.id != ""
}

// ofScope reports whether the code was made for this scope: a row that was changed behind our back redeems nothing.
func (c deviceCode) ofScope(scope oauth.Scope) bool {
	hash := hashScope(scope)
	return bytes.Equal(c.scope[:], hash[:])
}

func hashScope(scope oauth.Scope) (hash [scopeHashSize]byte) {
	sum := sha256.Sum256([]byte(scope.String()))
	copy(hash[:], sum[:])
	return hash
}
