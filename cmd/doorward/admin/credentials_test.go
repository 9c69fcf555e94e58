package admin

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/sqlite"
)

func TestAPIKeysAreIssuedAndRevoked(t *testing.T) {
	t.Parallel()
	office, ctx := newOffice(t), t.Context()
	grace, ada := people(t, office)
	d := desks(t, office)["through the socket"]
	made := must[desk.APIKey](t)(d.AddAPIKey(ctx, desk.NewAPIKey{User: "ada", By: "grace", Name: "nightly build", Scope: []string{"build"}, Life: time.Hour}))
	forever := must[desk.APIKey](t)(d.AddAPIKey(ctx, desk.NewAPIKey{User: ada.ID, By: "grace@navy.example", Name: "more"}))
	if made.Key == "" || made.IssuedBy != grace.ID || made.PersonID != ada.ID || made.Expires == nil || forever.Expires != nil {
		t.Errorf("made %+v and %+v", made.ID, forever.ID)
	}
	key := must[authority.APIKey](t)(office.Authority.Keys.Check(ctx, secret.New(made.Key)))
	if key.ID != made.ID || key.IssuedBy != grace.ID || key.PersonID != ada.ID || !slices.Equal(key.Scope, []string{"build"}) {
		t.Errorf("the key is %+v", key)
	}
	all := must[[]desk.APIKey](t)(d.APIKeys(ctx, "ada"))
	if len(all) != 2 || all[0].Key+all[1].Key != "" || all[1].LastUsed == nil {
		t.Errorf("the list shows %+v", all)
	}
	began := must[login.Redeemed](t)(office.Authority.Sessions.Open(ctx, authority.Client{ID: "cli"}, authority.Approval{PersonID: ada.ID}, "key", authority.Origin{}, key))
	must[desk.APIKey](t)(d.RevokeAPIKey(ctx, "ada", made.ID))
	if _, err := office.Authority.Keys.Check(ctx, secret.New(made.Key)); err == nil {
		t.Error("the revoked key is good")
	}
	if reason := ended(t, office, began.Family.ID); reason != "api key revoked" {
		t.Errorf("its session: %q", reason)
	}
	must[desk.APIKey](t)(d.RevokeAPIKey(ctx, "ada", made.ID)) // a second time, for what may be left of it
	must[authority.APIKey](t)(office.Authority.Keys.Check(ctx, secret.New(forever.Key)))
	told := audited(t, d, 100)
	for _, want := range []string{"api_key.issued|usr_ada|usr_grace|" + made.ID, "api_key.revoked|usr_ada|admin|" + made.ID} {
		if !slices.Contains(told, want) {
			t.Errorf("the audit has no %q: %q", want, told)
		}
	}
	if text := strings.Join(told, " "); strings.Contains(text, made.Key) {
		t.Error("the audit has the key")
	}
}

