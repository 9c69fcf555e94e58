package keys

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"

	"golang.org/x/crypto/chacha20poly1305"
)

// Overhead is how many bytes a sealed value is longer than its plaintext: key id, nonce, tag.
const Overhead = idSize + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// Seal encrypts and authenticates plaintext under the current key (XChaCha20-Poly1305: its nonce of 24 bytes can be
// random for any number of values). ad is bound to the value but not in it: the row's id, say, so that a sealed value
// copied into another row does not open. The result is key id ‖ nonce ‖ ciphertext ‖ tag.
func (m *Master) Seal(purpose string, plaintext, ad []byte) []byte {
	k := m.keys[0]
	const head = idSize + chacha20poly1305.NonceSizeX
	out := make([]byte, head, len(plaintext)+Overhead)
	copy(out, k.id[:])
	_, _ = rand.Read(out[idSize:]) // never fails: crypto/rand ends the program instead
	return k.sealer(purpose).Seal(out, out[idSize:head], plaintext, ad)
}

// Open returns the plaintext of what Seal made with the same purpose and ad under any live key, else ErrSealed.
// sealed is left as it is.
func (m *Master) Open(purpose string, sealed, ad []byte) ([]byte, error) {
	return m.open(nil, purpose, sealed, ad)
}

// SealText is Seal in base64url without padding, for URLs, forms and JSON.
func (m *Master) SealText(purpose string, plaintext, ad []byte) string {
	return base64.RawURLEncoding.EncodeToString(m.Seal(purpose, plaintext, ad))
}

// OpenText opens what SealText made, in exactly the spelling that SealText gave it, else ErrSealed.
func (m *Master) OpenText(purpose, text string, ad []byte) ([]byte, error) {
	sealed, ok := decode(text)
	if !ok || len(sealed) < Overhead {
		return nil, ErrSealed
	}
	// The plaintext takes the ciphertext's place: the buffer is ours alone.
	return m.open(sealed[Overhead-chacha20poly1305.Overhead:][:0], purpose, sealed, ad)
}

// open appends the plaintext to dst.
func (m *Master) open(dst []byte, purpose string, sealed, ad []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrSealed
	}
	k := m.find([idSize]byte(sealed))
	if k == nil {
		return nil, ErrSealed
	}
	const head = idSize + chacha20poly1305.NonceSizeX
	plaintext, err := k.sealer(purpose).Open(dst, sealed[idSize:head], sealed[head:], ad)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

func (k *masterKey) sealer(purpose string) cipher.AEAD { return k.seals.get(purpose, k.newSealer) }

func (k *masterKey) newSealer(purpose string) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(k.expand("seal", purpose))
	if err != nil {
		panic("keys: " + err.Error()) // only for a key of another size
	}
	return aead
}
