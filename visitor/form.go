package visitor

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// HasField reports whether a person finds a field of this label.
func (p *Page) HasField(label string) bool { return p.field(label) != nil }

// HasButton reports whether a person finds a button of this name that can be pressed.
func (p *Page) HasButton(name string) bool { return len(p.buttons(name)) > 0 }

// Value returns what stands in the field.
func (p *Page) Value(label string) string {
	field := p.field(label)
	if field == nil {
		return ""
	}
	value, _ := p.entered(field)
	return value
}

// Fill enters a value into the field of this label: its accessible name, spaces and a colon at the end aside. A checkbox is
// ticked with "on" and cleared with "". It fails with ErrMissing.
func (p *Page) Fill(label, value string) error {
	field := p.field(label)
	if field == nil {
		return p.fault(ErrMissing, "no field “%s”", label)
	}
	p.typed[field] = value
	return nil
}

// Press presses the button and returns the page that follows. It fails with ErrMissing where there is no such button, where
// there are several (see PressIn), and where a required field of its form is empty; then as Open does.
func (p *Page) Press(ctx context.Context, button string) (*Page, error) {
	found := p.buttons(button)
	switch len(found) {
	case 0:
		return nil, p.fault(ErrMissing, "no button “%s”", button)
	case 1:
		return p.submit(ctx, found[0])
	}
	return nil, p.fault(ErrMissing, "%d buttons “%s”, and nothing tells which", len(found), button)
}

// PressIn presses the button that stands in the list item, table row or section with this text in it: `Revoke` in the row of
// one machine. It fails as Press does.
func (p *Page) PressIn(ctx context.Context, text, button string) (*Page, error) {
	for _, candidate := range p.buttons(button) {
		if row := around(candidate); row != nil && strings.Contains(squeeze(content(row, false)), squeeze(text)) {
			return p.submit(ctx, candidate)
		}
	}
	return nil, p.fault(ErrMissing, "no button “%s” beside “%s”", button, text)
}

// Follow follows the link of this name and returns the page that it leads to. It fails with ErrMissing; then as Open does.
func (p *Page) Follow(ctx context.Context, link string) (*Page, error) {
	for n := range p.elements("a") {
		if href, ok := lookup(n, "href"); ok && seen(n) && p.name(n) == squeeze(link) {
			target, err := p.URL.Parse(href)
			if err != nil {
				return nil, p.fault(ErrMissing, "the link “%s” leads nowhere", link)
			}
			return p.visitor.walk(ctx, request{method: http.MethodGet, target: target, home: p.home, within: true})
		}
	}
	return nil, p.fault(ErrMissing, "no link “%s”", link)
}

// around is the smallest part of the page that people read as one thing.
func around(n *node) *node {
	for n = n.parent; n != nil; n = n.parent {
		switch n.tag {
		case "li", "tr", "article", "section", "fieldset":
			return n
		}
	}
	return nil
}

// field finds a control by its accessible name.
func (p *Page) field(label string) *node {
	want := strings.TrimSuffix(squeeze(label), ":")
	for n := range p.every() {
		if isField(n) && seen(n) && strings.TrimSuffix(p.name(n), ":") == want {
			return n
		}
	}
	return nil
}

// isField reports whether people enter something there.
func isField(n *node) bool {
	switch n.tag {
	case "textarea", "select":
		return true
	case "input":
		switch attr(n, "type") {
		case "hidden", "submit", "button", "image", "reset":
			return false
		}
		return true
	}
	return false
}

// buttons finds what submits a form under this name.
func (p *Page) buttons(name string) []*node {
	var found []*node
	for n := range p.every() {
		if isButton(n) && seen(n) && !disabled(n) && p.name(n) == squeeze(name) {
			found = append(found, n)
		}
	}
	return found
}

// isButton reports whether it submits: a button without a type does, and one of type button or reset does not.
func isButton(n *node) bool {
	kind := attr(n, "type")
	return n.tag == "button" && kind != "button" && kind != "reset" || n.tag == "input" && kind == "submit"
}

// name is the accessible name of an element (the parts of W3C accname 1.2 that plain pages need).
func (p *Page) name(n *node) string {
	var parts []string
	for id := range strings.FieldsSeq(attr(n, "aria-labelledby")) {
		if other := p.byID(id); other != nil {
			parts = append(parts, content(other, true))
		}
	}
	if len(parts) > 0 {
		return squeeze(strings.Join(parts, " "))
	}
	if label := squeeze(attr(n, "aria-label")); label != "" {
		return label
	}
	if n.tag == "button" || n.tag == "a" {
		return squeeze(content(n, false))
	}
	if n.tag == "input" && attr(n, "type") == "submit" {
		return squeeze(attr(n, "value"))
	}
	return p.label(n)
}

