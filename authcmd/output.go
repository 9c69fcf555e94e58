package authcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/doorward/doorward/terminal"
)

// Output is the form of results and errors. It is a flag value (pflag.Value): anything but text, json and yaml is
// refused. The zero value is Text.
type Output string

// The forms of output.
const (
	Text Output = "text"
	JSON Output = "json"
	YAML Output = "yaml"
)

// String returns the form's name.
func (o *Output) String() string {
	if *o == "" {
		return string(Text)
	}
	return string(*o)
}

// Set takes text, json or yaml.
func (o *Output) Set(name string) error {
	switch Output(name) {
	case Text, JSON, YAML:
		*o = Output(name)
		return nil
	}
	return errors.New("must be text, json or yaml")
}

// Type names the values in the help.
func (o *Output) Type() string { return "text|json|yaml" }

// Structured reports whether a program reads the output.
func (o Output) Structured() bool { return o == JSON || o == YAML }

// Print writes a result on standard output: text, or the object in the form that was asked for. Scripts get it as it is; on
// a terminal, what could harm it is shown escaped.
func (p *Program) Print(text string, object any) error {
	if p.Output.Structured() {
		data, err := p.Output.encode(object)
		if err != nil {
			return err
		}
		text = string(data)
	}
	if p.Terminal.OutIsTerminal() {
		text = terminal.CleanText(text)
	}
	return p.Terminal.Result(text)
}

// encode writes an object. The names and the order are those of its JSON, in YAML too, so that there is one shape.
func (o Output) encode(object any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return nil, err
	}
	if o != YAML {
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
	return token, nil // a string, a bool, null
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

// printFailure writes an error on standard error, as an object where the output is one.
func (p *Program) printFailure(w io.Writer, f Failure) {
	if p.Output.Structured() {
		if data, err := p.Output.encode(f); err == nil {
			_, _ = w.Write(data)
			return
		}
	}
	text := strings.TrimRight(p.words().Failure(f), "\n")
	if text != "" {
		fmt.Fprintln(w, text)
	}
}
