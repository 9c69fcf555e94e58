package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/visitor"
)

// payloads are what scripts have been smuggled in with.
var payloads = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><script>alert(1)</script>`, `<svg onload=alert(1)>`, `"><svg/onload=alert(1)>`,
	`<img src=x onerror=alert(1)>`, `"><img src=x onerror=alert(1)>`, `" onmouseover="alert(1)`, `' onmouseover='alert(1)`, `" autofocus onfocus="alert(1)`,
	`javascript:alert(1)`, `JaVaScRiPt:alert(1)`, `java	script:alert(1)`, `data:text/html,<script>alert(1)</script>`, `vbscript:msgbox(1)`,
	`</title><script>alert(1)</script>`, `</textarea><script>alert(1)</script>`, `</style><script>alert(1)</script>`, `--><script>alert(1)</script>`, `]]><script>alert(1)</script>`,
	`<iframe src=javascript:alert(1)>`, `<object data=javascript:alert(1)>`, `<embed src=javascript:alert(1)>`, `<base href=//evil.example/>`, `<meta http-equiv=refresh content=0;url=//evil.example>`,
	`<form action=//evil.example><input name=password>`, `"><form action="//evil.example">`, `<link rel=stylesheet href=//evil.example>`, `<math><mtext><script>alert(1)</script>`, `<details open ontoggle=alert(1)>`,
	`{{7*7}}`, `{{.}}`, `${7*7}`, `<%= 7*7 %>`, `&lt;script&gt;alert(1)&lt;/script&gt;`,
	`&#60;script&#62;`, `%3Cscript%3Ealert(1)%3C/script%3E`, "\u2028<script>\u2029", `<scr<script>ipt>alert(1)</scr</script>ipt>`, "<\x00script>alert(1)</script>",
	`\u003cscript\u003e`, `＜script＞alert(1)＜/script＞`, `<a href="javascript:alert(1)">x</a>`, "`onload=alert(1)",
}

// skeleton is what of a page a browser would act on: elements and attributes, without texts and values of fields.
func skeleton(t *testing.T, body string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		fmt.Fprintf(&out, "<%s", n.Data)
		for _, a := range n.Attr {
			switch a.Key {
			case "value", "title", "datetime":
				fmt.Fprintf(&out, " %s", a.Key)
			default:
				fmt.Fprintf(&out, " %s=%q", a.Key, a.Val)
			}
		}
		out.WriteString(">")
	}
	return out.String()
}

// Every field that a page repeats, with every payload: the page has the same elements and attributes as with a harmless
// value. What is compared was parsed as a browser parses it.
func TestEverythingIsEscaped_SEC209(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	h.console.Doorkeeper.AddressTries = 1 << 30
	reflected := map[string]func(payload string) string{
		"user code": func(p string) string {
			h.pass(10 * time.Minute) // guesses are counted by tens of minutes
			return h.send(v, http.MethodGet, "/device?code="+url.QueryEscape(p), nil, nil).Body
		},
		"login_hint": func(p string) string {
			return h.send(nil, http.MethodGet, "/device?login_hint="+url.QueryEscape(p), nil, nil).Body
		},
		"name": func(p string) string {
			b := h.browser("", "")
			return h.send(b, http.MethodPost, PathSignIn, h.signInForm(b, PathSignIn, p, "wrong wrong"), nil).Body
		},
		"return": func(p string) string {
			b := h.browser("", "")
			form := h.signInForm(b, PathSignIn, "nobody"+p, "wrong wrong")
			form.Set("return", p)
			return h.send(b, http.MethodPost, PathSignIn, form, nil).Body
		},
		"unknown parameters": func(p string) string {
			return h.send(v, http.MethodGet, PathApplications+"?error="+url.QueryEscape(p)+"&revoked="+url.QueryEscape(p)+"x", nil, nil).Body
		},
		"language cookie": func(p string) string {
			return h.send(nil, http.MethodGet, PathSignIn, nil, http.Header{"Cookie": {"language=" + url.QueryEscape(p)}, "Accept-Language": {url.QueryEscape(p)}}).Body
		},
		"sealed request": func(p string) string { return h.send(v, http.MethodGet, approvePath(p), nil, nil).Body },
		"session": func(p string) string {
			return h.send(v, http.MethodGet, pathRevoke+"?session="+url.QueryEscape(p), nil, nil).Body
		},
		"result": func(p string) string {
			return h.send(v, http.MethodGet, pathResult+"?id="+url.QueryEscape(p), nil, nil).Body
		},
		"redirect": func(p string) string {
			return h.send(v, http.MethodGet, approvePath(h.sealed(func(r *authority.AuthorizationRequest) {
				r.RedirectURI, r.State = "http://127.0.0.1:4242/"+p, p
			})), nil, nil).Body
		},
		"message": func(p string) string {
			answer := &recorder{header: http.Header{}}
			h.console.Problem(answer, must(http.NewRequest(http.MethodGet, "/", nil)), 400, p)
			return answer.body.String()
		},
	}
	for field, page := range h.labelled(v) {
		reflected[field] = page
	}
	for field, page := range reflected {
		plain := skeleton(t, page("harmless"))
		for _, payload := range payloads {
			body := page(payload)
			if got := skeleton(t, body); got != plain {
				t.Errorf("%s: %q changed the page\n%s\nwant\n%s", field, payload, got, plain)
			}
			if strings.Contains(body, "<script") {
				t.Errorf("%s: %q came through", field, payload)
			}
		}
	}
	if len(payloads) < 40 || len(reflected) < 15 {
		t.Error("the test has shrunk")
	}
}

