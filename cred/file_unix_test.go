//go:build unix

package cred

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func uid(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of other users")
	}
}

func TestExposedFile_SEC221(t *testing.T) {
	t.Parallel()
	whole, _ := Standard{}.Encode(nil, map[Key]Credential{testKey: sample("old")})
	t.Run("SEC-221 repaired with a warning", func(t *testing.T) {
		t.Parallel()
		f, warnings := newFile(t)
		plant(t, f, string(whole), 0o644)
		wantAccess(t, f, "old")
		if mode(t, f.Path) != 0o600 || len(*warnings) != 1 || !strings.Contains((*warnings)[0], "0644") {
			t.Fatalf("mode %04o, warnings %q", mode(t, f.Path), *warnings)
		}
	})
	t.Run("SEC-221 PIL-12 refused with how to mend it", func(t *testing.T) {
		t.Parallel()
		f, _ := newFile(t)
		f.Exposed = Refuse
		plant(t, f, string(whole), 0o640)
		var refused *RefusedError
		if _, err := f.Get(t.Context(), testKey); !errors.As(err, &refused) || !strings.Contains(err.Error(), "chmod 600 "+f.Path) {
			t.Fatalf("Get: %v", err)
		}
		if _, err := f.Update(t.Context(), testKey, put(sample("new"))); !errors.As(err, &refused) {
			t.Fatalf("Update: %v", err)
		}
		if content(t, f.Path) != string(whole) || mode(t, f.Path) != 0o640 {
			t.Fatal("a refused file was changed")
		}
	})
	t.Run("PIP-05 works with a warning that names chmod 600", func(t *testing.T) {
		t.Parallel()
		f, warnings := newFile(t)
		f.Exposed = WarnOnly
		plant(t, f, string(whole), 0o644)
		for range 3 {
			wantAccess(t, f, "old")
		}
		if mode(t, f.Path) != 0o644 || len(*warnings) != 1 || !strings.Contains((*warnings)[0], "chmod 600 "+f.Path) {
			t.Fatalf("mode %04o, warnings %q", mode(t, f.Path), *warnings)
		}
		mustUpdate(t, f, sample("new"))
		if mode(t, f.Path) != 0o600 {
			t.Fatalf("mode after a write: %04o", mode(t, f.Path))
		}
	})
	t.Run("SEC-221 of another user refused", func(t *testing.T) {
		t.Parallel()
		needRoot(t)
		for _, exposure := range []Exposure{Repair, Refuse, WarnOnly} {
			f, _ := newFile(t)
			f.Exposed = exposure
			plant(t, f, string(whole), 0o600)
			if err := os.Chown(f.Path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
			var refused *RefusedError
			if _, err := f.Get(t.Context(), testKey); !errors.As(err, &refused) {
				t.Errorf("Get: %v", err)
			}
			if _, err := f.Update(t.Context(), testKey, put(sample("new"))); !errors.As(err, &refused) || content(t, f.Path) != string(whole) {
				t.Errorf("Update: %v", err)
			}
		}
	})
}

func TestLinksAndOtherThings_SEC222(t *testing.T) {
	t.Parallel()
	whole, _ := Standard{}.Encode(nil, map[Key]Credential{testKey: sample("old")})
	links := map[string]func(target, path string) error{"symlink": os.Symlink, "hard link": os.Link}
	for name, link := range links {
		t.Run("SEC-222 "+name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFile(t)
			plant(t, f, "", 0o600)
			target := filepath.Join(t.TempDir(), "target")
			if err := errors.Join(os.Remove(f.Path), os.WriteFile(target, whole, 0o600), link(target, f.Path)); err != nil {
				t.Fatal(err)
			}
			wantAccess(t, f, "old")
			mustUpdate(t, f, sample("new"))
			if content(t, target) != string(whole) {
				t.Error("the target was written to")
			}
			if info, _ := os.Lstat(f.Path); !info.Mode().IsRegular() {
				t.Errorf("what stands there: %v", info.Mode())
			}
			wantAccess(t, f, "new")
		})
	}
	t.Run("SEC-222 the mode of a link's target is not ours", func(t *testing.T) {
		t.Parallel()
		f, warnings := newFile(t)
		plant(t, f, "", 0o600)
		target := filepath.Join(t.TempDir(), "target")
		if err := errors.Join(os.Remove(f.Path), os.WriteFile(target, whole, 0o600), os.Chmod(target, 0o644), os.Symlink(target, f.Path)); err != nil {
			t.Fatal(err)
		}
		wantAccess(t, f, "old")
		if mode(t, target) != 0o644 || len(*warnings) != 1 {
			t.Fatalf("mode %04o, warnings %q", mode(t, target), *warnings)
		}
	})
	obstacles := map[string]func(string) error{
		"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	}
	for name, make := range obstacles {
		t.Run("SEC-222 "+name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFile(t)
			plant(t, f, "", 0o600)
			if err := errors.Join(os.Remove(f.Path), make(f.Path)); err != nil {
				t.Fatal(err)
			}
			var refused *RefusedError
			if _, err := f.Get(t.Context(), testKey); !errors.As(err, &refused) {
				t.Errorf("Get: %v", err)
			}
			if _, err := f.Update(t.Context(), testKey, put(sample("new"))); !errors.As(err, &refused) {
				t.Errorf("Update: %v", err)
			}
		})
	}
	t.Run("SEC-222 the lock file is no way out", func(t *testing.T) {
		t.Parallel()
		f, _ := newFile(t)
		plant(t, f, string(whole), 0o600)
		target := filepath.Join(t.TempDir(), "target")
		if err := os.Symlink(target, f.Path+".lock"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Update(t.Context(), testKey, put(sample("new"))); err == nil {
			t.Error("a link was followed")
		}
		if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the target of the link was made: %v", err)
		}
	})
}

