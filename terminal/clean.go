package terminal

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Clean makes text from elsewhere (a server's error, a person's name, an address) harmless on a terminal: one line in
// which control characters, bidirectional controls, invisible characters and broken UTF-8 are shown escaped, as \x1b or
// \u202e. They could otherwise move the cursor, fill the clipboard (OSC 52), hide a link's target (OSC 8), or show a
// word that is not there.
func Clean(text string) string { return clean(text, false) }

// CleanText is Clean for text of several lines: line feeds stay, so does the tabulator.
func CleanText(text string) string { return clean(text, true) }

// Shorten cleans text and cuts it to at most width columns; what is cut shows as an ellipsis.
func Shorten(text string, width int) string {
	// A cut of the raw text first keeps a megabyte of name from being measured; no column needs more than 64 bytes.
	if limit := 64 * width; len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return displaywidth.TruncateString(Clean(text), width, "…")
}

// clean works on runes; a broken byte is shown as the byte it is, so that nothing is lost silently.
func clean(text string, lines bool) string {
	if harmless(text, lines) {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, rest[0])
		case lines && (r == '\n' || r == '\t'), !forbidden(r):
			b.WriteString(rest[:size])
		default:
			b.WriteString(escape(r))
		}
		rest = rest[size:]
	}
	return b.String()
}

// harmless is the usual case, decided without memory.
func harmless(text string, lines bool) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if forbidden(r) && !(lines && (r == '\n' || r == '\t')) {
			return false
		}
	}
	return true
}

// forbidden reports whether r may not reach a terminal. The joiners U+200C and U+200D stay: Persian and emoji need them.
func forbidden(r rune) bool {
	switch {
	case r < 0x20, 0x7f <= r && r <= 0x9f: // C0, DEL, C1
		return true
	case r == 0xad, r == 0x61c, r == 0x180e, r == 0x200b, r == 0x200e, r == 0x200f: // invisible, and marks of direction
		return true
	case 0x2028 <= r && r <= 0x202e, 0x2060 <= r && r <= 0x206f: // separators, embeddings, overrides, isolates
		return true
	case r == 0xfeff, 0xfff9 <= r && r <= 0xfffb: // byte order mark, interlinear annotation
		return true
	}
	return 0xe0000 <= r && r <= 0xe007f // tags: invisible text inside text
}

// escape writes a rune as Go and C sources do.
func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
