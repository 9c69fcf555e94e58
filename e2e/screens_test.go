package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The longest texts that a page has to bear.
const (
	longMachine = "ci-runner-eu-central-1b-spot-instance-0042.internal.acme.example" // 64 characters
	longName    = "Acme Infrastructure Provisioning and Compliance Command Line"
)

// screens makes pictures of pages, for people to look at, and judges what a program can judge of them.
type screens struct {
	t   *testing.T
	dir string
}

// looks are the ways in which every page is seen.
var looks = []struct {
	name, scheme string
	width        int64
}{
	{"360-light", "light", 360}, {"360-dark", "dark", 360}, {"1280-light", "light", 1280}, {"1280-dark", "dark", 1280},
}

// take keeps pictures of what a tab shows, in each look, and checks each.
func (s *screens) take(b *tab, name string) {
	s.t.Helper()
	for _, look := range looks {
		b.must(
			call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: look.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}}),
			call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
				Width: look.width, Height: 640, DeviceScaleFactor: 1, Mobile: look.width < 480,
			}),
		)
		faults, err := evaluate[[]string](b, judgement)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, fault := range faults {
			s.t.Errorf("%s at %s: %s", name, look.name, fault)
		}
		shot, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true), Clip: b.whole()})
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name+"-"+look.name+".png"), shot.Data, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	b.must(call(emulation.ClearDeviceMetricsOverride, cdp.Empty{}))
}

// whole is the area of the whole page.
func (b *tab) whole() *page.Viewport {
	b.t.Helper()
	size, err := evaluate[[]float64](b, "[document.documentElement.scrollWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]")
	if err != nil {
		b.t.Fatal(err)
	}
	return &page.Viewport{Width: size[0], Height: size[1], Scale: 1}
}

// judgement lists what is wrong with a page: it runs in the page and returns sentences.
const judgement = `(() => {
	const faults = [], all = s => [...document.querySelectorAll(s)];
	const shown = e => e.getClientRects().length > 0;
	const brief = e => e.tagName.toLowerCase() + " “" + (e.innerText || e.value || e.name || "").trim().slice(0, 40) + "”";
	if (document.documentElement.scrollWidth > innerWidth) faults.push("it scrolls sideways: " + document.documentElement.scrollWidth + " px");
	if (!document.documentElement.lang) faults.push("it has no language");
	if (!document.title) faults.push("it has no title");
	if (all("h1").length !== 1) faults.push("it has " + all("h1").length + " main headings");
	for (const e of all("button, a.button, p > a:only-child, input:not([type=hidden])")) {
		const box = e.getBoundingClientRect();
		if (shown(e) && box.height < 44) faults.push(brief(e) + " is " + box.height + " px tall");
		if (shown(e) && (box.left < 0 || box.right > innerWidth)) faults.push(brief(e) + " reaches over the edge");
		if (e.scrollWidth > Math.ceil(e.clientWidth) && e.tagName !== "INPUT") faults.push(brief(e) + " is cut off");
	}
	for (const e of all("input:not([type=hidden])")) if (!e.labels.length || !e.labels[0].innerText.trim()) faults.push(brief(e) + " has no label");
	const names = all("[id]").map(e => e.id), twice = names.filter((n, i) => names.indexOf(n) !== i);
	if (twice.length) faults.push("ids are there twice: " + twice);
	for (const e of all("[aria-describedby], [for]")) for (const id of (e.getAttribute("aria-describedby") || e.getAttribute("for")).split(" "))
		if (!document.getElementById(id)) faults.push(brief(e) + " refers to " + id + ", which is not there");
	const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d", {willReadFrequently: true});
	const rgba = c => { ctx.clearRect(0, 0, 1, 1); ctx.fillStyle = c; ctx.fillRect(0, 0, 1, 1); return [...ctx.getImageData(0, 0, 1, 1).data]; };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
		return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255]; };
	const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = new Set;
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement;
		if (!n.data.trim() || seen.has(e) || !shown(e)) continue;
		seen.add(e);
		const ratio = contrast(rgba(getComputedStyle(e).color), behind(e));
		if (ratio < 4.5) faults.push(brief(e) + " has a contrast of " + ratio.toFixed(2));
		const range = document.createRange(); range.selectNodeContents(n);
		for (const box of range.getClientRects()) if (box.left < -1 || box.right > innerWidth + 1) { faults.push(brief(e) + " reaches over the edge"); break; }
	}
	for (const e of all("input")) if (shown(e) && e.placeholder) {
		const ratio = contrast(rgba(getComputedStyle(e, "::placeholder").color), behind(e));
		if (ratio < 4.5) faults.push("the placeholder of " + brief(e) + " has a contrast of " + ratio.toFixed(2));
	}
	return faults;
})()`

