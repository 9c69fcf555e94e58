package endpoint

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/doorward/doorward/oauth"
)

const (
	// A token request with everything in it has some 4 kB.
	maxBody       = 64 << 10 // bytes of a request's body
	maxParameters = 100      // of a request; an authorization request with everything in it has some twenty
	maxScope      = 4096     // bytes of a scope parameter (SEC-031)
	formType      = "application/x-www-form-urlencoded"
)

// form holds the parameters of a request in their order. A list is enough: there are few, and each is looked up once.
type form []parameter

type parameter struct{ name, value string }

// get returns the value of a parameter; one without a value is as good as left out (RFC 6749 section 3.1).
func (f form) get(name string) string {
	for _, p := range f {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// all returns the values of the one parameter that may be repeated. It is resource (RFC 8707 section 2). An empty value is
// left out, like any other parameter without one.
func (f form) all(name string) []string {
	var values []string
	for _, p := range f {
		if p.name == name && p.value != "" {
			values = append(values, p.value)
		}
	}
	return values
}

// parseForm reads a query or a body as application/x-www-form-urlencoded. It fails with invalid_request for what the
// standard library refuses, for text that is not UTF-8 or holds a NUL (SEC-324), for more than 100 parameters, and for one
// that is there twice (RFC 6749 sections 3.1 and 3.2); only `resource` may be (RFC 8707 section 2).
func parseForm(text string) (form, error) {
	// A list and no map: whoever chooses the names cannot choose collisions.
	f := make(form, 0, 12)
	// By hand, and not with Request.ParseForm: that one takes the query too, and lets repetitions pass.
	for text != "" {
		var piece string
		piece, text, _ = strings.Cut(text, "&")
		if piece == "" {
			continue
		}
		p, ok := parseParameter(piece)
		if !ok {
			return nil, refuse(http.StatusBadRequest, "the parameters are not form-encoded UTF-8 text")
		}
		if len(f) == maxParameters { // it also bounds the search for repetitions below
			return nil, refuse(http.StatusBadRequest, "there are more than 100 parameters")
		}
		for _, earlier := range f {
			if earlier.name == p.name && p.name != "resource" {
				return nil, refuse(http.StatusBadRequest, "a parameter is there more than once")
			}
		}
		f = append(f, p)
	}
	return f, nil
}

func parseParameter(piece string) (p parameter, ok bool) {
	if strings.Contains(piece, ";") { // some read it as a separator: two readers would see two requests
		return parameter{}, false
	}
	name, value, _ := strings.Cut(piece, "=")
	name, err := url.QueryUnescape(name)
	if err != nil {
		return parameter{}, false
	}
	value, err = url.QueryUnescape(value) // an error of either is one: a broken escape has no one meaning
	return parameter{name, value}, err == nil && isText(name) && isText(value)
}

// isText refuses what some store or log would cut, change or read as another text.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// readForm reads the body of a POST. Parameters in the query are refused: they would be in every log on the way (SEC-034).
func readForm(r *http.Request) (form, error) {
	if r.URL.RawQuery != "" {
		return nil, refuse(http.StatusBadRequest, "parameters belong into the body, not into the address")
	}
	return readBody(r)
}

// readBody reads a body that must be a form: JSON, multipart and text are not looked into (SEC-035, SEC-327). It does not
// look at the address; readForm has refused what stands there.
func readBody(r *http.Request) (form, error) {
	if !isForm(r.Header["Content-Type"]) {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body must be "+formType)
	}
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	return parseForm(text)
}

// isForm reports whether a body says of itself that it is a form. One that says nothing is not guessed at.
func isForm(types []string) bool {
	if len(types) != 1 {
		return false
	}
	if types[0] == formType {
		return true
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && media == formType
}

// buffers keeps those that bodies are read into; a usual body fits.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// readText reads the body as it comes, so that a length that is only promised costs nothing (SEC-323).
func readText(r *http.Request) (string, error) {
	if r.ContentLength > maxBody { // not a byte of it is read
		return "", tooLarge()
	}
	kept := buffers.Get().(*[]byte)
	buffer := (*kept)[:0]
	defer func() {
		clear(buffer) // it held secrets
		buffers.Put(kept)
	}()
	for {
		if len(buffer) == cap(buffer) {
			grown := append(buffer, 0)[:len(buffer)]
			clear(buffer)
			buffer = grown
		}
		n, err := r.Body.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case len(buffer) > maxBody:
			return "", tooLarge()
		case errors.Is(err, io.EOF):
			return string(buffer), nil
		case err != nil:
			return "", unread(err)
		}
	}
}

func tooLarge() *oauth.Error {
	return refuse(http.StatusRequestEntityTooLarge, "the body is larger than 64 kB")
}

// unread says why a body could not be read.
func unread(err error) *oauth.Error {
	var network net.Error
	var limit *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return refuse(http.StatusRequestTimeout, "the body did not come in time")
	case errors.As(err, &limit):
		return refuse(http.StatusRequestEntityTooLarge, "the body is too large")
	}
	return refuse(http.StatusBadRequest, "the body could not be read")
}

// scope reads the scope parameter. It is bounded before anything looks at it, and its values are made of the characters of
// RFC 6749 section 3.3; otherwise it is an invalid_scope.
func (f form) scope() (oauth.Scope, error) {
	text := f.get("scope")
	if len(text) > maxScope {
		return nil, oauth.Errorf(oauth.InvalidScope, "the scope is longer than 4,096 bytes")
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, oauth.Errorf(oauth.InvalidScope, "the scope holds a character that no scope has")
		}
	}
	return oauth.ParseScope(text), nil // of so few bytes that its search for repeated values stays short
}