// labelled are the fields that come out of the store: who asks, from where, for what, and who is signed in.
func (h *house) labelled(v *visitor.Visitor) map[string]func(string) string {
	device := func(origin authority.Origin, scope oauth.Scope, client authority.Client) string {
		ctx := context.Background()
		begun, err := h.authority.Devices.Begin(ctx, client, login.DeviceAsk{Scope: scope, Origin: origin})
		if err != nil {
			h.t.Fatal(err)
		}
		return h.send(v, http.MethodGet, "/device?code="+begun.UserCode, nil, nil).Body
	}
	plain := authority.Origin{Address: "203.0.113.9", Machine: "build-7"}
	return map[string]func(string) string{
		"machine": func(p string) string {
			return device(authority.Origin{Address: plain.Address, Machine: p}, cli.Scope, cli)
		},
		"address": func(p string) string {
			return device(authority.Origin{Address: p, Machine: "build-7"}, cli.Scope, cli)
		},
		"scope": func(p string) string { return device(plain, oauth.Scope{"openid", p}, cli) },
		"client name": func(p string) string {
			client := cli
			client.ID, client.Name = "c"+identity.LinkID(identity.NewLink()), p
			if err := h.authority.Registry.Add(context.Background(), client, "admin"); err != nil {
				h.t.Fatal(err)
			}
			return device(plain, cli.Scope, client)
		},
		"person": func(p string) string {
			if _, err := h.store.ChangePerson(context.Background(), "usr_1234567890", func(who *identity.Person) error {
				who.Name = p
				return nil
			}); err != nil {
				h.t.Fatal(err)
			}
			return h.send(v, http.MethodGet, PathDevice, nil, nil).Body
		},
		"list": func(p string) string {
			_, family, err := h.authority.Sessions.IssueReady(context.Background(), login.ReadyAsk{
				Client: cli, PersonID: "usr_1234567890", How: p, Origin: authority.Origin{Machine: p, Address: p},
			}, h.URL)
			if err != nil {
				h.t.Fatal(err)
			}
			defer func() { _ = h.authority.Sessions.End(context.Background(), family.ID, "", "test", "") }()
			return strings.ReplaceAll(h.send(v, http.MethodGet, PathApplications, nil, nil).Body+
				h.send(v, http.MethodGet, pathRevoke+"?session="+family.ID, nil, nil).Body, family.ID, "ID")
		},
	}
}

type recorder struct {
	header http.Header
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) WriteHeader(int)             {}

// Every page has what people with a screen reader find their way by.
func TestSemantics(t *testing.T) {
	t.Parallel()
	h := build(t)
	v := h.browser(john, johnsPassword)
	code := h.device("build-7").UserCode
	for name, body := range map[string]string{
		"sign in":  h.send(nil, http.MethodGet, PathSignIn, nil, nil).Body,
		"code":     h.send(v, http.MethodGet, PathDevice, nil, nil).Body,
		"decision": h.send(v, http.MethodGet, "/device?code="+code, nil, nil).Body,
		"list":     h.send(v, http.MethodGet, PathApplications, nil, nil).Body,
		"error":    h.send(v, http.MethodGet, approvePath("x"), nil, nil).Body,
	} {
		root := must(html.Parse(strings.NewReader(body)))
		count := map[string]int{}
		var ids, fors []string
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			count[n.Data]++
			if id := attribute(n, "id"); id != "" {
				ids = append(ids, id)
			}
			switch n.Data {
			case "label":
				fors = append(fors, attribute(n, "for"))
			case "html":
				if attribute(n, "lang") != "en" {
					t.Error(name, "has no language")
				}
			case "th":
				if attribute(n, "scope") == "" {
					t.Error(name, "has a heading cell without scope")
				}
			case "link", "img", "script":
				if address := attribute(n, "href") + attribute(n, "src"); !strings.HasPrefix(address, "/assets/") {
					t.Errorf("%s asks for %q (SEC-215)", name, address)
				}
			}
		}
		if count["h1"] != 1 || count["main"] != 1 || count["title"] != 1 || !strings.Contains(body, `name="viewport"`) {
			t.Error(name, count)
		}
		for _, id := range fors {
			if !slices.Contains(ids, id) {
				t.Errorf("%s: the label for %q labels nothing", name, id)
			}
		}
	}
}