// TestScreens makes the pictures of every page and state. They are looked at before a page is called done; set
// DOORWARD_SHOTS to have them elsewhere than in .shots.
func TestScreens(t *testing.T) {
	t.Parallel()
	launch(t)
	dir := cmp.Or(os.Getenv("DOORWARD_SHOTS"), filepath.Join("..", ".shots"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--trusted-proxy", "127.0.0.1")
	t.Run("sign in", func(t *testing.T) { t.Parallel(); (&screens{t, dir}).signIn(s) })
	t.Run("device", func(t *testing.T) { t.Parallel(); (&screens{t, dir}).device(s) })
	t.Run("browser", func(t *testing.T) { t.Parallel(); (&screens{t, dir}).loopback(s) })
	t.Run("settings", func(t *testing.T) {
		t.Parallel()
		(&screens{t, dir}).settings(serve(t, "--trusted-proxy", "127.0.0.1"))
	})
	t.Run("welcome", func(t *testing.T) { t.Parallel(); (&screens{t, dir}).welcome(newServer(t, "--dev=false")) })
	t.Run("style", func(t *testing.T) { t.Parallel(); (&screens{t, dir}).style(s) })
}

func (s *screens) signIn(at *server) {
	b := newBrowser(s.t, at.Issue).open("/device").sees("Sign in").says("which program wants to be signed in")
	s.take(b, "sign-in-for-login")
	b.open("/sign-in").sees("Sign in")
	s.take(b, "sign-in")
	b.signIn("nobody@example.com", "wrong").says("The name or the password is wrong")
	s.take(b, "sign-in-wrong")
	for range 5 {
		b.signIn("nobody@example.com", "wrong").sees("Sign in")
	}
	b.says("too many wrong attempts")
	s.take(b, "sign-in-locked")
	b.signIn(johnsName, johnsPassword).presses("Sign out").sees("You are signed out")
	s.take(b, "signed-out")
	b.open("/nothing-here").sees("This is not here")
	s.take(b, "error")
	b.open("/authorize?client_id=nobody")
	s.take(b, "error-authorize")
}

// here is the address that the browser of the pictures comes from.
const here = "198.51.100.20"

func (s *screens) device(at *server) {
	b := newBrowser(s.t, at.Issue)
	b.must(call(network.Enable, network.EnableParams{}), call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"X-Forwarded-For": here},
	}))
	b.open("/device").asJohn().sees("Enter the code from your terminal")
	s.take(b, "code")
	b.fill("Code", "BCDF-GHJK").presses("Continue").says("There is no login waiting for this code")
	s.take(b, "code-wrong")

	b.open(at.begin(s.t, "doorward", "build-7", here).Complete).sees("Sign Doorward in on build-7?").says("the same as this browser")
	s.take(b, "approve-same-network")
	b.presses("Approve").sees("You approved the login")
	s.take(b, "approved")
	b.presses("This was not me").sees("It was ended")
	s.take(b, "disowned")

	b.open(at.begin(s.t, "doorward", "build-7", "203.0.113.7").Complete).says("not the network you are on")
	s.take(b, "approve-other-network")
	b.presses("Deny").sees("The login was denied")
	s.take(b, "denied")

	b.open(at.begin(s.t, "octopipe", "", here).Complete).sees("Sign Octopipe CLI in?")
	s.take(b, "approve-no-machine")

	at.registers(s.t, "acme", longName)
	b.open(at.begin(s.t, "acme", longMachine, "2001:db8:85a3:1234:5678:8a2e:370:7334").Complete).sees("Sign " + longName + " in on " + longMachine + "?")
	s.take(b, "approve-long")
	b.presses("Approve").sees("You approved the login")
	s.take(b, "approved-long")
}

func (s *screens) loopback(at *server) {
	me := newHome(s.t)
	cli, address := me.loopback(s.t, "doorward", "--issuer", at.Issue, "--browser")
	b := newBrowser(s.t, at.Issue)
	b.leadsTo(redirectOf(s.t, address))
	b.open(address).asJohn().sees(headingFor("Doorward"))
	s.take(b, "approve-browser")
	b.presses("Approve").sees("You are signed in")
	s.take(b, "callback")
	cli.ends(0, "Logged in")
}

