package admin

import (
	"context"
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
)

// addDomain refuses a second Domain of a name, by which people name them here. Of two administrators at the same moment both may
// have it; then the id says which is meant.
func (o *Office) addDomain(r *http.Request) (any, error) {
	var ask desk.NewDomain
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	if err := identity.CheckName("name", ask.Name); err != nil {
		return nil, err
	}
	id, err := uuid(ask.ID)
	if err != nil {
		return nil, err
	}
	all, err := o.DomainRegister.ListDomains(r.Context())
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other.Name == ask.Name {
			return nil, no(http.StatusConflict, "taken", "The name is that of the Domain "+other.ID+".")
		}
	}
	made := identity.Domain{ID: id, Name: ask.Name, Created: o.now()}
	if err := o.Domains.AddDomain(r.Context(), made); err != nil {
		return nil, taken(err, "The id is that of another Domain.")
	}
	o.note(r.Context(), authority.Event{Kind: authority.EventDomainAdded, Detail: made.ID})
	return shownDomain(made), nil
}

// domains lists all of them.
func (o *Office) domains(r *http.Request) (any, error) {
	all, err := o.DomainRegister.ListDomains(r.Context())
	return shownAll(all, shownDomain), err
}

// domain finds one by id or name.
func (o *Office) domain(ctx context.Context, ref string) (identity.Domain, error) {
	all, err := o.DomainRegister.ListDomains(ctx)
	if err != nil {
		return identity.Domain{}, err
	}
	return pick("Domain", ref, all, func(d identity.Domain) string { return d.ID },
		func(d identity.Domain) []string { return []string{d.Name} })
}

// removeDomain first takes the Domain away, so that nobody comes through its bindings any more, and then ends what did.
func (o *Office) removeDomain(r *http.Request) (any, error) {
	ctx := r.Context()
	found, err := o.domain(ctx, r.FormValue("domain"))
	if err != nil {
		return nil, err
	}
	bindings, err := o.Domains.Bindings(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	if err := o.DomainRegister.RemoveDomain(ctx, found.ID); err != nil {
		return nil, missing(err, "Domain", found.ID)
	}
	o.note(ctx, authority.Event{Kind: authority.EventDomainRemoved, Detail: found.ID})
	for _, binding := range bindings {
		o.note(ctx, authority.Event{Kind: authority.EventBindingRemoved, Detail: binding.ID})
	}
	ended, err := o.endThrough(ctx, bindings...)
	return desk.RemovedDomain{Domain: shownDomain(found), Ended: ended}, partly(err, "The Domain was removed, but not every session that came through it was "+
		"ended. End them with 'session end'.")
}

// shownDomain is a Domain with its times in UTC, as all that is shown.
func shownDomain(d identity.Domain) desk.Domain {
	return desk.Domain{ID: d.ID, Name: d.Name, Created: d.Created.UTC()}
}
