package tokenfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/cred/tokenfile"
)

func TestParse_PLX09(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"t0ken": "t0ken", " t0ken\r\n": "t0ken", "": "", "\n": "", "two words": "", "a\nb": "", "a\x1bb": "", "é": "", strings.Repeat("a", 16<<10): "",
	} {
		if got, ok := tokenfile.Parse(text); got.Reveal() != want || ok != (want != "") {
			t.Errorf("%.20q: %q, %v", text, got.Reveal(), ok)
		}
	}
}

func TestRead_PLX09_PLX10(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	for name, mode := range map[string]os.FileMode{"mine": 0o600, "read only": 0o400} {
		if got, err := tokenfile.Read(file(name, "t0ken\n", mode)); err != nil || got.Reveal() != "t0ken" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	refused := map[string]string{"empty": file("empty", " \n", 0o600), "long": file("long", strings.Repeat("a", 1<<20), 0o600), "folder": folder}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o660, 0o602, 0o610} {
			refused[mode.String()] = file(mode.String(), "t0ken", mode)
		}
	}
	for name, path := range refused {
		var reason *cred.RefusedError
		if got, err := tokenfile.Read(path); !errors.As(err, &reason) || !got.IsZero() || reason.Path != path || reason.Mend == "" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	var unread *fs.PathError
	if _, err := tokenfile.Read(filepath.Join(folder, "gone")); !errors.As(err, &unread) {
		t.Errorf("%v", err)
	}
}
