package console

import (
	"context"
	"net/http"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console/facts"
)

// application is one line of the list: what one machine holds.
type application struct {
	ID       string
	Name     string
	Machine  string // as it says
	How      string
	From     string
	Last     string // the address it was last used from
	Since    time.Time
	Used     time.Time
	UsedAgo  string
	Ends     time.Time
	ByOthers bool // an administrator issued it
}

// showApplications lists what this person's programs are signed in to, the last used first. It is one page without parts:
// the store keeps what has ended out of it, and nobody signs in on thousands of machines.
func (c *Console) showApplications(w http.ResponseWriter, r *http.Request, v visit) {
	families, err := c.Authority.Sessions.Of(r.Context(), v.Person.ID)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	applications := make([]application, 0, len(families))
	for _, family := range families {
		applications = append(applications, c.application(r, family))
	}
	page := view{Title: "Authorized Applications", Wide: true, Person: &v, Body: applications}
	if r.FormValue("revoked") != "" {
		// Nothing of the address is repeated: a link with this parameter can say no more than this.
		page.Status = "It was revoked. That program has to sign in again."
	}
	c.render(w, r, http.StatusOK, "applications", page)
}

func (c *Console) application(r *http.Request, family authority.Family) application {
	line := application{
		ID: family.ID, Name: c.nameOf(r.Context(), family.ClientID), Machine: facts.Shown(family.Origin.Machine), How: way(family.How), From: facts.Shown(family.Origin.Address),
		Last: facts.Shown(family.LastAddress), Since: family.Created, Used: family.LastUsed, Ends: family.Ends,
		ByOthers: family.IssuedBy != "" && family.IssuedBy != family.PersonID,
	}
	if line.Used.Before(line.Since) { // a login that was never refreshed has no use of its own yet
		line.Used = line.Since
	}
	line.UsedAgo = facts.Ago(c.Now().Sub(line.Used))
	return line
}

// way is how a login began, for people; others read as the plain list does.
func way(how string) string {
	switch how {
	case "browser":
		return "with the browser"
	case "device":
		return "with a code"
	case "password":
		return "with a password"
	case "api key":
		return "with an API key"
	case "token":
		return "with a ready token"
	}
	return ""
}

// askRevoke asks once, in words. The question is a page and not a dialogue, so that it needs no script, and a link to it
// ends nothing.
func (c *Console) askRevoke(w http.ResponseWriter, r *http.Request, v visit) {
	family, err := c.own(r, v, r.FormValue("session"))
	if err != nil {
		c.fail(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "revoke", view{
		Title: "Revoke this login", Person: &v, Body: struct {
			application
			Token string
		}{c.application(r, family), v.Token(pathRevoke + family.ID)},
	})
}

// revoke ends what one machine holds: its refresh token at once, its access tokens within a second wherever the authority
// is asked. The form's token names the session, so that a form shown for one ends no other.
func (c *Console) revoke(w http.ResponseWriter, r *http.Request, v visit) {
	id := r.PostForm.Get("session")
	if !v.genuine(r, pathRevoke+id) {
		c.fail(w, r, errForged)
		return
	}
	family, err := c.own(r, v, id)
	if err == nil {
		err = c.Authority.Sessions.End(r.Context(), family.ID, v.Person.ID, "revoked", c.Address(r))
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	see(w, PathApplications+"?revoked=1")
}

// own returns one of this person's families; somebody else's is as unknown as none, or ids could be tried out.
func (c *Console) own(r *http.Request, v visit, id string) (authority.Family, error) {
	family, err := c.Authority.Sessions.Get(r.Context(), id)
	if err == nil && family.PersonID != v.Person.ID {
		err = authority.ErrUnknown
	}
	return family, err
}

// nameOf is what people call the client of an id, be it switched off: what it holds is still there to be revoked.
func (c *Console) nameOf(ctx context.Context, id string) string {
	client, err := c.Authority.Registry.Client(ctx, id)
	if err != nil {
		return facts.Shown(id)
	}
	return facts.Name(client)
}
