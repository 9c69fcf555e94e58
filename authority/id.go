package authority

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	"github.com/doorward/doorward/secret"
)

// crockford is the encoding of ids, made when the first one is; idText returns it.
var crockford struct {
	once     sync.Once
	encoding *base32.Encoding
}

// idText is Crockford's alphabet in lower case: it sorts as the bytes do.
func idText() *base32.Encoding {
	crockford.once.Do(func() {
		crockford.encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
	})
	return crockford.encoding
}

// NewID returns 26 characters: 48 bits of milliseconds since 1970, then 80 random bits. Ids sort by time, and a family's
// tells when it began, which is what marks compare with.
func NewID(now time.Time) string {
	var raw [16]byte
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(now.UnixMilli()))
	copy(raw[:6], millis[2:])
	_, _ = rand.Read(raw[6:]) // crypto/rand.Read never fails
	return idText().EncodeToString(raw[:])
}

// IDTime returns when an id of NewID was made, to the millisecond; false for anything else.
func IDTime(id string) (time.Time, bool) {
	if len(id) != 26 {
		return time.Time{}, false
	}
	var raw [16]byte
	if _, err := idText().Decode(raw[:], []byte(id)); err != nil {
		return time.Time{}, false
	}
	var millis [8]byte
	copy(millis[2:], raw[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(millis[:]))), true
}

// NewSecret returns 256 random bits in base64url.
func NewSecret() secret.String {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return secret.New(base64.RawURLEncoding.EncodeToString(raw[:]))
}
