package main

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/oauth"
)

// TestNoSecretOnACommandLine_SEC262 reads the command lines of all processes during a login, as every user of the machine
// can: neither the program nor the browser that it starts shows a verifier, a code, a token or a password there.
func TestNoSecretOnACommandLine_SEC262(t *testing.T) {
	t.Parallel()
	auth := authtest.With(t, authtest.Options{Clients: seed.Base().Clients})
	for _, way := range []string{"--browser", "--device"} {
		config := t.TempDir()
		login := exec.Command("doorward", "auth", "login", way, "--issuer", auth.Issuer)
		login.Env = append(os.Environ(), "XDG_CONFIG_HOME="+config, "BROWSER=visit", "VISIT=approve", "DOORWARD_ISSUER="+auth.Issuer,
			"VISIT_NAME="+auth.Person.Username, "VISIT_PASSWORD="+auth.Person.Password)
		seen := watch(t, login, auth.Issuer)
		visited := false
		for line := range seen {
			visited = visited || strings.Contains(line, "/visit ")
		}
		if !visited {
			t.Fatalf("%s: the browser's command line was not seen among %d", way, len(seen))
		}
		hidden := append(secrets(t, filepath.Join(config, "doorward", "credentials.json")), auth.Person.Password)
		for line := range seen {
			for _, hide := range hidden {
				if strings.Contains(line, hide) {
					t.Errorf("%s: a secret stands on the command line %q", way, line)
				}
			}
			verifierIn(t, line)
		}
	}
}

// watch runs a command and returns the command lines of the machine that name the issuer while it ran.
func watch(t *testing.T, cmd *exec.Cmd, issuer string) map[string]bool {
	t.Helper()
	ended := make(chan []byte, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		ended <- out
	}()
	seen := make(map[string]bool)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			data, _ := os.ReadFile(file) // of a process that may be gone
			if line := strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " ")); strings.Contains(line, issuer) {
				seen[line] = true
			}
		}
		select {
		case out := <-ended:
			if !strings.Contains(string(out), "✓ Logged in") {
				t.Fatalf("the login failed: %s", out)
			}
			return seen
		case <-tick.C:
		}
	}
}

// secrets are the tokens that the login has brought.
func secrets(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Credentials []struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		} `json:"credentials"`
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Credentials) != 1 {
		t.Fatalf("the file holds %d logins, %v", len(file.Credentials), err)
	}
	found := []string{file.Credentials[0].Access, file.Credentials[0].Refresh}
	for _, token := range found {
		if len(token) < 20 {
			t.Fatal("the file holds no tokens to look for")
		}
	}
	return found
}

// verifierIn fails where something on the line is the verifier of the challenge that stands there.
func verifierIn(t *testing.T, line string) {
	t.Helper()
	_, query, ok := strings.Cut(line, "?")
	values, err := url.ParseQuery(query)
	if !ok || err != nil || values.Get("code_challenge") == "" {
		return
	}
	for _, word := range regexp.MustCompile(`[\w~.-]{43,128}`).FindAllString(line, -1) {
		verifier, err := oauth.ParseVerifier(word)
		if err == nil && string(verifier.Challenge()) == values.Get("code_challenge") {
			t.Errorf("the verifier stands on the command line %q", line)
		}
	}
}
