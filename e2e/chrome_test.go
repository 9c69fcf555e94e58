package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium is the one browser process of the run. Each test gets a profile of its own in it.
var chromium struct {
	once   sync.Once
	ctx    context.Context
	err    error
	public string // an address of this machine that Chromium takes for one of the public network (SEC-261)
	quit   []func()
}

// launch starts Chromium with the first test that needs it. Where there is none the test is skipped, and fails in CI.
func launch(t *testing.T) context.Context {
	t.Helper()
	path := needs(t, "chromium")
	chromium.once.Do(func() {
		chromium.public = freeAddress(t)
		var dir string
		if dir, chromium.err = os.MkdirTemp("", "doorward-chromium-"); chromium.err != nil {
			return
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
			chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
			chromedp.Flag("ip-address-space-overrides", chromium.public+"=public"),
		)
		allocated, quitAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, quit := chromedp.NewContext(allocated)
		chromium.ctx, chromium.err = ctx, chromedp.Do(ctx)
		chromium.quit = []func(){quit, quitAllocator, func() { _ = os.RemoveAll(dir) }}
	})
	if chromium.err != nil {
		t.Fatalf("Chromium does not start: %v", chromium.err)
	}
	return chromium.ctx
}

// quitChromium ends the browser at the end of the run.
func quitChromium() {
	for _, quit := range chromium.quit {
		quit()
	}
}

// profile is somebody's browser: cookies and history of its own.
type profile struct {
	t     *testing.T
	ctx   context.Context
	first *tab
}

// newProfile opens a browser for the pages of one authority. Whatever its tabs load from elsewhere is a fault.
func newProfile(t *testing.T, issuer string) *profile {
	t.Helper()
	ctx, cancel := chromedp.NewContext(launch(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &profile{t: t, ctx: ctx}
	p.first = p.adopt(ctx, issuer)
	return p
}

// newBrowser is newProfile where one tab is enough.
func newBrowser(t *testing.T, issuer string) *tab {
	t.Helper()
	return newProfile(t, issuer).first
}

// tab opens one more tab, for pages of home.
func (p *profile) tab(home string) *tab {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	p.t.Cleanup(cancel)
	return p.adopt(ctx, home)
}

// tab is one tab. It notes every request and everything that the browser held against a page.
type tab struct {
	t    *testing.T
	ctx  context.Context
	home string // the origin whose pages it shows; "": a stranger's, about which nothing is asserted

	mu       sync.Mutex
	leads    []string // origins that a page may lead to, such as a terminal's callback
	requests []string
	statuses map[string][]int64 // of answers, by address
	faults   []string
}

func (p *profile) adopt(ctx context.Context, home string) *tab {
	p.t.Helper()
	b := &tab{t: p.t, ctx: ctx, home: home, statuses: make(map[string][]int64)}
	if err := chromedp.Do(ctx); err != nil {
		p.t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		p.t.Fatal(err)
	}
	b.must(call(audits.Enable, cdp.Empty{}))
	b.must(call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	p.t.Cleanup(b.judge)
	return b
}

// note runs for every event of the tab.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, event.Request.URL)
	case *network.EventResponseReceived:
		b.statuses[event.Response.URL] = append(b.statuses[event.Response.URL], event.Response.Status)
	case *page.EventJavascriptDialogOpening:
		b.faults = append(b.faults, "a dialog opened: "+event.Message)
	case *audits.EventIssueAdded:
		if csp := event.Issue.Details.ContentSecurityPolicyIssueDetails; csp != nil {
			b.faults = append(b.faults, "the policy was violated: "+csp.ViolatedDirective+" "+csp.BlockedURL)
		}
	case *log.EventEntryAdded:
		if event.Entry.Source == log.EntrySourceSecurity || event.Entry.Source == log.EntrySourceJavascript {
			b.faults = append(b.faults, "the console says: "+event.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		b.faults = append(b.faults, fmt.Sprintf("a script wrote to the console: %v", event.Args))
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "a script failed: "+event.ExceptionDetails.Text)
	}
}

// judge fails the test for whatever a page of ours did that none may: load from elsewhere (SEC-215), violate its policy
// (SEC-206), run a script (SEC-209).
func (b *tab) judge() {
	b.t.Helper()
	if b.home == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Error(fault)
	}
	for _, request := range b.requests {
		if !b.ours(request) {
			b.t.Errorf("SEC-215: a page asked for %s", request)
		}
	}
}

func (b *tab) ours(address string) bool {
	at, err := url.Parse(address)
	if err != nil {
		return false
	}
	origin := at.Scheme + "://" + at.Host
	return origin == b.home || slices.Contains(b.leads, origin) || at.Scheme == "data" || at.Scheme == "about"
}

// leadsTo allows a page to lead to another origin.
func (b *tab) leadsTo(address string) {
	at, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leads = append(b.leads, at.Scheme+"://"+at.Host)
}

// answered returns the statuses of answers to addresses that begin so.
func (b *tab) answered(prefix string) (statuses []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for address, got := range b.statuses {
		if strings.HasPrefix(address, prefix) {
			statuses = append(statuses, got...)
		}
	}
	return statuses
}

// asked reports whether a page asked for this address.
func (b *tab) asked(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.requests, address)
}

