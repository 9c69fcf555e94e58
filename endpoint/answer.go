package endpoint

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxAgent = 256 // bytes of a User-Agent that are kept
	maxLabel = 64  // bytes of a machine's label
)

// The header values that every answer has, shared: nobody changes them in place.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"} // RFC 6749 section 5.1
)

// send writes a JSON answer that nobody may keep.
func send(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	// Set as a slice, which spares the canonical form of a name that is in it already.
	header["Content-Type"] = jsonType
	header["Cache-Control"] = noStore
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// object is a JSON object in the making. It is written by hand: the answers are small and of few shapes, and a pending
// poll must cost no more than the connection it comes by.
type object struct{ b []byte }

// text adds a member, and leaves an empty one out.
func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.b = appendText(o.b, value)
	}
}

// number adds a member, 0 too. 0 is left in: expires_in and iat have a meaning at it.
func (o *object) number(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

// flag adds a member, false too.
func (o *object) flag(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

// audience adds one value as a string and several as a list (RFC 7519 section 4.1.3).
func (o *object) audience(values []string) {
	if len(values) == 1 {
		o.text("aud", values[0])
		return
	}
	o.name("aud")
	o.b = append(o.b, '[')
	for i, value := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendText(o.b, value)
	}
	o.b = append(o.b, ']')
}

// name begins a member. The names are ours and need no escaping.
func (o *object) name(name string) {
	if o.b == nil {
		o.b = append(make([]byte, 0, 256), '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// bytes ends the object.
func (o *object) bytes() []byte {
	if o.b == nil {
		return []byte("{}")
	}
	return append(o.b, '}')
}

// appendText appends value as a JSON string; <, > and & are escaped, so that no reader can take it for markup (SEC-054).
func appendText(b []byte, value string) []byte {
	for i := range len(value) {
		switch c := value[i]; {
		// Whatever is not plain ASCII is left to the library, whose rules are many; tokens, ids and scopes never get there.
		case c < ' ', c >= utf8.RuneSelf, c == '"', c == '\\', c == '<', c == '>', c == '&', c == 0x7f:
			quoted, _ := json.Marshal(value) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

// clean makes a text that a machine says of itself fit to be kept and shown: one line, printable characters, at most
// limit bytes (SEC-083).
func clean(text string, limit int) string {
	// No rune is longer than four bytes, so that a label that is kept whole is never cut here.
	if len(text) > 4*limit {
		text = text[:4*limit] // whatever it is, this much decides
	}
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, !unicode.IsPrint(r): // ESC, and what turns the direction of writing
			return -1
		}
		return r
	}, text))
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) { // not through a character
		limit--
	}
	return strings.TrimSpace(text[:limit])
}
