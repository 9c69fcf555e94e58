package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	johnsName     = "johndoe"
	johnsMail     = "user@example.com"
	johnsPassword = "MySecretPassword"
	applications  = "/settings/security/applications"
)

// signIn fills in the sign-in page and sends it.
func (b *tab) signIn(name, password string) *tab {
	b.t.Helper()
	return b.sees("Sign in").fill("Email or username", name).fill("Password", password).presses("Sign in")
}

// asJohn signs John in.
func (b *tab) asJohn() *tab { b.t.Helper(); return b.signIn(johnsName, johnsPassword) }

// device starts `doorward auth login --device` and returns it with the address that it prints.
func (h home) device(t *testing.T, s *server) (cli *started, link string) {
	t.Helper()
	cli = h.start(t, "doorward", "auth", "login", "--issuer", s.Issue, "--device")
	return cli, cli.link("/device?code=")
}

// loopback starts a login in the browser and returns it with the address that the browser would open.
func (h *home) loopback(t *testing.T, program string, args ...string) (cli *started, address string) {
	t.Helper()
	opened := h.opener(t)
	cli = h.start(t, program, append([]string{"auth", "login"}, args...)...)
	return cli, opened()
}

// ends expects how a program ended, and a sentence on one of its streams.
func (s *started) ends(code int, words string) {
	s.t.Helper()
	got := s.wait()
	if got.Code != code || !strings.Contains(got.Stdout+got.Stderr, words) {
		s.t.Fatalf("it ended with %d, want %d and %q:\n%s%s", got.Code, code, words, got.Stdout, got.Stderr)
	}
}

// noMachine is the environment of a machine without a browser.
const noBrowser = "BROWSER=none"

func TestBrowser_ApprovesDevice(t *testing.T) {
	t.Parallel()
	s := serve(t)
	me := newHome(t, noBrowser)
	cli, link := me.device(t, s)
	code := strings.TrimPrefix(link, s.Issue+"/device?code=")

	b := newBrowser(t, s.Issue).open("/device").asJohn().sees("Enter the code from your terminal")
	b.fill("Code", strings.ToLower(strings.ReplaceAll(code, "-", " "))).presses("Continue")
	for _, fact := range []string{"Signed in as John Doe", "Doorward", "this computer", "just now", "See your e-mail address", code, "If you did not just start this in a terminal, deny."} {
		b.says(fact)
	}
	b.presses("Approve").sees("You approved the login")
	cli.ends(0, "Logged in as "+johnsMail)
	if got := me.run(t, "doorward", "auth", "status", "--issuer", s.Issue); got.Code != 0 {
		t.Errorf("status after the login: %+v", got)
	}
}

func TestBrowser_DeniesDevice(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cli, link := newHome(t, noBrowser).device(t, s)
	newBrowser(t, s.Issue).open(link).asJohn().presses("Deny").sees("The login was denied")
	cli.ends(5, "denied")
}

func TestBrowser_ThisWasNotMe_SEC093(t *testing.T) {
	t.Parallel()
	s := serve(t)
	me := newHome(t, noBrowser)
	cli, link := me.device(t, s)
	b := newBrowser(t, s.Issue).open(link).asJohn().presses("Approve").sees("You approved the login")
	cli.ends(0, "Logged in")
	b.presses("This was not me").sees("It was ended")
	if got := me.run(t, "doorward", "auth", "status", "--issuer", s.Issue); got.Code == 0 {
		t.Errorf("the terminal is still logged in: %+v", got)
	}
}

// The consent page's POST is answered with a redirect to the terminal. Chromium holds that to form-action (SEC-206) and
// keeps connections open that it may never use (SEC-251).
func TestBrowser_Loopback_SEC206_SEC251(t *testing.T) {
	t.Parallel()
	s := serve(t)
	me := newHome(t)
	cli, address := me.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
	callback := redirectOf(t, address)

	b := newBrowser(t, s.Issue)
	b.leadsTo(callback)
	b.open(address).asJohn().sees(headingFor("Doorward"))
	idle := preconnect(t, b, callback)
	b.presses("Approve").sees("You are signed in")
	if got := b.answered(callback); len(got) != 1 || got[0] != 200 {
		t.Errorf("the callback answered %v", got)
	}
	cli.ends(0, "Logged in as "+johnsMail)
	if text, err := io.ReadAll(idle); err == nil && len(text) > 0 {
		t.Errorf("a connection that never asked was told %q", text)
	}
}

