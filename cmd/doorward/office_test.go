package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/store/postgres/pgtest"
	"github.com/doorward/doorward/terminal"
)

// served is a server of --dev that runs in this process, with a store of its own.
type served struct {
	t    *testing.T
	base string
	at   []string // the flags that say where the store is
	log  journal
}

// journal is a log that is read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps what was logged.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

var listens = regexp.MustCompile(`as (http://localhost:\d+)`)

func serveDev(t *testing.T) *served {
	t.Helper()
	s := &served{t: t, at: []string{"--store", "sqlite:" + filepath.Join(t.TempDir(), "x.db")}}
	ctx, end := context.WithCancel(t.Context())
	ended, printed := make(chan int, 1), make(output, 100)
	term := &terminal.Terminal{In: strings.NewReader(""), Out: printed, Err: &s.log, Env: func(string) string { return "" }}
	go func() {
		ended <- run(ctx, term, append([]string{"serve", "--dev", "--listen", "127.0.0.1:0", "--log-level", "debug"}, s.at...))
	}()
	t.Cleanup(func() {
		end()
		if code := <-ended; code != authcmd.ExitDone {
			t.Errorf("the server ended with code %d", code)
		}
		close(printed)
	})
	for s.base == "" {
		select {
		case text := <-printed:
			if found := listens.FindStringSubmatch(text); found != nil {
				s.base = found[1]
			}
		case code := <-ended:
			t.Fatalf("the server ended with code %d", code)
		case <-time.After(time.Minute): // a broken one ends the test
			t.Fatal("the server does not start")
		}
	}
	go func() {
		for range printed { // what else it prints
		}
	}()
	return s
}

// admin runs a command of administration and reads its JSON.
func (s *served) admin(stdin string, into any, args ...string) {
	s.t.Helper()
	code, text := on(s.t.Context(), stdin, slices.Concat([]string{"admin", "--output", "json"}, s.at, args)...)
	if code != authcmd.ExitDone || json.Unmarshal([]byte(text), into) != nil {
		s.t.Fatalf("%q ended with %d: %s", args, code, text)
	}
}

// get asks the server, without following where it leads.
func (s *served) get(path, token string) (status int, location string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header.Get("Location")
}

// TestASessionThatIsEndedIsRefused: the server that runs hears of it, though the command is another process' business.
func TestASessionThatIsEndedIsRefused(t *testing.T) {
	t.Parallel()
	s := serveDev(t)
	if status, _ := s.get("/userinfo", seed.ReadyToken); status != http.StatusOK {
		t.Fatalf("before, the token is answered with %d", status)
	}
	var ended []struct {
		ID string `json:"id"`
	}
	s.admin("", &ended, "session", "end", "--user", seed.John)
	if len(ended) != 1 {
		t.Fatalf("ended were %+v", ended)
	}
	for tries := 0; ; tries++ {
		status, _ := s.get("/userinfo", seed.ReadyToken)
		if status == http.StatusUnauthorized {
			break
		}
		if tries > 20_000 { // a broken server ends the test; a whole one answers within a second
			t.Fatalf("afterwards, the token is answered with %d", status)
		}
	}
}

// TestABindingIsUsedAtOnce_SEC274: what was added without a restart leads to the provider, with the secret that was sealed for it;
// what was removed leads nowhere. No secret comes into the server's log on the way.
func TestABindingIsUsedAtOnce_SEC274(t *testing.T) {
	t.Parallel()
	s := serveDev(t)
	var known []struct {
		Issuer string `json:"issuer"`
		Client string `json:"client_id"`
	}
	s.admin("", &known, "idp", "list", seed.DomainID)
	var domain, made struct {
		ID       string `json:"id"`
		Redirect string `json:"redirect_uri"`
	}
	s.admin("", &domain, "domain", "add", "Initech")
	s.admin("a secret at the provider\n", &made, "idp", "add", "Initech", "dev", "--issuer", known[0].Issuer,
		"--client-id", known[0].Client, "--client-secret-stdin")
	if made.Redirect != s.base+"/federation/"+made.ID+"/callback" {
		t.Errorf("the redirect URI is %s", made.Redirect)
	}
	status, location := s.get("/device/"+made.ID, "")
	if status != http.StatusSeeOther || !strings.HasPrefix(location, known[0].Issuer+"/") || !strings.Contains(location, made.ID+"%2Fcallback") {
		t.Errorf("the page of the binding: %d, to %s", status, location)
	}
	var issued struct {
		Key string `json:"api_key"`
	}
	s.admin("", &issued, "apikey", "add", seed.Ada, "--by", seed.John, "--name", "x")
	log := s.log.String()
	for _, secret := range []string{"a secret at the provider", issued.Key, issued.Key[4:]} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if !strings.Contains(log, "kind=binding.added") || !strings.Contains(log, "kind=api_key.issued") {
		t.Errorf("the log does not say what was done:\n%s", log)
	}
	s.admin("", &domain, "domain", "remove", "Initech")
	if status, location := s.get("/device/"+made.ID, ""); status != http.StatusNotFound {
		t.Errorf("the page of a binding that is gone: %d, to %s", status, location)
	}
}

// TestAdministrationOfADatabase goes to the database itself, where no server of this machine is.
func TestAdministrationOfADatabase(t *testing.T) {
	t.Parallel()
	var cluster pgtest.Server
	t.Cleanup(func() { cluster.Stop() })
	s := &served{t: t, at: []string{"--store", cluster.Database(t), "--master-key", filepath.Join(t.TempDir(), "master.key")}}
	var made struct {
		ID       string `json:"id"`
		Redirect string `json:"redirect_uri"`
		Key      string `json:"api_key"`
	}
	s.admin("lovelace-1815-engine", &made, "user", "add", "ada", "--email", "ada@example.com", "--name", "Ada", "--administrator", "--password-stdin")
	s.admin("", &made, "org", "add", "Acme", "--creator", "ada")
	s.admin("", &made, "project", "add", "Acme", "warehouse")
	s.admin("", &made, "domain", "add", "Acme")
	s.admin("a secret", &made, "idp", "add", "Acme", "okta", "--issuer", "https://idp.example", "--client-id", "c", "--client-secret-stdin")
	if made.Redirect != "http://localhost:3667/federation/"+made.ID+"/callback" {
		t.Errorf("the redirect URI is %s", made.Redirect)
	}
	s.admin("", &made, "apikey", "add", "ada", "--by", "ada", "--name", "x", "--life", "1d")
	if made.Key == "" {
		t.Error("no key was printed")
	}
	s.admin("", &made, "apikey", "revoke", "ada", made.ID)
	for list, want := range map[string]int{
		"org list": 1, "org member list Acme": 1, "project list": 1, "domain list": 1, "idp list": 1, "apikey list ada": 0, "session list": 0,
		"key list": 2, "audit --user ada --since 1h": 4, "audit --event binding.added": 1,
	} {
		var all []any
		if s.admin("", &all, strings.Fields(list)...); len(all) != want {
			t.Errorf("%s: %d, want %d: %v", list, len(all), want, all)
		}
	}
	for _, removal := range []string{"idp remove Acme okta", "domain remove Acme", "project remove Acme warehouse", "org member remove Acme ada", "org remove Acme"} {
		s.admin("", &made, strings.Fields(removal)...)
	}
	code, text := on(t.Context(), "", slices.Concat([]string{"admin", "key", "rotate", "--master"}, s.at)...)
	if code != authcmd.ExitFailed || !strings.Contains(text, "Put it there by hand") {
		t.Errorf("the master key that replicas share: %d, %s", code, text)
	}
}
