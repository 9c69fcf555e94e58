package admin

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/sqlite"
)

// people adds Grace, an administrator, and Ada.
func people(t *testing.T, office *Office) (grace, ada identity.Person) {
	t.Helper()
	grace = identity.Person{ID: "usr_grace", Username: "grace", Email: "grace@navy.example", Name: "Grace", Administrator: true}
	ada = identity.Person{ID: "usr_ada", Username: "ada", Email: "ada@example.com", Name: "Ada"}
	for _, person := range []identity.Person{grace, ada} {
		if err := office.People.AddPerson(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	}
	return grace, ada
}

// must is what an answer without an error is.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(answer T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// code is that of a refusal; it fails the test for anything else.
func code(t *testing.T, err error) string {
	t.Helper()
	var refusal *desk.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%v is no refusal", err)
		return ""
	}
	if !strings.HasSuffix(refusal.Message, ".") || strings.ContainsAny(refusal.Message, "\x1b\n") {
		t.Errorf("%q is no sentence for people", refusal.Message)
	}
	return refusal.Code
}

// audited are the kinds of the last events, the oldest first, with the person and the detail of each.
func audited(t *testing.T, d *desk.Desk, last int) (told []string) {
	t.Helper()
	for _, event := range must[[]desk.Event](t)(d.Events(t.Context(), desk.EventFilter{Limit: last})) {
		told = append(told, strings.Join([]string{event.Kind, event.PersonID, event.Actor, event.Detail}, "|"))
	}
	slices.Reverse(told)
	return told
}

func TestOrganisationsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"in process", "through the socket"} {
		office := newOffice(t)
		d := desks(t, office)[way]
		ctx := t.Context()
		grace, ada := people(t, office)
		acme := must[desk.Organisation](t)(d.AddOrganisation(ctx, desk.NewOrganisation{Name: "Acme Corp", Short: "acmec", Creator: "GRACE"}))
		other := must[desk.Organisation](t)(d.AddOrganisation(ctx, desk.NewOrganisation{Name: "Globex"}))
		if acme.Creator != grace.ID || !strings.HasPrefix(acme.ID, "org-") || other.Creator != "" {
			t.Errorf("%s: made %+v and %+v", way, acme, other)
		}
		if all := must[[]desk.Organisation](t)(d.Organisations(ctx)); len(all) != 2 || !slices.Contains(all, acme) {
			t.Errorf("%s: there are %+v", way, all)
		}
		for _, ref := range []string{"acmec", acme.ID} {
			must[desk.Member](t)(d.SetMember(ctx, ref, "ada@example.com", "member"))
		}
		raised := must[desk.Member](t)(d.SetMember(ctx, "Acme Corp", ada.ID, "admin"))
		members := must[[]desk.Member](t)(d.Members(ctx, "Acme Corp"))
		if len(members) != 2 || members[0].Username != "grace" || members[0].Role != "admin" || members[1] != raised || raised.Email != ada.Email {
			t.Errorf("%s: the members are %+v", way, members)
		}
		project := must[desk.Project](t)(d.AddProject(ctx, desk.NewProject{Organisation: "acmec", Name: "demo", Creator: "ada"}))
		twin := must[desk.Project](t)(d.AddProject(ctx, desk.NewProject{Organisation: "Globex", Name: "demo"}))
		if got := must[[]desk.Project](t)(d.Projects(ctx, "Globex")); !slices.Equal(got, []desk.Project{twin}) || twin.Organisation != "Globex" {
			t.Errorf("%s: the projects of one are %+v", way, got)
		}
		if got := must[[]desk.Project](t)(d.Projects(ctx, "")); len(got) != 2 {
			t.Errorf("%s: the projects of all are %+v", way, got)
		}
		must[desk.Project](t)(d.RemoveProject(ctx, "Globex", "demo"))
		must[desk.Member](t)(d.RemoveMember(ctx, "acmec", "grace"))
		must[desk.Organisation](t)(d.RemoveOrganisation(ctx, "acmec"))
		if got := must[[]desk.Project](t)(d.Projects(ctx, "")); len(got) != 0 {
			t.Errorf("%s: left are %+v", way, got)
		}
		must[identity.Person](t)(office.People.Person(ctx, ada.ID))
		want := []string{
			"organisation.added||admin|" + acme.ID, "member.set|usr_grace|admin|" + acme.ID + " admin",
			"organisation.added||admin|" + other.ID,
			"member.set|usr_ada|admin|" + acme.ID + " member", "member.set|usr_ada|admin|" + acme.ID + " member",
			"member.set|usr_ada|admin|" + acme.ID + " admin",
			"project.added||admin|" + project.ID, "project.added||admin|" + twin.ID, "project.removed||admin|" + twin.ID,
			"member.removed|usr_grace|admin|" + acme.ID, "organisation.removed||admin|" + acme.ID,
		}
		if diff := cmp.Diff(want, audited(t, d, 100)); diff != "" {
			t.Errorf("%s: the audit (-want +got):\n%s", way, diff)
		}
	}
}

