package visitor

import (
	"errors"
	"fmt"
	"net/url"
)

// What was wrong with a page, inside a *PageError.
var (
	// ErrRefused: the page is an error, by its status or by what it says in an alert.
	ErrRefused = errors.New("the page refused")
	// ErrMissing: the page lacks the field, button or link that a person would look for.
	ErrMissing = errors.New("the page lacks what a person would look for")
	// ErrNoPage: the answer is not HTML, or the site was left.
	ErrNoPage = errors.New("there is no page")
)

// maxSaid is how much of a page an error quotes, in characters.
const maxSaid = 300

// PageError says what was wrong with a page, and what the page said. It wraps ErrRefused, ErrMissing or ErrNoPage.
type PageError struct {
	URL     string // without its query, which may carry a code
	Status  int
	Problem string // "no button “Approve”"
	Said    string // the beginning of the page's text, or its alert
	Err     error
}

// Error quotes the page.
func (e *PageError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("visitor: %s (status %d): %s; the page is empty", e.URL, e.Status, e.Problem)
	}
	return fmt.Sprintf("visitor: %s (status %d): %s; the page says: %s", e.URL, e.Status, e.Problem, e.Said)
}

// Unwrap returns the kind of error.
func (e *PageError) Unwrap() error { return e.Err }

// fault makes the error of this page.
func (p *Page) fault(kind error, format string, args ...any) *PageError {
	said := p.Alert()
	if said == "" {
		said = p.Text()
	}
	if runes := []rune(said); len(runes) > maxSaid {
		said = string(runes[:maxSaid]) + "…"
	}
	return &PageError{
		URL: bare(p.URL), Status: p.Status, Problem: fmt.Sprintf(format, args...), Said: said, Err: kind,
	}
}

// bare is an address as an error may show it.
func bare(u *url.URL) string {
	short := *u
	short.RawQuery, short.Fragment, short.User = "", "", nil
	return short.String()
}
