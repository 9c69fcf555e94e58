// Package admin is what `doorward admin` does: it answers the requests that come to package desk, by the services of the
// authority. Where no server runs, it does so in the process of the command.
package admin

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// actor is who did it, in the audit.
const actor = "admin"

// pageSize is how many people are read at once.
const pageSize = 500

// Office does what administration asks for. All fields are needed but those of which it is said what their absence means.
type Office struct {
	Authority      *law.Authority
	People         identity.People
	SignIns        identity.SignIns
	Hasher         *identity.Hasher
	Organisations  identity.Organisations
	Projects       identity.Projects
	Domains        identity.Domains
	Register       identity.OrganisationRegister
	DomainRegister identity.DomainRegister
	SigningKeys    authority.SigningKeys
	// Seal seals our secrets at providers, under the purpose and for the binding whose id is ad.
	Seal func(purpose string, plaintext, ad []byte) []byte
	// AllowPrivate lets providers be on this machine or in private networks, as the server does for development.
	AllowPrivate bool
	// MasterFile is where the master key is; "": it is not this machine's alone.
	MasterFile string
	// Backup writes a copy of the store to a file that is not there; nil: this store has none to make.
	Backup func(ctx context.Context, path string) error
	Now    func() time.Time // nil: time.Now
}

// addUser hashes the password here, behind the socket, so that the rules for new ones are asked in one place.
func (o *Office) addUser(r *http.Request) (any, error) {
	var ask desk.NewUser
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
	o.note(ctx, authority.Event{Kind: authority.EventPersonAdded, PersonID: person.ID})
	return user(person), nil
}

// users reads all people, page by page: the command line has no use for a part of them.
func (o *Office) users(r *http.Request) (any, error) {
	users := []desk.User{}
	return users, o.everybody(r.Context(), func(p identity.Person) error {
		users = append(users, user(p))
		return nil
	})
}

// removeUser first ends what the person holds, so that a removal that fails half-way leaves somebody who is logged out, and
// never tokens of nobody.
func (o *Office) removeUser(r *http.Request) (any, error) {
	ctx := r.Context()
	person, err := o.person(ctx, r.FormValue("user"))
	if err != nil {
		return nil, err
	}
	if err := o.Authority.Sessions.EndOf(ctx, person.ID, actor, "person removed", ""); err != nil {
		return nil, err
	}
	if err := o.SignIns.RemoveSignIns(ctx, person.ID); err != nil {
		return nil, partly(err, "The sessions were ended, and the person is still there. Do it again.")
	}
	if err := o.People.RemovePerson(ctx, person.ID); err != nil {
		return nil, partly(err, "The person is logged out everywhere, and still there. Do it again.")
	}
	o.note(ctx, authority.Event{Kind: authority.EventPersonRemoved, PersonID: person.ID})
	return user(person), nil
}

// addClient registers a program with the lives that doorward's own client has.
func (o *Office) addClient(r *http.Request) (any, error) {
	var ask desk.NewClient
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
	clients := []desk.Client{}
	for _, c := range list {
		clients = append(clients, shownClient(c))
	}
	return clients, nil
}

// removeClient ends what the client holds too: the registry leaves a mark in the same transaction.
func (o *Office) removeClient(r *http.Request) (any, error) {
	client, err := o.Authority.Registry.Client(r.Context(), r.FormValue("client"))
	if err != nil {
		return nil, missing(err, "client", r.FormValue("client"))
	}
	return shownClient(client), o.Authority.Registry.Remove(r.Context(), client.ID, actor)
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
	events := []desk.Event{}
	for _, e := range list {
		events = append(events, desk.Event{
			ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), PersonID: e.PersonID, Actor: e.Actor, ClientID: e.ClientID,
			Session: e.FamilyID, Address: e.Address, Machine: e.Machine, Detail: e.Detail,
		})
	}
	return events, nil
}

// backup writes a copy of the store where the caller said.
func (o *Office) backup(r *http.Request) (any, error) {
	var ask desk.NewBackup
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	if o.Backup == nil || !filepath.IsAbs(ask.Path) {
		return nil, no(http.StatusUnprocessableEntity, "invalid", "This store is copied with its own database's tools.")
	}
	if err := o.Backup(r.Context(), ask.Path); err != nil {
		return nil, no(http.StatusUnprocessableEntity, "failed", err.Error())
	}
	return struct{}{}, nil
}

// note writes what was done into the audit.
func (o *Office) note(ctx context.Context, event authority.Event) {
	event.Actor = actor
	o.Authority.Recorder.Record(ctx, event)
}

// now is the office's clock, as exactly as a store keeps time: what is answered is what will be listed.
func (o *Office) now() time.Time {
	if o.Now == nil {
		return time.Now().Truncate(time.Microsecond)
	}
	return o.Now().Truncate(time.Microsecond)
}

// user is a person without the hash of the password.
func user(p identity.Person) desk.User {
	return desk.User{
		ID: p.ID, Username: p.Username, Email: p.Email, Name: p.Name, Administrator: p.Administrator, Disabled: p.Disabled,
		Created: p.Created.UTC(),
	}
}

// shownClient is a client without the hash of its secret.
func shownClient(c authority.Client) desk.Client {
	shown := desk.Client{
		ID: c.ID, Name: c.Name, Public: c.Public(), Redirects: c.Redirects, Scope: c.Scope, Disabled: c.Disabled, Created: c.Created.UTC(),
	}
	for _, grant := range c.Grants {
		shown.Grants = append(shown.Grants, string(grant))
	}
	return shown
}

// invalid marks what the law says about a client as the asker's fault.
func invalid(err error) error {
	if errors.Is(err, authority.ErrTaken) || errors.Is(err, authority.ErrUnavailable) {
		return err
	}
	return &desk.Refusal{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: err.Error()}
}
