package body

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
)

func TestObject(t *testing.T) {
	t.Parallel()
	got, err := Object([]byte(` {"a":"x","b":1.50,"c":true,"d":null,"e":{"a":[1,{"b":2}]},"f":[],"g":"y"} `))
	want := Values{"a": "x", "b": "1.50", "c": "true", "g": "y"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzObject holds the reader to encoding/json: it never takes what that refuses, and reads the same texts.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"b"}`, `{"a":"b","a":"c"}`, `[`, `{"a":{`, `{"a":1e999}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{} x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Object(data)
		if err != nil {
			return
		}
		var want map[string]any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if decoder.Decode(&want) != nil {
			t.Fatalf("encoding/json refuses %q", data)
		}
		for name, value := range got {
			if text, ok := want[name].(string); ok && text != value {
				t.Fatalf("%q: %q is %q, encoding/json says %q", data, name, value, text)
			}
		}
	})
}
