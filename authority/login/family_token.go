package login

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/secret"
)

// derive makes the secret of a generation from the one presented before it. The tag behind it lets anybody with the
// master key see, without a look-up, that a secret is of ours: a family cannot be ended by somebody who only knows its id.
func (s *Sessions) derive(family authority.Family, generation int64, presented string) (string, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(generation))
	body, err := s.master.Derive(family.KeyID, "refresh token", family.Salt, number[:], []byte(presented))
	if err != nil {
		return "", err
	}
	tag, err := s.tag(family.KeyID, family.ID, generation, body[:])
	return base64.RawURLEncoding.EncodeToString(append(body[:], tag...)), err
}

const tagSize = 13 // 32 + 13 bytes make 60 characters of base64url, without spare bits

// tag is cut to 13 bytes: 104 bits that can be tried online only, against the server.
func (s *Sessions) tag(keyID, familyID string, generation int64, body []byte) ([]byte, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(generation))
	tag, err := s.master.Derive(keyID, "refresh token tag", []byte(familyID), number[:], body)
	return tag[:tagSize], err
}

func refreshText(familyID string, generation int64, text string) secret.String {
	return secret.New(familyID + "." + strconv.FormatInt(generation, 10) + "." + text)
}

// presentedToken is a refresh token taken apart.
type presentedToken struct {
	familyID   string
	generation int64
	text       string // the third part
	hash       [32]byte
}

// parse takes a refresh token apart; false for one that we did not make. It costs no look-up.
func (s *Sessions) parse(token string) (presentedToken, bool) {
	id, rest, ok := strings.Cut(token, ".")
	if _, isID := authority.IDTime(id); !ok || !isID {
		return presentedToken{}, false
	}
	// One spelling for each token: a number with a zero in front, or base64 with spare bits, would be a second text for one
	// secret.
	number, text, _ := strings.Cut(rest, ".")
	generation, err := strconv.ParseInt(number, 10, 64)
	raw, rawErr := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || generation < 0 || strconv.FormatInt(generation, 10) != number || rawErr != nil || len(text) != 60 || len(raw) != 32+tagSize {
		return presentedToken{}, false
	}
	// Under every live key: a token from before a rotation of the master key is ours through the overlap (SEC-128).
	for _, keyID := range s.master.IDs() {
		tag, err := s.tag(keyID, id, generation, raw[:32])
		if err == nil && subtle.ConstantTimeCompare(tag, raw[32:]) == 1 {
			return presentedToken{id, generation, text, sha256.Sum256([]byte(text))}, true
		}
	}
	return presentedToken{}, false
}

// FamilyOf returns the family of a refresh token of ours, of whatever generation, without a look-up. It proves nothing but
// where the token came from; whether it is good, Rotate says.
func (s *Sessions) FamilyOf(token string) (id string, ok bool) {
	presented, ok := s.parse(token)
	return presented.familyID, ok
}

func newSalt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // crypto/rand.Read never fails
	return salt
}
