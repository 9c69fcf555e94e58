package visitor

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/secret"
)

// site is a small authority's pages, good and bad.
type site struct {
	*httptest.Server
	mux *http.ServeMux
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{mux: http.NewServeMux()}
	protected := http.NewCrossOriginProtection().Handler(s.mux)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") == "" {
			t.Errorf("POST %s has no Sec-Fetch-Site, as a browser's would", r.URL.Path)
		}
		protected.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) page(pattern, body string) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, body) })
}

func write(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><html><head><title>A page</title></head><body>%s</body></html>", body)
}

// door adds the sign-in that the other pages ask for.
func (s *site) door(next string) {
	s.mux.HandleFunc("GET /signin", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusOK, signInForm("", r.FormValue("next")))
	})
	s.mux.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("who") != "ada" || r.FormValue("word") != "engine no. 1" {
			write(w, http.StatusUnprocessableEntity, signInForm("The name or the password is wrong.", r.FormValue("next")))
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "seat", Value: "1", Path: "/"})
		http.Redirect(w, r, first(r.FormValue("next"), next), http.StatusSeeOther)
	})
}

func signInForm(alert, next string) string {
	return fmt.Sprintf(`<h1>Sign in</h1><p role=alert>%s</p><form method=post action="/signin">
		<input type=hidden name=next value="%s">
		<label for=n>Email or username</label><input id=n name=who required>
		<label>Password <input type=password name=word></label>
		<button>Sign in</button></form>`, alert, next)
}

func (s *site) signedIn(pattern string, serve http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("seat"); err != nil {
			http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.String()), http.StatusSeeOther)
			return
		}
		serve(w, r)
	})
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.door("/")
	s.signedIn("GET /settings/security/applications", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "<h1>Authorized Applications</h1>")
	})

	v := &Visitor{Base: s.URL}
	if err := v.SignIn(t.Context(), "ada", secret.New("engine no. 1")); err != nil {
		t.Fatal(err)
	}
	page, err := v.Open(t.Context(), PathApplications)
	if err != nil {
		t.Fatal(err)
	}
	if page.Heading() != "Authorized Applications" || page.Title() != "A page" {
		t.Errorf("after the sign-in: heading %q, title %q", page.Heading(), page.Title())
	}

	err = (&Visitor{Base: s.URL}).SignIn(t.Context(), "ada", secret.New("wrong"))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "The name or the password is wrong.") {
		t.Errorf("a wrong password: %v, want ErrRefused with the page's words", err)
	}
}

// deviceSite asks for a sign-in, then the code, then the decision.
func deviceSite(t *testing.T) (*site, *[]string) {
	t.Helper()
	s, decisions := newSite(t), new([]string)
	s.door("/device")
	s.signedIn("GET /device", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusOK, fmt.Sprintf(`<form method=post action="/device">
			<label for=c>Code:</label><input id=c name=code value="%s"><button>Continue</button></form>`, r.FormValue("code")))
	})
	s.signedIn("POST /device", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("code") != "WDJB-MJHT" {
			write(w, http.StatusOK, `<p role=alert>This code is not known here.</p>
				<form method=post><label>Code<input name=code></label><button>Continue</button></form>`)
			return
		}
		write(w, http.StatusOK, `<dl><dt>Machine</dt><dd><b>build</b>-7</dd></dl>
			<form method=post action="/decide"><button name=d value=yes>Approve</button><button name=d value=no>Deny</button></form>`)
	})
	s.signedIn("POST /decide", func(w http.ResponseWriter, r *http.Request) {
		*decisions = append(*decisions, r.FormValue("d"))
		write(w, http.StatusOK, "<h1>Done</h1>")
	})
	return s, decisions
}

func TestDevice(t *testing.T) {
	t.Parallel()
	s, decisions := deviceSite(t)
	v := &Visitor{Base: s.URL, Name: "ada", Password: secret.New("engine no. 1")}

	page, err := v.ApproveDevice(t.Context(), s.URL+"/device?code=WDJB-MJHT")
	if err != nil || page.Heading() != "Done" {
		t.Fatalf("approve: %v, %v", page, err)
	}
	if _, err := v.DenyDevice(t.Context(), s.URL+"/device?code=WDJB-MJHT"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ApproveCode(t.Context(), "WDJB-MJHT"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"yes", "no", "yes"}, *decisions); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	_, err = v.ApproveCode(t.Context(), "AAAA-AAAA")
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "This code is not known here.") {
		t.Errorf("an unknown code: %v", err)
	}
}

