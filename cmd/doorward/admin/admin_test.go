package admin

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/sqlite"
)

func newOffice(t *testing.T) *Office {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return over(t, store, keys.NewMaster())
}

// over makes an office over a store.
func over(t *testing.T, store *sqlite.Store, master *keys.Master) *Office {
	t.Helper()
	law := law.New(law.Config{
		Issuer: "https://id.example", Store: store, People: store, Attempts: store, APIKeys: store, Master: master,
	})
	if err := law.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &Office{
		Authority: law, People: store, SignIns: store, Hasher: &identity.Hasher{Memory: 64, Passes: 1}, Organisations: store,
		Projects: store, Domains: store, Register: store, DomainRegister: store, SigningKeys: store, Seal: master.Seal,
	}
}

// desks are the two ways to an office, which must not differ.
func desks(t *testing.T, office *Office) map[string]*desk.Desk {
	t.Helper()
	folder, err := os.MkdirTemp("", "dw") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "x.sock")
	open, err := Listen(socket, office)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = open.Close() })
	remote, ok := desk.Dial(t.Context(), socket)
	if !ok {
		t.Fatal("nobody answers on the socket")
	}
	return map[string]*desk.Desk{"in process": desk.Local(office.Handler()), "through the socket": remote}
}

func TestPeopleComeAndGo(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	for name, d := range desks(t, office) {
		ada := desk.User{Username: "ada", Email: "ada@example.com", Name: "Ada", Administrator: true}
		made, err := d.AddUser(t.Context(), ada, secret.New("lovelace-1815-engine"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		person, err := office.People.PersonByName(t.Context(), "ada")
		if err != nil || person.ID != made.ID || !person.Administrator || !strings.HasPrefix(person.Password, "$argon2id$") {
			t.Errorf("%s: the store has %+v, %v", name, person.ID, err)
		}
		client := desk.Client{ID: "cli", Public: true, Grants: []string{string(oauth.GrantDeviceCode)}, Scope: []string{"openid"}}
		if _, err := d.AddClient(t.Context(), client); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		registered, err := office.Authority.Registry.Client(t.Context(), "cli")
		if err != nil {
			t.Fatal(err)
		}
		_, family, err := office.Authority.Sessions.IssueReady(t.Context(), login.ReadyAsk{Client: registered, PersonID: made.ID, How: "token"}, "http://localhost")
		if err != nil {
			t.Fatal(err)
		}
		sessions, err := d.Sessions(t.Context(), "ADA@example.com")
		if err != nil || len(sessions) != 1 || sessions[0].ID != family.ID {
			t.Errorf("%s: sessions %+v, %v", name, sessions, err)
		}
		if _, err := d.RemoveUser(t.Context(), "ada@example.com"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if family, err = office.Authority.Sessions.Get(t.Context(), family.ID); err == nil && family.Ended.IsZero() {
			t.Errorf("%s: the removed person's session lives", name)
		}
		users, err := d.Users(t.Context())
		if err != nil || len(users) != 0 {
			t.Errorf("%s: afterwards there are %v, %v", name, users, err)
		}
		if _, err := d.RemoveClient(t.Context(), "cli"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		events, err := d.Events(t.Context(), desk.EventFilter{Kind: "person.removed", Since: time.Now().Add(-time.Hour), Limit: 1})
		if err != nil || len(events) != 1 || events[0].PersonID != made.ID || events[0].Actor != "admin" {
			t.Errorf("%s: the audit has %+v, %v", name, events, err)
		}
		if err := d.RotateKeys(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASessionIsEnded(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	d := desk.Local(office.Handler())
	made, err := d.AddUser(t.Context(), desk.User{Username: "ada", Email: "ada@example.com", Name: "Ada"}, secret.New("lovelace-1815-engine"))
	if err != nil {
		t.Fatal(err)
	}
	_, family, err := office.Authority.Sessions.IssueReady(t.Context(), login.ReadyAsk{Client: authority.Client{ID: "cli"}, PersonID: made.ID, How: "token"}, "http://localhost")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.EndSession(t.Context(), family.ID); err != nil {
		t.Fatal(err)
	}
	if family, err = office.Authority.Sessions.Get(t.Context(), family.ID); err != nil || family.EndReason != "revoked" {
		t.Errorf("the session ended with %q, %v", family.EndReason, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	for way, d := range desks(t, office) {
		add := func(user desk.User, password string) error {
			_, err := d.AddUser(t.Context(), user, secret.New(password))
			return err
		}
		fine := desk.User{Username: way[:2], Email: way[:2] + "@example.com", Name: "Somebody"}
		if err := add(fine, "nanoseconds-of-wire"); err != nil {
			t.Fatal(err)
		}

		_, noUser := d.RemoveUser(t.Context(), "..")
		_, noClient := d.RemoveClient(t.Context(), "nothing")
		_, noSession := d.EndSession(t.Context(), "nothing")
		_, badClient := d.AddClient(t.Context(), desk.Client{ID: "x", Public: true, Redirects: []string{"http://elsewhere.example/"}})
		got := map[string]string{}
		for name, err := range map[string]error{
			"taken": add(fine, "nanoseconds-of-wire"), "weak": add(desk.User{Username: "b", Email: "b@example.com", Name: "B"}, "password"),
			"no address": add(desk.User{Username: "b", Name: "B"}, "nanoseconds-of-wire"), "no user": noUser,
			"no client": noClient, "no session": noSession, "bad client": badClient,
		} {
			var refusal *desk.Refusal
			if !errors.As(err, &refusal) {
				t.Errorf("%s, %s: %v is no refusal", way, name, err)
				continue
			}
			got[name] = refusal.Code
		}
		want := map[string]string{
			"taken": "taken", "weak": "invalid", "no address": "invalid", "no user": "unknown", "no client": "unknown",
			"no session": "unknown", "bad client": "invalid",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way, diff)
		}
	}
}

func TestTheSecretOfAClientIsShownOnce(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	d := desk.Local(office.Handler())
	made, err := d.AddClient(t.Context(), desk.Client{ID: "builder", Grants: []string{string(oauth.GrantClientCredentials)}, Scope: []string{"build"}})
	if err != nil || made.Secret == "" {
		t.Fatalf("%+v, %v", made.ID, err)
	}
	if _, err := office.Authority.Registry.Authenticate(t.Context(), "builder", secret.New(made.Secret)); err != nil {
		t.Errorf("the secret is not the client's: %v", err)
	}
	clients, err := d.Clients(t.Context())
	if err != nil || len(clients) != 1 || clients[0].Secret != "" || clients[0].Public {
		t.Errorf("the list shows %+v, %v", clients, err)
	}
}

func TestTheSocketIsForThisUserAlone(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	folder, err := os.MkdirTemp("", "dw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "x.sock")

	// What a killed server left behind: a socket on which nobody listens.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := desk.Dial(t.Context(), socket); ok {
		t.Fatal("somebody answers on a socket that was left behind")
	}
	open, err := Listen(socket, office)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if err := open.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if _, err := Listen(filepath.Join(folder, strings.Repeat("x", 120)), office); err == nil {
		t.Error("a path that no system takes was taken")
	}
}

func TestRequestsOfAnotherVersionAreRefused(t *testing.T) {
	t.Parallel()
	handler := newOffice(t).Handler()
	for name, request := range map[string]*http.Request{
		"an unknown member":     httptest.NewRequest(http.MethodPost, "/users", strings.NewReader(`{"username":"x","superpowers":true}`)),
		"a limit that is none":  httptest.NewRequest(http.MethodGet, "/events?limit=many", nil),
		"a moment that is none": httptest.NewRequest(http.MethodGet, "/events?since=yesterday", nil),
		"a body that is long":   httptest.NewRequest(http.MethodPost, "/domains", strings.NewReader(`{"name":"`+strings.Repeat("x", maxBody)+`"}`)),
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), `"code":"invalid"`) {
			t.Errorf("%s: %d, %s", name, answer.Code, answer.Body)
		}
	}
}