// back goes back in the history, as the browser's button does.
func (b *tab) back() *tab {
	b.t.Helper()
	history, err := chromedp.Call(b.ctx, page.GetNavigationHistory, cdp.Empty{})
	if err != nil || history.CurrentIndex == 0 {
		b.t.Fatalf("there is no way back: %v", err)
	}
	b.must(call(page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID}))
	return b
}

// call is a command of the DevTools protocol whose answer does not matter.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func (b *tab) must(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// patience ends a test whose browser does not answer; nothing that works comes near it.
const patience = 30 * time.Second

// open navigates to an address and returns when the page is loaded.
func (b *tab) open(address string) *tab {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.home + address
	}
	b.must(chromedp.Navigate(address))
	return b
}

// find returns the first element of this accessible role and name, in the whole page or inside of an element.
func (b *tab) find(role, name string) (cdp.BackendNodeID, error) {
	return b.findIn("document", role, name)
}

func (b *tab) findIn(root, role, name string) (cdp.BackendNodeID, error) {
	object, err := chromedp.Call(b.ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: root})
	if err != nil {
		return 0, err
	}
	if object.Result == nil || object.Result.ObjectID == "" {
		return 0, fmt.Errorf("there is no %s", root)
	}
	found, err := chromedp.Call(b.ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{
		ObjectID: object.Result.ObjectID, Role: role, AccessibleName: name,
	})
	if err != nil {
		return 0, err
	}
	for _, node := range found.Nodes {
		if !node.Ignored && node.BackendDOMNodeID != 0 {
			return node.BackendDOMNodeID, nil
		}
	}
	return 0, fmt.Errorf("the page has no %s %q; it says:\n%s", role, name, b.text())
}

// sees waits for a page with this heading.
func (b *tab) sees(heading string) *tab {
	b.t.Helper()
	eventually(b.t, "the page "+heading, func() error { _, err := b.find("heading", heading); return err })
	return b
}

// says waits until the page says so.
func (b *tab) says(words string) *tab {
	b.t.Helper()
	eventually(b.t, "the words "+words, func() error {
		if text := b.text(); !strings.Contains(text, words) {
			return fmt.Errorf("the page says:\n%s", text)
		}
		return nil
	})
	return b
}

// fill types into the field with this label, in place of what stands there.
func (b *tab) fill(label, value string) *tab {
	b.t.Helper()
	eventually(b.t, "the field "+label, func() error {
		field, err := b.find("textbox", label)
		if err != nil {
			return err
		}
		if err := chromedp.Do(b.ctx, call(dom.Focus, dom.FocusParams{BackendNodeID: field})); err != nil {
			return err
		}
		return chromedp.Do(b.ctx, chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)),
			call(input.InsertText, input.InsertTextParams{Text: value}))
	})
	return b
}

