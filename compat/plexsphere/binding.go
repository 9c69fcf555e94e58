package plexsphere

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// isUUID reports whether text is a UUID in its one form of lower case (RFC 9562 section 4). It is asked before the store
// is: what is no UUID is a mistake in the request, and is told as one.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case i == 8, i == 13, i == 18, i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// The refusals of a binding. One that is of another Domain and one that nobody has read alike: whoever may begin a login
// learns nothing about other Domains.
var (
	errDomain = refuse(http.StatusBadRequest, oauth.InvalidRequest, "domain_id must be a UUID")
	errID     = refuse(http.StatusBadRequest, oauth.InvalidRequest, "idp_binding_id must be a UUID")
	errBoth   = refuse(http.StatusBadRequest, oauth.InvalidRequest, "give idp_binding_id or idp_binding_alias, not both")
	// 404 for what is not there would be the usual answer, and would let anybody ask which bindings exist (SEC-148).
	errForeign = refuse(http.StatusBadRequest, oauth.InvalidRequest, "the IdP binding is not one of this Domain")
	errSeveral = refuse(http.StatusBadRequest, oauth.InvalidRequest,
		"the Domain has several active IdP bindings and none of them is primary: give idp_binding_id or idp_binding_alias")
	errNone = refuse(http.StatusNotFound, notFound, "the Domain has no such active IdP binding")
)

// binding finds the one that the login goes through: of the id, else of the alias, else the Domain's primary one, else its
// only active one.
func (c *Contract) binding(ctx context.Context, values body.Values) (identity.Binding, error) {
	// UUIDs are read in any case (RFC 9562 section 4); an alias is a name and is compared letter by letter.
	domain, id, alias := strings.ToLower(values["domain_id"]), strings.ToLower(values["idp_binding_id"]), values["idp_binding_alias"]
	switch {
	case !isUUID(domain):
		return identity.Binding{}, errDomain
	case id != "" && alias != "":
		return identity.Binding{}, errBoth
	case id != "" && !isUUID(id):
		return identity.Binding{}, errID
	}
	// A Domain that is not there has no bindings, and is told apart from one without by nobody. Searched within the named
	// Domain only, so that an id of another one is not found, rather than found and then compared.
	all, err := c.Domains.Bindings(ctx, domain)
	if err != nil && !errors.Is(err, identity.ErrUnknown) {
		return identity.Binding{}, err
	}
	if id == "" && alias == "" {
		return unnamed(all)
	}
	for _, b := range all {
		if id != "" && strings.EqualFold(b.ID, id) || alias != "" && b.Alias == alias {
			// A binding that is switched off is told apart from one that is not there: it is one of this Domain, whose
			// people ask their administrator about it.
			return active(b)
		}
	}
	return identity.Binding{}, errForeign
}

// active refuses a binding that is switched off: nobody could sign in through it.
func active(b identity.Binding) (identity.Binding, error) {
	if b.Disabled {
		return identity.Binding{}, errNone
	}
	return b, nil
}

// unnamed is the binding of a Domain where the request names none. A primary one that is switched off does not count. With
// several left, choosing would send people to a provider that nobody named.
func unnamed(all []identity.Binding) (identity.Binding, error) {
	var living []identity.Binding
	for _, b := range all {
		if b.Disabled {
			continue
		}
		if b.Primary {
			return b, nil
		}
		living = append(living, b)
	}
	switch len(living) {
	case 0:
		return identity.Binding{}, errNone
	case 1:
		return living[0], nil
	}
	return identity.Binding{}, errSeveral
}