func TestAuthorizeStopsAtTheCallbackAndArrives(t *testing.T) {
	t.Parallel()
	var arrived string
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived = r.URL.String()
		write(w, http.StatusOK, "You may close this window.")
	}))
	t.Cleanup(callback.Close)

	s := newSite(t)
	s.door("/")
	s.signedIn("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusOK, `<form method=post action="/approve"><button>Approve</button><button formaction="/deny">Deny</button></form>`)
	})
	s.signedIn("POST /approve", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, callback.URL+"/callback?code=c1&state=s", http.StatusSeeOther)
	})
	s.signedIn("POST /deny", func(w http.ResponseWriter, r *http.Request) {
		// Pages whose policy forbids forms to lead away send the browser on by themselves.
		write(w, http.StatusOK, `<meta http-equiv=refresh content="0; url=`+callback.URL+`/callback?error=access_denied">`)
	})
	v := &Visitor{Base: s.URL, Name: "ada", Password: secret.New("engine no. 1")}

	final, err := v.Authorize(t.Context(), s.URL+"/authorize?client_id=x")
	if err != nil {
		t.Fatal(err)
	}
	if want := callback.URL + "/callback?code=c1&state=s"; final != want {
		t.Fatalf("it ended at %s, want %s", final, want)
	}
	if arrived != "" {
		t.Fatal("the callback was asked before the visitor was told to go there")
	}
	if _, err := v.Arrive(t.Context(), final); err != nil || arrived != "/callback?code=c1&state=s" {
		t.Errorf("arrived at %q, %v", arrived, err)
	}
	if final, err = v.Refuse(t.Context(), s.URL+"/authorize"); err != nil || final != callback.URL+"/callback?error=access_denied" {
		t.Errorf("refused: %q, %v", final, err)
	}
	if _, err := v.Arrive(t.Context(), "https://elsewhere.example/callback?code=c"); err == nil {
		t.Error("a code was taken to another machine")
	}
}

func TestBrokenPagesFail(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status    int
		kind      string
		body      string
		want      error
		wantWords string
	}{
		"error status":       {500, "text/html", "<html><p role=alert>Something broke. Report id 7.</p></html>", ErrRefused, "Report id 7."},
		"cut short":          {200, "text/html", "<html><body><p>Half a pa", ErrNoPage, "cut short"},
		"not HTML":           {200, "application/json", `{"error":"x"}`, ErrNoPage, "application/json"},
		"no button":          {200, "text/html", "<html><p>Nothing to press.</html>", ErrMissing, "Nothing to press."},
		"a disabled button":  {200, "text/html", "<html><form><button disabled>Approve</button></form></html>", ErrMissing, "Approve"},
		"a hidden button":    {200, "text/html", "<html><form hidden><button>Approve</button></form></html>", ErrMissing, "Approve"},
		"a nameless button":  {200, "text/html", "<html><form><button><img alt=''></button></form></html>", ErrMissing, "Approve"},
		"two of them":        {200, "text/html", "<html><form><button>Approve</button><button>Approve</button></form></html>", ErrMissing, "2 buttons"},
		"outside of a form":  {200, "text/html", "<html><button>Approve</button></html>", ErrMissing, "belongs to no form"},
		"an empty required":  {200, "text/html", "<html><form><label>Code<input required></label><button>Approve</button></form></html>", ErrMissing, "“Code” was left empty"},
		"nothing whatsoever": {200, "text/html", "<html></html>", ErrMissing, "the page is empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.mux.HandleFunc("/device", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			})
			_, err := (&Visitor{Base: s.URL}).ApproveDevice(t.Context(), s.URL+"/device?code=WDJB-MJHT")
			var page *PageError
			if !errors.Is(err, test.want) || !errors.As(err, &page) || !strings.Contains(err.Error(), test.wantWords) {
				t.Fatalf("%v, want %v with %q", err, test.want, test.wantWords)
			}
			if strings.Contains(err.Error(), "WDJB") {
				t.Errorf("the error repeats the address's query: %v", err)
			}
		})
	}
}

func TestFormsSendWhatBrowsersSend(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.page("GET /form", `<form id=f method=post action="/sent?kept=1">
		<input type=hidden name=h value=hidden>
		<label>Text<input name=t value=old></label>
		<label>Box<input type=checkbox name=b value=ticked checked></label>
		<label>Other box<input type=checkbox name=ob></label>
		<label>Off<input name=off value=x disabled></label>
		<label>List<select name=s><option value=1>One<option value=2 selected>Two</select></label>
		<label>Long<textarea name=l>
a text</textarea></label>
		<button name=go value=1>Send</button><button name=go value=2>Do not</button>
	</form><label>Far<input name=far value=away form=f></label><input type=text name=unlabelled value=u form=other>`)
	var got url.Values
	s.mux.HandleFunc("POST /sent", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r.Form
		write(w, 200, "thanks")
	})
	page, err := (&Visitor{Base: s.URL}).Open(t.Context(), "/form")
	if err != nil {
		t.Fatal(err)
	}
	for label, value := range map[string]string{"Text": "new", "Box": "", "Other box": "on"} {
		if err := page.Fill(label, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := page.Fill("unlabelled", "x"); !errors.Is(err, ErrMissing) {
		t.Errorf("a field without a label was found: %v", err)
	}
	if page.Value("Text") != "new" || page.Value("List") != "2" {
		t.Errorf("the fields hold %q and %q", page.Value("Text"), page.Value("List"))
	}
	if _, err = page.Press(t.Context(), "Send"); err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"kept": {"1"}, "h": {"hidden"}, "t": {"new"}, "ob": {"on"}, "s": {"2"}, "l": {"a text"}, "go": {"1"}, "far": {"away"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestReadsWhatIsSeen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.page("GET /p", `<h1>Sign <b>doorward</b> in on build-7?</h1><script>alert("no")</script><p hidden>secret</p>
		<noscript>Without scripts.</noscript><table><tr><th>From</th><td>192.0.2.7</td></tr></table>
		<dl><dt>Asked</dt><dd>just now</dd><dt>Empty</dt></dl><p><b>WDJB</b>-<b>MJHT</b></p>
		<ul><li>laptop <form action="/r"><button name=id value=1 aria-label=Revoke>x</button></form></li>
		<li>build-7 <form action="/r"><button name=id value=2>Revoke</button></form></li></ul><a href="/p#top">Again</a>`)
	s.mux.HandleFunc("GET /r", func(w http.ResponseWriter, r *http.Request) { write(w, 200, "revoked "+r.FormValue("id")) })
	page, err := (&Visitor{Base: s.URL}).Open(t.Context(), "/p")
	if err != nil {
		t.Fatal(err)
	}
	if page.Heading() != "Sign doorward in on build-7?" || !page.Says("WDJB-MJHT") || !page.Says("Without scripts.") {
		t.Errorf("read %q", page.Text())
	}
	if page.Says("secret") || page.Says("alert") {
		t.Errorf("read what nobody sees: %q", page.Text())
	}
	if diff := cmp.Diff([]Fact{{"From", "192.0.2.7"}, {"Asked", "just now"}}, page.Facts()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if page.Fact("from") != "192.0.2.7" {
		t.Errorf("the fact From is %q", page.Fact("from"))
	}
	after, err := page.PressIn(t.Context(), "build-7", "Revoke")
	if err != nil || !after.Says("revoked 2") {
		t.Errorf("PressIn: %v", err)
	}
	if _, err := page.PressIn(t.Context(), "nowhere", "Revoke"); !errors.Is(err, ErrMissing) {
		t.Errorf("PressIn beside nothing: %v", err)
	}
	if _, err := page.Follow(t.Context(), "Again"); err != nil {
		t.Error(err)
	}
	if _, err := page.Follow(t.Context(), "Away"); !errors.Is(err, ErrMissing) {
		t.Errorf("a link that is not there: %v", err)
	}
}

func TestRedirectsInACircleEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	if _, err := (&Visitor{Base: s.URL}).Open(t.Context(), "/"); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("%v, want an end to the circle", err)
	}
}

func TestOneTimeCode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var got string
	s.page("GET /device", `<form method=post><label>One-time code<input name=otp></label><button>Continue</button></form>`)
	s.mux.HandleFunc("POST /device", func(w http.ResponseWriter, r *http.Request) {
		got = r.FormValue("otp")
		write(w, 200, `<form method=post action="/yes"><button>Approve</button></form>`)
	})
	s.page("POST /yes", "done")
	v := &Visitor{Base: s.URL}
	if _, err := v.ApproveDevice(t.Context(), "/device"); !errors.Is(err, ErrRefused) {
		t.Errorf("without an authenticator: %v", err)
	}
	v.OneTime = func() (string, error) { return "123456", nil }
	if _, err := v.ApproveDevice(t.Context(), "/device"); err != nil || got != "123456" {
		t.Errorf("the code was %q, %v", got, err)
	}
}

// FuzzPage feeds pages of all sorts to everything that reads one: nothing may panic, and text stays on one line.
func FuzzPage(f *testing.F) {
	f.Add(`<form><label>Code<input></label><button>Continue</button></form>`)
	f.Add(`<label for=a>x<label for=a><select id=a><option selected></select><dl><dt>a<dt>b<dd>`)
	f.Add(`<meta http-equiv=refresh content="0;url='//x'"><button aria-labelledby="a a" id=a form=b>`)
	f.Fuzz(func(t *testing.T, body string) {
		v := &Visitor{Base: "http://localhost"}
		here, _ := url.Parse("http://localhost/page")
		response := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/html"}}}
		page, err := v.read(request{target: here, home: here}, response, []byte(body+"</html>"))
		if err != nil {
			return
		}
		if strings.ContainsAny(page.Text()+page.Title()+page.Heading()+page.Alert(), "\n\t\r") {
			t.Errorf("text of several lines: %q", page.Text())
		}
		page.Facts()
		page.refresh()
		if page.HasField("Code") && page.Fill("Code", "x") != nil {
			t.Error("a field that is there cannot be filled")
		}
		for n := range page.every() {
			if isButton(n) {
				if form := page.formOf(n); form != nil {
					_, _ = page.values(form, n)
				}
			}
		}
	})
}
