package admin

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/server"
)

// What is kept of a provider at most, in bytes, and how many values of acr and amr.
const (
	maxAlias        = 64
	maxAddress      = 1024
	maxClientID     = 255
	maxClientSecret = 4096
	maxMethods      = 20
)

// addBinding checks all of it before it looks anything up. The secret is sealed for this binding: moved to another row, it does
// not open.
func (o *Office) addBinding(r *http.Request) (any, error) {
	var ask desk.NewBinding
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	ctx := r.Context()
	if err := o.checkBinding(&ask); err != nil {
		return nil, err
	}
	domain, err := o.domain(ctx, ask.Domain)
	if err != nil {
		return nil, err
	}
	id, err := uuid(ask.ID)
	if err != nil {
		return nil, err
	}
	made := identity.Binding{
		ID: id, DomainID: domain.ID, Alias: ask.Alias, Name: ask.Name, Issuer: ask.Issuer, ClientID: ask.ClientID, Primary: ask.Primary,
		Creates: ask.Creates, ACR: ask.ACR, AMR: ask.AMR, Created: o.now(),
	}
	if ask.Secret != "" {
		made.Secret = o.Seal(server.BindingPurpose, []byte(ask.Secret), []byte(id))
	}
	if err := o.Domains.AddBinding(ctx, made); err != nil {
		return nil, taken(err, "The Domain has a binding of this alias, or a primary one already, or the id is in use.")
	}
	o.note(ctx, authority.Event{Kind: authority.EventBindingAdded, Detail: made.ID + " of " + domain.ID})
	return o.shownBinding(made, domain), nil
}

// checkBinding refuses what could not be kept or shown, and a provider that would never be asked.
func (o *Office) checkBinding(ask *desk.NewBinding) error {
	if ask.Name == "" {
		ask.Name = ask.Alias
	}
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	}
	switch {
	case ask.Alias == "" || len(ask.Alias) > maxAlias || strings.ContainsFunc(ask.Alias, odd):
		return wrong("An alias has 1 to %d letters, digits, dots, dashes and underlines, all of them ASCII.", maxAlias)
	case ask.ClientID == "" || len(ask.ClientID) > maxClientID || !visible(ask.ClientID):
		return wrong("The client id at the provider must have 1 to %d visible ASCII characters.", maxClientID)
	case len(ask.Secret) > maxClientSecret || !visible(ask.Secret): // RFC 6749 appendix A.2
		return wrong("The client secret must have up to %d visible ASCII characters.", maxClientSecret)
	case len(ask.ACR) > maxMethods || len(ask.AMR) > maxMethods || slices.ContainsFunc(slices.Concat(ask.ACR, ask.AMR), badMethod):
		return wrong("Give up to %d values of acr and amr each, of visible ASCII characters.", maxMethods)
	}
	if err := identity.CheckName("name", ask.Name); err != nil {
		return err
	}
	return o.checkIssuer(ask.Issuer)
}

// badMethod: values of acr travel in one parameter, separated by spaces (OpenID Connect Core 1.0 section 3.1.2.1).
func badMethod(text string) bool {
	return text == "" || len(text) > maxClientID || !visible(text) || strings.Contains(text, " ")
}

// visible reports whether there are only visible ASCII characters and spaces in it.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// checkIssuer refuses what federation would not connect to, as far as the spelling tells. What a name is resolved to is
// looked at when it is connected to, each time.
func (o *Office) checkIssuer(issuer string) error {
	if len(issuer) > maxAddress || !visible(issuer) || strings.ContainsAny(issuer, " ?#") {
		return wrong("The issuer must be an address of up to %d characters without a query, exactly as the provider writes it.", maxAddress)
	}
	u, err := url.Parse(issuer)
	if err != nil || oauth.CheckAddress(issuer) != nil || u.Scheme != "https" && !o.AllowPrivate {
		return wrong("The issuer must be an https address, exactly as the provider writes it, such as https://idp.example.")
	}
	if !o.AllowPrivate && private(u.Hostname()) {
		return wrong("The issuer is on this machine or in a private network: this server does not connect to providers there.")
	}
	return nil
}

// private tells by its spelling that a host is not on the public Internet.
func private(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".local") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	return !ip.IsGlobalUnicast() || ip.IsPrivate()
}

// bindings lists them Domain by Domain, disabled ones too.
func (o *Office) bindings(r *http.Request) (any, error) {
	ctx := r.Context()
	domains, err := o.DomainRegister.ListDomains(ctx)
	if ref := r.FormValue("domain"); err == nil && ref != "" {
		var one identity.Domain
		one, err = o.domain(ctx, ref)
		domains = []identity.Domain{one}
	}
	if err != nil {
		return nil, err
	}
	bindings := []desk.Binding{}
	for _, domain := range domains {
		all, err := o.Domains.Bindings(ctx, domain.ID)
		if err != nil {
			return nil, err
		}
		for _, binding := range all {
			bindings = append(bindings, o.shownBinding(binding, domain))
		}
	}
	return bindings, nil
}

// removeBinding takes the binding away before it ends what came through it: nobody comes in between.
func (o *Office) removeBinding(r *http.Request) (any, error) {
	ctx := r.Context()
	domain, err := o.domain(ctx, r.FormValue("domain"))
	if err != nil {
		return nil, err
	}
	all, err := o.Domains.Bindings(ctx, domain.ID)
	if err != nil {
		return nil, err
	}
	found, err := pick("binding", r.FormValue("binding"), all, func(b identity.Binding) string { return b.ID },
		func(b identity.Binding) []string { return []string{b.Alias} })
	if err != nil {
		return nil, err
	}
	if err := o.DomainRegister.RemoveBinding(ctx, found.ID); err != nil {
		return nil, missing(err, "binding", found.ID)
	}
	o.note(ctx, authority.Event{Kind: authority.EventBindingRemoved, Detail: found.ID})
	ended, err := o.endThrough(ctx, found)
	return desk.RemovedBinding{Binding: o.shownBinding(found, domain), Ended: ended}, partly(err, "The binding was removed, but not every session that came "+
		"through it was ended. End them with 'session end'.")
}

// endThrough ends the sessions that somebody was vouched for through one of the bindings.
func (o *Office) endThrough(ctx context.Context, bindings ...identity.Binding) (ended int, err error) {
	if len(bindings) == 0 {
		return 0, nil
	}
	err = o.everybody(ctx, func(person identity.Person) error {
		families, err := o.Authority.Sessions.Of(ctx, person.ID)
		if err != nil {
			return err
		}
		for _, family := range families {
			if slices.ContainsFunc(bindings, func(b identity.Binding) bool { return b.ID == family.Binding }) {
				if err := o.Authority.Sessions.End(ctx, family.ID, actor, "binding removed", ""); err != nil {
					return err
				}
				ended++
			}
		}
		return nil
	})
	return ended, err
}

// shownBinding is a binding without our secret.
func (o *Office) shownBinding(b identity.Binding, d identity.Domain) desk.Binding {
	return desk.Binding{
		ID: b.ID, DomainID: d.ID, Domain: d.Name, Alias: b.Alias, Name: b.Name, Issuer: b.Issuer, ClientID: b.ClientID,
		Confidential: b.Secret != nil, Redirect: o.Authority.Issuer + "/federation/" + url.PathEscape(b.ID) + "/callback",
		Primary: b.Primary, Creates: b.Creates, Disabled: b.Disabled, ACR: b.ACR, AMR: b.AMR, Created: b.Created.UTC(),
	}
}
