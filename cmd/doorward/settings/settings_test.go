package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsComeFromFlagThenVariableThenFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "doorward.yaml")
	if err := os.WriteFile(file, []byte("# all three\nlisten: file\nissuer: file\nstore: file\ntrusted-proxy: [10.0.0.0/8, 192.0.2.1]\nmetrics:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DOORWARD_LISTEN": "variable", "DOORWARD_ISSUER": "variable", "DOORWARD_CONFIG": file, "DOORWARD_METRICS": ""}
	s := New(func(name string) string { return env[name] })
	listen, issuer := s.Flags.String("listen", "default", ""), s.Flags.String("issuer", "default", "")
	store, metrics := s.Flags.String("store", "default", ""), s.Flags.String("metrics", "default", "")
	proxies := s.Flags.StringSlice("trusted-proxy", nil, "")
	if err := s.Flags.Parse([]string{"--listen", "flag"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"flag", "variable", "file", "default"}, []string{*listen, *issuer, *store, *metrics}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.0/8", "192.0.2.1"}, *proxies); diff != "" {
		t.Errorf("trusted-proxy (-want +got):\n%s", diff)
	}
}

// TestSettingsNeverRepeatAValue: it may be a secret that was put into the wrong place.
func TestSettingsNeverRepeatAValue(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "doorward.yaml")
	for name, text := range map[string]string{
		"an unknown key": "password: hunter2\n", "a map": "listen: {hunter2: hunter2}\n", "a wrong kind": "count: hunter2\n",
		"no mapping": "hunter2\n", "a list of lists": "listen: [[hunter2]]\n", "an alias": "listen: &a [hunter2]\nissuer: *a\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := New(func(string) string { return "" })
		s.Flags.String("listen", "", "")
		s.Flags.String("issuer", "", "")
		s.Flags.Int("count", 0, "")
		s.file = file
		if err := s.Settle(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfigIsReadAsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]setting{
		"":                                   nil,
		"# nothing but this\n":               nil,
		"---\na: b # why\n":                  {{"a", "b", 2}},
		"a: 010\nb: 1_000\n":                 {{"a", "010", 1}, {"b", "1_000", 2}},
		"a: yes\nb: true\nc: 1.50\n":         {{"a", "yes", 1}, {"b", "true", 2}, {"c", "1.50", 3}},
		"a: 'it''s'\nb: \"\\u00e9\"\n":       {{"a", "it's", 1}, {"b", "é", 2}},
		"a:\n- x\n- 24h\nb: ~\n":             {{"a", "x", 2}, {"a", "24h", 3}},
		"a: |\n  two\n  lines\n":             {{"a", "two\nlines\n", 1}},
		"a: ''\n":                            {{"a", "", 1}},
		"{a: b, c: [d]}":                     {{"a", "b", 1}, {"c", "d", 1}},
		"a: https://id.example:8443/x?y=z#w": {{"a", "https://id.example:8443/x?y=z#w", 1}},
	} {
		got, err := parseConfig([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"a: 1\nb: 2\na: 3\n": `line 3: "a" is there twice`, "a: 1\n---\na: 2\n": "more than one document", "a: [\n": "line 1: ",
		"a: 1\n  b: 2\n": "line 1: ", "a: {b: c}": `line 1: "a" is a value or a list of values`, "[a]": "it is not a list",
		"a: !!binary aGk=": `line 1: "a" is`, "\"a": "line 1: ", "a:\t- b\n\t- c": "line ", "a: b\n\x00c": "line 2: there is a byte", "a: \xff": "UTF-8",
	} {
		if values, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %v, want %q", text, values, err, want)
		}
	}
}

// TestConfigOfBracketsAlone: what would make the parser call itself a million times is refused before it.
func TestConfigOfBracketsAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("[", 1<<20), "a: " + strings.Repeat("{a: ", 1<<18), strings.Repeat("- ", 1<<19), "a: [[b]]", "a:\n- - b\n",
	} {
		if _, err := parseConfig([]byte(text)); err == nil || len(err.Error()) > 200 {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// FuzzConfig: whatever the file holds, it is read or refused, and every setting has a name and a line.
func FuzzConfig(f *testing.F) {
	f.Add("listen: 127.0.0.1:0\ntrusted-proxy: [10.0.0.0/8]\n")
	f.Add("a: &x {b: *x}")
	f.Add("0000\n---")
	f.Add("? [1]\n: 2\n---\nb: 1")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseConfig([]byte(text))
		if err != nil {
			return
		}
		for _, value := range values {
			if value.line < 1 {
				t.Errorf("the setting %q stands on line %d", value.name, value.line)
			}
		}
	})
}
