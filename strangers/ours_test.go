package strangers

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// ours is our program in a home folder of its own.
type ours struct {
	t   *testing.T
	env []string
	id  []string // the flags that name the login
}

func newOurs(t *testing.T, issuer, ca string) *ours {
	t.Helper()
	home := t.TempDir()
	return &ours{t, []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "NO_COLOR=1", "SSL_CERT_FILE=" + ca,
		"PATH=" + home, // no browser is found there: the person of these tests opens the address by hand
	}, []string{"--issuer", issuer, "--client-id", "doorward", "--output", "json"}}
}

// begin starts one of the verbs of `auth`.
func (o *ours) begin(verb string, args ...string) *process {
	o.t.Helper()
	return start(o.t, o.env, program, append(append([]string{"auth", verb}, o.id...), args...)...)
}

// result is what a verb ended with.
type result struct {
	Code   int
	Answer map[string]any // the object that it ended with, a result or an error
	Text   string         // everything that it said
}

// run runs a verb to its end.
func (o *ours) run(verb string, args ...string) result {
	o.t.Helper()
	return o.begin(verb, args...).result()
}

func (p *process) result() result {
	p.t.Helper()
	got := result{Code: p.end(), Text: p.everything()}
	// An error is an object on standard error, where the sentences for the person stand before it.
	text := p.out.String()
	if at := strings.LastIndex("\n"+got.Text, "\n{\n"); text == "" && at >= 0 {
		text = got.Text[at:]
	}
	if err := json.Unmarshal([]byte(text), &got.Answer); err != nil {
		p.t.Fatalf("exit %d without an object: %v\n%s", got.Code, err, got.Text)
	}
	return got
}

// message is an error's.
func (r result) message() string {
	text, _ := r.Answer["message"].(string)
	return text
}