func (s *screens) settings(at *server) {
	b := newBrowser(s.t, at.Issue).open(applications).signIn("ada", "lovelace-1815-engine").sees("One-time code")
	s.take(b, "one-time-code")
	b.fill("One-time code", "000000").presses("Continue").sees("One-time code")
	s.take(b, "one-time-code-wrong")
	s.enters(b, 0)
	s.take(b, "applications-empty")
	at.registers(s.t, "acme", longName)
	for _, login := range []struct{ client, machine, from string }{
		{"doorward", "build-7", "203.0.113.7"},
		{"octopipe", "", here},
		{"acme", longMachine, "2001:db8:85a3:1234:5678:8a2e:370:7334"},
		{"pipeops_public_client", "Ada’s laptop", here},
	} {
		begun := at.begin(s.t, login.client, login.machine, login.from)
		b.open(begun.Complete).presses("Approve").sees("You approved the login")
		at.redeem(s.t, login.client, begun, login.from)
	}
	const later = 50 * time.Hour
	at.advances(s.t, later.String())
	s.enters(b.open(applications).signIn("ada", "lovelace-1815-engine"), later)
	b.says(longMachine)
	s.take(b, "applications")
	b.pressesIn(longMachine, "Revoke").sees("Revoke " + longName + " on “" + longMachine + "”?")
	s.take(b, "revoke-long")
	b.follows("Keep it").pressesIn("build-7", "Revoke").sees("Revoke Doorward on “build-7”?")
	s.take(b, "revoke")
	b.presses("Revoke").says("It was revoked")
	s.take(b, "applications-revoked")
}

// enters types what Ada's authenticator shows.
func (s *screens) enters(b *tab, ahead time.Duration) {
	s.t.Helper()
	code, err := adasCodeIn(ahead)
	if err != nil {
		s.t.Fatal(err)
	}
	b.fill("One-time code", code).presses("Continue").sees("Authorized Applications")
}

func (s *screens) welcome(at *server) {
	at.Start()
	link := ""
	eventually(s.t, "the link of the first administrator", func() error {
		for _, word := range strings.Fields(at.Log()) {
			if strings.HasPrefix(word, at.Issue+"/welcome/") {
				link = word
				return nil
			}
		}
		return fmt.Errorf("the server says:\n%s", at.Log())
	})
	b := newBrowser(s.t, at.Issue).open(link).sees("Welcome")
	s.take(b, "welcome")
	b.fill("Your name", "Grace Hopper").fill("Username", "grace").fill("E-mail address", "grace@example.com").fill("Password", "password1").presses("Create the account").sees("Welcome")
	s.take(b, "welcome-refused")
	b.fill("Password", "nanosecond-of-wire-1947").presses("Create the account").sees("Authorized Applications")
	b.open(link).sees("This is not here")
}

// style proves that the one style sheet stays small.
func (s *screens) style(at *server) {
	b := newBrowser(s.t, at.Issue).open("/sign-in").sees("Sign in")
	sheet, err := evaluate[string](b, "document.querySelector('link[rel=stylesheet]').href")
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.Get(sheet)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || len(text) == 0 || len(text) >= 12<<10 {
		s.t.Errorf("the style sheet has %d bytes (%v); it is to be there, and under 12 kB", len(text), err)
	}
}

// registers adds a client that may log people in with a code.
func (s *server) registers(t *testing.T, client, name string) {
	t.Helper()
	got := newHome(t).run(t, "doorward", "admin", "client", "add", client, "--store", "sqlite:"+s.Store, "--name", name, "--redirect", "http://127.0.0.1/callback")
	if got.Code != 0 {
		t.Fatalf("the client %s: %+v", client, got)
	}
}

// redeem takes the tokens of a login that was approved, as its program would, from an address that a proxy names.
func (s *server) redeem(t *testing.T, client string, begun pendingLogin, forwarded string) {
	t.Helper()
	s.posts(t, "/token", forwarded, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {client}, "device_code": {begun.Code},
	})
}

// advances moves the server's clock.
func (s *server) advances(t *testing.T, by string) {
	t.Helper()
	s.posts(t, "/dev/clock", "", url.Values{"advance": {by}})
}
