package visitor

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Page is what the visitor sees.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	// Away: the site sent the visitor to URL, on another site; nothing was asked of that one, and there is nothing to read.
	Away bool

	visitor *Visitor
	home    *url.URL
	root    *node
	typed   map[*node]string // what was entered into fields
}

// Fact is one line of a page's table of facts.
type Fact struct{ Name, Value string }

// read makes a Page of an answer, and an error where it is no page or an error itself.
func (v *Visitor) read(req request, response *http.Response, body []byte) (*Page, error) {
	page := &Page{
		URL: req.target, Status: response.StatusCode, Header: response.Header,
		visitor: v, home: req.home, typed: make(map[*node]string),
	}
	var err error
	page.root, err = parse(body)
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode >= http.StatusBadRequest:
		return page, page.fault(ErrRefused, "it is an error")
	case kind != "text/html":
		return page, page.fault(ErrNoPage, "it is %q and not HTML", kind)
	case !bytes.Contains(bytes.ToLower(body), []byte("</html>")):
		// HTML lets a page leave its last tag out; ours do not, and a template that fails half-way does.
		return page, page.fault(ErrNoPage, "it was cut short")
	case err != nil:
		return page, page.fault(ErrNoPage, "its HTML cannot be read: %v", err)
	}
	return page, nil
}

// Title returns what the browser's tab shows.
func (p *Page) Title() string {
	for n := range p.elements("title") {
		return squeeze(content(n, true))
	}
	return ""
}

// Heading returns the page's first heading of the first rank.
func (p *Page) Heading() string {
	for n := range p.elements("h1") {
		return squeeze(content(n, false))
	}
	return ""
}

// Text returns everything that can be read on the page, on one line.
func (p *Page) Text() string {
	if p.root == nil {
		return ""
	}
	return squeeze(content(p.root, false))
}

// Says reports whether the text can be read on the page, however it is broken into lines.
func (p *Page) Says(text string) bool {
	return strings.Contains(p.Text(), squeeze(text))
}

// Alert returns what a screen reader would speak at once (role="alert"): the page's refusal, or "".
func (p *Page) Alert() string {
	for n := range p.every() {
		if attr(n, "role") == "alert" && seen(n) {
			if said := squeeze(content(n, false)); said != "" {
				return said
			}
		}
	}
	return ""
}

// Facts returns the page's tables of facts in their order: <dt> with <dd>, and rows of <th> with <td>.
func (p *Page) Facts() []Fact {
	var facts []Fact
	for n := range p.every() {
		if (n.tag != "dt" && n.tag != "th") || !seen(n) {
			continue
		}
		// A name that another name follows has no value.
		if next := n.next(); next != nil && (next.tag == "dd" || next.tag == "td") {
			facts = append(facts, Fact{squeeze(content(n, false)), squeeze(content(next, false))})
		}
	}
	return facts
}

// Fact returns the value of the named fact, or "".
func (p *Page) Fact(name string) string {
	for _, fact := range p.Facts() {
		if strings.EqualFold(fact.Name, name) {
			return fact.Value
		}
	}
	return ""
}

// refresh returns where the page leads by itself (meta refresh), or "".
func (p *Page) refresh() string {
	for n := range p.elements("meta") {
		if !strings.EqualFold(attr(n, "http-equiv"), "refresh") {
			continue
		}
		_, to, ok := strings.Cut(attr(n, "content"), ";")
		to = strings.TrimSpace(to)
		if ok && len(to) > 4 && strings.EqualFold(to[:4], "url=") {
			return strings.Trim(to[4:], ` '"`)
		}
	}
	return ""
}
