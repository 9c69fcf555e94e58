package oauth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxInert is how much of somebody else's sentence is worth showing, in bytes.
const maxInert = 500

// Inert makes text from the wire fit to be shown on a terminal: control characters (ESC, C1), characters that turn the
// direction of writing and other invisible ones become U+FFFD, and the text is cut at 500 bytes. Markup stays as it is; a
// page escapes it as it escapes everything.
func Inert(text string) string {
	text = cut(text, maxInert)
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
