package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// loot is what was secret on the wire, by its kind.
type loot struct {
	mu    sync.Mutex
	found map[string]string // secret → kind
}

func (l *loot) add(kind, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if value == "" {
		return
	}
	if l.found == nil {
		l.found = make(map[string]string)
	}
	l.found[value] = kind
	if parts := strings.Split(value, "."); len(parts) == 3 && len(parts[2]) > 20 {
		l.found[parts[2]] = kind + "'s last part" // what makes it hard to guess, or to forge
	}
}

// in returns the kinds of the secrets that the text holds.
func (l *loot) in(text string) (kinds []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for value, kind := range l.found {
		if strings.Contains(text, value) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// kinds counts the secrets of each kind.
func (l *loot) kinds() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]int)
	for _, kind := range l.found {
		counts[kind]++
	}
	return counts
}

// tap passes a request to the token endpoint on, and notes what is secret in it and in its answer.
func (l *loot) tap(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	form, _ := url.ParseQuery(string(body)) // what cannot be parsed has no secrets of ours
	for _, name := range []string{"code", "code_verifier", "device_code", "refresh_token"} {
		l.add(name, form.Get(name))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	forward.ServeHTTP(recorder, r)
	var answer map[string]any
	_ = json.Unmarshal(recorder.Body.Bytes(), &answer) // a page has no members
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		if value, ok := answer[name].(string); ok {
			l.add(name, value)
		}
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()) // a client that has gone reads nothing
}

// spy reads the command lines and environments of a process and of all below it, every millisecond until stop.
type spy struct {
	mu   sync.Mutex
	seen map[string]bool
	stop func()
}

func watch(pid int) *spy {
	s := &spy{seen: make(map[string]bool)}
	end, ended := make(chan struct{}), make(chan struct{})
	s.stop = sync.OnceFunc(func() { close(end); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			s.look(pid, false)
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	}()
	return s
}

// look reads a process. The environment of the first one is the person's own; that of a child is what it was handed.
func (s *spy) look(pid int, child bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	s.note(filepath.Join(dir, "cmdline"))
	if child {
		s.note(filepath.Join(dir, "environ"))
	}
	tasks, _ := filepath.Glob(filepath.Join(dir, "task", "*", "children"))
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // it may have ended
		for _, field := range strings.Fields(string(text)) {
			if below, err := strconv.Atoi(field); err == nil {
				s.look(below, true)
			}
		}
	}
}

func (s *spy) note(path string) {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[string(text)] = true
}

func (s *spy) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text strings.Builder
	for line := range s.seen {
		text.WriteString(line + "\n")
	}
	return text.String()
}

// TestNoSecretInCommandLines_SEC262_SEC272 watches the client and the browser that it starts through a login, a refresh and
// a logout.
func TestNoSecretInCommandLines_SEC262_SEC272(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/task"); err != nil {
		t.Skip("this system has no /proc")
	}
	s, p := through(t, "/token")
	var secrets loot
	p.between(secrets.tap)
	tools := t.TempDir()
	browser, done := filepath.Join(tools, "browser"), filepath.Join(tools, "done")
	if err := os.WriteFile(browser, []byte("#!/bin/sh\nwhile [ ! -e "+done+" ]; do sleep 0.01; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, s, "BROWSER="+browser)
	login := m.start(t, "doorward", "auth", "login")
	seen := watch(login.Cmd.Process.Pid)
	defer seen.stop()
	link := login.link("/authorize?")
	eventually(t, "the browser to be seen with the address", func() error {
		if text := seen.all(); !strings.Contains(text, browser+"\x00"+link) {
			return fmt.Errorf("seen so far: %q", text)
		}
		return nil
	})
	person := john(s)
	back := must(person.Authorize(t.Context(), link))(t)
	must(person.Arrive(t.Context(), back))(t)
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := login.wait(); got.Code != 0 {
		t.Fatalf("the login ends with %d: %s", got.Code, got.Stderr)
	}
	seen.stop()
	everything := seen.all()
	for _, verb := range []string{"refresh", "logout"} {
		running := m.start(t, "doorward", "auth", verb)
		spy := watch(running.Cmd.Process.Pid)
		got := running.wait()
		spy.stop()
		if got.Code != 0 {
			t.Fatalf("%s ends with %d: %s", verb, got.Code, got.Stderr)
		}
		everything += spy.all()
	}
	for _, kind := range []string{"code", "code_verifier", "access_token", "refresh_token", "id_token"} {
		if secrets.kinds()[kind] == 0 {
			t.Errorf("no %s was seen on the wire", kind)
		}
	}
	if kinds := secrets.in(everything); len(kinds) > 0 {
		t.Errorf("command lines and environments of children hold %v", kinds)
	}
}
