package script

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/visitor"
)

// Act is what a person does with the link of a login. The usual ones, by the WHAT of `visit WHAT …`: approve and deny, on the
// real pages; interrupt, which is Ctrl-C at the program; expire, which lets the time of a code pass (behind a Wire); and nobody.
type Act func(ctx context.Context, v *Visit) error

// Visit is a login with a person beside it. The link is kept in the file link, and what the browser showed at the end in the
// file page.
type Visit struct {
	*visitor.Visitor
	What, Link string
	Process    *os.Process // the program

	stage *Stage
	page  string
}

// FirstLink is the first web address in a text, or "".
func FirstLink(text string) string { return regexp.MustCompile(`https?://\S+`).FindString(text) }

// visit is the command of that name.
func (s *Stage) visit(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: visit WHAT [CODE] [out] COMMAND…")
	}
	want, command := expected(ts, neg, args[1:])
	if args[0] == "expire" && s.Wire != nil {
		s.Wire.Hold() // or a poll could wait at the authority already when the time is over
		defer s.Wire.Release()
	}
	v := &Visit{What: args[0], Visitor: s.Authority.VisitorOf(s.Person), stage: s}
	find := s.Link
	if find == nil {
		find = FirstLink
	}
	text, code := s.Run(ts, command, func(ctx context.Context, printed string, running *os.Process) {
		if v.Link != "" {
			return
		}
		if v.Link = find(printed); v.Link != "" {
			v.Process = running
			ts.Check(os.WriteFile(ts.MkAbs("link"), []byte(v.Link+"\n"), 0o600))
			ts.Check(v.act(ctx))
			ts.Check(os.WriteFile(ts.MkAbs("page"), []byte(v.page+"\n"), 0o600))
		}
	})
	if v.Link == "" {
		ts.Fatalf("there was no link to open:\n%s", text)
	}
	keep(ts, text, code, want)
}

// act does what the script wants of the person.
func (v *Visit) act(ctx context.Context) error {
	if act := v.stage.Acts[v.What]; act != nil {
		return act(ctx, v)
	}
	switch {
	case v.What == "approve", v.What == "deny":
		return v.decide(ctx)
	case v.What == "interrupt":
		return v.Process.Signal(os.Interrupt)
	case v.What == "nobody":
		return nil
	case v.What == "expire" && v.stage.Wire != nil:
		v.stage.Authority.Advance(11 * time.Minute)
		v.stage.Wire.Release()
		return nil
	}
	return fmt.Errorf("nobody knows how to %s", v.What)
}

// decide decides on the page of a code, or on that of a login in this machine's browser.
func (v *Visit) decide(ctx context.Context) error {
	device, leave := v.ApproveDevice, v.Authorize
	if v.What == "deny" {
		device, leave = v.DenyDevice, v.Refuse
	}
	if !strings.Contains(v.Link, "/authorize?") {
		return v.Saw(device(ctx, v.Link))
	}
	back, err := leave(ctx, v.Link)
	if err != nil {
		return err
	}
	err = v.Saw(v.Arrive(ctx, back))
	if v.What == "deny" && errors.Is(err, visitor.ErrRefused) {
		v.page, err = err.Error(), nil // the program's page says that it was refused, as it should, and the error quotes it
	}
	return err
}

// Saw notes the page that the person saw in the end.
func (v *Visit) Saw(page *visitor.Page, err error) error {
	if err == nil {
		v.page = page.Text()
	}
	return err
}
