// Package output writes results as text, JSON or YAML. It is the one place that knows YAML.
package output

import (
	"bytes"
	"encoding/json"
	"errors"
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
	return toYAML(&buf)
}
