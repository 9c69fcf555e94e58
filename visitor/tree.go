package visitor

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
)

// node is an element of a page, or a piece of its text.
type node struct {
	tag      string // in lower case; "": text
	text     string
	attrs    []xml.Attr
	parent   *node
	children []*node
}

// parse reads a page as encoding/xml reads HTML: attributes need neither quotes nor values, and void elements no end. It is
// stricter than browsers are with tags in disorder, and has no table of named characters, whose set-up every start of the
// program would pay for. It returns what it could read, beside the error.
func parse(body []byte) (*node, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	decoder.Strict = false
	// Elements that have no end tag (HTML, section 13.1.2).
	decoder.AutoClose = append(slices.Clip(xml.HTMLAutoClose), "wbr", "source", "track", "embed")
	root := &node{tag: "#document"}
	for at := root; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return root, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			child := &node{tag: strings.ToLower(token.Name.Local), attrs: token.Attr, parent: at}
			at.children = append(at.children, child)
			at = child
		case xml.EndElement:
			at = at.parent
		case xml.CharData:
			at.children = append(at.children, &node{text: string(token), parent: at})
		}
	}
}

// below walks everything below n, in the order of the page's text.
func (n *node) below() iter.Seq[*node] {
	return func(yield func(*node) bool) { n.walk(yield) }
}

func (n *node) walk(yield func(*node) bool) bool {
	for _, child := range n.children {
		if !yield(child) || !child.walk(yield) {
			return false
		}
	}
	return true
}

// next is the element that follows n and has the same parent.
func (n *node) next() *node {
	siblings := n.parent.children
	for _, sibling := range siblings[slices.Index(siblings, n)+1:] {
		if sibling.tag != "" {
			return sibling
		}
	}
	return nil
}

// every walks all elements of the page, in the order of its text.
func (p *Page) every() iter.Seq[*node] {
	return func(yield func(*node) bool) {
		if p.root == nil {
			return
		}
		for n := range p.root.below() {
			if n.tag != "" && !yield(n) {
				return
			}
		}
	}
}

// elements walks those of one kind.
func (p *Page) elements(tag string) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for n := range p.every() {
			if n.tag == tag && !yield(n) {
				return
			}
		}
	}
}

// byID finds the element with this id.
func (p *Page) byID(id string) *node {
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
func attr(n *node, name string) string {
	value, _ := lookup(n, name)
	return value
}

// lookup tells an empty attribute from none.
func lookup(n *node, name string) (string, bool) {
	for _, a := range n.attrs {
		if a.Name.Space == "" && strings.EqualFold(a.Name.Local, name) {
			return a.Value, true
		}
	}
	return "", false
}

// seen reports whether neither the element nor anything around it is hidden from people. Style sheets are not read: what
// they hide from the eye, screen readers still say.
func seen(n *node) bool {
	for ; n != nil; n = n.parent {
		if unseen(n) {
			return false
		}
	}
	return true
}

// unseen reports whether an element hides itself and all that is in it.
func unseen(n *node) bool {
	switch n.tag {
	case "script", "style", "template", "head":
		return true
	}
	_, hidden := lookup(n, "hidden")
	return hidden || attr(n, "aria-hidden") == "true"
}

// content collects the text below n; all also takes what is hidden.
func content(n *node, all bool) string {
	return text(n, func(child *node) bool { return all || !unseen(child) })
}

// text collects what stands below n, but for the elements that keep refuses.
func text(n *node, keep func(*node) bool) string {
	var out strings.Builder
	var collect func(*node)
	collect = func(n *node) {
		switch {
		case n.tag == "":
			out.WriteString(n.text)
			return
		case !keep(n):
			return
		}
		// A block is a word of its own; <b>WDJB</b>-MJHT is one word.
		block := !inline(n.tag)
		if block {
			out.WriteByte(' ')
		}
		for _, child := range n.children {
			collect(child)
		}
		if block {
			out.WriteByte(' ')
		}
	}
	collect(n)
	return out.String()
}

// inline reports whether an element of this kind does not end a word.
func inline(tag string) bool {
	switch tag {
	case "a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "i", "kbd", "mark", "q", "s", "samp", "small", "span", "strong",
		"sub", "sup", "time", "u", "var", "wbr":
		return true
	}
	return false
}

// squeeze makes one line of text, as a browser lays it out.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }
