package keys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestLoadMasterCreates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := LoadMaster(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("without create: %v, want fs.ErrNotExist", err)
	}
	first, err := LoadMaster(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	for _, create := range []bool{true, false} {
		again, err := LoadMaster(path, create)
		if err != nil || again.Current() != first.Current() {
			t.Errorf("create=%v reads another key (%v)", create, err)
		}
	}
	onlyFile(t, path)
}

func TestLoadMasterAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	var wg sync.WaitGroup
	ids := make([]string, 16)
	for i := range ids {
		wg.Go(func() {
			m, err := LoadMaster(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = m.Current()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("programs that start at once hold different keys: %v", ids)
		}
	}
	onlyFile(t, path)
}

func TestLoadMasterRefusesOpenFiles(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o644, 0o660, 0o602, 0o777} {
		path := filepath.Join(t.TempDir(), "master.key")
		text := NewMaster().Text().Reveal()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadMaster(path, true)
		if !errors.Is(err, ErrMaster) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %04o: %v; want ErrMaster and how to mend it", mode, err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != text {
			t.Errorf("mode %04o: the file was changed", mode)
		}
	}
}

func TestLoadMasterDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	for _, text := range []string{"", "half a li", NewMaster().Text().Reveal()[:30]} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadMaster(path, true); !errors.Is(err, ErrMaster) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v; want ErrMaster with the path", text, err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != text {
			t.Errorf("a damaged file must be left as it is")
		}
	}
}

func TestSaveReplaces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	m, err := LoadMaster(path, true)
	if err != nil {
		t.Fatal(err)
	}
	next := m.Rotate()
	if err := next.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadMaster(path, false)
	if err != nil || again.Text() != next.Text() {
		t.Errorf("the saved set does not come back: %v", err)
	}
	onlyFile(t, path)
	if err := next.Save(filepath.Join(path, "nowhere")); err == nil {
		t.Error("a set that cannot be saved must say so")
	}
	if _, err := LoadMaster(filepath.Join(t.TempDir(), "absent", "master.key"), true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v (%v), want the key file alone", entries, err)
	}
}