// preconnect opens connections to a callback that nothing will be sent on: Chromium's speculative one, and one of ours,
// which tells when it was closed.
func preconnect(t *testing.T, b *tab, callback string) net.Conn {
	t.Helper()
	host := strings.Split(strings.TrimPrefix(callback, "http://"), "/")[0]
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stranger := foreign(t, "127.0.0.1", "<link rel=preconnect href=http://"+host+"><link rel=preconnect crossorigin href=http://"+host+"><h1>Elsewhere</h1>")
	(&profile{t: t, ctx: b.ctx}).tab("").open(stranger).sees("Elsewhere")
	return conn
}

// headingFor is the question of the page that approves a login from this machine.
func headingFor(application string) string {
	machine, _ := os.Hostname()
	return "Sign " + application + " in on " + machine + "?"
}

// A top-level redirect from a site on the public network to this machine is not in the way of Local Network Access.
func TestBrowser_Loopback_SEC261(t *testing.T) {
	t.Parallel()
	launch(t)
	s := newServer(t)
	_, port, _ := net.SplitHostPort(chromium.public)
	s.Addr, s.Issue = chromium.public, "http://localhost:"+port
	s.Start()
	me := newHome(t)
	cli, address := me.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
	b := newBrowser(t, s.Issue)
	b.leadsTo(redirectOf(t, address))
	b.open(address).asJohn().presses("Approve").sees("You are signed in")
	cli.ends(0, "Logged in as "+johnsMail)
}

// A page of somebody else tries every way a page has to bring its own code to the waiting terminal.
func TestBrowser_ForeignPageAtCallback_SEC246(t *testing.T) {
	t.Parallel()
	s := serve(t)
	me := newHome(t)
	cli, address := me.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
	callback := redirectOf(t, address)
	at, _ := url.Parse(address)
	// The worst case: the stranger knows the state.
	known := callback + "?" + url.Values{"code": {"attackers-code"}, "state": {at.Query().Get("state")}, "iss": {s.Issue}}.Encode()
	guess := callback + "?code=attackers-code&state=guess"

	p := newProfile(t, s.Issue)
	evil := foreign(t, "127.0.0.1", fmt.Sprintf(`<h1>Evil</h1><iframe name=posted></iframe><form method=post action="%[1]s&by=post" target=posted></form><script>
		const bring = tag => new Promise(done => {
			const e = document.body.appendChild(document.createElement(tag));
			e.onload = e.onerror = done;
			e.src = "%[1]s&by=" + tag;
		});
		const posted = new Promise(done => document.querySelector("iframe").onload = done);
		document.forms[0].submit();
		Promise.allSettled([bring("img"), bring("iframe"), posted, fetch("%[1]s&by=fetch", {mode: "no-cors"}), fetch("%[1]s&by=cors")])
			.then(() => document.querySelector("h1").textContent = "Evil failed");
		</script>`, known))
	tab := p.tab("").open(evil).sees("Evil failed")
	for _, way := range []string{"img", "iframe", "post", "fetch", "cors"} {
		if !tab.asked(known + "&by=" + way) {
			t.Errorf("the stranger's page did not try %s", way)
		}
	}
	if got := tab.answered(callback); len(got) < 3 || slices.ContainsFunc(got, func(status int64) bool { return status != http.StatusForbidden }) {
		t.Errorf("a stranger's page was answered %v", got)
	}
	p.tab("").open(foreign(t, "127.0.0.1", `<form action="`+callback+`"><input name=code value=attackers-code><input name=state value=guess><button>Go</button></form>`)).
		presses("Go").sees("This is not the sign-in that is waiting")
	if response, err := http.Get(guess); err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("a guess by a program: %v %v", response, err)
	}

	p.first.leadsTo(callback)
	p.first.open(address).asJohn().presses("Approve").sees("You are signed in")
	cli.ends(0, "Logged in as "+johnsMail)
}

