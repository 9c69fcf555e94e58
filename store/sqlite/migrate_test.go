package sqlite

import (
	"database/sql"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/store/sqlite/internal/engine"
	"github.com/doorward/doorward/store/storetest"
)

// rowsOfTheFirst are rows as the program of migration 1 wrote them.
var rowsOfTheFirst = []string{
	`INSERT INTO people VALUES ('usr_1', 'ada', 'ada', '', NULL, 'Ada', 0, '', NULL, 0, 0, NULL)`,
	`INSERT INTO organisations VALUES ('org-1', 'One', 'O', 'usr_1', NULL)`,
	`INSERT INTO clients VALUES ('c', 'C', NULL, NULL, NULL, NULL, NULL, '', NULL, '', '', 0, 0, 0, 0, 0, '', 0, NULL)`,
	`INSERT INTO codes VALUES ('code', '{"id":"r"}', '', '', '', '{"PersonID":"usr_1","Address":"a"}', NULL, NULL, '')`,
	`INSERT INTO device_requests (id, user_code, client_id, challenge, address, agent, machine, expires, state, approval, family_id)
		VALUES ('d', 'CODE', 'c', '', '', '', '', 9000000000000000, 'approved', '{"PersonID":"usr_1"}', '')`,
	`INSERT INTO families (id, kind, client_id, person_id, address, agent, machine, how, level, issued_by, end_reason, last_address,
		key_id, generation, current, previous)
		VALUES ('f', 'ready', 'c', 'usr_1', '', '', '', 'token', 1, '', '', '', '', 0, zeroblob(32), zeroblob(32))`,
	`INSERT INTO sign_ins (id, person_id, address, agent, expires) VALUES ('s', 'usr_1', '', '', 9000000000000000)`,
}

// ofTheFirst makes a database as the program of migration 1 left it.
func ofTheFirst(t *testing.T, path string) {
	t.Helper()
	first, err := fs.ReadFile(migrations, "migrations/0001_start.sql")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), engine.Config{
		Path: path, Readers: 1, Log: slog.New(slog.DiscardHandler), SweepEvery: 1, Sweep: func(*engine.Writer) error { return nil },
		Migrations: fstest.MapFS{"0001_start.sql": &fstest.MapFile{Data: first}},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, e, rowsOfTheFirst...)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// write runs statements in one change.
