package load

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// decision is the form of a page that is sent by the button of this name.
type decision struct {
	action string
	values url.Values
}

// findDecision looks for the form with the button. It reads the page as a stream: building a tree, as a browser does, would
// cost the generator more than the page cost the server.
func findDecision(page []byte, button string) (found decision, ok bool) {
	var form decision     // the one that is open
	var pressed [2]string // name and value of the button that is open
	var label strings.Builder
	inButton := false
	for reader := html.NewTokenizer(bytes.NewReader(page)); ; {
		kind := reader.Next()
		switch kind {
		case html.ErrorToken:
			return decision{}, false
		case html.TextToken:
			if inButton {
				label.Write(reader.Text())
			}
			continue
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
		default:
			continue
		}
		raw, _ := reader.TagName()
		tag := string(raw)
		if kind == html.EndTagToken {
			if tag == "button" && inButton && strings.TrimSpace(label.String()) == button && form.values != nil {
				form.add(pressed[0], pressed[1])
				return form, true
			}
			inButton = inButton && tag != "button"
			if tag == "form" {
				form = decision{}
			}
			continue
		}
		switch attributes := attributesOf(reader); tag {
		case "form":
			form = decision{action: attributes["action"], values: url.Values{}}
		case "input":
			if attributes["type"] == "hidden" && form.values != nil {
				form.add(attributes["name"], attributes["value"])
			}
		case "button":
			inButton, pressed = true, [2]string{attributes["name"], attributes["value"]}
			label.Reset()
		}
	}
}

func (d *decision) add(name, value string) {
	if name != "" {
		d.values.Add(name, value)
	}
}

func attributesOf(reader *html.Tokenizer) map[string]string {
	attributes := map[string]string{}
	for more := true; more; {
		var name, value []byte
		if name, value, more = reader.TagAttr(); len(name) > 0 {
			attributes[string(name)] = string(value)
		}
	}
	return attributes
}
