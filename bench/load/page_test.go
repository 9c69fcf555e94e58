package load

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = `<!doctype html><body>
<form action="/sign-out" method="post"><input type="hidden" name="token" value="other"><button class="link">Sign out</button></form>
<p>Approve</p>
<form method="post" action="/device?a=1&amp;b=2">
<input type="hidden" name="token" value="&lt;t&gt;"><input type="hidden" name="id" value="1"/><input type="text" name="typed" value="x">
<button name="decision" value="approve"> <b>Approve</b> </button><button name="decision" value="deny">Deny</button>
</form></body></html>`

func TestFindDecision(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page, button string
		action       string
		values       url.Values
		missing      bool
	}{
		"approve":          {page, "Approve", "/device?a=1&b=2", url.Values{"token": {"<t>"}, "id": {"1"}, "decision": {"approve"}}, false},
		"deny":             {page, "Deny", "/device?a=1&b=2", url.Values{"token": {"<t>"}, "id": {"1"}, "decision": {"deny"}}, false},
		"without a value":  {page, "Sign out", "/sign-out", url.Values{"token": {"other"}}, false},
		"no such button":   {page, "Approv", "", nil, true},
		"outside of forms": {`<form></form><button>Approve</button>`, "Approve", "", nil, true},
		"cut short":        {`<form action="/x"><button name="decision" value="approve">Approve`, "Approve", "", nil, true},
		"empty":            {"", "Approve", "", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := findDecision([]byte(test.page), test.button)
			if ok == test.missing || got.action != test.action {
				t.Errorf("found %t, action %q, want %t, %q", ok, got.action, !test.missing, test.action)
			}
			if diff := cmp.Diff(test.values, got.values); diff != "" {
				t.Errorf("the form differs (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzFindDecision: pages come from whatever server is measured.
func FuzzFindDecision(f *testing.F) {
	f.Add([]byte(page), "Approve")
	f.Add([]byte(`<button><form></button><button name=x>`), "")
	f.Fuzz(func(t *testing.T, page []byte, button string) {
		if got, ok := findDecision(page, button); ok != (got.values != nil) {
			t.Errorf("found %t, but the form is %v", ok, got.values)
		}
	})
}
