package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func pkcs8(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func mustECDH(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// FuzzVerify: whatever we accept, the reference with its allow-list of algorithms accepts with the same payload; and a
// token made of fuzzed claims always comes back. flip turns a good token into a nearly good one.
func FuzzVerify(f *testing.F) {
	r := ring(f)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		f.Fatal(err)
	}
	f.Add("..", claims, uint16(0), byte(0))
	f.Add("eyJhbGciOiJub25lIn0.e30.", []byte("{}"), uint16(150), byte(1))
	f.Add(sign(f, r, EdDSA, typ), []byte(nil), uint16(9), byte(32))
	f.Fuzz(func(t *testing.T, raw string, payload []byte, at uint16, flip byte) {
		agree(t, r, &set, raw)
		for _, alg := range []Alg{ES256, EdDSA} {
			token, err := r.Sign(alg, typ, payload)
			if err != nil {
				if len(payload) < maxToken/2 {
					t.Fatal(err)
				}
				continue
			}
			if !agree(t, r, &set, token) {
				t.Fatalf("our own token is refused: %s", token)
			}
			near := []byte(token)
			near[int(at)%len(near)] ^= flip
			if agree(t, r, &set, string(near)) != (flip == 0) {
				t.Fatalf("a changed token is accepted: %s", near)
			}
		}
	})
}

// agree reports whether Verify accepts token, after holding it against the reference.
func agree(t *testing.T, r *Ring, set *jose.JSONWebKeySet, token string) bool {
	t.Helper()
	got, kid, err := r.Verify(token, typ)
	if err != nil {
		return false
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA})
	if err != nil {
		t.Fatalf("we accept what go-jose cannot parse: %v", err)
	}
	want, err := jws.Verify(set.Key(kid)[0])
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("go-jose: %q, %v; we: %q", want, err, got)
	}
	return true
}

// FuzzOpen: nothing opens but what was sealed, and every value has one text.
func FuzzOpen(f *testing.F) {
	m := NewMaster()
	f.Add("", []byte("x"), []byte("ad"), uint16(0), byte(1))
	f.Add(m.SealText("p", []byte("x"), nil)+"\n", []byte{}, []byte{}, uint16(47), byte(128))
	f.Fuzz(func(t *testing.T, raw string, plaintext, ad []byte, at uint16, flip byte) {
		if _, err := m.OpenText("p", raw, ad); err == nil {
			t.Fatalf("opened a value that was never sealed: %q", raw)
		}
		if _, err := m.Open("p", []byte(raw), ad); err == nil {
			t.Fatalf("opened a value that was never sealed: %q", raw)
		}
		text := []byte(m.SealText("p", plaintext, ad))
		if got, err := m.OpenText("p", string(text), ad); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%q, %v", got, err)
		}
		text[int(at)%len(text)] ^= flip
		if _, err := m.OpenText("p", string(text), ad); (err == nil) != (flip == 0) {
			t.Fatalf("a changed text opens: %q, %v", text, err)
		}
	})
}

// FuzzParseMaster: what is accepted comes back from Text with the same keys in the same order.
func FuzzParseMaster(f *testing.F) {
	f.Add(NewMaster().Rotate().Text().Reveal())
	f.Add(strings.ReplaceAll(NewMaster().Text().Reveal(), ":", " : "))
	f.Add("00000000:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMaster(text)
		if err != nil {
			return
		}
		again, err := ParseMaster(m.Text().Reveal())
		if err != nil || !cmp.Equal(m.IDs(), again.IDs()) {
			t.Fatalf("%q: %v", text, err)
		}
		if m.Text().Reveal() != strings.Join(strings.Fields(text), "\n")+"\n" {
			t.Fatalf("%q has a second spelling: %q", text, m.Text().Reveal())
		}
	})
}

// FuzzParseSigner: what is accepted signs, under the key id that its public key has.
func FuzzParseSigner(f *testing.F) {
	for _, alg := range algs {
		f.Add(string(alg), pkcs8(f, signer(f, alg).private))
	}
	f.Fuzz(func(t *testing.T, alg string, der []byte) {
		s, err := ParseSigner(Alg(alg), der)
		if err != nil {
			return
		}
		r := NewRing(s)
		if _, kid, err := r.Verify(sign(t, r, s.Alg, typ), typ); err != nil || kid != s.ID {
			t.Fatalf("%s: %v", s, err)
		}
	})
}
