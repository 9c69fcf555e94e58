package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMasterTextRoundTrip(t *testing.T) {
	t.Parallel()
	m := NewMaster().Rotate().Rotate()
	again, err := ParseMaster(m.Text().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.IDs(), again.IDs()); diff != "" || len(m.IDs()) != 3 {
		t.Errorf("ids changed (-was +is):\n%s", diff)
	}
	if got, err := again.Open("p", m.Seal("p", []byte("x"), nil), nil); err != nil || string(got) != "x" {
		t.Errorf("the parsed set opens %q, %v", got, err)
	}
	if again.Current() != m.IDs()[0] {
		t.Errorf("current key %s is not the first, %s", again.Current(), m.IDs()[0])
	}
}

func TestParseMasterOneLine(t *testing.T) {
	t.Parallel()
	m := NewMaster().Rotate()
	again, err := ParseMaster(strings.ReplaceAll(m.Text().Reveal(), "\n", " "))
	if err != nil || !cmp.Equal(m.IDs(), again.IDs()) {
		t.Errorf("a set in a variable: %v", err)
	}
}

func TestParseMasterRefuses(t *testing.T) {
	t.Parallel()
	line := strings.TrimSpace(NewMaster().Text().Reveal())
	id, key, _ := strings.Cut(line, ":")
	other := "A"
	if key[0] == 'A' {
		other = "B"
	}
	for name, text := range map[string]string{
		"empty":         "",
		"white space":   " \n\t",
		"no colon":      id + key,
		"no key":        id + ":",
		"short key":     id + ":" + key[:40],
		"long key":      line + "AAAA",
		"padded key":    line + "=",
		"typo in key":   id + ":" + other + key[1:],
		"foreign id":    "00000000:" + key,
		"capital id":    "ABCDEFAB:" + key,
		"repeated key":  line + "\n" + line,
		"too many keys": strings.Join(manyLines(maxKeys+1), "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := ParseMaster(text)
			if !errors.Is(err, ErrMaster) || m != nil {
				t.Fatalf("got %v, %v; want ErrMaster", m, err)
			}
			if strings.Contains(err.Error(), key[:20]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func manyLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = NewMaster().Text().Reveal()
	}
	return lines
}

func TestRotationOverlap_SEC128(t *testing.T) {
	t.Parallel()
	before := NewMaster()
	sealed := before.Seal("p", []byte("session"), nil)
	derived, _ := before.Derive(before.Current(), "p", []byte("x"))
	hashed := before.Hash("p", []byte("token"))

	during := before.Rotate()
	if during.Current() == before.Current() {
		t.Fatal("a rotation must bring another current key")
	}
	if _, err := during.Open("p", sealed, nil); err != nil {
		t.Errorf("in the overlap the old value must open: %v", err)
	}
	if got, err := during.Derive(before.Current(), "p", []byte("x")); err != nil || got != derived {
		t.Errorf("in the overlap a derivation must stay the same: %v", err)
	}
	if sums := during.Hashes("p", []byte("token")); len(sums) != 2 || sums[1] != hashed || sums[0] != during.Hash("p", []byte("token")) {
		t.Error("in the overlap the old hash must be among Hashes, the current first")
	}
	if _, err := before.Open("p", during.Seal("p", nil, nil), nil); !errors.Is(err, ErrSealed) {
		t.Errorf("what the new key sealed must not open under the old: %v", err)
	}

	after := during.Keep(1)
	if _, err := after.Open("p", sealed, nil); !errors.Is(err, ErrSealed) {
		t.Errorf("after the overlap: %v, want ErrSealed", err)
	}
	if _, err := after.Derive(before.Current(), "p", []byte("x")); !errors.Is(err, ErrNoKey) {
		t.Errorf("after the overlap: %v, want ErrNoKey", err)
	}
	if sums := after.Hashes("p", []byte("token")); len(sums) != 1 || sums[0] == hashed {
		t.Error("after the overlap no live hash may match the old one")
	}
}

// Replicas learn a new key as an older one first: they open what the others already seal with it.
func TestRotationAcrossReplicas_SEC289(t *testing.T) {
	t.Parallel()
	current, next := NewMaster(), NewMaster()
	late, err := ParseMaster(current.Text().Reveal() + next.Text().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	early, err := ParseMaster(next.Text().Reveal() + current.Text().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*Master{{late, early}, {early, late}, {current, late}, {current, early}} {
		if got, err := pair[1].Open("p", pair[0].Seal("p", []byte("x"), nil), nil); err != nil || string(got) != "x" {
			t.Errorf("one replica cannot open the other's value: %v", err)
		}
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	m := NewMaster().Rotate().Rotate()
	for n, want := range map[int]int{-1: 1, 0: 1, 1: 1, 2: 2, 3: 3, 9: 3} {
		if got := m.Keep(n).IDs(); !cmp.Equal(got, m.IDs()[:want]) {
			t.Errorf("Keep(%d) keeps %v of %v", n, got, m.IDs())
		}
	}
	for range 2 * maxKeys {
		m = m.Rotate()
	}
	if len(m.IDs()) != maxKeys {
		t.Errorf("%d live keys, want at most %d", len(m.IDs()), maxKeys)
	}
	if _, err := ParseMaster(m.Text().Reveal()); err != nil {
		t.Errorf("a full set must parse: %v", err)
	}
}

func TestNothingPrintsKeys_SEC238(t *testing.T) {
	t.Parallel()
	m, s := NewMaster(), signer(t, ES256)
	der, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	raw := m.keys[0].secret[:]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(verb, m); got != "***" {
			t.Errorf("%s prints a master key set as %.60s", verb, got)
		}
		if got := fmt.Sprintf(verb, s); got != "ES256 "+s.ID {
			t.Errorf("%s prints a signer as %.60s", verb, got)
		}
	}
	for _, v := range []any{m, s} {
		got, err := json.Marshal(v)
		if err != nil || bytes.Contains(got, raw) || len(got) > 100 {
			t.Errorf("marshals as %s (%v); the key has %d bytes", got, err, len(der))
		}
	}
}
