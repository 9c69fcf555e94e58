package cred

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gofrs/flock"

	"github.com/doorward/doorward/secret"
)

var testKey = Key{Issuer: "https://id.example", Client: "doorward"}

// testTime is when everything in these tests happens.
var testTime = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

func sample(token string) Credential {
	return Credential{Kind: KindOAuth, Access: secret.New(token), Refresh: secret.New("r-" + token), Account: "ada@example.com"}
}

// put returns a change that saves c whatever there was.
func put(c Credential) func(Credential, bool) (Credential, error) {
	return func(Credential, bool) (Credential, error) { return c, nil }
}

// newFile returns a store in a folder of its own and the warnings that it gave.
func newFile(t *testing.T) (*File, *[]string) {
	t.Helper()
	var warnings []string
	path := filepath.Join(t.TempDir(), "cred", "login.json")
	return &File{Path: path, Warn: func(s string) { warnings = append(warnings, s) }, Now: func() time.Time { return testTime }}, &warnings
}

func mustUpdate(t *testing.T, f *File, c Credential) {
	t.Helper()
	if _, err := f.Update(t.Context(), testKey, put(c)); err != nil {
		t.Fatal(err)
	}
}

// plant puts content at the path of the store as somebody else would.
func plant(t *testing.T, f *File, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantAccess(t *testing.T, f *File, want string) {
	t.Helper()
	got, err := f.Get(t.Context(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	if got.Access.Reveal() != want {
		t.Fatalf("access token %q, want %q", got.Access.Reveal(), want)
	}
}

func TestFileKeepsFindsListsAndDeletes(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	if _, err := f.Get(t.Context(), testKey); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Get without a file: %v", err)
	}
	if err := f.Delete(t.Context(), testKey); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Delete without a file: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(f.Path)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("looking made the folder: %v", err)
	}
	want := Credential{
		Kind: KindOAuth, Access: secret.New("a<&>"), Refresh: secret.New("r"), APIKey: secret.New("k"), TokenType: "Bearer",
		Scope: []string{"openid"}, Expires: testTime, SessionEnds: testTime.Add(time.Hour), Renewed: testTime.Add(-time.Hour),
		SessionID: "s", Subject: "usr_1", Account: "ada", Name: "Ada", Extra: map[string]string{"organisation": "acme"},
	}
	mustUpdate(t, f, want)
	other := Key{Issuer: "https://id.example", Client: "doorward", Profile: "work"}
	if _, err := f.Update(t.Context(), other, put(sample("w"))); err != nil {
		t.Fatal(err)
	}
	got, err := f.Get(t.Context(), testKey)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(secret.String{})); err != nil || diff != "" {
		t.Fatalf("Get: %v\n%s", err, diff)
	}
	keys, err := f.List(t.Context())
	if diff := cmp.Diff([]Key{testKey, other}, keys); err != nil || diff != "" {
		t.Fatalf("List: %v\n%s", err, diff)
	}
	if err := f.Delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), testKey); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Get after Delete: %v", err)
	}
	if _, err := f.Get(t.Context(), other); err != nil {
		t.Fatalf("the other profile: %v", err)
	}
}

func TestIssuersDoNotMix_SEC241(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	keys := []Key{{"https://a.example", "c", "ada"}, {"https://b.example", "c", "ada"}, {"https://a.example", "d", "ada"}}
	for i, key := range keys {
		if _, err := f.Update(t.Context(), key, put(sample(fmt.Sprint(i)))); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range keys {
		if c, err := f.Get(t.Context(), key); err != nil || c.Access.Reveal() != fmt.Sprint(i) {
			t.Errorf("%v holds %q, %v", key, c.Access.Reveal(), err)
		}
	}
}

func TestFailedChangeWritesNothing(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	mustUpdate(t, f, sample("one"))
	before := content(t, f.Path)
	failure := errors.New("no")
	_, err := f.Update(t.Context(), testKey, func(old Credential, found bool) (Credential, error) {
		if !found || old.Access.Reveal() != "one" {
			t.Errorf("change saw %q, %v", old.Access.Reveal(), found)
		}
		return sample("two"), failure
	})
	if err != failure {
		t.Fatalf("err = %v, want the change's own", err)
	}
	if content(t, f.Path) != before {
		t.Fatal("the file changed")
	}
}

func TestUnchangedCredentialIsNotWritten(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	mustUpdate(t, f, Credential{Access: secret.New("a"), Expires: testTime})
	before, _ := os.Stat(f.Path)
	if _, err := f.Update(t.Context(), testKey, func(old Credential, _ bool) (Credential, error) { return old, nil }); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(f.Path); !os.SameFile(before, after) {
		t.Fatal("the file was replaced")
	}
}

func TestBusyLockIsGivenUp_SEC314(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	f.Wait = 30 * time.Millisecond
	holding, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = f.Update(context.Background(), testKey, func(Credential, bool) (Credential, error) {
			close(holding)
			<-release
			return sample("late"), nil
		})
	})
	<-holding
	_, err := f.Update(t.Context(), testKey, put(sample("x")))
	if !errors.Is(err, ErrBusy) {
		t.Errorf("err = %v, want ErrBusy", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Update(cancelled, testKey, put(sample("x"))); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBusy) {
		t.Errorf("err = %v, want the interruption", err)
	}
	close(release)
	wg.Wait()
	wantAccess(t, f, "late")
}

