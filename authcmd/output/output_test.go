package output

import (
	"encoding/json"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFormats(t *testing.T) {
	t.Parallel()
	type inner struct {
		Z string   `json:"z"`
		A *int     `json:"a"`
		L []string `json:"l"`
	}
	object := struct {
		B     string  `json:"b"`
		A     bool    `json:"a"`
		N     int64   `json:"n"`
		F     float64 `json:"f"`
		Inner inner   `json:"inner"`
		Empty []int   `json:"empty"`
	}{"<yes> & no", true, 1 << 53, 1.5, inner{"null", nil, []string{"2024-01-01", "0123", ": x"}}, []int{}}
	for format, want := range map[Format]string{
		JSON: `{
  "b": "<yes> & no",
  "a": true,
  "n": 9007199254740992,
  "f": 1.5,
  "inner": {
    "z": "null",
    "a": null,
    "l": [
      "2024-01-01",
      "0123",
      ": x"
    ]
  },
  "empty": []
}
`,
		YAML: `b: "<yes> & no"
a: true
"n": 9007199254740992
f: 1.5
inner:
  z: "null"
  a: null
  l:
  - "2024-01-01"
  - "0123"
  - ": x"
empty: []
`,
	} {
		got, err := format.Encode(object)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
	if _, err := JSON.Encode(make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func TestFlagValue(t *testing.T) {
	t.Parallel()
	var f Format
	if f.String() != "text" || f.Structured() || f.Type() == "" {
		t.Errorf("the zero value is %q", f.String())
	}
	for _, name := range []string{"xml", "", "JSON", "json "} {
		if f.Set(name) == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if err := f.Set("yaml"); err != nil || f != YAML || !f.Structured() {
		t.Errorf("yaml: %v", err)
	}
}

// What a YAML reader reads is what was written, whatever the texts are.
func TestYAMLIsReadAsWritten(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.SampledFrom([]string{
		"yes", "no", "on", "~", "null", "1e3", "0x10", "1_000", "- a", "# c", "{}", "[]", "a: b", "'", "\"", "|", ">", "&a", "*a", "!t", "%", "@", "2001-01-01", " x ", "é王",
	}))
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(rapid.StringMatching(`[a-z_]{1,8}`), texts, 1, 4).Draw(t, "object")
		data, err := YAML.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := yaml.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		for name, text := range want {
			if got[name] != text {
				t.Fatalf("%q became %#v in\n%s", text, got[name], data)
			}
		}
	})
}

// Objects in lists in objects, however deep, are read as JSON reads them.
func TestYAMLNestsAsJSON(t *testing.T) {
	t.Parallel()
	var nested func(depth int) *rapid.Generator[any]
	nested = func(depth int) *rapid.Generator[any] {
		leaf := rapid.OneOf(
			rapid.Map(rapid.StringMatching(`[ -~]{0,8}`), func(s string) any { return s }), rapid.Just[any](nil),
			rapid.Map(rapid.Bool(), func(b bool) any { return b }),
			rapid.Map(rapid.Int32(), func(n int32) any { return float64(n) }),
		)
		if depth == 0 {
			return leaf
		}
		inner := nested(depth - 1)
		return rapid.OneOf(leaf,
			rapid.Map(rapid.SliceOfN(inner, 0, 3), func(v []any) any { return v }),
			rapid.Map(rapid.MapOfN(rapid.StringMatching(`[a-z_ ]{1,5}`), inner, 0, 3), func(v map[string]any) any { return v }),
		)
	}
	values := nested(4)
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]any{"it": values.Draw(t, "value")}
		data, err := YAML.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var read any
		if err := yaml.Unmarshal(data, &read); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		got, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(again), string(got)); diff != "" {
			t.Fatalf("%s\n%s", data, diff)
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add(`{"b":1,"a":[1.5,null,"x",{"c":true}]}`)
	f.Add(`[]`)
	f.Add(`1e999`)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		if _, err := YAML.Encode(json.RawMessage(text)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
