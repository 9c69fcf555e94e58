package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var algs = []Alg{ES256, RS256, EdDSA}

// testSigners makes one signer of each algorithm for the whole run: an RSA key takes long to find.
var testSigners = sync.OnceValues(func() (map[Alg]*Signer, error) {
	signers := map[Alg]*Signer{}
	for _, alg := range algs {
		s, err := Generate(alg)
		if err != nil {
			return nil, err
		}
		signers[alg] = s
	}
	return signers, nil
})

func signer(t testing.TB, alg Alg) *Signer {
	t.Helper()
	signers, err := testSigners()
	if err != nil {
		t.Fatal(err)
	}
	return signers[alg]
}

func ring(t testing.TB) *Ring {
	t.Helper()
	return NewRing(signer(t, ES256), signer(t, RS256), signer(t, EdDSA))
}

const typ = "at+jwt"

var claims = []byte(`{"iss":"https://id.example","sub":"usr_1"}`)

func sign(t testing.TB, r *Ring, alg Alg, typ string) string {
	t.Helper()
	token, err := r.Sign(alg, typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func refused(t *testing.T, r *Ring, token, why string) {
	t.Helper()
	if got, kid, err := r.Verify(token, typ); !errors.Is(err, ErrToken) || got != nil || kid != "" {
		t.Errorf("%s: Verify gives %q, %q, %v; want ErrToken", why, got, kid, err)
	}
}

func TestSignVerify(t *testing.T) {
	t.Parallel()
	r := ring(t)
	for _, alg := range algs {
		for _, typ := range []string{"at+jwt", "JWT", "", `odd "typ"`} {
			got, kid, err := r.Verify(sign(t, r, alg, typ), typ)
			if err != nil || !bytes.Equal(got, claims) || kid != signer(t, alg).ID {
				t.Errorf("%s %q: %q, %q, %v", alg, typ, got, kid, err)
			}
		}
	}
}

func TestVerifyTyp(t *testing.T) {
	t.Parallel()
	r := ring(t)
	if _, _, err := r.Verify(sign(t, r, ES256, "application/at+jwt"), typ); err != nil {
		t.Errorf("RFC 9068 section 4: application/at+jwt: %v", err)
	}
	for _, other := range []string{"JWT", "", "logout+jwt", "at+jwt ", "application/JWT"} {
		refused(t, r, sign(t, r, ES256, other), "typ "+other)
	}
	if _, _, err := r.Verify(sign(t, r, ES256, typ), ""); !errors.Is(err, ErrToken) {
		t.Errorf("no typ is a typ of its own: %v", err)
	}
}

func TestGoJoseVerifiesOurs(t *testing.T) {
	t.Parallel()
	r := ring(t)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	for _, alg := range algs {
		jws, err := jose.ParseSignedCompact(sign(t, r, alg, typ), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		header := jws.Signatures[0].Protected
		if got, err := jws.Verify(set.Key(header.KeyID)[0]); err != nil || !bytes.Equal(got, claims) {
			t.Errorf("%s: %q, %v", alg, got, err)
		}
		if header.ExtraHeaders["typ"] != typ {
			t.Errorf("%s: typ is %v", alg, header.ExtraHeaders["typ"])
		}
	}
}

func TestWeVerifyGoJose(t *testing.T) {
	t.Parallel()
	r := ring(t)
	for _, alg := range algs {
		got, kid, err := r.Verify(joseSign(t, signer(t, alg), jose.SignatureAlgorithm(alg), nil), typ)
		if err != nil || !bytes.Equal(got, claims) || kid != signer(t, alg).ID {
			t.Errorf("%s: %q, %q, %v", alg, got, kid, err)
		}
	}
}

// joseSign lets the reference sign claims with our private key and more header members.
func joseSign(t *testing.T, s *Signer, alg jose.SignatureAlgorithm, extra map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(typ)
	for name, value := range extra {
		options = options.WithHeader(name, value)
	}
	key := jose.JSONWebKey{Key: s.private, KeyID: s.ID}
	js, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := js.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerifyTampered(t *testing.T) {
	t.Parallel()
	r := ring(t)
	for _, alg := range algs {
		token := sign(t, r, alg, typ)
		for bit := range len(token) * 8 {
			forged := []byte(token)
			forged[bit/8] ^= 1 << (bit % 8)
			if _, _, err := r.Verify(string(forged), typ); !errors.Is(err, ErrToken) {
				t.Fatalf("%s: bit %d changed: %v\n%s", alg, bit, err, forged)
			}
		}
		for n := range token {
			if _, _, err := r.Verify(token[:n], typ); !errors.Is(err, ErrToken) {
				t.Fatalf("%s: cut to %d characters: %v", alg, n, err)
			}
		}
	}
}

// A token has one spelling: every change of bits that no decoder needs is refused.
func TestVerifyCanonicalOnly(t *testing.T) {
	t.Parallel()
	r := ring(t)
	token := sign(t, r, ES256, typ)
	parts := strings.Split(token, ".")
	last := parts[2][len(parts[2])-1]
	if _, err := base64.RawURLEncoding.DecodeString(parts[2][:85] + nextChar(last)); err != nil {
		t.Fatalf("the altered signature must be one that a lax decoder takes: %v", err)
	}
	refused(t, r, token[:len(token)-1]+nextChar(last), "trailing bits of the signature")
	refused(t, r, token+"=", "padding")
	refused(t, r, token+"==", "padding")
	refused(t, r, token+"\n", "a newline behind")
	refused(t, r, "\n"+token, "a newline before")
	refused(t, r, " "+token, "a space before")
	refused(t, r, parts[0]+"."+parts[1]+"\n."+parts[2], "a newline in the payload")
	refused(t, r, parts[0]+"."+parts[1]+"."+parts[2][:9]+"\r\n"+parts[2][9:], "a newline in the signature")

	// The signer's own signature does not make another spelling of the payload good.
	s := signer(t, ES256)
	for _, payload := range []string{"e30=", "e31", "e3\n0", "e30\n", "e30.e30", "e3+/", "e"} {
		input := s.header(typ) + payload
		signature, err := s.sign([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, r, input+"."+base64url.EncodeToString(signature), "payload "+payload)
	}
}

func TestVerifyAlgorithmConfusion_SEC182(t *testing.T) {
	t.Parallel()
	r := ring(t)
	s := signer(t, RS256)
	pkix, err := x509.MarshalPKIXPublicKey(s.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(secret []byte) string {
		key := jose.JSONWebKey{Key: secret, KeyID: s.ID}
		js, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, (&jose.SignerOptions{}).WithType(typ))
		if err != nil {
			t.Fatal(err)
		}
		jws, _ := js.Sign(claims)
		token, _ := jws.CompactSerialize()
		return token
	}
	refused(t, r, hs256(pkix), "HS256 with the public key (DER)")
	refused(t, r, hs256(r.JWKS()), "HS256 with the key set")
	refused(t, r, hs256([]byte(s.ID)), "HS256 with the key id")
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		header := base64url.EncodeToString([]byte(`{"alg":"` + none + `","kid":"` + s.ID + `","typ":"at+jwt"}`))
		refused(t, r, header+"."+base64url.EncodeToString(claims)+".", "alg "+none)
		refused(t, r, header+"."+base64url.EncodeToString(claims), "alg "+none+", two parts")
	}
	refused(t, r, joseSign(t, s, jose.PS256, nil), "PS256 with the key of RS256")
	refused(t, r, joseSign(t, s, jose.RS384, nil), "RS384 with the key of RS256")
	swapped := strings.Replace(sign(t, r, RS256, typ), signer(t, RS256).header(typ), signer(t, EdDSA).header(typ), 1)
	refused(t, r, swapped, "RS256 under the header of EdDSA")
	token := sign(t, r, ES256, typ)
	refused(t, r, token[:strings.LastIndexByte(token, '.')+1], "signature left out")
	zero := base64url.EncodeToString(make([]byte, 64))
	refused(t, r, token[:strings.LastIndexByte(token, '.')+1]+zero, "r = s = 0 (CVE-2022-21449)")
}

// Signed by our own key, with a header that we do not write: refused all the same.
func TestVerifyStrictHeader(t *testing.T) {
	t.Parallel()
	r := ring(t)
	s := signer(t, ES256)
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	for name, extra := range map[string]map[jose.HeaderKey]any{
		"crit": {"crit": []string{"b64"}, "b64": true},
		"zip":  {"zip": "DEF"},
		"jku":  {"jku": "https://evil.example/jwks"},
		"jwk":  {"jwk": jose.JSONWebKey{Key: stranger.Public(), Algorithm: "EdDSA"}},
		"cty":  {"cty": "JWT"},
	} {
		refused(t, r, joseSign(t, s, jose.ES256, extra), name)
	}
	for name, header := range map[string]string{
		"no kid":          `{"alg":"ES256","typ":"at+jwt"}`,
		"empty kid":       `{"alg":"ES256","kid":"","typ":"at+jwt"}`,
		"kid of another":  `{"alg":"ES256","kid":"` + signer(t, EdDSA).ID + `","typ":"at+jwt"}`,
		"kid twice":       `{"alg":"ES256","kid":"x","kid":"` + s.ID + `","typ":"at+jwt"}`,
		"alg twice":       `{"alg":"none","alg":"ES256","kid":"` + s.ID + `","typ":"at+jwt"}`,
		"alg as Alg":      `{"Alg":"ES256","kid":"` + s.ID + `","typ":"at+jwt"}`,
		"alg a number":    `{"alg":256,"kid":"` + s.ID + `","typ":"at+jwt"}`,
		"text behind":     `{"alg":"ES256","kid":"` + s.ID + `","typ":"at+jwt"}{}`,
		"a list":          `["ES256"]`,
		"null":            `null`,
		"not JSON":        `alg=ES256`,
		"nothing":         ``,
		"typ of an array": `{"alg":"ES256","kid":"` + s.ID + `","typ":["at+jwt"]}`,
	} {
		input := base64url.EncodeToString([]byte(header)) + "." + base64url.EncodeToString(claims)
		signature, err := s.sign([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, r, input+"."+base64url.EncodeToString(signature), name)
	}
}

func TestVerifyBombs_SEC326(t *testing.T) { // not parallel: it counts allocations
	r := ring(t)
	token := sign(t, r, ES256, typ)
	b64 := func(s string) string { return base64url.EncodeToString([]byte(s)) }
	bombs := map[string]string{
		"10^6 dots":                   strings.Repeat(".", 1e6),
		"10^6 dots behind a token":    token + strings.Repeat(".", 1e6),
		"as many dots as fit":         strings.Repeat(".", maxToken),
		"a token, then dots":          token + strings.Repeat(".", maxToken-len(token)),
		"header of 10 MB":             b64(`{"alg":"ES256","kid":"`+strings.Repeat("x", 10<<20)+`"}`) + ".e30.AA",
		"header as large as fits":     strings.Repeat("A", maxToken-2) + "..",
		"PBES2 with count 2^31":       b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483648,"p2s":"AAAA"}`) + ".AA.AA.AA.AA",
		"JWE, compressed":             b64(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`) + "..AA.AA.AA",
		"nested header":               b64(strings.Repeat("[", 8000)) + ".e30.AA",
		"JSON serialization":          `{"payload":"e30","signatures":[{"protected":"` + signer(t, ES256).header(typ) + `"}]}`,
		"nothing":                     "",
		"dots of an empty token":      "..",
		"a header alone":              signer(t, ES256).header(typ),
		"a header and nothing":        signer(t, ES256).header(typ) + ".",
		"a header and much nothing":   signer(t, ES256).header(typ) + strings.Repeat(".", 8000),
		"a longer token than we make": signer(t, ES256).header(typ) + strings.Repeat("A", maxToken) + ".AA",
	}
	for name, bomb := range bombs {
		refused(t, r, bomb, name)
		allocs := testing.AllocsPerRun(1, func() { _, _, _ = r.Verify(bomb, typ) })
		if allocs > 4 { // both parts and the signing input, at most: no work grows with what a stranger sends
			t.Errorf("%s: %v allocations before it is refused", name, allocs)
		}
	}
}

func TestSignTooLarge(t *testing.T) {
	t.Parallel()
	r := ring(t)
	large := []byte(`{"x":"` + strings.Repeat("x", 3*maxToken/4) + `"}`)
	if token, err := r.Sign(ES256, typ, large); !errors.Is(err, ErrToken) || token != "" {
		t.Errorf("a token that Verify would refuse was signed: %v", err)
	}
	s := signer(t, EdDSA)
	most := (maxToken - len(s.header(typ)) - 1 - 86) * 3 / 4
	token, err := s.Sign(typ, bytes.Repeat([]byte{'x'}, most))
	if err != nil || len(token) < maxToken-2 {
		t.Fatalf("the largest token has %d characters, %v", len(token), err)
	}
	if _, _, err := r.Verify(token, typ); err != nil {
		t.Errorf("the largest token that we sign: %v", err)
	}
}

func TestRingRotation_SEC289(t *testing.T) {
	t.Parallel()
	old, next := signer(t, ES256), generate(t, ES256)
	published := NewRing(old, signer(t, EdDSA), next)
	during := NewRing(next, signer(t, EdDSA), old, next)
	after := NewRing(next, signer(t, EdDSA))

	oldToken, newToken := sign(t, published, ES256, typ), sign(t, during, ES256, typ)
	for name, r := range map[string]*Ring{"published": published, "during": during} {
		for _, token := range []string{oldToken, newToken} {
			if _, _, err := r.Verify(token, typ); err != nil {
				t.Errorf("%s: every token verifies in the overlap: %v", name, err)
			}
		}
	}
	if _, kid, _ := published.Verify(oldToken, typ); kid != old.ID {
		t.Errorf("the first signer of the algorithm signs, got %s", kid)
	}
	if _, kid, _ := during.Verify(newToken, typ); kid != next.ID {
		t.Errorf("after the exchange the new signer signs, got %s", kid)
	}
	refused(t, after, oldToken, "a retired signer")
	if diff := cmp.Diff([]string{next.ID, signer(t, EdDSA).ID, old.ID}, kids(t, during)); diff != "" {
		t.Errorf("the key set, each once (-want +got):\n%s", diff)
	}
	if _, err := after.Sign(RS256, typ, claims); !errors.Is(err, ErrNoKey) {
		t.Errorf("no signer of the algorithm: %v", err)
	}
	if got := string(NewRing().JWKS()); got != `{"keys":[]}` {
		t.Errorf("the empty ring shows %s", got)
	}
}

func generate(t *testing.T, alg Alg) *Signer {
	t.Helper()
	s, err := Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kids(t *testing.T, r *Ring) (ids []string) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		ids = append(ids, key.KeyID)
	}
	return ids
}

func TestJWKSIsPublic(t *testing.T) {
	t.Parallel()
	var set struct{ Keys []map[string]any }
	r := ring(t)
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"use": true, "kty": true, "kid": true, "crv": true, "alg": true, "x": true, "y": true, "n": true, "e": true}
	for i, key := range set.Keys {
		for name := range key {
			if !allowed[name] {
				t.Errorf("key %d shows the member %s", i, name)
			}
		}
		if key["alg"] != string(algs[i]) || key["use"] != "sig" || key["kid"] != signer(t, algs[i]).ID {
			t.Errorf("key %d: %v", i, key)
		}
	}
	r.JWKS()[0] = 'x'
	if r.JWKS()[0] != '{' {
		t.Error("a caller can change the key set of all")
	}
}

func TestSignerMarshal(t *testing.T) {
	t.Parallel()
	for _, alg := range algs {
		s := signer(t, alg)
		der, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseSigner(alg, der)
		if err != nil || again.ID != s.ID || again.Alg != alg {
			t.Fatalf("%s: %v, %v", alg, again, err)
		}
		if _, _, err := NewRing(s).Verify(sign(t, NewRing(again), alg, typ), typ); err != nil {
			t.Errorf("%s: the parsed signer is another: %v", alg, err)
		}
		for _, other := range algs {
			if other != alg {
				if _, err := ParseSigner(other, der); !errors.Is(err, ErrSigner) {
					t.Errorf("a key of %s for %s: %v, want ErrSigner", alg, other, err)
				}
			}
		}
	}
}

func TestSignerRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Generate("HS256"); !errors.Is(err, ErrSigner) {
		t.Errorf("HS256: %v", err)
	}
	if _, err := Generate(""); !errors.Is(err, ErrSigner) {
		t.Errorf("no algorithm: %v", err)
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	x25519, _ := x509.MarshalPKCS8PrivateKey(mustECDH(t))
	for name, in := range map[string]struct {
		alg Alg
		der []byte
	}{
		"nothing":         {ES256, nil},
		"not DER":         {ES256, []byte("-----BEGIN PRIVATE KEY-----")},
		"P-384":           {ES256, pkcs8(t, p384)},
		"RSA 1024":        {RS256, pkcs8(t, weak)},
		"X25519":          {EdDSA, x25519},
		"no algorithm":    {"", pkcs8(t, signer(t, ES256).private)},
		"other algorithm": {"ES384", pkcs8(t, p384)},
	} {
		if s, err := ParseSigner(in.alg, in.der); !errors.Is(err, ErrSigner) || s != nil {
			t.Errorf("%s: %v, %v; want ErrSigner", name, s, err)
		}
	}
}

// The key of RFC 8037 appendix A.1 and its thumbprint, A.3.
func TestThumbprint_RFC8037(t *testing.T) {
	t.Parallel()
	seed, _ := decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	s, err := ParseSigner(EdDSA, pkcs8(t, ed25519.NewKeyFromSeed(seed)))
	if err != nil || s.ID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("%v, %v", s, err)
	}
	const header = "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLCJ0eXAiOiJhdCtqd3QifQ."
	if got := s.header(typ); got != header {
		t.Errorf("the protected header became %s: tokens of earlier releases would be refused", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m, r := NewMaster(), NewRing(signer(t, ES256), signer(t, EdDSA))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			purpose := string(rune('a' + i%3))
			if _, err := m.OpenText(purpose, m.SealText(purpose, claims, nil), nil); err != nil {
				t.Error(err)
			}
			if m.Hash(purpose, claims) != m.Hashes(purpose, claims)[0] {
				t.Error("two hashes of one value")
			}
			token, err := r.Sign(EdDSA, purpose, claims)
			if _, _, err2 := r.Verify(token, purpose); err != nil || err2 != nil {
				t.Error(err, err2)
			}
		})
	}
	wg.Wait()
}
