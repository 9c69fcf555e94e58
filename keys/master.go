package keys

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/doorward/doorward/secret"
)

const (
	keySize = 32 // bytes of a master key and of every subkey
	idSize  = 4  // bytes of a key id, as they stand before a sealed value
	// maxKeys bounds a set: every look-up by hash asks for one value per live key.
	maxKeys = 16
)

// Master is the set of master keys: the current one seals, hashes and derives; older ones still open what they sealed,
// until Keep retires them. It is immutable and safe for concurrent use; it prints as ***.
//
// To rotate a key that several replicas hold: put the new line last in every replica's text, so that all of them can
// open what it seals; then first. On one machine Rotate and Save do.
type Master struct {
	keys []*masterKey // current first, never empty
}

// masterKey is one key with what was computed from it. Masters made by Rotate and Keep share their keys.
type masterKey struct {
	id     [idSize]byte
	name   string // id in hexadecimal
	secret [keySize]byte

	seals           cache[cipher.AEAD] // by purpose
	derives, hashes cache[*macPool]    // by purpose
}

// NewMaster returns a set of one random key.
func NewMaster() *Master { return (&Master{}).Rotate() }

// ParseMaster reads what Text wrote: `id:base64` entries, current first, one per line (any white space separates them,
// so that a set fits into a variable). An id is computed from its key, so a mistyped key is found here and not at the
// first login. Errors wrap ErrMaster and never show a key.
func ParseMaster(text string) (*Master, error) {
	m := &Master{}
	for i, entry := range strings.Fields(text) {
		name, encoded, found := strings.Cut(entry, ":")
		raw, ok := decode(encoded)
		if !found || !ok || len(raw) != keySize {
			return nil, fmt.Errorf("%w: entry %d is not id:base64 of %d bytes", ErrMaster, i+1, keySize)
		}
		k := newMasterKey([keySize]byte(raw))
		if k.name != name {
			return nil, fmt.Errorf("%w: the key of entry %d does not belong to its id: it was changed or mistyped", ErrMaster, i+1)
		}
		if m.find(k.id) != nil {
			return nil, fmt.Errorf("%w: entry %d repeats the key %s", ErrMaster, i+1, k.name)
		}
		m.keys = append(m.keys, k)
	}
	if len(m.keys) == 0 || len(m.keys) > maxKeys {
		return nil, fmt.Errorf("%w: %d entries, there must be 1 to %d", ErrMaster, len(m.keys), maxKeys)
	}
	return m, nil
}

// Text returns the whole set as ParseMaster reads it. It is the most secret value of an authority.
func (m *Master) Text() secret.String {
	var b strings.Builder
	for _, k := range m.keys {
		b.WriteString(k.name + ":" + base64.RawURLEncoding.EncodeToString(k.secret[:]) + "\n")
	}
	return secret.New(b.String())
}

// Rotate returns a set with a new random key in front; all others stay live behind it, up to 16 in all. Nothing is
// saved: see Save.
func (m *Master) Rotate() *Master {
	var raw [keySize]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	k := newMasterKey(raw)
	if m.find(k.id) != nil { // one in four thousand million
		return m.Rotate()
	}
	return (&Master{keys: append([]*masterKey{k}, m.keys...)}).Keep(maxKeys)
}

// Keep returns the set of the newest n keys (at least the current one). What was sealed, hashed or derived under the
// others dies with them: it is the end of an overlap.
func (m *Master) Keep(n int) *Master {
	return &Master{keys: slices.Clone(m.keys[:min(max(n, 1), len(m.keys))])}
}

// Current returns the id of the current key: 8 hexadecimal digits, not secret, kept beside what Derive makes.
func (m *Master) Current() string { return m.keys[0].name }

// IDs returns the ids of all live keys, current first.
func (m *Master) IDs() []string {
	ids := make([]string, len(m.keys))
	for i, k := range m.keys {
		ids[i] = k.name
	}
	return ids
}

// Format prints the mask for every verb: fmt would walk into the keys otherwise.
func (m *Master) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Mask) }

// find returns the live key with id, or nil.
func (m *Master) find(id [idSize]byte) *masterKey {
	for _, k := range m.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

func newMasterKey(raw [keySize]byte) *masterKey {
	k := &masterKey{secret: raw}
	copy(k.id[:], k.expand("id", ""))
	k.name = hex.EncodeToString(k.id[:])
	return k
}

// expand derives a subkey (RFC 5869). Kind and purpose are both in info, so that no two uses ever share a key; a kind
// holds no slash, so that no pair can be read as another.
func (k *masterKey) expand(kind, purpose string) []byte {
	sub, err := hkdf.Key(sha256.New, k.secret[:], nil, "doorward/1/"+kind+"/"+purpose, keySize)
	if err != nil {
		panic("keys: " + err.Error()) // only for lengths that HKDF cannot give
	}
	return sub
}

// decode reads base64url in its one canonical form: no padding, no line breaks, unused bits zero. A value that is a
// ticket must not have a second spelling: deny lists and logs go by the text.
func decode(text string) ([]byte, bool) {
	encoding := base64.RawURLEncoding // RFC 4648 section 5, as in RFC 7515 section 2
	raw := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(raw, []byte(text))
	if err != nil || encoding.EncodedLen(n) != len(text) { // text is longer where line breaks were skipped
		return nil, false
	}
	var end [3]byte // how the bytes after the last whole three are written, when the bits that no byte needs are zero
	rest := n % 3
	encoding.Encode(end[:], raw[n-rest:n])
	return raw[:n], strings.HasSuffix(text, string(end[:encoding.EncodedLen(rest)]))
}
