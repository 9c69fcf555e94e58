package client

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/doorward/doorward/oauth"
)

// Trace sends requests and writes a line for each: what a program's --debug shows. A secret has no way into it: of what was
// sent it shows the names, and the values of a few that are none; of the answer it shows the status. Paths are shown: a program
// that uses Collect, whose address is a secret, must not use it.
type Trace struct {
	To   io.Writer
	Next http.RoundTripper // nil: http.DefaultTransport
}

// harmless are the parameters whose values are shown.
var harmless = []string{"client_id", "grant_type", "scope", "machine", "redirect_uri", "token_type_hint"}

// RoundTrip sends the request and writes its line.
func (t Trace) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.Next
	if next == nil {
		next = http.DefaultTransport
	}
	line := "debug: " + r.Method + " " + r.URL.Host + r.URL.Path + sentForm(r)
	if scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		line += " authorization=" + scheme + " ***"
	}
	answer, err := next.RoundTrip(r)
	if err != nil {
		line += ": no answer"
	} else {
		line += ": " + answer.Status
	}
	fmt.Fprintln(t.To, oauth.Inert(line))
	return answer, err
}

// sentForm writes the parameters of a form by name.
func sentForm(r *http.Request) string {
	if r.GetBody == nil {
		return ""
	}
	body, err := r.GetBody()
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(body)
	values, _ := url.ParseQuery(string(text))
	line := ""
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := "***"
		if slices.Contains(harmless, name) {
			value = values.Get(name)
		}
		line += " " + name + "=" + value
	}
	return line
}
