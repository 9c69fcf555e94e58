package server_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// oneTime is what an authenticator app shows (RFC 6238).
func oneTime(t *testing.T, text string, at time.Time) string {
	t.Helper()
	raw, err := base32.StdEncoding.DecodeString(text)
	must(t, err)
	mac := hmac.New(sha1.New, raw)
	must(t, binary.Write(mac, binary.BigEndian, at.Unix()/30))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}

// claimsOf reads a JWT without looking at its signature.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	claims := map[string]any{}
	must(t, json.Unmarshal(raw, &claims))
	return claims
}

// texts is a JSON array of texts.
func texts(value any) (out []string) {
	list, _ := value.([]any)
	for _, text := range list {
		out = append(out, fmt.Sprint(text))
	}
	return out
}
