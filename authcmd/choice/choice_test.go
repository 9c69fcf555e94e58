package choice

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/doorward/doorward/cred"
)

func TestChoice(t *testing.T) {
	t.Parallel()
	c := File{Path: filepath.Join(t.TempDir(), "new", "choice.json")}
	if key, err := c.Load(); key != (cred.Key{}) || err != nil {
		t.Errorf("none: %v, %v", key, err)
	}
	want := cred.Key{Issuer: "https://id.example", Client: "acme", Profile: "wörk"}
	for range 2 {
		if err := c.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Load(); got != want || err != nil {
		t.Errorf("loaded %v, %v", got, err)
	}
	entries, err := os.ReadDir(filepath.Dir(c.Path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files in the folder, %v", len(entries), err)
	}
	for _, data := range []string{"", "{", "[]", `{"issuer":1}`, strings.Repeat(" ", maxSize+1)} {
		if err := os.WriteFile(c.Path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load(); err == nil || !strings.Contains(err.Error(), c.Path) {
			t.Errorf("%.10q: %v", data, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://id.example","client_id":"a","profile":""}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := parse("x", data); err != nil && key != (cred.Key{}) {
			t.Fatalf("%q: a key with an error: %v", data, key)
		}
	})
}