// Two logins in two tabs of one browser, decided in the other order than they were begun.
func TestBrowser_TwoTabsCrossed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	t.Run("a code and a callback", func(t *testing.T) {
		t.Parallel()
		one, two := newHome(t, noBrowser), newHome(t)
		coded, link := one.device(t, s)
		called, address := two.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
		p := newProfile(t, s.Issue)
		first, second := p.first, p.tab(s.Issue)
		second.leadsTo(redirectOf(t, address))
		first.open(link).sees("Sign in")
		second.open(address).sees("Sign in")
		// Signing in in the second must not spoil the first, whose form is older than the sign-in.
		second.asJohn().sees(headingFor("Doorward"))
		first.asJohn().sees(headingFor("Doorward"))
		first.presses("Approve").sees("You approved the login")
		second.presses("Approve").sees("You are signed in")
		coded.ends(0, "Logged in as "+johnsMail)
		called.ends(0, "Logged in as "+johnsMail)
	})
	t.Run("two callbacks", func(t *testing.T) {
		t.Parallel()
		one, two := newHome(t), newHome(t)
		early, a := one.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
		late, b := two.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
		p := newProfile(t, s.Issue)
		first, second := p.first, p.tab(s.Issue)
		first.leadsTo(redirectOf(t, a))
		second.leadsTo(redirectOf(t, b))
		first.open(a).asJohn().sees(headingFor("Doorward"))
		second.open(b).sees(headingFor("Doorward")).presses("Approve").sees("You are signed in")
		late.ends(0, "Logged in as "+johnsMail)
		first.presses("Approve").sees("You are signed in")
		early.ends(0, "Logged in as "+johnsMail)
	})
}

func TestBrowser_Pipeops(t *testing.T) {
	t.Parallel()
	s := serve(t)
	at := []string{"PIPEOPS_API_URL=" + s.Issue, "PIPEOPS_DASHBOARD_URL=" + s.Issue}
	const done = "✓ Successfully authenticated as " + johnsMail

	t.Run("PIP-01 browser", func(t *testing.T) {
		t.Parallel()
		me := newHome(t, at...)
		cli, address := me.loopback(t, "pipeops")
		if got := cli.link("code_challenge_method=S256"); got != address {
			t.Errorf("printed %s, opened %s", got, address)
		}
		b := newBrowser(t, s.Issue)
		b.leadsTo(redirectOf(t, address))
		b.open(address).asJohn().sees(headingFor("PipeOps CLI")).presses("Approve").sees("You are signed in")
		cli.ends(0, done)
	})
	t.Run("PIP-02 PIP-10 PIP-19 no browser, revoked", func(t *testing.T) {
		t.Parallel()
		me := newHome(t, append(at, noBrowser)...)
		cli := me.start(t, "pipeops", "auth", "login", "--no-browser")
		link := cli.link("/cli-auth?code=")
		if want := "Please open this URL in your browser to authenticate:\n" + link + "\n\nWaiting for authentication...\n"; !strings.Contains(cli.Stdout.String(), want) {
			t.Errorf("it printed %q, want %q", cli.Stdout.String(), want)
		}
		// As a person with the QR code's address would have it, on another machine.
		b := newBrowser(t, s.Issue).open(link).asJohn().sees(headingFor("PipeOps CLI")).presses("Approve").sees("You approved the login")
		cli.ends(0, done)
		status := func() result { return me.run(t, "pipeops", "auth", "status") }
		if got := status(); got.Code != 0 || !strings.Contains(got.Stdout, "✓ Authenticated as "+johnsMail) {
			t.Fatalf("status: %+v", got)
		}
		b.follows("See everything that is signed in").sees("Authorized Applications")
		for _, fact := range []string{"Settings", "Security", "PipeOps CLI", "Signed in with a code from 127.0.0.1", "Last used just now"} {
			b.says(fact)
		}
		b.pressesIn("with a code", "Revoke").presses("Revoke").sees("Authorized Applications").says("It was revoked")
		if got := status(); got.Code != 1 {
			t.Fatalf("status after the revocation: %+v", got)
		}
	})
}

func TestBrowser_KeyboardOnly(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cli, link := newHome(t, noBrowser).device(t, s)
	b := newBrowser(t, s.Issue).open("/device").sees("Sign in")
	b.tabsTo("textbox", "Email or username").types(johnsName).tabsTo("textbox", "Password").types(johnsPassword + kb.Enter)
	b.sees("Enter the code from your terminal").tabsTo("textbox", "Code").types(strings.TrimPrefix(link, s.Issue+"/device?code=")).types(kb.Enter)
	b.sees(headingFor("Doorward"))
	if ring, err := evaluate[string](b.tabsTo("button", "Approve"), "getComputedStyle(document.activeElement).outlineWidth"); err != nil || ring == "0px" {
		t.Errorf("the focus cannot be seen: %q %v", ring, err)
	}
	b.types(kb.Enter).sees("You approved the login")
	cli.ends(0, "Logged in as "+johnsMail)
}

