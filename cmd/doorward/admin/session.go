package admin

import (
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
)

// sessions lists what somebody's machines hold, or everybody's: then each person is asked for, which is one statement each.
func (o *Office) sessions(r *http.Request) (any, error) {
	ctx, sessions := r.Context(), []desk.Session{}
	add := func(person identity.Person) error {
		families, err := o.Authority.Sessions.Of(ctx, person.ID)
		for _, family := range families {
			sessions = append(sessions, shownSession(family, person))
		}
		return err
	}
	if r.FormValue("user") == "" {
		return sessions, o.everybody(ctx, add)
	}
	person, err := o.person(ctx, r.FormValue("user"))
	if err == nil {
		err = add(person)
	}
	return sessions, err
}

// endSession takes effect within a second on every replica, the one that runs here included.
func (o *Office) endSession(r *http.Request) (any, error) {
	ctx := r.Context()
	family, err := o.Authority.Sessions.Get(ctx, r.FormValue("id"))
	if err != nil {
		return nil, missing(err, "session", r.FormValue("id"))
	}
	if !family.Ended.IsZero() {
		return nil, no(http.StatusConflict, "ended", "The session has ended before: "+family.EndReason+".")
	}
	person, err := o.People.Person(ctx, family.PersonID)
	if err != nil {
		person = identity.Person{ID: family.PersonID} // gone, and the session is to go too
	}
	return shownSession(family, person), o.Authority.Sessions.End(ctx, family.ID, actor, "revoked", "")
}

// endSessions ends browsers too: one that stays signed in could approve the next login at once.
func (o *Office) endSessions(r *http.Request) (any, error) {
	ctx := r.Context()
	person, err := o.person(ctx, r.FormValue("user"))
	if err != nil {
		return nil, err
	}
	families, err := o.Authority.Sessions.Of(ctx, person.ID)
	if err != nil {
		return nil, err
	}
	if err := o.SignIns.RemoveSignIns(ctx, person.ID); err != nil {
		return nil, err
	}
	if err := o.Authority.Sessions.EndOf(ctx, person.ID, actor, "revoked", ""); err != nil {
		return nil, partly(err, "Every browser was signed out, but not every session was ended. Do it again.")
	}
	o.note(ctx, authority.Event{Kind: authority.EventSignOut, PersonID: person.ID, Detail: "everywhere"})
	return shownAll(families, func(f authority.Family) desk.Session { return shownSession(f, person) }), nil
}

// shownSession is a family without its salt and hashes.
func shownSession(f authority.Family, p identity.Person) desk.Session {
	return desk.Session{
		ID: f.ID, PersonID: p.ID, Username: p.Username, ClientID: f.ClientID, Machine: f.Origin.Machine, Address: f.LastAddress, How: f.How,
		Binding: f.Binding, IssuedBy: f.IssuedBy, Created: f.Created.UTC(), LastUsed: f.LastUsed.UTC(), Ends: moment(f.Ends),
	}
}
