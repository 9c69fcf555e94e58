package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// Alg is a signature algorithm by its JOSE name (RFC 7518 section 3.1, RFC 8037). There are these three and no others:
// none and the HMACs are not refused somewhere, they do not exist.
type Alg string

// The algorithms.
const (
	ES256 Alg = "ES256" // ECDSA on P-256: the default
	RS256 Alg = "RS256" // RSA PKCS #1 v1.5, 2048 bits: for those who know nothing else; 25 times the work
	EdDSA Alg = "EdDSA" // Ed25519: by choice
)

// maxToken is the longest token that Verify looks at and Sign makes, in bytes; it is checked before any work (SEC-326).
const maxToken = 16 << 10

// minRSA and maxRSA are the sizes of RSA keys taken, in bits: below is breakable, above a signature takes too long.
const minRSA, maxRSA = 2048, 4096

// Signer is one signing key. It is immutable and safe for concurrent use; it prints as its algorithm and ID.
type Signer struct {
	ID  string // the public key's RFC 7638 thumbprint (SHA-256, base64url): the `kid` of its tokens. Read only.
	Alg Alg    // the one algorithm it is used with. Read only.

	private crypto.Signer
	size    int             // of a signature, in bytes
	jwk     json.RawMessage // the public key, as the key set shows it
	headers cache[string]   // by typ: encoded protected header and the dot behind it
}

// Generate makes a new random signing key. ErrSigner for an unknown algorithm.
func Generate(alg Alg) (*Signer, error) {
	var key crypto.Signer
	var err error
	switch alg {
	case ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		key, err = rsa.GenerateKey(rand.Reader, minRSA)
	case EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("%w: unknown algorithm %q", ErrSigner, alg)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: generate %s: %w", alg, err)
	}
	return newSigner(alg, key)
}

// ParseSigner reads what Marshal wrote. ErrSigner where der is no private key, or not one of alg.
func ParseSigner(alg Alg, der []byte) (*Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: not PKCS #8", ErrSigner)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: a key that cannot sign", ErrSigner)
	}
	return newSigner(alg, key)
}

func newSigner(alg Alg, key crypto.Signer) (*Signer, error) {
	s := &Signer{Alg: alg, private: key, size: signatureSize(alg, key)}
	if s.size == 0 {
		return nil, fmt.Errorf("%w: not a key for %q, or too weak", ErrSigner, alg)
	}
	public := s.Public()
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	s.ID = base64.RawURLEncoding.EncodeToString(thumbprint)
	if s.jwk, err = json.Marshal(s.Public()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return s, nil
}

// signatureSize is 0 where alg cannot be used with key. One key has one algorithm: what makes confusion possible is a
// key that two algorithms take (RFC 8725 section 3.1).
func signatureSize(alg Alg, key crypto.Signer) int {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if alg == ES256 && key.Curve == elliptic.P256() {
			return 64
		}
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); alg == RS256 && bits >= minRSA && bits <= maxRSA {
			return key.Size()
		}
	case ed25519.PrivateKey:
		if alg == EdDSA {
			return ed25519.SignatureSize
		}
	}
	return 0
}

// Marshal returns the private key in PKCS #8 (DER), for Master.Seal and nothing else.
func (s *Signer) Marshal() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(s.private) }

// Public returns the public key with kid, alg and use, as the key set shows it (RFC 7517).
func (s *Signer) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.private.Public(), KeyID: s.ID, Algorithm: string(s.Alg), Use: "sig"}
}

// Format prints algorithm and ID for every verb: fmt would walk into the private key otherwise.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(s.Alg)+" "+s.ID) }

// Sign returns claims (a JSON object, taken as it is) as a compact JWS (RFC 7515 section 7.1) with the protected
// header alg, kid, typ; without typ where typ is empty. ErrToken where it would be longer than the 16 KiB that Verify takes.
func (s *Signer) Sign(typ string, claims []byte) (string, error) {
	header := s.header(typ)
	size := len(header) + base64.RawURLEncoding.EncodedLen(len(claims)) + 1 + base64.RawURLEncoding.EncodedLen(s.size)
	if size > maxToken {
		return "", fmt.Errorf("%w: %d bytes are more than a token can have (%d)", ErrToken, size, maxToken)
	}
	token := append(make([]byte, 0, size), header...)
	token = base64.RawURLEncoding.AppendEncode(token, claims)
	signature, err := s.sign(token)
	if err != nil {
		return "", fmt.Errorf("keys: sign with %s: %w", s.Alg, err)
	}
	token = append(token, '.')
	return string(base64.RawURLEncoding.AppendEncode(token, signature)), nil
}

func (s *Signer) sign(input []byte) ([]byte, error) {
	switch key := s.private.(type) {
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(input)
		r, t, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		raw := make([]byte, 64) // r ‖ s, each 32 bytes (RFC 7518 section 3.4), not ASN.1
		r.FillBytes(raw[:32])
		t.FillBytes(raw[32:])
		return raw, nil
	case *rsa.PrivateKey:
		digest := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	default:
		return key.Sign(nil, input, crypto.Hash(0))
	}
}

// verify reports whether signature, of the right size, is this key's signature of input.
func (s *Signer) verify(input, signature []byte) bool {
	switch key := s.private.Public().(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(input)
		r, t := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest[:], r, t)
	case *rsa.PublicKey:
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, input, signature)
	}
	return false
}

// header returns the encoded protected header for typ with the dot behind it. It is the same bytes for ever: Verify
// knows its own tokens by them, also those that an earlier release signed.
func (s *Signer) header(typ string) string { return s.headers.get(typ, s.newHeader) }

func (s *Signer) newHeader(typ string) string {
	header, err := json.Marshal(struct {
		Alg Alg    `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ,omitempty"`
	}{s.Alg, s.ID, typ})
	if err != nil {
		panic("keys: " + err.Error()) // three strings marshal
	}
	return base64.RawURLEncoding.EncodeToString(header) + "."
}
