package endpoint

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/doorward/doorward/oauth"
)

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "a=b&c=d", "a=%41+b&&=x", "a=b;c=d", "%=", "resource=a&resource=b", "a=%00", "é=ü", "a=1&a=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseForm(text)
		want, standard := url.ParseQuery(text)
		if standard != nil && err == nil {
			t.Fatalf("%q is read, the standard library refuses it: %v", text, standard)
		}
		if err != nil {
			return
		}
		count := 0
		for name, values := range want {
			if count += len(values); name != "resource" && (len(values) != 1 || got.get(name) != values[0]) {
				t.Fatalf("%q: %s is %q, want %q", text, name, got.get(name), values)
			}
		}
		if count != len(got) {
			t.Fatalf("%q: %d parameters, want %d", text, len(got), count)
		}
		for _, p := range got {
			if !utf8.ValidString(p.name+p.value) || strings.ContainsRune(p.name+p.value, 0) {
				t.Fatalf("%q: let through %q", text, p)
			}
		}
	})
}

func FuzzScope(f *testing.F) {
	f.Add("openid email")
	f.Add("a\x00")
	f.Fuzz(func(t *testing.T, text string) {
		scope, err := form{{"scope", text}}.scope()
		if err != nil {
			return
		}
		for _, value := range scope {
			if value == "" || strings.ContainsAny(value, " \"\\\r\n\x00") {
				t.Fatalf("%q gives the value %q", text, value)
			}
		}
	})
}

func FuzzBasic(f *testing.F) {
	f.Add("Basic Y2xpOg==")
	f.Add("basic  OjpiOg")
	f.Fuzz(func(t *testing.T, header string) {
		id, given, ok := basic([]string{header})
		if !ok {
			return
		}
		raw := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(given.Reveal())))
		again, same, ok := basic([]string{"Basic " + raw})
		if !ok || again != id || same != given || id == "" {
			t.Fatalf("%q is read as %q, and not again", header, id)
		}
	})
}

func FuzzPrefer(f *testing.F) {
	f.Add("wait=25")
	f.Add(`respond-async, WAIT = "10"; x`)
	f.Fuzz(func(t *testing.T, header string) {
		if wait := waitPreference([]string{header}); wait < 0 || wait > maxWait || wait%time.Second != 0 {
			t.Fatalf("%q waits %v", header, wait)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("plain")
	f.Add("<script>\u2028\xff\x7f")
	f.Fuzz(func(t *testing.T, text string) {
		encoded := appendText(nil, text)
		var decoded string
		if err := json.Unmarshal(encoded, &decoded); err != nil || strings.ContainsAny(string(encoded), "<>&") {
			t.Fatalf("%q becomes %q: %v", text, encoded, err)
		}
		if utf8.ValidString(text) && decoded != text {
			t.Fatalf("%q becomes %q", text, decoded)
		}
	})
}

func FuzzLabel(f *testing.F) {
	f.Add("build-7")
	f.Add("\u202e\x1b[31m" + strings.Repeat("é", 100))
	f.Fuzz(func(t *testing.T, text string) {
		label := clean(text, maxLabel)
		if len(label) > maxLabel || !utf8.ValidString(label) || oauth.Inert(label) != label {
			t.Fatalf("%q becomes %q", text, label)
		}
	})
}

func TestWaitPreference(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"wait=25": 25 * time.Second, "wait=100": 25 * time.Second, "wait=0": 0, "": 0, "respond-async, wait=10": 10 * time.Second,
		`Wait="7"`: 7 * time.Second, "wait=3, wait=9": 3 * time.Second, "wait=-1": 0, "wait=abc, wait=9": 0, "wait=5;x=y": 5 * time.Second,
		"waiting=5": 0, "wait": 0,
	} {
		if got := waitPreference([]string{header}); got != want {
			t.Errorf("Prefer: %s waits %v, want %v", header, got, want)
		}
	}
	if got := waitPreference([]string{"respond-async", "wait=4"}); got != 4*time.Second {
		t.Errorf("the second header: %v", got)
	}
}

func TestNothingInsideIsTold_SEC277(t *testing.T) {
	t.Parallel()
	cause := &json.SyntaxError{} // any error that nobody foresaw
	answer := wire(cause)
	if answer.Status != http.StatusInternalServerError || answer.Description != "" || answer.Code != oauth.ServerError {
		t.Errorf("wire says %+v", answer)
	}
}
