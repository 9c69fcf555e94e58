package engine

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"
)

// PostgreSQL holds no NUL in a text, and nothing that is not UTF-8. What browsers and machines call themselves is cut by
// bytes and may be either, so such a byte is written as mark and two hexadecimal digits; the mark itself is written so, too,
// which makes it reversible. Everything else stands in the database as it is, for whoever looks there.
const (
	mark   = 0x1a // U+001A SUBSTITUTE: it stands for what cannot be represented
	digits = "0123456789abcdef"
)

// clean reports whether a text can be kept as it is.
func clean(s string) bool {
	return strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, mark) < 0 && utf8.ValidString(s)
}

// escape makes a text that PostgreSQL can hold; two texts never become the same.
func escape(s string) string {
	if clean(s) {
		return s
	}
	var made strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == 0 || r == mark || r == utf8.RuneError && size == 1 {
			made.Write([]byte{mark, digits[s[i]>>4], digits[s[i]&15]})
		} else {
			made.WriteString(s[i : i+size])
		}
		i += size
	}
	return made.String()
}

// unescape undoes escape.
func unescape(s string) string {
	if strings.IndexByte(s, mark) < 0 {
		return s
	}
	made := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == mark && i+2 < len(s) {
			made = append(made, byte(strings.IndexByte(digits, s[i+1])<<4|strings.IndexByte(digits, s[i+2])))
			i += 2
		} else {
			made = append(made, s[i])
		}
	}
	return string(made)
}

// text is where a text of a row goes.
type text string

// ScanText implements pgtype.TextScanner; NULL is the empty text.
func (t *text) ScanText(value pgtype.Text) error {
	*t = text(unescape(value.String))
	return nil
}

// sent is what a statement's arguments look like on the wire. It leaves args alone: a statement may be tried again.
func sent(args []any) []any {
	made := args
	for i, arg := range args {
		s, ok := arg.(string)
		if !ok || clean(s) {
			continue
		}
		if &made[0] == &args[0] {
			made = slices.Clone(args)
		}
		made[i] = escape(s)
	}
	return made
}

// targets makes of where a row goes what undoes escape on the way. It changes into, which is made for one row.
func targets(into []any) []any {
	for i, to := range into {
		if s, ok := to.(*string); ok {
			into[i] = (*text)(s)
		}
	}
	return into
}