func TestRefusalsOfAPIKeys(t *testing.T) {
	t.Parallel()
	office, ctx := newOffice(t), t.Context()
	_, ada := people(t, office)
	d := desk.Local(office.Handler())
	add := func(change func(*desk.NewAPIKey)) error {
		ask := desk.NewAPIKey{User: "ada", By: "grace", Name: "x"}
		change(&ask)
		_, err := d.AddAPIKey(ctx, ask)
		return err
	}
	made := must[desk.APIKey](t)(d.AddAPIKey(ctx, desk.NewAPIKey{User: "ada", By: "grace", Name: "x"}))
	_, others := d.RevokeAPIKey(ctx, "grace", made.ID)
	_, none := d.RevokeAPIKey(ctx, "ada", "nothing")
	_, nobody := d.APIKeys(ctx, "nobody")
	refused := map[string]struct {
		err  error
		want string
	}{
		"nobody":                  {add(func(k *desk.NewAPIKey) { k.User = "nobody" }), "unknown"},
		"no administrator":        {add(func(k *desk.NewAPIKey) { k.By = "ada" }), "invalid"},
		"an unknown one":          {add(func(k *desk.NewAPIKey) { k.By = "nobody" }), "unknown"},
		"no one":                  {add(func(k *desk.NewAPIKey) { k.By = "" }), "unknown"},
		"no name":                 {add(func(k *desk.NewAPIKey) { k.Name = "" }), "invalid"},
		"a bad name":              {add(func(k *desk.NewAPIKey) { k.Name = "x\x1b[2J" }), "invalid"},
		"a long name":             {add(func(k *desk.NewAPIKey) { k.Name = strings.Repeat("x", 101) }), "invalid"},
		"a life that is over":     {add(func(k *desk.NewAPIKey) { k.Life = -time.Hour }), "invalid"},
		"a life of a century":     {add(func(k *desk.NewAPIKey) { k.Life = 100 * 365 * 24 * time.Hour }), "invalid"},
		"a scope with a space":    {add(func(k *desk.NewAPIKey) { k.Scope = []string{"a b"} }), "invalid"},
		"an empty scope":          {add(func(k *desk.NewAPIKey) { k.Scope = []string{""} }), "invalid"},
		"somebody else's key":     {others, "unknown"},
		"no key":                  {none, "unknown"},
		"the keys of nobody":      {nobody, "unknown"},
		"a name of nothing, long": {add(func(k *desk.NewAPIKey) { k.User = "\x1b" + strings.Repeat("é", 200) }), "unknown"},
	}
	if _, err := office.People.ChangePerson(ctx, ada.ID, func(p *identity.Person) error { p.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	disabled := refused["nobody"]
	disabled.err, disabled.want = add(func(*desk.NewAPIKey) {}), "invalid"
	refused["for somebody disabled"] = disabled
	for name, refused := range refused {
		if got := code(t, refused.err); got != refused.want {
			t.Errorf("%s: refused as %q, want %q", name, got, refused.want)
		}
	}
	if all := must[[]desk.APIKey](t)(d.APIKeys(ctx, "ada")); len(all) != 1 {
		t.Errorf("a refusal left %+v", all)
	}
}

func TestSessionsOfEverybodyAndTheirEnd(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	office, ctx := over(t, store, keys.NewMaster()), t.Context()
	grace, ada := people(t, office)
	d := desks(t, office)["through the socket"]
	first, second, graces := family(t, store, ada.ID, ""), family(t, store, ada.ID, ""), family(t, store, grace.ID, "")
	if err := store.AddSignIn(ctx, identity.SignIn{ID: "s", PersonID: ada.ID, At: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	all := must[[]desk.Session](t)(d.Sessions(ctx, ""))
	if len(all) != 3 || all[2].ID != graces || all[2].Username != "grace" || all[0].PersonID != ada.ID {
		t.Errorf("everybody holds %+v", all)
	}
	if own := must[[]desk.Session](t)(d.Sessions(ctx, "grace")); len(own) != 1 || own[0].ID != graces {
		t.Errorf("one holds %+v", own)
	}
	must[desk.Session](t)(d.EndSession(ctx, first))
	if _, err := d.EndSession(ctx, first); code(t, err) != "ended" {
		t.Errorf("what has ended is ended again: %v", err)
	}
	if gone := must[[]desk.Session](t)(d.EndSessions(ctx, "ADA")); len(gone) != 1 || gone[0].ID != second {
		t.Errorf("ended were %+v", gone)
	}
	if ended(t, office, second) != "revoked" || ended(t, office, graces) != "" {
		t.Error("not the sessions of one person were ended")
	}
	if _, err := store.SignIn(ctx, "s"); err == nil {
		t.Error("the browser is still signed in")
	}
	if _, err := d.EndSessions(ctx, "nobody"); code(t, err) != "unknown" {
		t.Errorf("the sessions of nobody: %v", err)
	}
	if told := audited(t, d, 1); told[0] != "sign_out|usr_ada|admin|everywhere" {
		t.Errorf("the audit says %q", told)
	}
	byPerson := must[[]desk.Event](t)(d.Events(ctx, desk.EventFilter{User: "ada", Kind: "session.ended", Client: "cli"}))
	byOther := must[[]desk.Event](t)(d.Events(ctx, desk.EventFilter{Client: "other"}))
	if len(byPerson) != 2 || len(byOther) != 0 {
		t.Errorf("chosen were %+v and %+v", byPerson, byOther)
	}
	if _, err := d.Events(ctx, desk.EventFilter{User: "nobody"}); code(t, err) != "unknown" {
		t.Errorf("the audit of nobody: %v", err)
	}
}

func TestKeysAreListedAndRotated(t *testing.T) {
	t.Parallel()
	office, ctx := newOffice(t), t.Context()
	d := desks(t, office)["through the socket"]
	before := must[[]desk.Key](t)(d.Keys(ctx))
	if len(before) != 2 || before[0].Alg != "ES256" || before[1].Alg != "RS256" || before[0].State != "signs" || before[1].State != "signs" {
		t.Fatalf("at first there are %+v", before)
	}
	office.Now = func() time.Time { return time.Now().Add(time.Minute) }
	if err := d.RotateKeys(ctx); err != nil {
		t.Fatal(err)
	}
	after := must[[]desk.Key](t)(d.Keys(ctx))
	states := make(map[string]string)
	for _, key := range after {
		states[key.ID] = key.State
	}
	if len(after) != 4 || states[before[0].ID] != "verifies" || after[0].State != "signs" || after[2].State != "signs" {
		t.Errorf("then there are %+v", after)
	}
	office.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	if soon := must[[]desk.Key](t)(d.Keys(ctx)); soon[0].State != "announced" {
		t.Errorf("before their time they are %+v", soon)
	}
}

func TestTheMasterKeyIsRotatedInItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db.key")
	office, ctx := newOffice(t), t.Context()
	d := desk.Local(office.Handler())
	if _, err := d.RotateMaster(ctx); code(t, err) != "invalid" {
		t.Errorf("a key that replicas share: %v", err)
	}
	office.MasterFile = path
	if _, err := d.RotateMaster(ctx); err == nil {
		t.Error("a key was made where there was none")
	}
	old := must[*keys.Master](t)(keys.LoadMaster(path, true))
	sealed := old.Seal("x", []byte("plain"), nil)
	made := must[desk.NewMaster](t)(d.RotateMaster(ctx))
	now := must[*keys.Master](t)(keys.LoadMaster(path, false))
	if len(made.IDs) != 2 || now.Current() != made.IDs[0] || made.IDs[1] != old.Current() || made.IDs[0] == old.Current() {
		t.Errorf("the keys are %v, the old one was %s", made.IDs, old.Current())
	}
	if plain, err := now.Open("x", sealed, nil); err != nil || string(plain) != "plain" {
		t.Errorf("what the old key sealed opens as %q, %v", plain, err)
	}
	if info := must[os.FileInfo](t)(os.Stat(path)); info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	if told := audited(t, d, 1); told[0] != "master_key.rotated||admin|"+made.IDs[0] {
		t.Errorf("the audit says %q", told)
	}
}

// A store that is down is said to be, whatever is asked, and nothing is said to have been done.
func TestAStoreThatIsDown(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	office, ctx := over(t, store, keys.NewMaster()), t.Context()
	people(t, office)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	d := desk.Local(office.Handler())
	for name, ask := range map[string]func() error{
		"users":        func() error { _, err := d.Users(ctx); return err },
		"remove user":  func() error { _, err := d.RemoveUser(ctx, "ada"); return err },
		"clients":      func() error { _, err := d.Clients(ctx); return err },
		"organisation": func() error { _, err := d.AddOrganisation(ctx, desk.NewOrganisation{Name: "x"}); return err },
		"list":         func() error { _, err := d.Organisations(ctx); return err },
		"member":       func() error { _, err := d.SetMember(ctx, "x", "ada", "admin"); return err },
		"members":      func() error { _, err := d.Members(ctx, "x"); return err },
		"project":      func() error { _, err := d.AddProject(ctx, desk.NewProject{Organisation: "x", Name: "x"}); return err },
		"projects":     func() error { _, err := d.Projects(ctx, ""); return err },
		"domain":       func() error { _, err := d.AddDomain(ctx, desk.NewDomain{Name: "x"}); return err },
		"domains":      func() error { _, err := d.Domains(ctx); return err },
		"binding": func() error {
			_, err := d.AddBinding(ctx, desk.NewBinding{Domain: "x", Alias: "x", Issuer: "https://idp.example", ClientID: "x"}, secret.String{})
			return err
		},
		"bindings":       func() error { _, err := d.Bindings(ctx, ""); return err },
		"remove binding": func() error { _, err := d.RemoveBinding(ctx, "x", "x"); return err },
		"key": func() error {
			_, err := d.AddAPIKey(ctx, desk.NewAPIKey{User: "ada", By: "grace", Name: "x"})
			return err
		},
		"api keys": func() error { _, err := d.APIKeys(ctx, "ada"); return err },
		"sessions": func() error { _, err := d.Sessions(ctx, ""); return err },
		"end":      func() error { _, err := d.EndSession(ctx, "x"); return err },
		"end all":  func() error { _, err := d.EndSessions(ctx, "ada"); return err },
		"audit":    func() error { _, err := d.Events(ctx, desk.EventFilter{}); return err },
		"keys":     func() error { _, err := d.Keys(ctx); return err },
		"rotate":   func() error { return d.RotateKeys(ctx) },
	} {
		if err := ask(); code(t, err) != "busy" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