func TestDamagedFile_SEC232(t *testing.T) {
	t.Parallel()
	whole, err := Standard{}.Encode(nil, map[Key]Credential{testKey: sample("old")})
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string]string{
		"empty": "", "cut": string(whole[:len(whole)/2]), "BOM": "\ufeff" + string(whole), "wrong JSON": `{"version":1,]`,
		"other JSON": `["login"]`, "no version": `{}`, "null": "null", "wrong type": `{"version":1,"credentials":{}}`,
		"bad date": `{"version":1,"credentials":[{"expires_at":"tomorrow"}]}`, "text": "not a token file\r\n", "zeros": "\x00\x00\x00",
	}
	for name, text := range damaged {
		t.Run("SEC-232 "+name, func(t *testing.T) {
			t.Parallel()
			f, warnings := newFile(t)
			plant(t, f, text, 0o600)
			var damage *DamagedError
			if _, err := f.Get(t.Context(), testKey); !errors.As(err, &damage) || errors.Is(err, ErrNotFound) {
				t.Fatalf("Get: %v, want a DamagedError", err)
			}
			if _, err := f.List(t.Context()); !errors.As(err, &damage) {
				t.Fatalf("List: %v", err)
			}
			if err := f.Delete(t.Context(), testKey); !errors.As(err, &damage) || content(t, f.Path) != text {
				t.Fatalf("Delete: %v", err)
			}
			mustUpdate(t, f, sample("new"))
			wantAccess(t, f, "new")
			kept := f.Path + ".damaged-20261122T010203Z"
			if content(t, kept) != text {
				t.Fatal("the copy is not what there was")
			}
			if len(*warnings) != 1 || !strings.Contains((*warnings)[0], kept) {
				t.Fatalf("warnings: %q", *warnings)
			}
		})
	}
	t.Run("SEC-232 CRLF is read", func(t *testing.T) {
		t.Parallel()
		f, _ := newFile(t)
		plant(t, f, strings.ReplaceAll(string(whole), "\n", "\r\n"), 0o600)
		wantAccess(t, f, "old")
	})
	t.Run("SEC-232 a second damage has a copy of its own", func(t *testing.T) {
		t.Parallel()
		f, _ := newFile(t)
		for i, text := range []string{"one", "two", "three"} {
			plant(t, f, text, 0o600)
			mustUpdate(t, f, sample(fmt.Sprint(i)))
		}
		kept, _ := filepath.Glob(f.Path + ".damaged-*")
		if len(kept) != 3 {
			t.Fatalf("copies: %q", kept)
		}
	})
	t.Run("SEC-232 the error shows nothing of the file", func(t *testing.T) {
		t.Parallel()
		f, _ := newFile(t)
		for _, text := range []string{`{"version":1,"credentials":[{"expires_at":"CANARY"}]}`, `{"version":1,"credentials":"CANARY"}`, `CANARY`} {
			plant(t, f, text, 0o600)
			if _, err := f.Get(t.Context(), testKey); err == nil || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("err = %v", err)
			}
		}
	})
}

// inMemory moves a store to where a flush costs nothing, for tests of the rename and not of the disk.
func inMemory(t *testing.T, f *File) {
	t.Helper()
	memory, err := os.MkdirTemp("/dev/shm", "cred-")
	if err != nil {
		return // the test is as good on a disk, only slower
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	f.Path = filepath.Join(memory, "login.json")
}

func TestWholeFileForReaders_SEC233(t *testing.T) {
	t.Parallel()
	const reads, writes = 10_000, 10_000
	f, _ := newFile(t)
	inMemory(t, f)
	mustUpdate(t, f, sample("0"))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range writes {
			if _, err := f.Update(t.Context(), testKey, put(sample(strings.Repeat("x", i%200)))); err != nil {
				t.Errorf("write %d: %v", i, err)
				return
			}
		}
	})
	wg.Go(func() {
		for i := range reads {
			if _, err := f.Get(t.Context(), testKey); err != nil {
				t.Errorf("read %d: %v", i, err)
				return
			}
		}
	})
	wg.Wait()
}