func TestBrowser_WithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := serve(t)
	me := newHome(t)
	cli, address := me.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
	b := newBrowser(t, s.Issue)
	b.leadsTo(redirectOf(t, address))
	b.must(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	b.open(address).asJohn().presses("Approve").sees("You are signed in")
	cli.ends(0, "Logged in as "+johnsMail)
	coded, link := newHome(t, noBrowser).device(t, s)
	b.open(link).presses("Approve").sees("You approved the login").follows("See everything that is signed in")
	coded.ends(0, "Logged in as "+johnsMail)
	b.pressesIn("with a code", "Revoke").presses("Revoke").says("It was revoked")
}

// Whatever another origin frames stays empty (SEC-205): the pages of somebody who is signed in, and the errors. The
// stranger is on this host, so that the browser sends the cookies along.
func TestBrowser_Frames_SEC205(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, link := newHome(t, noBrowser).device(t, s)
	me := newHome(t)
	_, address := me.loopback(t, "doorward", "--issuer", s.Issue, "--browser")
	p := newProfile(t, s.Issue)
	p.first.open("/device").asJohn().sees("Enter the code from your terminal")
	pages := []string{
		"/sign-in", "/device", link, address, applications, applications + "/revoke?session=x", "/device/result?id=x", "/welcome/x",
		"/approve?request=x", "/nothing-here", "/authorize?client_id=nobody", "/dev/clock",
	}
	var frames strings.Builder
	for _, at := range pages {
		fmt.Fprintf(&frames, "<iframe src=%q></iframe>", s.Issue+strings.TrimPrefix(at, s.Issue))
	}
	b := p.tab("").open(foreign(t, "localhost", "<h1>Elsewhere</h1>"+frames.String())).sees("Elsewhere")
	eventually(t, "all frames to be refused", func() error {
		tree, err := chromedp.Call(b.ctx, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		if n := len(tree.FrameTree.ChildFrames); n != len(pages) {
			return fmt.Errorf("%d frames of %d", n, len(pages))
		}
		for i, child := range tree.FrameTree.ChildFrames {
			if child.Frame.UnreachableURL == "" {
				return fmt.Errorf("%s is shown in a frame: %s", pages[i], child.Frame.URL)
			}
		}
		return nil
	})
}

// A page of another site posts an approval for whoever looks at it; even with the right token nothing happens (SEC-201).
func TestBrowser_CrossSiteApproval_SEC201(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cli, link := newHome(t, noBrowser).device(t, s)
	p := newProfile(t, s.Issue)
	p.first.open(link).asJohn().sees(headingFor("Doorward"))
	form, err := evaluate[string](p.first, `const f = document.querySelector("form[action='/device']").cloneNode(true);
		f.action = "`+s.Issue+`/device"; f.outerHTML`)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} { // another site, and another origin of the same
		b := p.tab("").open(foreign(t, host, form)).presses("Approve")
		b.says("This request came from another site")
		if got := b.answered(s.Issue + "/device"); len(got) != 1 || got[0] != http.StatusForbidden {
			t.Errorf("from %s the approval was answered %v", host, got)
		}
	}
	p.first.presses("Deny").sees("The login was denied") // it was still undecided
	cli.ends(5, "denied")
}

// A link that is fetched ahead, scanned or opened changes nothing (SEC-080).
func TestBrowser_Prefetch_SEC080(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cli, link := newHome(t, noBrowser).device(t, s)
	for _, method := range []string{"GET", "GET", "GET", "HEAD"} {
		request, _ := http.NewRequestWithContext(t.Context(), method, link, nil)
		if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode >= 500 {
			t.Errorf("%s by a scanner: %v %v", method, response, err)
		}
	}
	p := newProfile(t, s.Issue)
	p.first.open("/device").asJohn().sees("Enter the code from your terminal")
	b := p.tab("").open(foreign(t, "localhost", `<h1>Chat</h1><link rel=prefetch href="`+link+`">
		<script type=speculationrules>{"prefetch":[{"urls":["`+link+`"]}],"prerender":[{"urls":["`+link+`"]}]}</script>`)).sees("Chat")
	eventually(t, "the link to be fetched ahead", func() error {
		if !b.asked(link) {
			return errors.New("not asked for so far")
		}
		return nil
	})
	for range 3 {
		p.first.open(link).sees(headingFor("Doorward"))
	}
	p.first.presses("Deny").sees("The login was denied") // it was still undecided
	cli.ends(5, "denied")
}