func write(t *testing.T, e *engine.Engine, statements ...string) {
	t.Helper()
	if err := e.Change(t.Context(), func(w *engine.Writer) error {
		for _, text := range statements {
			if _, err := w.Exec(text); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// answered fails the test where a getter did not answer want.
func answered[T any](t *testing.T, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v (- wanted, + got)\n%s", err, diff)
		}
	}
}

// A database of migration 1 opens with every row as it was, new fields being empty, takes what is new, and still takes the
// rows of a program that knows only migration 1 (N+1 serves N).
func TestMigratedFromTheFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	ofTheFirst(t, path)
	s, ctx := open(t, Config{Path: path}), t.Context()
	answered(t, authority.Client{ID: "c", Name: "C"})(s.Client(ctx, "c"))
	kept := func(*authority.Code) (authority.After, error) { return authority.After{}, authority.ErrNoChange }
	answered(t, authority.Code{
		ID: "code", Request: authority.AuthorizationRequest{ID: "r"}, Approval: authority.Approval{PersonID: "usr_1", Address: "a"},
	})(s.ChangeCode(ctx, "code", kept))
	answered(t, authority.DeviceRequest{
		ID: "d", UserCode: "CODE", ClientID: "c", Expires: time.UnixMicro(9e15).UTC(), State: authority.DeviceApproved,
		Approval: authority.Approval{PersonID: "usr_1"},
	})(s.DeviceRequest(ctx, "d"))
	family := authority.Family{ID: "f", Kind: authority.FamilyReady, ClientID: "c", PersonID: "usr_1", How: "token", Level: 1}
	answered(t, family)(s.FamilyByToken(ctx, [32]byte{}))
	answered(t, identity.SignIn{ID: "s", PersonID: "usr_1", Expires: time.UnixMicro(9e15).UTC()})(s.SignIn(ctx, "s"))

	key := authority.APIKey{ID: "k", PersonID: "usr_1", Created: storetest.Now()}
	project := identity.Project{ID: "project-1", OrganisationID: "org-1", Name: "P"}
	for _, err := range []error{
		s.AddAPIKey(ctx, key, 1, authority.After{}),
		s.AddProject(ctx, project),
		s.AddLink(ctx, identity.Link{Issuer: "i", Subject: "s", PersonID: "usr_1"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	family.APIKeyID = "k"
	answered(t, family)(s.ChangeFamily(ctx, "f", func(f *authority.Family) (authority.After, error) {
		f.APIKeyID = "k"
		return authority.After{}, nil
	}))
	answered(t, []authority.Family{family})(s.FamiliesOfKey(ctx, "k"))
	answered(t, []identity.Project{project})(s.ListProjects(ctx, []string{"org-1"}))
	write(t, s.engine, `INSERT INTO sign_ins (id, person_id, methods, at, expires, address, agent)
		VALUES ('older', 'usr_1', NULL, NULL, 9000000000000000, '', '')`)
	answered(t, identity.SignIn{ID: "older", PersonID: "usr_1", Expires: time.UnixMicro(9e15).UTC()})(s.SignIn(ctx, "older"))
}

// A database whose version stands in the table of the tool that once migrated it, is taken from there.
func TestMigratedFromATable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	ofTheFirst(t, path)
	file, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.ExecContext(t.Context(), `PRAGMA user_version = 0;
		CREATE TABLE goose_db_version (version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL);
		INSERT INTO goose_db_version VALUES (0, 1), (1, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Path: path})
	answered(t, authority.Client{ID: "c", Name: "C"})(s.Client(t.Context(), "c"))
	var version int
	if err := s.engine.Get(t.Context(), "PRAGMA user_version", nil, &version); err != nil || version != 2 {
		t.Errorf("version %d, %v", version, err)
	}
}

// A migration that fails leaves the tables and their version as they were, and the next start tries again.
func TestMigrationThatFails(t *testing.T) {
	t.Parallel()
	config := engine.Config{
		Path: filepath.Join(t.TempDir(), "s.db"), Readers: 1, Log: slog.New(slog.DiscardHandler), SweepEvery: 1,
		Sweep: func(*engine.Writer) error { return nil },
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	config.Migrations = fstest.MapFS{"0001_a.sql": file("CREATE TABLE a (n)"), "0002_b.sql": file("CREATE TABLE b (n); CREATE TABLE a (n)")}
	if _, err := engine.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "0002_b.sql") {
		t.Fatal(err)
	}
	config.Migrations = fstest.MapFS{"0001_a.sql": file("CREATE TABLE a (n)"), "0002_b.sql": file("CREATE TABLE b (n)")}
	e, err := engine.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, e, "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// What a token check, a revocation and a first sign-in cost must not grow with the tables: no statement of theirs reads one
// from end to end.
func TestNoScans(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	for name, text := range map[string]string{
		"FamilyByToken": s.nouns.families.all + byToken,
		"FamiliesOfKey": s.nouns.families.all + " WHERE api_key_id = $1 AND api_key_id <> '' AND ended IS NULL ORDER BY id",
		"APIKeyByHash":  s.nouns.apiKeys.all + " WHERE hash = $1",
		"APIKeysOf":     s.nouns.apiKeys.all + " WHERE person_id = $1 AND revoked IS NULL ORDER BY created DESC, id DESC",
		"PersonByLink":  s.nouns.people.all + " WHERE id = (SELECT person_id FROM links WHERE issuer = $1 AND subject = $1)",
		"Factors":       s.nouns.factors.all + " WHERE person_id = $1 ORDER BY created, id",
		"Bindings":      s.nouns.bindings.all + " WHERE domain_id = $1 ORDER BY alias",
		"ListProjects": s.nouns.projects.all +
			" WHERE organisation_id IN (SELECT value FROM json_each($1)) ORDER BY name, id",
		"RemovePerson": "DELETE FROM people WHERE id = $1",
	} {
		err := s.engine.Each(t.Context(), "EXPLAIN QUERY PLAN "+text, []any{"[]"}, func(scan func(...any) error) error {
			var id, parent, unused int
			var detail string
			err := scan(&id, &parent, &unused, &detail)
			if strings.HasPrefix(detail, "SCAN") && !strings.HasPrefix(detail, "SCAN json_each") {
				t.Errorf("%s reads a whole table: %s", name, detail)
			}
			t.Log(name, detail)
			return err
		})
		if err != nil {
			t.Error(name, err)
		}
	}
}