// label is the text of the field's <label>: the one that names its id, or the one around it.
func (p *Page) label(n *node) string {
	if id := attr(n, "id"); id != "" {
		for l := range p.elements("label") {
			if attr(l, "for") == id {
				return labelText(l)
			}
		}
	}
	for up := n.parent; up != nil; up = up.parent {
		if up.tag == "label" {
			return labelText(up)
		}
	}
	return ""
}

// labelText leaves out the control that may stand inside its label: a list's options are not its name.
func labelText(label *node) string {
	return squeeze(text(label, func(n *node) bool { return !unseen(n) && !isField(n) }))
}

// submit sends the form of a button as browsers do (HTML, section 4.10.21).
func (p *Page) submit(ctx context.Context, button *node) (*Page, error) {
	form := p.formOf(button)
	if form == nil {
		return nil, p.fault(ErrMissing, "the button “%s” belongs to no form", p.name(button))
	}
	values, err := p.values(form, button)
	if err != nil {
		return nil, err
	}
	action := first(attr(button, "formaction"), attr(form, "action"))
	target, err := p.URL.Parse(action)
	if err != nil {
		return nil, p.fault(ErrMissing, "the form leads to no address: %q", action)
	}
	if action == "" {
		target.Fragment = ""
	}
	req := request{method: http.MethodGet, target: target, home: p.home, within: true}
	if strings.EqualFold(first(attr(button, "formmethod"), attr(form, "method")), "post") {
		req.method, req.form = http.MethodPost, values
	} else {
		target.RawQuery = values.Encode()
	}
	return p.visitor.walk(ctx, req)
}

// formOf is the form that a control belongs to.
func (p *Page) formOf(n *node) *node {
	if id, ok := lookup(n, "form"); ok {
		return p.byID(id)
	}
	for up := n.parent; up != nil; up = up.parent {
		if up.tag == "form" {
			return up
		}
	}
	return nil
}

// values collects what the form sends.
func (p *Page) values(form, button *node) (url.Values, error) {
	values := make(url.Values)
	for n := range p.every() {
		hidden := n.tag == "input" && attr(n, "type") == "hidden"
		if !isField(n) && !hidden && n != button || disabled(n) || p.formOf(n) != form {
			continue
		}
		value, sent := p.entered(n)
		if _, required := lookup(n, "required"); required && value == "" {
			return nil, p.fault(ErrMissing, "the field “%s” was left empty", p.name(n))
		}
		if name := attr(n, "name"); name != "" && (sent || n == button) {
			values.Add(name, value)
		}
	}
	return values, nil
}

// entered is a control's value: what was typed, else what the page put there; sent is false for an unticked box.
func (p *Page) entered(n *node) (value string, sent bool) {
	kind := attr(n, "type")
	typed, changed := p.typed[n]
	switch {
	case n.tag == "input" && (kind == "checkbox" || kind == "radio"):
		_, ticked := lookup(n, "checked")
		if changed {
			ticked = typed != ""
		}
		if !ticked {
			return "", false
		}
		return first(attr(n, "value"), "on"), true
	case changed:
		return typed, true
	case n.tag == "textarea":
		return strings.TrimPrefix(raw(n), "\n"), true
	case n.tag == "select":
		return chosen(n), true
	}
	return attr(n, "value"), true
}

// raw is a text area's text, spaces and all.
func raw(n *node) string {
	var out strings.Builder
	for _, child := range n.children {
		out.WriteString(child.text)
	}
	return out.String()
}

// chosen is the selected option of a list, or its first.
func chosen(list *node) string {
	value, found := "", false
	for n := range list.below() {
		if n.tag != "option" {
			continue
		}
		_, selected := lookup(n, "selected")
		if selected || !found {
			text, given := lookup(n, "value")
			if !given {
				text = squeeze(content(n, true))
			}
			value, found = text, true
		}
		if selected {
			break
		}
	}
	return value
}

// disabled reports whether the control, or the fieldset around it, is switched off.
func disabled(n *node) bool {
	for ; n != nil; n = n.parent {
		if _, off := lookup(n, "disabled"); off {
			return true
		}
	}
	return false
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
