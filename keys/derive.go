package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Derive computes a value that only the holder of the master key can compute, and always the same from the same parts:
// HMAC-SHA256 over the parts, each with its length before it, under the named key's subkey for purpose. The successor
// of a refresh token is made so; its row keeps the key id (Current, at the time). ErrNoKey where that key was retired.
func (m *Master) Derive(keyID, purpose string, parts ...[]byte) ([32]byte, error) {
	for _, k := range m.keys {
		if k.name == keyID {
			return k.derives.get(purpose, k.newDeriver).sum(parts...), nil
		}
	}
	return [32]byte{}, ErrNoKey
}

// Hash returns what the store keeps in the place of a secret that is looked up by value (API key, sign-in cookie, ready
// token): a keyed hash under the current key. It is keyed, not a plain SHA-256, because keys imported from elsewhere
// may be short enough to guess: from a dump of the database without the master key nothing can be tried (SEC-125).
//
// Look up by Hashes. A row found by an older key's hash should be written again with Hash: what is used during an
// overlap then lives on, and what is not ends with the old key (SEC-128).
func (m *Master) Hash(purpose string, value []byte) [32]byte {
	return m.keys[0].hash(purpose, value)
}

// Hashes returns the hash of value under every live key, current first: the values under which a row may be found.
func (m *Master) Hashes(purpose string, value []byte) [][32]byte {
	sums := make([][32]byte, len(m.keys))
	for i, k := range m.keys {
		sums[i] = k.hash(purpose, value)
	}
	return sums
}

func (k *masterKey) hash(purpose string, value []byte) [32]byte {
	return k.hashes.get(purpose, k.newHasher).sum(value)
}

func (k *masterKey) newDeriver(purpose string) *macPool {
	return newMACPool(k.expand("derive", purpose))
}

func (k *masterKey) newHasher(purpose string) *macPool { return newMACPool(k.expand("hash", purpose)) }

// macPool lends HMAC states of one key: a used state resets at a fraction of what a new one costs.
type macPool struct{ states sync.Pool }

// macState holds its buffers too, because what passes through hash.Hash is allocated otherwise.
type macState struct {
	hmac   hash.Hash
	length [8]byte
	sum    [sha256.Size]byte
}

func newMACPool(key []byte) *macPool {
	p := &macPool{}
	p.states.New = func() any { return &macState{hmac: hmac.New(sha256.New, key)} }
	return p
}

// sum authenticates the list of parts: with the lengths in, no two lists have the same bytes.
func (p *macPool) sum(parts ...[]byte) [sha256.Size]byte {
	s := p.states.Get().(*macState)
	defer p.states.Put(s)
	s.hmac.Reset()
	for _, part := range parts {
		binary.BigEndian.PutUint64(s.length[:], uint64(len(part)))
		s.hmac.Write(s.length[:])
		s.hmac.Write(part)
	}
	s.hmac.Sum(s.sum[:0])
	return s.sum
}