// presses clicks the button of this name with the mouse and waits for the page that follows.
func (b *tab) presses(name string) *tab { b.t.Helper(); return b.clicks("document", "button", name) }

// follows clicks a link.
func (b *tab) follows(name string) *tab { b.t.Helper(); return b.clicks("document", "link", name) }

// pressesIn presses a button of the entry of a list that says so.
func (b *tab) pressesIn(entry, name string) *tab {
	b.t.Helper()
	quoted, _ := json.Marshal(entry)
	return b.clicks("[...document.querySelectorAll('main li')].find(e => e.innerText.includes("+string(quoted)+"))", "button", name)
}

func (b *tab) clicks(root, role, name string) *tab {
	b.t.Helper()
	before := ""
	eventually(b.t, "the "+role+" "+name, func() error {
		element, err := b.findIn(root, role, name)
		if err != nil {
			return err
		}
		if before, err = b.document(); err != nil {
			return err
		}
		return b.click(element)
	})
	return b.leaves(before)
}

func (b *tab) click(element cdp.BackendNodeID) error {
	if err := chromedp.Do(b.ctx, call(dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: element})); err != nil {
		return err
	}
	box, err := chromedp.Call(b.ctx, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: element})
	if err != nil {
		return err
	}
	if len(box.Quads) == 0 {
		return fmt.Errorf("it cannot be seen")
	}
	quad := box.Quads[0]
	return chromedp.Do(b.ctx, chromedp.MouseClickXY((quad[0]+quad[4])/2, (quad[1]+quad[5])/2))
}

// document names the document that is shown; it changes with every navigation.
func (b *tab) document() (string, error) {
	tree, err := chromedp.Call(b.ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return "", err
	}
	return string(tree.FrameTree.Frame.LoaderID), nil
}

// leaves waits until another document is shown than before.
func (b *tab) leaves(before string) *tab {
	b.t.Helper()
	eventually(b.t, "the next page", func() error {
		now, err := b.document()
		if err == nil && now == before {
			err = fmt.Errorf("still shown:\n%s", b.text())
		}
		return err
	})
	return b
}

// text is what the page says.
func (b *tab) text() string {
	text, err := evaluate[string](b, "document.body ? document.body.innerText : ''")
	if err != nil {
		return err.Error()
	}
	return text
}

// address is what stands in the address bar.
func (b *tab) address() string {
	b.t.Helper()
	address, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	return address
}

func evaluate[T any](b *tab, expression string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
}

// types presses keys, as a person does.
func (b *tab) types(keys string) *tab { b.t.Helper(); b.must(chromedp.KeyEvent(keys)); return b }

// tabsTo presses Tab until the element of this role and name has the focus.
func (b *tab) tabsTo(role, name string) *tab {
	b.t.Helper()
	for range 30 {
		if _, err := b.findIn("document.activeElement", role, name); err == nil {
			if focused, _ := evaluate[bool](b, "document.activeElement !== document.body"); focused {
				return b
			}
		}
		b.types(kb.Tab)
	}
	b.t.Fatalf("the keyboard does not reach the %s %q on this page:\n%s", role, name, b.text())
	return nil
}

// cookies returns this profile's cookies for the authority.
func (b *tab) cookies() map[string]string {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.home}})
	if err != nil {
		b.t.Fatal(err)
	}
	values := make(map[string]string)
	for _, cookie := range got.Cookies {
		values[cookie.Name] = cookie.Value
	}
	return values
}

// opener is a program for $BROWSER that notes the address it is given.
func (h *home) opener(t *testing.T) (opened func() string) {
	t.Helper()
	note, script := filepath.Join(h.Dir, "opened"), filepath.Join(h.Dir, "browser")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '%s' \"$1\" > "+note+".new && mv "+note+".new "+note+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.Env = append(h.Env, "BROWSER="+script)
	return func() (address string) {
		t.Helper()
		eventually(t, "the program to open a browser", func() error {
			text, err := os.ReadFile(note)
			address = string(text)
			return err
		})
		if err := os.Remove(note); err != nil {
			t.Fatal(err)
		}
		return address
	}
}
