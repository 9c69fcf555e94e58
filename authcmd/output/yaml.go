package output

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// YAML is written by hand: what is shown are small objects of JSON's own types, and a library for all of YAML would cost
// every start of a program more than it takes to read a token and print it.

// members is an object with its members in their order, which a map would lose.
type members []member

type member struct {
	name  string
	value any
}

// toYAML writes one JSON value as a block of YAML.
func toYAML(source io.Reader) ([]byte, error) {
	decoder := json.NewDecoder(source)
	decoder.UseNumber() // a number is written as it came: JSON's are YAML's (YAML 1.2 section 10.2.1.4)
	value, err := ordered(decoder)
	if err != nil {
		return nil, err
	}
	return appendBlock(nil, value, ""), nil
}

// ordered reads one JSON value.
func ordered(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return list(d)
	case json.Delim('{'):
		return object(d)
	}
	return token, nil // a string, a number, a bool, nil
}

func list(d *json.Decoder) (any, error) {
	values := []any{}
	for d.More() {
		value, err := ordered(d)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	_, err := d.Token()
	return values, err
}

func object(d *json.Decoder) (any, error) {
	all := members{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := ordered(d)
		if err != nil {
			return nil, err
		}
		text, _ := name.(string) // the decoder takes nothing else for a name
		all = append(all, member{text, value})
	}
	_, err := d.Token()
	return all, err
}

// appendBlock writes a value whose first line has its indentation already; every line of it ends.
func appendBlock(b []byte, value any, indent string) []byte {
	switch value := value.(type) {
	case members:
		for i, m := range value {
			if i > 0 {
				b = append(b, indent...)
			}
			b = append(appendText(b, m.name), ':')
			b = appendMember(b, m.value, indent)
		}
		if len(value) > 0 {
			return b
		}
		return append(b, "{}\n"...)
	case []any:
		for i, item := range value {
			if i > 0 {
				b = append(b, indent...)
			}
			b = appendBlock(append(b, "- "...), item, indent+"  ")
		}
		if len(value) > 0 {
			return b
		}
		return append(b, "[]\n"...)
	}
	return append(appendScalar(b, value), '\n')
}

// appendMember writes what stands behind a name: objects and lists on lines of their own, the items of a list no deeper than
// the name.
func appendMember(b []byte, value any, indent string) []byte {
	nested := false
	switch value := value.(type) {
	case members:
		if nested = len(value) > 0; nested {
			indent += "  "
		}
	case []any:
		nested = len(value) > 0
	}
	if nested {
		return appendBlock(append(append(b, '\n'), indent...), value, indent)
	}
	return appendBlock(append(b, ' '), value, indent)
}

func appendScalar(b []byte, value any) []byte {
	switch value := value.(type) {
	case string:
		return appendText(b, value)
	case json.Number:
		return append(b, value...)
	case bool:
		if value {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	}
	return append(b, "null"...)
}

// appendText writes a text as it is where no reader could take it for anything else, and else in double quotes as JSON does,
// which is YAML too (YAML 1.2 section 1.2).
func appendText(b []byte, text string) []byte {
	if plain(text) {
		return append(b, text...)
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text that came from JSON goes back into it
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// plain reports whether text begins with a letter, is made of what no reader of YAML takes for a sign, and is no word that
// stands for something else (YAML 1.1's yes and no are still read by many).
func plain(text string) bool {
	for i, r := range text {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789 ._/@+-", r)) {
			return false
		}
	}
	switch strings.ToLower(text) {
	case "", "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return !strings.HasSuffix(text, " ")
}
