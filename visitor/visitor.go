// Package visitor walks the authority's pages as a person would: it opens an address, reads what the page says, fills in
// fields by their labels and presses buttons by their names. The demo, tests and benchmarks use it in the place of a
// browser.
//
// It keeps to what a person can see. A field without a label or a page that was cut short in its middle is an error that
// quotes the page, so that whoever walks here has tried the pages themselves and not only the addresses behind them.
package visitor

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"

	"github.com/doorward/doorward/secret"
)

// Limits of one visit. The pages are a few kilobytes; whatever is beyond these is a fault and not a page.
const (
	maxPage      = 1 << 20
	maxRedirects = 10
)

// Visitor is one browser with its cookies, and the person before it. Base is needed. Its methods may be called by several
// goroutines; a Page belongs to one.
type Visitor struct {
	Base string       // the authority's address: https://id.example; addresses elsewhere are not walked into
	HTTP *http.Client // nil: one of its own. Where it has no cookie jar, the visitor brings one.

	// Name and Password are what the person enters where a page asks them to sign in; SignIn sets both.
	Name     string
	Password secret.String
	// OneTime reads the person's authenticator where a page asks for a one-time code; nil: there is none.
	OneTime func() (string, error)
	// Agent is the User-Agent; "": that of the visitor.
	Agent string

	once   sync.Once
	client http.Client
}

// Open visits an address, which may be a path below Base, and follows redirects within Base. A redirect that leads elsewhere
// is not followed: the Page is then Away. It fails with a *PageError where the page is an error or no page at all, and as
// the HTTP client does.
func (v *Visitor) Open(ctx context.Context, address string) (*Page, error) {
	base, err := url.Parse(v.Base)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("visitor: Base %q is no address", v.Base)
	}
	target, err := base.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("visitor: open %q: %w", address, err)
	}
	return v.walk(ctx, request{method: http.MethodGet, target: target, home: base})
}

// Arrive visits the address at which a login ended: the loopback callback of a program on this machine. It refuses all other
// hosts, which would be handed a code that is not theirs.
func (v *Visitor) Arrive(ctx context.Context, address string) (*Page, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("visitor: arrive at %q: %w", address, err)
	}
	switch target.Hostname() {
	case "127.0.0.1", "::1", "localhost":
	default:
		return nil, fmt.Errorf("visitor: %s is not on this machine; the login's answer was not taken there", target.Host)
	}
	return v.walk(ctx, request{method: http.MethodGet, target: target, home: target})
}

// request is one navigation. home is the site that it must not leave.
type request struct {
	method string
	target *url.URL
	home   *url.URL
	form   url.Values // of a POST
	within bool       // it comes from a page of the same site, and not from the address bar
}

// walk navigates until there is a page, or a redirect that leaves the site.
func (v *Visitor) walk(ctx context.Context, req request) (*Page, error) {
	for range maxRedirects {
		if !sameOrigin(req.target, req.home) {
			return &Page{URL: req.target, Away: true, visitor: v, home: req.home}, nil
		}
		page, next, err := v.step(ctx, req)
		if err != nil {
			return page, err
		}
		if next == nil {
			return page, nil
		}
		req = *next
	}
	return nil, fmt.Errorf("visitor: %s redirects in a circle", req.target.Redacted())
}

// step sends one request. It returns the page or, where the answer leads on, the next request.
func (v *Visitor) step(ctx context.Context, req request) (*Page, *request, error) {
	response, err := v.send(ctx, req)
	if err != nil {
		return nil, nil, fmt.Errorf("visitor: %w", err)
	}
	defer response.Body.Close()
	if location := response.Header.Get("Location"); response.StatusCode/100 == 3 && location != "" {
		next, err := req.redirected(response.StatusCode, location)
		return nil, next, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return nil, nil, fmt.Errorf("visitor: read %s: %w", req.target.Redacted(), err)
	}
	page, err := v.read(req, response, body)
	if err != nil {
		return page, nil, err
	}
	if onward := page.refresh(); onward != "" {
		next, err := req.redirected(http.StatusSeeOther, onward)
		return page, next, err
	}
	return page, nil, nil
}

// redirected is the request that a browser makes of an answer's Location (RFC 9110 section 15.4).
func (r request) redirected(status int, location string) (*request, error) {
	target, err := r.target.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("visitor: %s redirects to no address: %w", r.target.Redacted(), err)
	}
	next := r
	next.target = target
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		next.method, next.form = http.MethodGet, nil
	}
	return &next, nil
}

// send makes the request with the headers of a browser, so that the server's cross-origin protection has to let it in for
// the same reasons as a person's.
func (v *Visitor) send(ctx context.Context, req request) (*http.Response, error) {
	var body io.Reader
	if req.method == http.MethodPost {
		body = strings.NewReader(req.form.Encode())
	}
	out, err := http.NewRequestWithContext(ctx, req.method, req.target.String(), body)
	if err != nil {
		return nil, err
	}
	maps.Copy(out.Header, http.Header{
		"User-Agent":     {v.agent()},
		"Accept":         {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"},
		"Sec-Fetch-Mode": {"navigate"},
		"Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Site": {"none"},
	})
	if req.within {
		out.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if req.method == http.MethodPost {
		out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		out.Header.Set("Origin", req.home.Scheme+"://"+req.home.Host)
	}
	return v.browser().Do(out)
}

// agent begins as all browsers do, for servers that look at that.
func (v *Visitor) agent() string {
	if v.Agent == "" {
		return "Mozilla/5.0 (doorward visitor)"
	}
	return v.Agent
}

// browser is the HTTP client with a jar, and without a will of its own about redirects.
func (v *Visitor) browser() *http.Client {
	v.once.Do(func() {
		if v.HTTP != nil {
			v.client = *v.HTTP
		}
		if v.client.Jar == nil {
			v.client.Jar, _ = cookiejar.New(nil) // it fails never: there is nothing to configure
		}
		v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	})
	return &v.client
}

// sameOrigin compares as browsers do (RFC 6454 section 5); a port that goes without saying is not written by our servers.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}
