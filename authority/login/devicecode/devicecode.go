// Package devicecode is what a device code says by itself (RFC 8628 section 3.2).
//
// What comes in is a Code, or the text that a terminal presents; what goes out is the other of the two. The law it keeps: the
// text is sealed, so that one that is forged or foreign dies on the CPU, without a look-up, and nothing in it can be read or
// changed on the way.
package devicecode

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
	purpose = "device code"
	// A code of another version is refused like a forged one. The replica that made it still takes it, in a rolling
	// upgrade, and it lives ten minutes.
	version = 1
	// most is above the length of every code that we make: longer ones are not worth decoding.
	most          = 2048
	scopeHashSize = 16
)

// Code is what a device code says by itself. It travels sealed, so that a forged, a foreign and an expired code die
// on the CPU, without a look-up.
type Code struct {
	ID         string
	Client     string
	Expires    time.Time // to the millisecond
	Scope      [scopeHashSize]byte
	Challenge  oauth.Challenge // "" : the client sent none
	Thumbprint string          // of the DPoP key (RFC 9449); "" : none
}

// Seal writes: version, expiry in milliseconds, hash of the scope, then each text behind its length. The lengths make it
// one to one: no two codes have the same plaintext, whatever is in their texts.
func (c Code) Seal(master *keys.Master) secret.String {
	texts := []string{c.ID, c.Client, string(c.Challenge), c.Thumbprint}
	plain := make([]byte, 0, 160)
	plain = append(plain, version)
	plain = binary.BigEndian.AppendUint64(plain, uint64(c.Expires.UnixMilli()))
	plain = append(plain, c.Scope[:]...)
	for _, text := range texts {
		plain = binary.AppendUvarint(plain, uint64(len(text)))
		plain = append(plain, text...)
	}
	return secret.New(master.SealText(purpose, plain, nil))
}

// Open reads what Seal wrote; false for everything else.
func Open(master *keys.Master, code secret.String) (Code, bool) {
	if len(code.Reveal()) > most {
		return Code{}, false
	}
	plain, err := master.OpenText(purpose, code.Reveal(), nil)
	if err != nil {
		return Code{}, false
	}
	return parse(plain)
}

// parse takes the plaintext apart. One copy is made of it; the texts are parts of that.
func parse(plain []byte) (Code, bool) {
	const head = 1 + 8 + scopeHashSize
	if len(plain) < head || plain[0] != version {
		return Code{}, false
	}
	c := Code{Expires: time.UnixMilli(int64(binary.BigEndian.Uint64(plain[1:])))}
	copy(c.Scope[:], plain[9:head])
	rest := plain[head:]
	all := string(rest)
	var texts [4]string
	for i := range texts {
		length, size := binary.Uvarint(rest)
		// Compared as unsigned: a length that is near 2 to the 64th must not turn negative and pass.
		if size <= 0 || length > uint64(len(rest)-size) {
			return Code{}, false
		}
		start := len(all) - len(rest) + size
		texts[i] = all[start : start+int(length)]
		rest = rest[size+int(length):]
	}
	c.ID, c.Client, c.Challenge, c.Thumbprint = texts[0], texts[1], oauth.Challenge(texts[2]), texts[3]
	return c, len(rest) == 0 && c.ID != ""
}

// OfScope reports whether the code was made for this Scope: a row that was changed behind our back redeems nothing.
func (c Code) OfScope(scope oauth.Scope) bool {
	hash := HashScope(scope)
	return bytes.Equal(c.Scope[:], hash[:])
}

// HashScope is of the scope as it was written in the request, in that order.
func HashScope(scope oauth.Scope) (hash [scopeHashSize]byte) {
	sum := sha256.Sum256([]byte(scope.String()))
	copy(hash[:], sum[:])
	return hash
}
