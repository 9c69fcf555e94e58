// Package output writes results as text, JSON or YAML. It is the one place that knows YAML.
package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
)

// Format is the form of results and errors. It is a flag value (pflag.Value): anything but text, json and yaml is
// refused. The zero value is Text.
type Format string

// The forms of output.
const (
	Text Format = "text"
	JSON Format = "json"
	YAML Format = "yaml"
)

// String returns the form's name.
func (f *Format) String() string {
	if *f == "" {
		return string(Text)
	}
	return string(*f)
}

// Set takes text, json or yaml.
func (f *Format) Set(name string) error {
	switch Format(name) {
	case Text, JSON, YAML:
		*f = Format(name)
		return nil
	}
	return errors.New("must be text, json or yaml")
}

// Type names the values in the help.
func (f *Format) Type() string { return "text|json|yaml" }

// Structured reports whether a program reads the output.
func (f Format) Structured() bool { return f == JSON || f == YAML }

// Encode writes an object; as Text it is JSON. The names and the order are those of its JSON, in YAML too, so that there is one shape.
func (f Format) Encode(object any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return nil, err
	}
	if f != YAML {
		return buf.Bytes(), nil
	}
	decoder := json.NewDecoder(&buf)
	decoder.UseNumber()
	value, err := ordered(decoder)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(value)
}

// ordered reads one JSON value with the members of objects in their order, which a map would lose.
func ordered(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return number(token), nil
	case json.Delim:
		if token == '[' {
			return list(d)
		}
		return object(d)
	}
	if text, ok := token.(string); ok && !plain(text) {
		return quoted(text), nil
	}
	return token, nil // a plain string, a bool, null
}

// quoted is a string that is written in double quotes. The library decides on quotes itself and misses cases ("? !").
type quoted string

// MarshalYAML writes the string as JSON does, which is YAML too (YAML 1.2 section 1.2).
func (q quoted) MarshalYAML() ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(string(q))
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// plain reports whether text begins with a letter and is made of what no reader of YAML takes for a sign; words that mean
// something else than themselves are left to the library.
func plain(text string) bool {
	for i, r := range text {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789 ._/@+-", r)) {
			return false
		}
	}
	return text != "" && !strings.HasSuffix(text, " ")
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
	members := yaml.MapSlice{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := ordered(d)
		if err != nil {
			return nil, err
		}
		members = append(members, yaml.MapItem{Key: name, Value: value})
	}
	_, err := d.Token()
	return members, err
}

// number keeps whole numbers whole.
func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return n.String()
}
