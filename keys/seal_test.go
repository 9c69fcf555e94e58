package keys

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSealRoundTrip(t *testing.T) {
	t.Parallel()
	m := NewMaster().Rotate()
	rapid.Check(t, func(t *rapid.T) {
		plaintext, ad := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext"), rapid.SliceOf(rapid.Byte()).Draw(t, "ad")
		purpose := rapid.String().Draw(t, "purpose")
		sealed := m.Seal(purpose, plaintext, ad)
		if len(sealed) != len(plaintext)+Overhead {
			t.Fatalf("%d bytes became %d", len(plaintext), len(sealed))
		}
		before := bytes.Clone(sealed)
		got, err := m.Open(purpose, sealed, ad)
		if err != nil || !bytes.Equal(got, plaintext) || !bytes.Equal(sealed, before) {
			t.Fatalf("Open: %x, %v", got, err)
		}
		got, err = m.OpenText(purpose, m.SealText(purpose, plaintext, ad), ad)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("OpenText: %x, %v", got, err)
		}
	})
}

func TestSealTampered(t *testing.T) {
	t.Parallel()
	m := NewMaster().Rotate()
	sealed := m.Seal("p", []byte("client=cli"), []byte("row 1"))
	for bit := range len(sealed) * 8 {
		forged := bytes.Clone(sealed)
		forged[bit/8] ^= 1 << (bit % 8)
		if got, err := m.Open("p", forged, []byte("row 1")); !errors.Is(err, ErrSealed) || got != nil {
			t.Fatalf("bit %d changed: %q, %v", bit, got, err)
		}
	}
	for n := range sealed {
		if _, err := m.Open("p", sealed[:n], []byte("row 1")); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := m.Open("p", append(bytes.Clone(sealed), 0), []byte("row 1")); !errors.Is(err, ErrSealed) {
		t.Errorf("with one byte more: %v", err)
	}
}

func TestSealForeign(t *testing.T) {
	t.Parallel()
	m := NewMaster()
	sealed := m.Seal("p", []byte("x"), []byte("row 1"))
	for name, open := range map[string]func() ([]byte, error){
		"another purpose":    func() ([]byte, error) { return m.Open("q", sealed, []byte("row 1")) },
		"a longer purpose":   func() ([]byte, error) { return m.Open("p/", sealed, []byte("row 1")) },
		"another row":        func() ([]byte, error) { return m.Open("p", sealed, []byte("row 2")) },
		"no ad":              func() ([]byte, error) { return m.Open("p", sealed, nil) },
		"another master key": func() ([]byte, error) { return NewMaster().Open("p", sealed, []byte("row 1")) },
		"nothing":            func() ([]byte, error) { return m.Open("p", nil, nil) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: %q, %v; want ErrSealed", name, got, err)
		}
	}
}

func TestSealedTwiceDiffers(t *testing.T) {
	t.Parallel()
	m := NewMaster()
	if bytes.Equal(m.Seal("p", []byte("x"), nil), m.Seal("p", []byte("x"), nil)) {
		t.Error("the same value sealed twice must not show that it is the same")
	}
}

func TestOpenTextCanonicalOnly(t *testing.T) {
	t.Parallel()
	m := NewMaster()
	// 44 bytes of overhead and 3 leave 2 bytes over: a last character with 2 unused bits.
	text := m.SealText("p", []byte("abc"), nil)
	if _, err := m.OpenText("p", text, nil); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{
		"trailing bits":   text[:len(text)-1] + nextChar(text[len(text)-1]),
		"padding":         text + "=",
		"newline at end":  text + "\n",
		"newline inside":  text[:10] + "\n" + text[10:],
		"return inside":   text[:10] + "\r" + text[10:],
		"space":           " " + text,
		"four newlines":   text + "\n\n\n\n",
		"one char less":   text[:len(text)-1],
		"standard base64": "+/" + text[2:],
		"not ascii":       text[:8] + "é" + text[10:],
		"empty":           "",
	} {
		if got, err := m.OpenText("p", other, nil); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %q, %v; want ErrSealed", name, got, err)
		}
	}
}

