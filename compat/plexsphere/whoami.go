package plexsphere

import (
	"context"
	"errors"
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/token"
	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// principal is who a token is of. Members are left out where there is nothing to say. It holds what a program shows about
// itself; roles and rights are not the authority's to tell here.
type principal struct {
	Type    string   `json:"principal_type"` // user or service
	Subject string   `json:"subject"`
	Domain  string   `json:"domain_id,omitempty"`
	Email   string   `json:"email,omitempty"`
	ACR     string   `json:"acr,omitempty"`
	AMR     []string `json:"amr,omitempty"`
}

// errToken refuses every token that is not, or not any more, of anybody. It does not say why.
var errToken = &oauth.Error{
	Code: oauth.InvalidToken, Description: "the token is not valid, or not any more; log in again", Status: http.StatusUnauthorized,
}

// whoami answers for tokens of every client and kind: whose they are is no secret of their holders.
func (c *Contract) whoami(w http.ResponseWriter, r *http.Request) error {
	// By the marks too, so that the answer is a no within a second of a logout elsewhere (SEC-123).
	standing, err := c.Authority.Tokens.Check(r.Context(), body.Bearer(r))
	if errors.Is(err, authority.ErrUnknown) {
		return errToken
	}
	if err != nil {
		return err
	}
	// A service's subject is the client's id. It has no session that could say more.
	answer := principal{Type: "service", Subject: standing.Subject}
	if standing.PersonID != "" {
		answer, err = c.person(r.Context(), standing)
	}
	if err != nil {
		return err
	}
	body.Send(w, http.StatusOK, answer)
	return nil
}

// person adds what the session knows of how its person signed in.
func (c *Contract) person(ctx context.Context, standing token.Standing) (principal, error) {
	answer := principal{Type: "user", Subject: standing.Subject}
	person, err := c.People.Person(ctx, standing.PersonID)
	if errors.Is(err, identity.ErrUnknown) || err == nil && person.Disabled {
		return answer, errToken
	}
	if err != nil {
		return answer, err
	}
	// The e-mail address is the one member that a scope opens (OpenID Connect Core section 5.4).
	if standing.Scope.Has(oauth.ScopeEmail) {
		answer.Email = person.Email
	}
	family, err := c.Authority.Sessions.Get(ctx, standing.FamilyID)
	if errors.Is(err, authority.ErrUnknown) {
		return answer, errToken
	}
	if err != nil {
		return answer, err
	}
	// How the person signed in stands in the session and not in the token, which other services read.
	answer.ACR, answer.AMR = family.ACR, family.Methods
	if family.Binding == "" {
		return answer, nil
	}
	binding, err := c.Domains.Binding(ctx, family.Binding)
	if err != nil && !errors.Is(err, identity.ErrUnknown) { // one that was removed names no Domain any more
		return answer, err
	}
	answer.Domain = binding.DomainID
	return answer, nil
}
