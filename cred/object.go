package cred

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Object is a JSON object of which only a part is known, for codecs: what they do not name stays as it is.
type Object map[string]json.RawMessage

// OpenObject reads an object; no data is an empty one. It fails as ShapeError says.
func OpenObject(data []byte) (Object, error) {
	object := make(Object)
	if data == nil {
		return object, nil
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, ShapeError(err)
	}
	if object == nil { // null
		object = make(Object)
	}
	return object, nil
}

// Object returns the member of that name where it is an object.
func (o Object) Object(name string) (member Object, ok bool) {
	if json.Unmarshal(o[name], &member) != nil {
		return nil, false
	}
	return member, member != nil
}

// Put sets a member. It fails only for what JSON cannot say.
func (o Object) Put(name string, value any) error {
	text, err := marshal(value, "")
	if err == nil {
		o[name] = bytes.TrimSpace(text)
	}
	return err
}

// PutText sets a member, and takes it out where the text is empty.
func (o Object) PutText(name, text string) {
	if text == "" {
		o.Drop(name)
		return
	}
	_ = o.Put(name, text) // a text is always JSON
}

// PutTime sets a member in UTC (RFC 3339), and takes it out where the time is zero.
func (o Object) PutTime(name string, at time.Time) {
	if at.IsZero() {
		o.Drop(name)
		return
	}
	o.PutText(name, at.UTC().Format(time.RFC3339Nano))
}

// Drop takes names out in any case of their letters, as encoding/json reads them in any.
func (o Object) Drop(names ...string) {
	maps.DeleteFunc(o, func(has string, _ json.RawMessage) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(has, name) })
	})
}

// Text writes the object as a file: indented, members by name, a line feed at the end. An empty object is no file.
func (o Object) Text() ([]byte, error) {
	if len(o) == 0 {
		return nil, nil
	}
	return marshal(o, "  ")
}

// marshal is json.Marshal without the escapes for HTML: this file is no page, and people compare tokens by eye.
func marshal(value any, indent string) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return out.Bytes(), err
}

// ShapeError says where a file is wrong without the text of the file, which may be a secret; err is encoding/json's.
func ShapeError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON (at byte %d)", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%q is not what it should be (at byte %d)", kind.Field, kind.Offset)
	default:
		return errors.New("it holds a value that is not what it should be, such as a date")
	}
}
