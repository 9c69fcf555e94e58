package terminal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program writes a shell script that records its arguments and environment in a file beside it, one per line.
func program(t *testing.T, path string, exit int) (record string) {
	t.Helper()
	record = path + ".ran"
	script := fmt.Sprintf("#!/bin/sh\n{ for a in \"$@\"; do echo \"arg=$a\"; done; echo \"token=$SECRET_TOKEN\"; } > '%s'\nexit %d\n", record, exit)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return record
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the program did not run: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func TestBrowserGetsAnArgumentList_SEC258(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "canary")
	folder := filepath.Join(t.TempDir(), "with space")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	const hostile = "https://id.example/a?x=1&y=2;touch${IFS}pwned&z=$(touch)&w=%22"
	for name, test := range map[string]struct {
		browser func(program string) string
		plain   bool // a path without spaces
		want    []string
	}{
		"spaces in the path": {func(p string) string { return p }, false, []string{"arg=" + hostile}},
		"arguments":          {func(p string) string { return p + " --new-window --x" }, true, []string{"arg=--new-window", "arg=--x", "arg=" + hostile}},
		"place of the URL":   {func(p string) string { return p + " --url=%s --end" }, true, []string{"arg=--url=" + hostile, "arg=--end"}},
		"second of a list":   {func(p string) string { return "/nowhere/browser:" + p }, true, []string{"arg=" + hostile}},
		"no shell":           {func(p string) string { return p + " ; touch $(id) && x" }, true, []string{"arg=;", "arg=touch", "arg=$(id)", "arg=&&", "arg=x", "arg=" + hostile}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder
			if test.plain {
				dir = t.TempDir()
				if strings.Contains(dir, " ") {
					t.Fatal("the temporary folder has a space")
				}
			}
			path := filepath.Join(dir, "browser")
			record := program(t, path, 0)
			term := &Terminal{Env: environ("BROWSER", test.browser(path)), Private: []string{"SECRET_TOKEN"}}
			if err := term.Browse(t.Context(), hostile); err != nil {
				t.Fatal(err)
			}
			// SEC-272: what is private does not reach the program.
			if diff := cmp.Diff(append(test.want, "token="), lines(t, record)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOnlyWebAddressesAreOpened_SEC269(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "browser")
	record := program(t, path, 0)
	term := &Terminal{Env: environ("BROWSER", path)}
	for _, address := range []string{
		"", "file:///etc/passwd", "javascript:alert(1)", "data:text/html,x", "-x", "--flag=https://id.example", "id.example", "//id.example",
		"https://", "https:///path", "https://good.example@evil.example/", "https://id.example/\x1b[2J", "https://id.example/\u202e",
		"https://id.example/a b", "https://id.example/\n-x", "ftp://id.example/", "HTTPS:opaque", "https://id.example/" + strings.Repeat("a", 1<<20),
		"https://id.example/\"", "https://id.example\\@evil.example/",
	} {
		if err := term.Browse(t.Context(), address); !errors.Is(err, ErrAddress) {
			t.Errorf("SEC-269 %.40q: %v", address, err)
		}
	}
	if _, err := os.Stat(record); err == nil {
		t.Error("the browser was started")
	}
	for _, address := range []string{"https://id.example/device?code=A&b=c", "http://127.0.0.1:3667/x", "HTTPS://ID.EXAMPLE/D/A"} {
		if err := CheckAddress(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestHelpersOfTheCurrentFolderAreNotRun_SEC267(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	var records []string
	for _, name := range []string{"xdg-open", "x-www-browser", "www-browser", "wslview", "mine"} {
		records = append(records, program(t, filepath.Join(here, name), 0))
	}
	for _, path := range []string{".", "", ":", "./", here} {
		for _, browser := range []string{"", "mine", "./mine", "mine --flag"} {
			t.Setenv("PATH", path)
			term := &Terminal{Env: environ("BROWSER", browser, "DISPLAY", ":0", "WSL_DISTRO_NAME", "Debian")}
			if err := term.Browse(t.Context(), "https://id.example/"); !errors.Is(err, ErrNoBrowser) {
				t.Errorf("PATH=%q BROWSER=%q: %v", path, browser, err)
			}
		}
	}
	for _, record := range records {
		if _, err := os.Stat(record); err == nil {
			t.Errorf("SEC-267 %s was run", record)
		}
	}
}

func TestBrowserThatFails(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	path := filepath.Join(t.TempDir(), "browser")
	record := program(t, path, 3)
	term := &Terminal{Env: environ("BROWSER", path)}
	err := term.Browse(t.Context(), "https://id.example/")
	if !errors.Is(err, ErrNoBrowser) || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a browser that fails: %v", err)
	}
	lines(t, record)
}

func TestHasBrowser_SEC094(t *testing.T) {
	bin := t.TempDir()
	program(t, filepath.Join(bin, "xdg-open"), 0)
	t.Setenv("PATH", bin)
	for name, test := range map[string]struct {
		env  []string
		want bool
	}{
		"a desktop":            {[]string{"DISPLAY", ":0"}, true},
		"Wayland":              {[]string{"WAYLAND_DISPLAY", "wayland-0"}, true},
		"no display":           {nil, false},
		"SSH with X":           {[]string{"DISPLAY", ":10", "SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22"}, false},
		"SSH, $BROWSER chosen": {[]string{"BROWSER", "w3m", "SSH_TTY", "/dev/pts/0"}, true},
		"$BROWSER none":        {[]string{"DISPLAY", ":0", "BROWSER", "none"}, false},
		"WSL":                  {[]string{"WSL_DISTRO_NAME", "Debian"}, true},
	} {
		if got := (&Terminal{Env: environ(test.env...)}).HasBrowser(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if (&Terminal{Env: environ("DISPLAY", ":0")}).HasBrowser() {
		t.Error("a desktop without any program that opens pages")
	}
}

func TestBrowserOrder(t *testing.T) {
	t.Parallel()
	term := &Terminal{Env: environ("BROWSER", "one %s:two", "WSL_INTEROP", "x")}
	var names []string
	for _, argv := range term.browsers("https://id.example/") {
		names = append(names, filepath.Base(argv[0]))
		if !slices.Contains(argv, "https://id.example/") {
			t.Errorf("%q lacks the address", argv)
		}
	}
	want := []string{"one", "two", "wslview", "rundll32.exe", "xdg-open", "x-www-browser", "www-browser"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func FuzzCheckAddress(f *testing.F) {
	f.Add("https://id.example/?a=b")
	f.Add("javascript:alert(1)")
	f.Add("https://a@b/")
	f.Fuzz(func(t *testing.T, address string) {
		if CheckAddress(address) != nil {
			return
		}
		lower := strings.ToLower(address)
		if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") || Clean(address) != address {
			t.Fatalf("accepted %q", address)
		}
	})
}
