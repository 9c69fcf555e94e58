package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/visitor"
)

// house is an authority, the identity provider of its operators, and a wire before the first that can change what passes.
type house struct {
	auth, upstream *authtest.Authority
	rooms          server.Rooms
	wire           *script.Wire

	edit  sync.Map    // numbers to replace in the answers to device-code, by their names
	short atomic.Bool // polls are answered at once
}

func john() authtest.Person { return authtest.Person{Username: seed.John, Password: seed.JohnPassword} }

func start(t *testing.T) *house {
	h := &house{wire: script.NewWire()}
	somebody := []authtest.Person{{Username: "somebody"}}
	h.upstream = authtest.With(t, authtest.Options{People: somebody, More: *seed.Upstream(h.wire.URL)})
	more := seed.Dev("")
	seed.Federate(more, h.upstream.Issuer)
	more.Bindings[1].ACR = []string{"urn:example:never"} // what the provider cannot say
	h.wire.Ask = func(r *http.Request) {
		if h.short.Load() {
			r.Header.Del("Prefer")
		}
	}
	h.wire.Answer = h.answer
	h.auth = h.wire.Lead(t, authtest.Options{People: somebody, More: *more, Contracts: append(contracts.All(), script.Look(&h.rooms))})
	return h
}

// answer changes numbers in the answer to device-code.
func (h *house) answer(r *http.Response) error {
	if r.Request.URL.Path != "/v1/auth/device-code" {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	body = regexp.MustCompile(`"(expires_in|interval)":\d+`).ReplaceAllFunc(body, func(member []byte) []byte {
		name := strings.Trim(strings.Split(string(member), ":")[0], `"`)
		if value, there := h.edit.Load(name); there {
			return fmt.Appendf(nil, `"%s":%s`, name, value)
		}
		return member
	})
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}

// arrive is the page at an address of the authority for an operator who has been sent to the provider and does there what leave
// does.
func (h *house) arrive(ctx context.Context, address string, leave func(*visitor.Visitor, context.Context, string) (string, error)) (*visitor.Page, error) {
	here, there := h.auth.VisitorOf(john()), h.upstream.VisitorOf(john())
	page, err := here.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	if !page.Away || !strings.HasPrefix(page.URL.String(), h.upstream.Issuer+"/authorize?") {
		return nil, fmt.Errorf("PLX-16: the page does not send the operator to the provider but to %s", page.URL)
	}
	back, err := leave(there, ctx, page.URL.String())
	if err != nil {
		return nil, err
	}
	return here.Open(ctx, back)
}

// approve is what an operator does who signs in at the provider and approves here.
func (h *house) approve(ctx context.Context, v *script.Visit) error {
	return h.press(ctx, v, visitor.ButtonApprove)
}

// deny is that of one who signs in there and denies here.
func (h *house) deny(ctx context.Context, v *script.Visit) error {
	return h.press(ctx, v, visitor.ButtonDeny)
}

func (h *house) press(ctx context.Context, v *script.Visit, button string) error {
	page, err := h.arrive(ctx, v.Link, (*visitor.Visitor).Authorize)
	if err != nil {
		return err
	}
	_, code, _ := strings.Cut(v.Link, "user_code=")
	if _, err := h.rooms.Authority.Devices.Lookup(ctx, code, login.Guesser{PersonID: "x"}); err != nil {
		return fmt.Errorf("PLX-16: the login was decided before anybody pressed %s: %w", button, err)
	}
	return v.Saw(page.Press(ctx, button))
}

// refuse is that of one who refuses at the provider: the page here says so.
func (h *house) refuse(ctx context.Context, v *script.Visit) error {
	return refused(h.arrive(ctx, v.Link, (*visitor.Visitor).Refuse))
}

// unmet is that of one whose sign-in there is not what the binding asks for.
func (h *house) unmet(ctx context.Context, v *script.Visit) error {
	return refused(h.arrive(ctx, v.Link, (*visitor.Visitor).Authorize))
}

// refused wants a page that is an error.
func refused(page *visitor.Page, err error) error {
	if err == nil {
		return fmt.Errorf("the page does not refuse but reads: %s", page.Text())
	}
	if errors.Is(err, visitor.ErrRefused) {
		return nil
	}
	return err
}

// expire lets nobody come while the login's time passes.
func (h *house) expire(context.Context, *script.Visit) error {
	h.auth.Advance(11 * time.Minute)
	return nil
}

// advance moves the clocks of both: `server advance DURATION`.
func (h *house) advance(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	h.auth.Advance(by)
	h.upstream.Advance(by)
}

// polls is `server polls short`: nobody is made to wait.
func (h *house) polls(*testscript.TestScript, bool, []string) { h.short.Store(true) }

// says changes a number in the answers to device-code from now on: `server says NAME VALUE`.
func (h *house) says(_ *testscript.TestScript, _ bool, args []string) { h.edit.Store(args[0], args[1]) }