func TestRefusalsOfOrganisations(t *testing.T) {
	t.Parallel()
	office, ctx := newOffice(t), t.Context()
	people(t, office)
	d := desk.Local(office.Handler())
	acme := must[desk.Organisation](t)(d.AddOrganisation(ctx, desk.NewOrganisation{Name: "Acme", Short: "ac"}))
	must[desk.Project](t)(d.AddProject(ctx, desk.NewProject{Organisation: "Acme", Name: "demo"}))
	before := len(audited(t, d, 100))
	add := func(name, short, creator string) error {
		_, err := d.AddOrganisation(ctx, desk.NewOrganisation{Name: name, Short: short, Creator: creator})
		return err
	}
	project := func(organisation, name, creator string) error {
		_, err := d.AddProject(ctx, desk.NewProject{Organisation: organisation, Name: name, Creator: creator})
		return err
	}
	member := func(organisation, user, role string) error {
		_, err := d.SetMember(ctx, organisation, user, role)
		return err
	}
	_, removed := d.RemoveOrganisation(ctx, "Globex")
	_, gone := d.RemoveProject(ctx, "ac", "nothing")
	_, stranger := d.RemoveMember(ctx, "ac", "ada")
	_, list := d.Members(ctx, "../users")
	for name, refused := range map[string]struct {
		err  error
		want string
	}{
		"a name that is taken":          {add("Acme", "", ""), "taken"},
		"a short name that is taken":    {add("New", "ac", ""), "taken"},
		"a creator nobody knows":        {add("New", "", "nobody"), "unknown"},
		"no name":                       {add("", "", ""), "invalid"},
		"control characters":            {add("A\x1b[2Jcme", "", ""), "invalid"},
		"a name that turns around":      {add("Acme\u202e", "", ""), "invalid"},
		"spaces around":                 {add(" New", "", ""), "invalid"},
		"a long name":                   {add(strings.Repeat("x", 101), "", ""), "invalid"},
		"a long short name":             {add("New", strings.Repeat("x", 17), ""), "invalid"},
		"a project that is there":       {project("Acme", "demo", ""), "taken"},
		"a project of no organisation":  {project("nothing\x1b[2J", "new", ""), "unknown"},
		"a project of a bad name":       {project("Acme", "a\nb", ""), "invalid"},
		"a project of an unknown maker": {project("Acme", "new", "nobody"), "unknown"},
		"a role that is none":           {member("Acme", "ada", "owner"), "invalid"},
		"a member nobody knows":         {member("Acme", "nobody", "member"), "unknown"},
		"no organisation to remove":     {removed, "unknown"},
		"no project to remove":          {gone, "unknown"},
		"who is no member":              {stranger, "unknown"},
		"no organisation to list":       {list, "unknown"},
	} {
		if got := code(t, refused.err); got != refused.want {
			t.Errorf("%s: refused as %q, want %q", name, got, refused.want)
		}
	}
	if all := must[[]desk.Organisation](t)(d.Organisations(ctx)); len(all) != 1 || all[0] != acme || len(audited(t, d, 100)) != before {
		t.Errorf("a refusal changed something: %+v", all)
	}
}

