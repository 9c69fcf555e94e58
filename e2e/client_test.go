package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/cred"
)

// machine is a person's machine that uses `doorward auth` at a server.
type machine struct {
	home
	t *testing.T
	s *server
}

func newMachine(t *testing.T, s *server, env ...string) *machine {
	t.Helper()
	return &machine{newHome(t, append([]string{"DOORWARD_ISSUER=" + s.Issue}, env...)...), t, s}
}

// auth runs `doorward auth`.
func (m *machine) auth(args ...string) result {
	m.t.Helper()
	return m.run(m.t, "doorward", append([]string{"auth"}, args...)...)
}

// login logs in with a code that John approves.
func (m *machine) login() {
	m.t.Helper()
	running := m.start(m.t, "doorward", "auth", "login", "--device")
	if _, err := john(m.s).ApproveDevice(m.t.Context(), running.link("/device?")); err != nil {
		m.t.Fatal(err)
	}
	if got := running.wait(); got.Code != 0 {
		m.t.Fatalf("the login ends with %d: %s", got.Code, got.Stderr)
	}
}

// token runs `doorward auth token` and checks the token at the server.
func (m *machine) token() string {
	m.t.Helper()
	got := m.auth("token")
	if got.Code != 0 {
		m.t.Fatalf("auth token ends with %d: %s", got.Code, got.Stderr)
	}
	access := strings.TrimSpace(got.Stdout)
	if err := newWire(m.t, m.s, "doorward").works(m.t.Context(), access); err != nil {
		m.t.Fatalf("the token that was printed does not work: %v", err)
	}
	return access
}

// file is where the credential is.
func (m *machine) file() string {
	return filepath.Join(m.Dir, ".config", "doorward", "credentials.json")
}

func (m *machine) key() cred.Key { return cred.Key{Issuer: m.s.Issue, Client: "doorward"} }

// stored is the credential in the file.
func (m *machine) stored() cred.Credential {
	m.t.Helper()
	c, err := (&cred.File{Path: m.file()}).Get(context.Background(), m.key())
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// expire makes the stored access token one that has just ended, as if its ten minutes had gone by.
func (m *machine) expire() {
	m.t.Helper()
	_, err := (&cred.File{Path: m.file()}).Update(m.t.Context(), m.key(), func(c cred.Credential, found bool) (cred.Credential, error) {
		if !found {
			return c, cred.ErrNotFound
		}
		c.Expires, c.Renewed = time.Now().Add(-time.Second), time.Now().Add(-10*time.Minute)
		return c, nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// leftovers are the unfinished files beside the credential: there may be a secret in them.
func (m *machine) leftovers() []string {
	m.t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(m.file()), ".*.tmp-*"))
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

// edit changes a JSON file in place.
func edit(t *testing.T, path string, change func(object map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	object := make(map[string]any)
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	change(object)
	if data, err = json.Marshal(object); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
