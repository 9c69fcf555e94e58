package engine

import (
	"path/filepath"
	"testing"

	driversqlite "modernc.org/sqlite"
)

func TestConnectionsAreChecked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	connector, err := driversqlite.NewConnector("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pragmas() {
		// SQLite's own: what a connection without our pragmas would be.
		plain := &checked{Connector: connector, path: path, want: map[string]string{name: want}}
		conn, err := plain.Connect(t.Context())
		if err == nil {
			_ = conn.Close()
		}
		if own := name == "mmap_size" || name == "synchronous"; (err == nil) != own {
			t.Errorf("%s as SQLite has it: %v", name, err)
		}
	}
	for version, safe := range map[string]bool{
		"3.51.3": true, "3.53.4": true, "3.60.0": true, "4.0.0": true, "3.51.2": false, "3.9.99": false, "": false, "3.x": false,
	} {
		if (number(version) >= oldest) != safe {
			t.Errorf("%q: safe is not %t", version, safe)
		}
	}
}