func TestDomainsAndBindings(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	master := keys.NewMaster()
	office, ctx := over(t, store, master), t.Context()
	_, ada := people(t, office)
	d := desks(t, office)["through the socket"]

	const kept = "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0a0"
	domain := must[desk.Domain](t)(d.AddDomain(ctx, desk.NewDomain{Name: "Acme", ID: kept}))
	other := must[desk.Domain](t)(d.AddDomain(ctx, desk.NewDomain{Name: "Globex"}))
	if domain.ID != kept || len(other.ID) != 36 || other.ID[14] != '4' {
		t.Errorf("made %+v and %+v", domain, other)
	}
	ask := desk.NewBinding{
		Domain: "Acme", Alias: "okta", Issuer: "https://acme.okta.example", ClientID: "0oa1", Primary: true, Creates: true, ACR: []string{"2"}, AMR: []string{"otp"},
	}
	made := must[desk.Binding](t)(d.AddBinding(ctx, ask, secret.New("a client secret")))
	want := desk.Binding{
		DomainID: kept, Domain: "Acme", Alias: "okta", Name: "okta", Issuer: ask.Issuer, ClientID: "0oa1", Confidential: true,
		Redirect: "https://id.example/federation/" + made.ID + "/callback", Primary: true, Creates: true, ACR: []string{"2"}, AMR: []string{"otp"},
	}
	if diff := cmp.Diff(want, made, cmpopts.IgnoreFields(desk.Binding{}, "ID", "Created")); diff != "" {
		t.Errorf("the binding (-want +got):\n%s", diff)
	}
	inside := must[identity.Binding](t)(store.Binding(ctx, made.ID))
	if clear, err := master.Open(server.BindingPurpose, inside.Secret, []byte(made.ID)); err != nil || string(clear) != "a client secret" {
		t.Errorf("the secret opens as %q, %v", clear, err)
	}
	public := must[desk.Binding](t)(d.AddBinding(ctx, desk.NewBinding{Domain: other.ID, Alias: "okta", Issuer: "https://idp.example/x", ClientID: "c", Name: "Globex' own"}, secret.String{}))
	if public.Confidential || must[identity.Binding](t)(store.Binding(ctx, public.ID)).Secret != nil {
		t.Error("a public client has a secret")
	}
	if got := must[[]desk.Binding](t)(d.Bindings(ctx, "")); len(got) != 2 || cmp.Diff(got[0], made) != "" || cmp.Diff(got[1], public) != "" {
		t.Errorf("the bindings are %+v", got)
	}
	if got := must[[]desk.Binding](t)(d.Bindings(ctx, "Globex")); len(got) != 1 || got[0].ID != public.ID {
		t.Errorf("the bindings of one are %+v", got)
	}

	// What came through a binding ends with it, and nothing else.
	through := family(t, store, ada.ID, made.ID)
	elsewhere := family(t, store, ada.ID, public.ID)
	removed := must[desk.RemovedBinding](t)(d.RemoveBinding(ctx, "Acme", "okta"))
	if removed.Ended != 1 || ended(t, office, through) != "binding removed" || ended(t, office, elsewhere) != "" {
		t.Errorf("ended %d: %q, %q", removed.Ended, ended(t, office, through), ended(t, office, elsewhere))
	}
	if gone := must[desk.RemovedDomain](t)(d.RemoveDomain(ctx, "Globex")); gone.Ended != 1 || ended(t, office, elsewhere) != "binding removed" {
		t.Errorf("the Domain went with %d", gone.Ended)
	}
	if got := must[[]desk.Binding](t)(d.Bindings(ctx, "")); len(got) != 0 {
		t.Errorf("left are %+v", got)
	}
	told := audited(t, d, 100)
	for _, want := range []string{
		"domain.added||admin|" + kept, "binding.added||admin|" + made.ID + " of " + kept, "binding.removed||admin|" + made.ID,
		"domain.removed||admin|" + other.ID, "binding.removed||admin|" + public.ID, "session.ended|usr_ada|admin|binding removed",
	} {
		if !slices.Contains(told, want) {
			t.Errorf("the audit has no %q: %q", want, told)
		}
	}
}

// family adds a session that began through a binding.
func family(t *testing.T, store *sqlite.Store, personID, binding string) string {
	t.Helper()
	id := authority.NewID(time.Now())
	err := store.AddFamily(t.Context(), authority.Family{
		ID: id, Kind: authority.FamilySession, ClientID: "cli", PersonID: personID, Binding: binding, Created: time.Now(),
	}, authority.After{})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ended is why a session ended; "" : it lives.
func ended(t *testing.T, office *Office, id string) string {
	t.Helper()
	return must[authority.Family](t)(office.Authority.Sessions.Get(t.Context(), id)).EndReason
}

func TestRefusalsOfProviders_SEC193(t *testing.T) {
	t.Parallel()
	office, ctx := newOffice(t), t.Context()
	d := desk.Local(office.Handler())
	domain := must[desk.Domain](t)(d.AddDomain(ctx, desk.NewDomain{Name: "Acme"}))
	fine := desk.NewBinding{Domain: "Acme", Alias: "okta", Issuer: "https://idp.example", ClientID: "c", Primary: true}
	must[desk.Binding](t)(d.AddBinding(ctx, fine, secret.String{}))
	add := func(change func(*desk.NewBinding), given string) error {
		ask := fine
		ask.Alias, ask.Primary = "new", false
		change(&ask)
		_, err := d.AddBinding(ctx, ask, secret.New(given))
		return err
	}
	issuer := func(address string) error {
		return add(func(b *desk.NewBinding) { b.Issuer = address }, "")
	}
	same := func(*desk.NewBinding) {}
	_, domainID := d.AddDomain(ctx, desk.NewDomain{Name: "New", ID: domain.ID})
	_, domainName := d.AddDomain(ctx, desk.NewDomain{Name: "Acme"})
	_, noUUID := d.AddDomain(ctx, desk.NewDomain{Name: "New", ID: strings.ToUpper(domain.ID)})
	_, badName := d.AddDomain(ctx, desk.NewDomain{Name: "A\tB"})
	_, noDomain := d.RemoveDomain(ctx, "nothing")
	_, noBinding := d.RemoveBinding(ctx, "Acme", "nothing")
	_, noList := d.Bindings(ctx, "nothing")
	for name, refused := range map[string]struct {
		err  error
		want string
	}{
		"a Domain's id twice":         {domainID, "taken"},
		"a Domain's name twice":       {domainName, "taken"},
		"an id that is no UUID":       {noUUID, "invalid"},
		"a bad name of a Domain":      {badName, "invalid"},
		"an unknown Domain":           {add(func(b *desk.NewBinding) { b.Domain = "nothing" }, ""), "unknown"},
		"an unknown Domain to remove": {noDomain, "unknown"},
		"an unknown alias":            {noBinding, "unknown"},
		"an unknown Domain to list":   {noList, "unknown"},
		"an alias twice":              {add(func(b *desk.NewBinding) { b.Alias = "okta" }, ""), "taken"},
		"a second primary one":        {add(func(b *desk.NewBinding) { b.Primary = true }, ""), "taken"},
		"no alias":                    {add(func(b *desk.NewBinding) { b.Alias = "" }, ""), "invalid"},
		"an alias with a slash":       {add(func(b *desk.NewBinding) { b.Alias = "a/b" }, ""), "invalid"},
		"a long alias":                {add(func(b *desk.NewBinding) { b.Alias = strings.Repeat("x", 65) }, ""), "invalid"},
		"a bad name":                  {add(func(b *desk.NewBinding) { b.Name = "x\x1b[2J" }, ""), "invalid"},
		"no client id":                {add(func(b *desk.NewBinding) { b.ClientID = "" }, ""), "invalid"},
		"a client id with a newline":  {add(func(b *desk.NewBinding) { b.ClientID = "a\nb" }, ""), "invalid"},
		"a secret with a newline":     {add(same, "a\nb"), "invalid"},
		"a long secret":               {add(same, strings.Repeat("x", 4097)), "invalid"},
		"an acr with a space":         {add(func(b *desk.NewBinding) { b.ACR = []string{"a b"} }, ""), "invalid"},
		"many amr":                    {add(func(b *desk.NewBinding) { b.AMR = slices.Repeat([]string{"pwd"}, 21) }, ""), "invalid"},
		"no issuer":                   {issuer(""), "invalid"},
		"plain http":                  {issuer("http://idp.example"), "invalid"},
		"plain http of this machine":  {issuer("http://localhost:8080"), "invalid"},
		"this machine":                {issuer("https://localhost"), "invalid"},
		"this machine by a name":      {issuer("https://idp.localhost."), "invalid"},
		"this machine by its address": {issuer("https://[::1]:8443"), "invalid"},
		"this machine, written oddly": {issuer("https://[::ffff:127.0.0.1]"), "invalid"},
		"a private network":           {issuer("https://10.1.2.3"), "invalid"},
		"the cloud's metadata":        {issuer("https://169.254.169.254/latest"), "invalid"},
		"a user name":                 {issuer("https://me@idp.example"), "invalid"},
		"a query":                     {issuer("https://idp.example/?x=1"), "invalid"},
		"a fragment":                  {issuer("https://idp.example/#x"), "invalid"},
		"another scheme":              {issuer("file:///etc/passwd"), "invalid"},
		"control characters":          {issuer("https://idp.example/\x1b[2J"), "invalid"},
		"a long address":              {issuer("https://idp.example/" + strings.Repeat("x", 1024)), "invalid"},
	} {
		if got := code(t, refused.err); got != refused.want {
			t.Errorf("%s: refused as %q, want %q", name, got, refused.want)
		}
	}
	if got := must[[]desk.Binding](t)(d.Bindings(ctx, "")); len(got) != 1 {
		t.Errorf("a refusal left %+v", got)
	}
	office.AllowPrivate = true
	if err := issuer("http://localhost:8080"); err != nil {
		t.Errorf("for development: %v", err)
	}
}

// What is found by a name is never one of two.
func TestOfTwoOfANameNeitherIsMeant(t *testing.T) {
	t.Parallel()
	office, ctx := newOffice(t), t.Context()
	for _, id := range []string{"org-1", "org-2", "same"} {
		if err := office.Organisations.AddOrganisation(ctx, identity.Organisation{ID: id, Name: "same"}); err != nil {
			t.Fatal(err)
		}
	}
	d := desk.Local(office.Handler())
	if removed := must[desk.Organisation](t)(d.RemoveOrganisation(ctx, "same")); removed.ID != "same" {
		t.Errorf("removed %+v, want that of the id", removed)
	}
	if _, err := d.RemoveOrganisation(ctx, "same"); code(t, err) != "ambiguous" {
		t.Errorf("of two of a name: %v", err)
	}
	must[desk.Organisation](t)(d.RemoveOrganisation(ctx, "org-1"))
	must[desk.Organisation](t)(d.RemoveOrganisation(ctx, "same"))
}
