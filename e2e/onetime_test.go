package e2e

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// adasCode reads Ada's authenticator (RFC 6238), by the clock of this machine. Each code is good once.
func adasCode() (string, error) { return adasCodeIn(0) }

// adasCodeIn reads it for a server whose clock is that far ahead.
func adasCodeIn(ahead time.Duration) (string, error) { return codeOf("JBSWY3DPEHPK3PXP", ahead) }

// codeOf reads an authenticator with this secret.
func codeOf(secret string, ahead time.Duration) (string, error) {
	raw, err := base32.StdEncoding.DecodeString(secret)
	mac := hmac.New(sha1.New, raw)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Add(ahead).Unix()/30)
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[19]&0xf:]) & 0x7fff_ffff
	return fmt.Sprintf("%06d", number%1_000_000), err
}
