package terminal

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

func TestClean_SEC268(t *testing.T) {
	t.Parallel()
	for name, test := range map[string][2]string{
		"plain":             {"user@example.com (Acme Corp)", "user@example.com (Acme Corp)"},
		"other alphabets":   {"Ада 王 👩‍💻 é", "Ада 王 👩‍💻 é"},
		"ESC":               {"a\x1b[2Jb", `a\x1b[2Jb`},
		"OSC 8":             {"\x1b]8;;https://evil.example\x07here\x1b]8;;\x07", `\x1b]8;;https://evil.example\x07here\x1b]8;;\x07`},
		"OSC 52":            {"\x1b]52;c;cm0gLXJm\x07", `\x1b]52;c;cm0gLXJm\x07`},
		"C1 as a character": {"a\u009b2Jb", `a\x9b2Jb`},
		"C1 as a byte":      {"a\x9b2Jb", `a\x9b2Jb`},
		"U+202E":            {"moc\u202eelpmaxe", `moc\u202eelpmaxe`},
		"isolates":          {"\u2066x\u2069", `\u2066x\u2069`},
		"zero width":        {"ac\u200bme", `ac\u200bme`},
		"tags":              {"x\U000e0041", `x\U000e0041`},
		"CR and LF":         {"a\r\nb\tc", `a\r\nb\tc`},
		"NUL and DEL":       {"\x00\x7f", `\x00\x7f`},
		"broken UTF-8":      {"\xff\xc3(", `\xff\xc3(`},
		"a real U+FFFD":     {"\ufffd", "\ufffd"},
	} {
		if got := Clean(test[0]); got != test[1] {
			t.Errorf("SEC-268 %s: %q became %q, want %q", name, test[0], got, test[1])
		}
	}
	if got := CleanText("two\nlines\tand \x1b"); got != "two\nlines\tand "+`\x1b` {
		t.Errorf("CleanText: %q", got)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[31m", "\u202e", "\xff", "\u009b", "a\nb", "\U000e0001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if !utf8.ValidString(got) || Clean(got) != got {
			t.Fatalf("%q became %q, which is not clean", text, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q kept %U", text, r)
			}
		}
		if width := displaywidth.String(Shorten(text, 10)); width > 10 {
			t.Fatalf("Shorten(%q) takes %d columns", text, width)
		}
	})
}

func TestShorten(t *testing.T) {
	t.Parallel()
	if got := Shorten("build-7", 10); got != "build-7" {
		t.Errorf("a short name became %q", got)
	}
	if got := Shorten(strings.Repeat("王", 1<<20), 10); got != "王王王王…" {
		t.Errorf("a long name became %q", got)
	}
}

func TestColumns_PIP15(t *testing.T) {
	t.Parallel()
	got := Columns([][]string{
		{"Email:", "user@example.com"}, {"Name:", "John Doe"}, {"Organization:", "Acme Corp"}, {"Role:", "Admin"}, {"Account ID:", "usr_1234567890"},
	}, 1)
	want := `Email:        user@example.com
Name:         John Doe
Organization: Acme Corp
Role:         Admin
Account ID:   usr_1234567890
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestColumnsByWidth(t *testing.T) {
	t.Parallel()
	got := Columns([][]string{{"王王", "x"}, {"abc", "y"}, {"\x1b", "z"}, {"alone", ""}, {}}, 2)
	want := "王王   x\nabc    y\n\\x1b   z\nalone\n\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