func TestSwapsDuringWrites_SEC225(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	inMemory(t, f)
	mustUpdate(t, f, sample("0"))
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	swapped := make(chan struct{})
	go func() {
		defer close(swapped)
		link := f.Path + ".swap"
		for ctx.Err() == nil {
			_ = os.Symlink(outside, link)
			_ = os.Rename(link, f.Path)
		}
	}()
	for range 1000 {
		// What is at the path at each moment decides whether this is a repair; it is never a write through the link.
		if _, err := f.Update(t.Context(), testKey, put(sample("1"))); err != nil {
			t.Error(err)
			break
		}
		for _, kept := range glob(t, f.Path+".damaged-*") {
			_ = os.Remove(kept)
		}
	}
	cancel()
	<-swapped
	if content(t, outside) != "untouched" {
		t.Fatal("written outside")
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestUnderSudo_SEC240(t *testing.T) {
	t.Parallel()
	needRoot(t)
	const person = 1000
	home := t.TempDir()
	if err := os.Chown(home, person, person); err != nil {
		t.Fatal(err)
	}
	f := &File{Path: filepath.Join(home, ".config", "cli", "login.json")}
	for _, token := range []string{"one", "two"} { // the second reads a file of somebody else: of the person
		mustUpdate(t, f, sample(token))
		wantAccess(t, f, token)
	}
	plant(t, f, "damaged", 0o600)
	mustUpdate(t, f, sample("three"))
	secret := filepath.Join(t.TempDir(), "of-root")
	if err := errors.Join(os.WriteFile(secret, []byte("root's"), 0o600), os.Remove(f.Path), os.Symlink(secret, f.Path)); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(f.Path, person, person); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if _, err := f.Update(t.Context(), testKey, put(sample("four"))); !errors.As(err, &refused) {
		t.Errorf("a link to a file of root: %v, want it refused", err)
	}
	err := filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && uid(t, path) != person {
			t.Errorf("%s belongs to %d", path, uid(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPermissionDeniedIsTold(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	// A folder that cannot be made, by an answer that root gets too.
	plant(t, &File{Path: filepath.Dir(f.Path)}, "", 0o600)
	_, err := f.Update(t.Context(), testKey, put(sample("x")))
	var failed *WriteError
	if !errors.As(err, &failed) || !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, fs.ErrExist) {
		t.Errorf("err = %v", err)
	}
	if os.Geteuid() == 0 {
		return // root is denied nothing
	}
	g, _ := newFile(t)
	mustUpdate(t, g, sample("one"))
	if err := os.Chmod(filepath.Dir(g.Path), 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(g.Path), 0o700) })
	if _, err := g.Update(t.Context(), testKey, put(sample("two"))); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("err = %v, want one that is fs.ErrPermission", err)
	}
}
