package authority

import (
	"crypto/rand"
	"hash/crc32"
	"math/big"

	"github.com/doorward/doorward/secret"
)

// opaqueAlphabet is what opaque tokens are written in: letters and digits, so that a double click selects the whole of one.
const opaqueAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	opaqueBody = 43 // characters of 256 bits
	opaqueSum  = 6
)

// OpaqueText writes an opaque token: prefix, body, checksum. The checksum lets secret scanners, and us, tell a token from a
// typo without a look-up.
func OpaqueText(prefix string, raw [32]byte) secret.String {
	text := prefix + base62(new(big.Int).SetBytes(raw[:]), opaqueBody)
	return secret.New(text + checksum(text))
}

func checksum(text string) string {
	return base62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(text)))), opaqueSum)
}

// Intact reports whether the checksum at the end of an opaque token is right.
func Intact(text string) bool {
	at := len(text) - opaqueSum
	return at > 0 && checksum(text[:at]) == text[at:]
}

// base62 writes number with so many digits.
func base62(number *big.Int, digits int) string {
	out := make([]byte, digits)
	base, rest := big.NewInt(int64(len(opaqueAlphabet))), new(big.Int)
	for i := digits - 1; i >= 0; i-- {
		number.DivMod(number, base, rest)
		out[i] = opaqueAlphabet[rest.Int64()]
	}
	return string(out)
}

// NewOpaque makes an opaque token of 256 random bits.
func NewOpaque(prefix string) secret.String {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return OpaqueText(prefix, raw)
}
