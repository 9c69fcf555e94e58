package authtest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// UI is a flow.UI with a person behind it who acts at once: who opens the page that is shown, signs in there on the real
// pages and approves. What goes wrong on a page ends the login with an error that quotes it.
type UI struct {
	Visitor *visitor.Visitor
	Deny    bool          // the person denies instead
	Secret  secret.String // the answer to AskSecret; empty: it fails

	mu      sync.Mutex
	prompts []flow.Prompt
	pages   []string
}

// UI returns one for the authority's first person.
func (a *Authority) UI() *UI { return &UI{Visitor: a.Visitor()} }

// Prompts returns what ShowCode was asked to show, in its order.
func (u *UI) Prompts() []flow.Prompt {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.prompts)
}

// Pages returns what OpenPage was asked to open, in its order.
func (u *UI) Pages() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.pages)
}

// ShowCode decides the device login. It returns when that is done: the first poll finds the decision.
func (u *UI) ShowCode(ctx context.Context, prompt flow.Prompt) error {
	u.mu.Lock()
	u.prompts = append(u.prompts, prompt)
	u.mu.Unlock()
	decide := u.Visitor.ApproveDevice
	if u.Deny {
		decide = u.Visitor.DenyDevice
	}
	if prompt.URIComplete == "" {
		return errors.New("authtest: the prompt has no address with the code in it")
	}
	_, err := decide(ctx, prompt.URIComplete)
	return err
}

// OpenPage walks a login in the browser to its end: the program's own callback.
func (u *UI) OpenPage(ctx context.Context, url string) error {
	u.mu.Lock()
	u.pages = append(u.pages, url)
	u.mu.Unlock()
	walk := u.Visitor.Authorize
	if u.Deny {
		walk = u.Visitor.Refuse
	}
	back, err := walk(ctx, url)
	if err != nil {
		return err
	}
	_, err = u.Visitor.Arrive(ctx, back)
	if u.Deny && errors.Is(err, visitor.ErrRefused) {
		return nil // the program's page says that it was refused, as it should
	}
	return err
}

// AskSecret answers with Secret.
func (u *UI) AskSecret(context.Context, string) (secret.String, error) {
	if u.Secret.IsZero() {
		return secret.String{}, errors.New("authtest: a secret was asked for and the test has none; set UI.Secret")
	}
	return u.Secret, nil
}
