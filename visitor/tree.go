package visitor

import (
	"iter"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// every walks all elements of the page, in the order of its text.
func (p *Page) every() iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		if p.root == nil {
			return
		}
		for n := range p.root.Descendants() {
			if n.Type == html.ElementNode && !yield(n) {
				return
			}
		}
	}
}

// elements walks those of one kind.
func (p *Page) elements(kind atom.Atom) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		for n := range p.every() {
			if n.DataAtom == kind && !yield(n) {
				return
			}
		}
	}
}

// byID finds the element with this id.
func (p *Page) byID(id string) *html.Node {
	if id == "" {
		return nil
	}
	for n := range p.every() {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

// attr returns an attribute's value, "" where there is none.
func attr(n *html.Node, name string) string {
	value, _ := lookup(n, name)
	return value
}

// lookup tells an empty attribute from none.
func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// seen reports whether neither the element nor anything around it is hidden from people. Style sheets are not read: what
// they hide from the eye, screen readers still say.
func seen(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Type == html.ElementNode && unseen(n) {
			return false
		}
	}
	return true
}

// unseen reports whether an element hides itself and all that is in it.
func unseen(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Template, atom.Head:
		return true
	}
	_, hidden := lookup(n, "hidden")
	return hidden || attr(n, "aria-hidden") == "true"
}

// content collects the text below n; all also takes what is hidden.
func content(n *html.Node, all bool) string {
	return text(n, func(child *html.Node) bool { return all || !unseen(child) })
}

// text collects what stands below n, but for the elements that keep refuses.
func text(n *html.Node, keep func(*html.Node) bool) string {
	var out strings.Builder
	var collect func(*html.Node)
	collect = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			out.WriteString(n.Data)
			return
		case n.Type == html.ElementNode && !keep(n):
			return
		}
		// A block is a word of its own; <b>WDJB</b>-MJHT is one word.
		block := n.Type == html.ElementNode && !inline[n.DataAtom]
		if block {
			out.WriteByte(' ')
		}
		for child := range n.ChildNodes() {
			collect(child)
		}
		if block {
			out.WriteByte(' ')
		}
	}
	collect(n)
	return out.String()
}

// inline are the elements that do not end a word.
var inline = map[atom.Atom]bool{
	atom.A: true, atom.Abbr: true, atom.B: true, atom.Bdi: true, atom.Bdo: true, atom.Cite: true, atom.Code: true,
	atom.Em: true, atom.I: true, atom.Kbd: true, atom.Mark: true, atom.Q: true, atom.S: true, atom.Samp: true,
	atom.Small: true, atom.Span: true, atom.Strong: true, atom.Sub: true, atom.Sup: true, atom.Time: true, atom.U: true,
	atom.Var: true, atom.Wbr: true,
}

// squeeze makes one line of text, as a browser lays it out.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }
