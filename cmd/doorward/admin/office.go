package admin

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// actor is who did it, in the audit.
const actor = "admin"

// pageSize is how many people are read at once.
const pageSize = 500

// Office does what administration asks for. All fields but Now are needed.
type Office struct {
	Authority *law.Authority
	People    identity.People
	SignIns   identity.SignIns
	Hasher    *identity.Hasher
	// Backup writes a copy of the store to a file that is not there; nil: this store has none to make.
	Backup func(ctx context.Context, path string) error
	Now    func() time.Time // nil: time.Now
}

// addUser hashes the password here, behind the socket, so that the rules for new ones are asked in one place.
func (o *Office) addUser(r *http.Request) (any, error) {
	var ask newUser
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	ctx, now := r.Context(), o.now()
	person := identity.Person{
		ID: identity.NewPersonID(), Username: ask.Username, Email: ask.Email, Name: ask.Name, Administrator: ask.Administrator,
		Created: now, PasswordChanged: now,
	}
	password := secret.New(ask.Password)
	err := identity.CheckPerson(person)
	if err == nil {
		err = identity.CheckNew(password, person)
	}
	if err == nil {
		person.Password, err = o.Hasher.Hash(ctx, password)
	}
	if err == nil {
		err = o.People.AddPerson(ctx, person)
	}
	if err != nil {
		return nil, err
	}
	o.record(ctx, authority.EventPersonAdded, person.ID)
	return user(person), nil
}

// users reads all people, page by page: the command line has no use for a part of them.
func (o *Office) users(r *http.Request) (any, error) {
	users := []User{}
	for after := ""; ; {
		people, err := o.People.ListPeople(r.Context(), after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			users = append(users, user(p))
		}
		if len(people) < pageSize {
			return users, nil
		}
		after = identity.Canonical(people[len(people)-1].Username)
	}
}

// removeUser first ends what the person holds, so that a removal that fails half-way leaves somebody who is logged out, and
// never tokens of nobody.
func (o *Office) removeUser(r *http.Request) (any, error) {
	ctx := r.Context()
	person, err := o.People.PersonByName(ctx, identity.Canonical(r.PathValue("name")))
	if err != nil {
		return nil, err
	}
	if err := o.Authority.Sessions.EndOf(ctx, person.ID, actor, "person removed", ""); err != nil {
		return nil, err
	}
	if err := o.SignIns.RemoveSignIns(ctx, person.ID); err != nil {
		return nil, err
	}
	if err := o.People.RemovePerson(ctx, person.ID); err != nil {
		return nil, err
	}
	o.record(ctx, authority.EventPersonRemoved, person.ID)
	return user(person), nil
}

// addClient registers a program with the lives that doorward's own client has.
func (o *Office) addClient(r *http.Request) (any, error) {
	var ask newClient
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	client := authority.Client{
		ID: ask.ID, Name: ask.Name, Redirects: ask.Redirects, Scope: ask.Scope, Default: ask.Scope, Created: o.now(),
		Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour,
	}
	for _, grant := range ask.Grants {
		client.Grants = append(client.Grants, oauth.GrantType(grant))
	}
	var given secret.String
	if ask.Confidential {
		given, client.SecretHash = authority.NewClientSecret()
	}
	if err := o.Authority.Registry.Add(r.Context(), client, actor); err != nil {
		return nil, invalid(err)
	}
	shown := shownClient(client)
	shown.Secret = given.Reveal()
	return shown, nil
}

// clients lists what is registered.
func (o *Office) clients(r *http.Request) (any, error) {
	list, err := o.Authority.Registry.List(r.Context())
	if err != nil {
		return nil, err
	}
	clients := []Client{}
	for _, c := range list {
		clients = append(clients, shownClient(c))
	}
	return clients, nil
}

// removeClient ends what the client holds too: the registry leaves a mark in the same transaction.
func (o *Office) removeClient(r *http.Request) (any, error) {
	client, err := o.Authority.Registry.Client(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return shownClient(client), o.Authority.Registry.Remove(r.Context(), client.ID, actor)
}

// sessions lists what a person's machines hold.
func (o *Office) sessions(r *http.Request) (any, error) {
	person, err := o.People.PersonByName(r.Context(), identity.Canonical(r.FormValue("user")))
	if err != nil {
		return nil, err
	}
	families, err := o.Authority.Sessions.Of(r.Context(), person.ID)
	if err != nil {
		return nil, err
	}
	sessions := []Session{}
	for _, f := range families {
		sessions = append(sessions, shownSession(f))
	}
	return sessions, nil
}

// endSession takes effect within a second on every replica, the one that runs here included.
func (o *Office) endSession(r *http.Request) (any, error) {
	family, err := o.Authority.Sessions.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return shownSession(family), o.Authority.Sessions.End(r.Context(), family.ID, actor, "revoked", "")
}

// events reads the audit.
func (o *Office) events(r *http.Request) (any, error) {
	filter, err := o.filter(r)
	if err != nil {
		return nil, err
	}
	list, err := o.Authority.Recorder.List(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	events := []Event{}
	for _, e := range list {
		events = append(events, Event{
			ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), PersonID: e.PersonID, Actor: e.Actor, ClientID: e.ClientID,
			Session: e.FamilyID, Address: e.Address, Machine: e.Machine, Detail: e.Detail,
		})
	}
	return events, nil
}

// rotateKeys makes keys that sign from now on; replicas find them when they look next.
func (o *Office) rotateKeys(r *http.Request) (any, error) {
	if err := o.Authority.Keyring.Rotate(r.Context()); err != nil {
		return nil, err
	}
	o.record(r.Context(), authority.EventKeyRotated, "")
	return struct{}{}, nil
}

// backup writes a copy of the store where the caller said.
func (o *Office) backup(r *http.Request) (any, error) {
	var ask newBackup
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	if o.Backup == nil || !filepath.IsAbs(ask.Path) {
		return nil, &Refusal{http.StatusUnprocessableEntity, "invalid", "This store is copied with its own database's tools."}
	}
	if err := o.Backup(r.Context(), ask.Path); err != nil {
		return nil, &Refusal{http.StatusUnprocessableEntity, "failed", err.Error()}
	}
	return struct{}{}, nil
}

// record writes what was done into the audit.
func (o *Office) record(ctx context.Context, kind authority.EventKind, personID string) {
	o.Authority.Recorder.Record(ctx, authority.Event{Kind: kind, PersonID: personID, Actor: actor})
}

// now is the office's clock.
func (o *Office) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// user is a person without the hash of the password.
func user(p identity.Person) User {
	return User{p.ID, p.Username, p.Email, p.Name, p.Administrator, p.Disabled, p.Created.UTC()}
}

// shownClient is a client without the hash of its secret.
func shownClient(c authority.Client) Client {
	shown := Client{
		ID: c.ID, Name: c.Name, Public: c.Public(), Redirects: c.Redirects, Scope: c.Scope, Disabled: c.Disabled, Created: c.Created.UTC(),
	}
	for _, grant := range c.Grants {
		shown.Grants = append(shown.Grants, string(grant))
	}
	return shown
}

// shownSession is a family without its salt and hashes.
func shownSession(f authority.Family) Session {
	shown := Session{
		ID: f.ID, ClientID: f.ClientID, Machine: f.Origin.Machine, Address: f.LastAddress, How: f.How,
		Created: f.Created.UTC(), LastUsed: f.LastUsed.UTC(),
	}
	if !f.Ends.IsZero() {
		ends := f.Ends.UTC()
		shown.Ends = &ends
	}
	return shown
}

// invalid marks what the law says about a client as the asker's fault.
func invalid(err error) error {
	if errors.Is(err, authority.ErrTaken) || errors.Is(err, authority.ErrUnavailable) {
		return err
	}
	return &Refusal{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: err.Error()}
}
