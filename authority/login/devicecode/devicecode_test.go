package devicecode

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

var sample = Code{
	ID: "01jd2n8x0000000000000000ab", Client: "cli", Expires: time.UnixMilli(1_795_000_000_123),
	Scope: HashScope(oauth.Scope{"openid"}), Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Thumbprint: "jkt",
}

func same(a, b Code) string {
	return cmp.Diff(a, b, cmp.AllowUnexported(Code{}))
}

func TestDeviceCodeRoundTrip(t *testing.T) {
	t.Parallel()
	master := keys.NewMaster()
	for _, code := range []Code{sample, {ID: "a", Expires: time.UnixMilli(0)}} {
		got, ok := Open(master, code.Seal(master))
		if diff := same(code, got); !ok || diff != "" {
			t.Errorf("%v %s", ok, diff)
		}
	}
	if !sample.OfScope(oauth.Scope{"openid"}) || sample.OfScope(oauth.Scope{"openid", "deploy"}) {
		t.Error("the scope's hash tells scopes apart wrongly")
	}
}

func TestDeviceCodeForged(t *testing.T) {
	t.Parallel()
	master := keys.NewMaster()
	text := sample.Seal(master).Reveal()
	for i := range len(text) {
		forged := []byte(text)
		forged[i] = 'A' + (forged[i]-'A'+1)%26
		if _, ok := Open(master, secret.New(string(forged))); ok {
			t.Errorf("a code changed at %d opens", i)
		}
	}
	for name, forged := range map[string]string{
		"empty": "", "cut": text[:len(text)-1], "longer": text + "A", "with a line break": text[:9] + "\n" + text[9:],
		"of another purpose":    master.SealText("authorization request", []byte("x"), nil),
		"of another master key": sample.Seal(keys.NewMaster()).Reveal(),
		"an empty plaintext":    master.SealText(purpose, nil, nil),
		"huge":                  string(make([]byte, 1<<20)),
	} {
		if _, ok := Open(master, secret.New(forged)); ok {
			t.Errorf("a code %s opens", name)
		}
	}
}

func TestDeviceCodePlaintext(t *testing.T) {
	t.Parallel()
	master := keys.NewMaster()
	plain, err := master.OpenText(purpose, sample.Seal(master).Reveal(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := parse(append(plain, 0)); ok {
		t.Error("something behind the end is overlooked")
	}
	for length := range plain {
		if _, ok := parse(plain[:length]); ok {
			t.Errorf("%d bytes of %d are enough", length, len(plain))
		}
	}
	plain[0]++
	if _, ok := parse(plain); ok {
		t.Error("another version is read as this one")
	}
}

func TestDeviceCodeOpensAfterRotation(t *testing.T) {
	t.Parallel()
	master := keys.NewMaster()
	code := sample.Seal(master)
	if _, ok := Open(master.Rotate(), code); !ok {
		t.Error("a rotation of the master key killed the logins that were under way")
	}
}

func FuzzParseDeviceCode(f *testing.F) {
	master := keys.NewMaster()
	plain, err := master.OpenText(purpose, sample.Seal(master).Reveal(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte{})
	f.Add(append([]byte{version}, make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, plain []byte) {
		code, ok := parse(plain)
		if !ok {
			return
		}
		again, ok := Open(master, code.Seal(master))
		if len(plain) < 1024 && (!ok || same(code, again) != "") {
			t.Errorf("%x reads as %+v and then as %+v", plain, code, again)
		}
	})
}

// TestDeviceCodes_SEC071: a device code carries 192 random bits of nonce, and its id 80 of its own.
func TestDeviceCodes_SEC071(t *testing.T) {
	t.Parallel()
	master, now := keys.NewMaster(), time.Now()
	codes, nonces, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	const many = 10_000
	for range many {
		code := Code{ID: authority.NewID(now), Client: "cli", Expires: now}
		text := code.Seal(master).Reveal()
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		codes[text], nonces[string(raw[4:4+24])], ids[code.ID] = true, true, true
	}
	if len(codes) != many || len(nonces) != many || len(ids) != many {
		t.Errorf("%d codes, %d nonces, %d ids of %d", len(codes), len(nonces), len(ids), many)
	}
}
