package main

import (
	"context"
	"errors"
	"sync"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
	"github.com/doorward/doorward/visitor"
)

// visited is a flow whose pages a visitor walks as soon as they are shown. A page that cannot be walked ends the login.
type visited struct {
	flow    flow.Flow
	visitor *visitor.Visitor
	tell    func(format string, args ...any)
}

// Login runs the flow, and answers with what the visitor met where that ended it.
func (v *visited) Login(ctx context.Context, ui flow.UI) (cred.Credential, error) {
	ctx, end := context.WithCancelCause(ctx)
	g := &guide{UI: ui, visited: v, login: ctx, end: end}
	made, err := v.flow.Login(ctx, g)
	if err != nil {
		end(nil) // the visitor need not go on
	}
	g.walking.Wait()
	var page *visitor.PageError
	if cause := context.Cause(ctx); errors.As(cause, &page) || err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	end(nil)
	return made, err
}

// guide is the person's screen, with somebody behind it who acts on what it shows.
type guide struct {
	flow.UI
	visited *visited
	login   context.Context // of the whole login: OpenPage's own outlives it
	end     context.CancelCauseFunc
	walking sync.WaitGroup
}

// ShowCode shows the code, and has the visitor approve it.
func (g *guide) ShowCode(ctx context.Context, prompt flow.Prompt) error {
	if err := g.UI.ShowCode(ctx, prompt); err != nil {
		return err
	}
	if prompt.URIComplete == "" {
		return errors.New("the server gave no address with the code in it")
	}
	g.walk(func(ctx context.Context) (*visitor.Page, error) {
		return g.visited.visitor.ApproveDevice(ctx, prompt.URIComplete)
	})
	return nil
}

// OpenPage shows the address, and has the visitor sign in there and come back.
func (g *guide) OpenPage(ctx context.Context, url string) error {
	if err := g.UI.OpenPage(ctx, url); err != nil {
		return err
	}
	g.walk(func(ctx context.Context) (*visitor.Page, error) {
		back, err := g.visited.visitor.Authorize(ctx, url)
		if err != nil {
			return nil, err
		}
		return g.visited.visitor.Arrive(ctx, back)
	})
	return nil
}

// AskSecret asks nobody: there is no person.
func (g *guide) AskSecret(context.Context, string) (secret.String, error) {
	return secret.String{}, terminal.ErrNotATerminal
}

// walk visits beside the flow, which is waiting for the decision meanwhile.
func (g *guide) walk(visit func(context.Context) (*visitor.Page, error)) {
	g.walking.Go(func() {
		page, err := visit(g.login)
		if err != nil {
			g.end(err)
			return
		}
		g.visited.tell("  (The visitor's page says: %s)", terminal.Shorten(page.Heading(), 100))
	})
}
