// Package body reads what clients in the field send: a JSON object or a form, whose values are texts.
//
// What comes in is a request of a program that was written before this server; what goes out are Values, or an error that a
// contract puts into its own words. The law it keeps: it is forgiving about types, which the old clients need, and about
// nothing else. A body is bounded before it is read, a name stands in it once (SEC-036), and no value is a text that a
// store or a log would read otherwise than the program meant it (SEC-324).
package body

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Most is how many bytes of a body are read.
const Most = 64 << 10

// Errors of Read; their texts are for people.
var (
	ErrTooLarge = errors.New("the body is larger than 64 kB")
	ErrType     = errors.New("the body must be JSON (application/json) or a form")
	ErrForm     = errors.New("the body is not a form")
	ErrObject   = errors.New("the body must be one JSON object, and each name may stand in it once")
	ErrText     = errors.New("the body holds bytes that are no text")
	ErrKind     = errors.New("the body holds a number, a list or an object where a text is meant")
)

// Values are the members that were sent. Numbers and booleans read as they are written; null, lists and objects as
// absent: no contract has a meaning for them. A name that was not sent reads as "", like one that was sent empty: no
// contract makes a difference of it.
type Values map[string]string

// Read reads the body of r by its Content-Type; no Content-Type is JSON, as old clients have it. A member of one of these
// names must be a text where it is there (ErrKind); what else a client sends is its own affair.
func Read(r *http.Request, texts ...string) (Values, error) {
	// One byte more than is taken, so that a body that is too large can be told from one that just fits; never the whole
	// (SEC-323).
	text, err := io.ReadAll(io.LimitReader(r.Body, Most+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > Most:
		return nil, ErrTooLarge
	case !utf8.Valid(text) || strings.ContainsRune(string(text), 0):
		return nil, ErrText
	}
	// A type that is named and is neither is refused, multipart too: its parsers have cost others memory and files
	// (SEC-035, SEC-327).
	media := "application/json"
	if header := r.Header.Get("Content-Type"); header != "" {
		if media, _, err = mime.ParseMediaType(header); err != nil {
			return nil, ErrType
		}
	}
	switch media {
	case "application/json":
		return Object(text, texts...)
	case "application/x-www-form-urlencoded":
		return form(string(text))
	}
	return nil, ErrType
}

// form reads every name and refuses one that is there twice: of two values, one reader takes the first and another the
// last.
func form(text string) (Values, error) {
	parsed, err := url.ParseQuery(text)
	if err != nil {
		return nil, ErrForm
	}
	values := make(Values, len(parsed))
	for name, list := range parsed {
		if len(list) != 1 || !utf8.ValidString(list[0]) || strings.ContainsRune(list[0], 0) {
			return nil, ErrForm
		}
		values[name] = list[0]
	}
	return values, nil
}

// Object reads a flat JSON object. It reads token by token and keeps no depth: a million brackets cost one error.
func Object(text []byte, texts ...string) (Values, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	// As they are written: 1e999 is no error of the reader but a text that no contract knows (SEC-325).
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, ErrObject
	}
	values, seen := make(Values), make(map[string]bool)
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		// encoding/json would let the last of two win, and a proxy before us may have let the first (SEC-325).
		if err != nil || !ok || seen[name] {
			return nil, ErrObject
		}
		seen[name] = true
		value, kind, err := one(decoder)
		if err != nil || strings.ContainsRune(value, 0) {
			return nil, ErrObject
		}
		// A number for a password would pass as its digits; a client that sends one is wrong, and should hear of it
		// (SEC-333).
		if slices.Contains(texts, name) && kind != isText && kind != isNull {
			return nil, ErrKind
		}
		if kind == isText || kind == isScalar {
			values[name] = value
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, ErrObject
	}
	// Nothing may follow the object: a second one would be another request to somebody else.
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrObject
	}
	return values, nil
}

// kind is what a value is in JSON.
type kind int

const (
	isNull kind = iota
	isText
	isScalar // a number or a boolean
	isNested // a list or an object
)

// one reads a value; lists and objects are passed over.
func one(decoder *json.Decoder) (value string, is kind, err error) {
	token, err := decoder.Token()
	if err != nil {
		return "", isNull, err
	}
	switch v := token.(type) {
	case string:
		return v, isText, nil
	case json.Number:
		return v.String(), isScalar, nil
	case bool:
		return strconv.FormatBool(v), isScalar, nil
	case json.Delim:
		for depth := 1; depth > 0; {
			token, err := decoder.Token()
			if err != nil {
				return "", isNull, err
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		return "", isNested, nil
	}
	return "", isNull, nil
}

// Send writes a JSON answer that nobody may keep.
func Send(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone needs no answer
}

// Bearer returns the token of an Authorization header (RFC 6750 section 2.1), and "" for anything else. A header that is
// there twice is none at all, and a token in the address or the body is never looked for (SEC-139).
func Bearer(r *http.Request) string {
	headers := r.Header["Authorization"]
	if len(headers) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