// The cookie changes with the sign-in and goes with its end, and what it was is worth nothing (SEC-204); the browser's
// way back shows nothing (SEC-212).
func TestBrowser_SignOut_SEC204_SEC212(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := newBrowser(t, s.Issue).open(applications).sees("Sign in")
	before := b.cookies()
	b.asJohn().sees("Authorized Applications").says("user@example.com")
	during := b.cookies()
	b.presses("Sign out").sees("You are signed out")
	after := b.cookies()
	var key string
	for name, value := range during {
		if strings.Contains(name, "-form-") { // no more than the browser's own name, for forms of people who are not signed in
			continue
		}
		if before[name] == value || after[name] == value {
			t.Errorf("the cookie %s is the same before, during or after the sign-in", name)
		}
		key = name + "=" + value
	}
	if key == "" {
		t.Fatal("nobody was signed in")
	}
	request, _ := http.NewRequestWithContext(t.Context(), "GET", s.Issue+applications, nil)
	request.Header.Set("Cookie", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if strings.Contains(string(text), johnsMail) {
		t.Error("the cookie of before the sign-out still signs in")
	}
	shown, err := b.document()
	if err != nil {
		t.Fatal(err)
	}
	b.back().leaves(shown)
	if strings.Contains(b.text(), johnsMail) {
		t.Errorf("the way back shows:\n%s", b.text())
	}
	b.sees("Sign in")
}

// payloads are texts that would run, load, redirect or break out of a page that did not escape them. Each fits into what is
// kept of a machine's name.
var payloads = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><script>alert(1)</script>`, `</title><script>alert(1)</script>`,
	`</script><script>alert(1)</script>`, `</textarea><script>alert(1)</script>`, `--><script>alert(1)</script>`, `]]><script>alert(1)</script>`,
	`<ScRiPt>alert(1)</sCrIpT>`, `<script/src=//evil.example/x.js>`, `<scr<script>ipt>alert(1)</script>`, `<script>alert(1)//`,
	`<img src=x onerror=alert(1)>`, `"><img src=x onerror=alert(1)>`, `<img/src="x"/onerror=alert(1)>`, `<img src=//evil.example/x.png>`,
	`<svg onload=alert(1)>`, `'><svg/onload=alert(1)>`, `<svg><script>alert(1)</script>`, `<svg><a href=javascript:alert(1)>x`,
	`<math><mtext><img src=x onerror=alert(1)>`, `<iframe src=javascript:alert(1)>`, `<iframe srcdoc="<script>alert(1)</script>">`,
	`<object data=//evil.example/x.swf>`, `<embed src=//evil.example/x.swf>`, `<base href=//evil.example/>`,
	`<meta http-equiv=refresh content=0;url=//evil.example>`, `<link rel=stylesheet href=//evil.example/x.css>`,
	`<style>@import "//evil.example/x.css"</style>`, `<form action=//evil.example><button>Approve`, `"><input name=decision value=approve>`,
	`" autofocus onfocus=alert(1) x="`, `' autofocus onfocus=alert(1) x='`, "` onmouseover=alert(1) x=`", `<body onload=alert(1)>`,
	`<details open ontoggle=alert(1)>`, `<video><source onerror=alert(1)>`, `javascript:alert(1)`, `{{constructor.constructor("alert(1)")()}}`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`, `%3Cscript%3Ealert(1)%3C/script%3E`,
}

// No text that a stranger chooses runs or loads anything (SEC-209, SEC-083): the judgement of every tab is that no dialog
// opened, no policy was violated, and nothing was asked of another origin.
func TestBrowser_Payloads_SEC209(t *testing.T) {
	t.Parallel()
	s := serve(t)
	callback := foreign(t, "127.0.0.1", "<h1>Elsewhere</h1>") + "callback"
	b := newBrowser(t, s.Issue)
	b.leadsTo(callback)
	b.open("/device").asJohn().sees("Enter the code from your terminal")
	for i, payload := range payloads {
		client := fmt.Sprintf("hostile-%d", i)
		s.registers(t, client, payload)
		login := s.begin(t, client, payload)
		b.open(login.Complete).sees("Sign " + payload + " in on " + payload + "?").presses("Approve").sees("You approved the login")
		s.redeem(t, client, login, "")
		if i%4 > 0 {
			continue
		}
		b.open("/authorize?" + url.Values{
			"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {payload}, "machine": {payload},
			"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"}, "login_hint": {payload},
		}.Encode())
		b.says("This browser goes to").presses("Deny").sees("Elsewhere")
		if at, err := url.Parse(b.address()); err != nil || at.Query().Get("state") != payload {
			t.Errorf("the state %q came back as %s", payload, b.address())
		}
	}
	for group := range slices.Chunk(payloads, 7) {
		all := url.QueryEscape(strings.Join(group, " "))
		for _, path := range []string{
			"/device?code=", "/cli-auth?user_code=", "/device/result?id=", "/device?error=", "/approve?request=", "/sign-in?return=",
			applications + "?revoked=", applications + "/revoke?session=", "/authorize?client_id=", "/authorize?client_id=hostile-0&redirect_uri=",
			"/authorize?client_id=hostile-0&state=",
		} {
			b.open(path + all)
		}
	}
	for _, payload := range []string{`<svg onload=alert(1)>`, `" autofocus onfocus=alert(1) x="`, `{{constructor.constructor("alert(1)")()}}`} {
		b.open(applications).pressesIn(payload, "Revoke").sees("Revoke " + payload + " on “" + payload + "”?")
	}
}

// The judgement of every tab can see what it is to see.
func TestBrowser_Judgement(t *testing.T) {
	t.Parallel()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'none'; img-src 'self'")
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><h1>Bad</h1><script>alert(1)</script><img src=http://127.0.0.1:9999/><link rel=stylesheet href=http://127.0.0.1:9999/x.css>")
	}))
	t.Cleanup(bad.Close)
	b := newProfile(t, bad.URL).tab("").open(bad.URL).sees("Bad") // a tab without a home: nothing is asserted of it
	eventually(t, "the faults", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if said := strings.Join(b.faults, "\n"); !strings.Contains(said, "script-src") || !strings.Contains(said, "img-src") {
			return fmt.Errorf("noted so far: %q", b.faults)
		}
		return nil
	})
	b.home = bad.URL
	if !b.asked("http://127.0.0.1:9999/x.css") || b.ours("http://127.0.0.1:9999/x.css") || !b.ours(bad.URL+"/") {
		t.Errorf("a request to elsewhere is not told from one to the page's own origin: %v", b.requests)
	}
	b.home = ""
}

// foreign serves a page of somebody else, at 127.0.0.1 or at localhost, which to a browser is the authority's own site.
func foreign(t *testing.T, host, body string) string {
	t.Helper()
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Elsewhere</title>"+body)
	}))
	t.Cleanup(stranger.Close)
	return strings.Replace(stranger.URL, "127.0.0.1", host, 1) + "/"
}

// redirectOf is where an authorization request leads back to.
func redirectOf(t *testing.T, address string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil || at.Query().Get("redirect_uri") == "" {
		t.Fatalf("%s leads nowhere: %v", address, err)
	}
	return at.Query().Get("redirect_uri")
}

// pendingLogin is a device login that no program waits for.
type pendingLogin struct {
	Code     string `json:"device_code"`
	UserCode string `json:"user_code"`
	Complete string `json:"verification_uri_complete"`
}

// begin begins a device login as a program with any label would, from the addresses that a proxy names.
func (s *server) begin(t *testing.T, client, machine string, forwarded ...string) (b pendingLogin) {
	t.Helper()
	form := url.Values{"client_id": {client}, "machine": {machine}}
	answer := s.posts(t, "/device_authorization", strings.Join(forwarded, ", "), form)
	if err := json.Unmarshal(answer, &b); err != nil || b.Complete == "" {
		t.Fatalf("device authorization: %s %v", answer, err)
	}
	return b
}

// posts sends a form as a program would, and returns the answer, which has to be good.
func (s *server) posts(t *testing.T, path, forwarded string, form url.Values) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.Issue+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if forwarded != "" {
		request.Header.Set("X-Forwarded-For", forwarded)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s: %s %v", path, response.Status, text, err)
	}
	return text
}
