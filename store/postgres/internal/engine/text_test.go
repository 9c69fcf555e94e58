package engine

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "Ada", "a\x00b", "\x1a", "\x1a00", "half \xf0\x9f", "\xed\xa0\x80", "\xff\x00\x1a\xfe", "ä😀‮", "\ufffd"} {
		f.Add(s, s+"\x00")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		escaped := escape(s)
		if !utf8.ValidString(escaped) || strings.Contains(escaped, "\x00") {
			t.Errorf("%q is nothing that PostgreSQL can hold: %q", s, escaped)
		}
		if got := unescape(escaped); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
		if clean(s) && escaped != s {
			t.Errorf("%q was written as %q for no reason", s, escaped)
		}
		if s != other && escaped == escape(other) {
			t.Errorf("%q and %q became the same", s, other)
		}
		unescape(s) // whatever an operator has written there
	})
}

// A statement that is tried again sends the same again.
func TestSentLeavesTheArguments(t *testing.T) {
	t.Parallel()
	args := []any{"plain", 1, "a\x00", "\xff"}
	before := slices.Clone(args)
	got := sent(args)
	if !slices.Equal(args, before) {
		t.Errorf("the arguments became %q", args)
	}
	if want := []any{"plain", 1, "a\x1a00", "\x1aff"}; !slices.Equal(got, want) {
		t.Errorf("sent are %q and not %q", got, want)
	}
}