func TestNoLostUpdate_SEC234(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "login.json")
	const writers, rounds = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			f := &File{Path: path} // as a process of its own would
			for range rounds {
				_, err := f.Update(t.Context(), testKey, func(old Credential, _ bool) (Credential, error) {
					old.Name += "+"
					return old, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			if _, err := f.Update(t.Context(), Key{Issuer: "i", Profile: fmt.Sprint(w)}, put(sample("p"))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	f := &File{Path: path}
	c, err := f.Get(t.Context(), testKey)
	if err != nil || len(c.Name) != writers*rounds {
		t.Errorf("%d changes arrived of %d: %v", len(c.Name), writers*rounds, err)
	}
	if keys, err := f.List(t.Context()); err != nil || len(keys) != writers+1 {
		t.Errorf("%d credentials: %v", len(keys), err)
	}
}

func TestNewerFileIsNeverOverwritten_SEC235(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"version":2,"credentials":{"now":"a map"}}`, `{"version":99}`} {
		f, _ := newFile(t)
		plant(t, f, text, 0o600)
		if _, err := f.Get(t.Context(), testKey); !errors.Is(err, ErrNewer) {
			t.Errorf("Get: %v", err)
		}
		_, err := f.Update(t.Context(), testKey, func(Credential, bool) (Credential, error) {
			t.Error("change was called")
			return sample("x"), nil
		})
		if !errors.Is(err, ErrNewer) {
			t.Errorf("Update: %v", err)
		}
		if err := f.Delete(t.Context(), testKey); !errors.Is(err, ErrNewer) {
			t.Errorf("Delete: %v", err)
		}
		if content(t, f.Path) != text {
			t.Error("the file changed")
		}
	}
}

func TestStaleTempsGo_SEC227(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	mustUpdate(t, f, sample("one"))
	folder := filepath.Dir(f.Path)
	stale := filepath.Join(folder, ".login.json.tmp-0123456789abcdef0123456789abcdef")
	others := []string{".login.json.tmp-notes", ".other.json.tmp-0123456789abcdef0123456789abcdef", "login.json.tmp-0123456789abcdef0123456789abcdef"}
	for _, name := range append([]string{filepath.Base(stale)}, others...) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustUpdate(t, f, sample("two"))
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stale file stands: %v", err)
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Errorf("not ours to remove: %v", err)
		}
	}
}

func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	mustUpdate(t, f, sample("one"))
	moved := filepath.Dir(f.Path) + "-moved"
	got, err := f.Update(t.Context(), testKey, func(Credential, bool) (Credential, error) {
		return sample("two"), os.Rename(filepath.Dir(f.Path), moved)
	})
	if runtime.GOOS == "windows" && err != nil {
		t.Skip("an open folder cannot be moved here")
	}
	var failed *WriteError
	if !errors.As(err, &failed) || failed.Saved || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("err = %v", err)
	}
	if got.Access.Reveal() != "two" {
		t.Fatal("the credential that is alive was not returned with the error (SEC-230)")
	}
	if !strings.Contains(err.Error(), "is as it was before") {
		t.Errorf("the error does not say what was kept: %v", err)
	}
	wantAccess(t, &File{Path: filepath.Join(moved, "login.json")}, "one")
}

// emptying is a codec that wants no file where there is no credential.
type emptying struct{ Standard }

func (c emptying) Encode(old []byte, creds map[Key]Credential) ([]byte, error) {
	if len(creds) == 0 {
		return nil, nil
	}
	return c.Standard.Encode(old, creds)
}

func TestEmptyFileIsRemoved(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	f.Codec = emptying{}
	mustUpdate(t, f, sample("one"))
	if err := f.Delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the file stands: %v", err)
	}
}

func TestUnknownKeysStay(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	plant(t, f, `{"version":1,"theme":{"dark":true},"credentials":[
		{"issuer":"https://id.example","client":"doorward","access_token":"old","refresh_token":"gone","colour":"red & blue"},
		{"issuer":"https://other.example","client":"x","access_token":"o","note":[1,2]}]}`, 0o600)
	mustUpdate(t, f, Credential{Access: secret.New("new")})
	var got any
	if err := json.Unmarshal([]byte(content(t, f.Path)), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"version": 1.0, "theme": map[string]any{"dark": true},
		"credentials": []any{
			map[string]any{"issuer": "https://id.example", "client": "doorward", "access_token": "new", "colour": "red & blue"},
			map[string]any{"issuer": "https://other.example", "client": "x", "access_token": "o", "note": []any{1.0, 2.0}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// TestLockIsASeparateFile_SEC313: a system that forbids to replace a file that is open (Windows) still lets the login be
// replaced while its lock is held.
func TestLockIsASeparateFile_SEC313(t *testing.T) {
	t.Parallel()
	f, _ := newFile(t)
	_, err := f.Update(t.Context(), testKey, func(Credential, bool) (Credential, error) {
		for _, path := range []string{f.Path, f.Path + ".lock"} {
			held, err := flock.New(path).TryLock()
			if err != nil {
				return Credential{}, err
			}
			if want := path == f.Path; held != want {
				t.Errorf("%s can be locked: %v, want %v", filepath.Base(path), held, want)
			}
		}
		return sample("new"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantAccess(t, f, "new")
}