// The decoder of the standard library skips line breaks: at every place and every length of text they must be found.
func TestDecodeLineBreaks(t *testing.T) {
	t.Parallel()
	for size := range 8 {
		text := base64url.EncodeToString(make([]byte, size))
		if raw, ok := decode(text); !ok || len(raw) != size {
			t.Fatalf("%q: %d bytes, %v", text, len(raw), ok)
		}
		for at := range len(text) + 1 {
			for _, breaks := range []string{"\n", "\r", "\r\n", "\n\n\n", "\n\n\n\n"} {
				if _, ok := decode(text[:at] + breaks + text[at:]); ok {
					t.Errorf("%d bytes with %q at %d decode", size, breaks, at)
				}
			}
		}
	}
}

// nextChar changes the lowest bit of a base64url character.
func nextChar(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestDerive(t *testing.T) {
	t.Parallel()
	m := NewMaster()
	id := m.Current()
	b := func(parts ...string) (out [][]byte) {
		for _, p := range parts {
			out = append(out, []byte(p))
		}
		return out
	}
	seen := map[[32]byte]string{}
	for _, in := range []struct {
		purpose string
		parts   [][]byte
	}{
		{"p", b("ab", "c")},
		{"p", b("a", "bc")},
		{"p", b("abc")},
		{"p", b("abc", "")},
		{"p", b("", "abc")},
		{"p", nil},
		{"p", b("")},
		{"q", b("ab", "c")},
		{"", b("ab", "c")},
	} {
		name := in.purpose + ":" + string(bytes.Join(in.parts, []byte("|")))
		first, err := m.Derive(id, in.purpose, in.parts...)
		second, _ := m.Derive(id, in.purpose, in.parts...)
		if err != nil || first != second {
			t.Fatalf("%s: not the same twice, %v", name, err)
		}
		if other, ok := seen[first]; ok {
			t.Errorf("%s and %s derive the same", name, other)
		}
		seen[first] = name
	}
	for _, unknown := range []string{"", "00000000", strings.ToUpper(id) + "x", id + "\n"} {
		if _, err := m.Derive(unknown, "p"); !errors.Is(err, ErrNoKey) {
			t.Errorf("key %q: %v, want ErrNoKey", unknown, err)
		}
	}
}

// The values in the database: none may be what a client would present, and nothing may follow from them without the key.
func TestHash_SEC125(t *testing.T) {
	t.Parallel()
	value := []byte("ABCDEFG1234567")
	m, other := NewMaster(), NewMaster()
	sum := m.Hash("apikey", value)
	if sum != m.Hash("apikey", value) {
		t.Error("a hash must be the same twice, or nothing is found")
	}
	if sum == other.Hash("apikey", value) {
		t.Error("without the key the hash can be computed")
	}
	if sum == m.Hash("cookie", value) {
		t.Error("one value under two purposes can be told to be the same")
	}
	if derived, _ := m.Derive(m.Current(), "apikey", value); derived == sum {
		t.Error("a hash in the database is a derived secret")
	}
	if again := m.Hash("apikey", sum[:]); again == sum {
		t.Error("a dumped hash hashes to itself")
	}
	if diff := cmp.Diff([][32]byte{sum}, m.Hashes("apikey", value)); diff != "" {
		t.Error(diff)
	}
}

// Names that a stranger chose must not fill the memory, and must still work.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMaster()
	for i := range 4 * cacheLimit {
		purpose := strings.Repeat("x", i)
		if _, err := m.Open(purpose, m.Seal(purpose, nil, nil), nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(*m.keys[0].seals.made.Load()); n != cacheLimit {
		t.Errorf("%d subkeys are kept, want %d", n, cacheLimit)
	}
}

func TestSealAllocates(t *testing.T) { // not parallel: it counts allocations
	m := NewMaster()
	plaintext, ad := make([]byte, 128), []byte("row")
	sealed := m.Seal("p", plaintext, ad)
	if n := testing.AllocsPerRun(100, func() { m.Seal("p", plaintext, ad) }); n > 1 {
		t.Errorf("Seal allocates %v times, want the result alone", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Open("p", sealed, ad) }); n > 1 {
		t.Errorf("Open allocates %v times, want the result alone", n)
	}
	// Not none: with -race, sync.Pool drops a part of what it is given.
	fresh := testing.AllocsPerRun(1000, func() { newMACPool(plaintext).sum(plaintext, ad) })
	if n := testing.AllocsPerRun(1000, func() { _, _ = m.Derive(m.Current(), "p", plaintext, ad) }); n > fresh/2 {
		t.Errorf("Derive allocates %v times, a new HMAC %v: the pool is of no use", n, fresh)
	}
}

// base64url is how values of these tests are written.
var base64url = base64.RawURLEncoding
