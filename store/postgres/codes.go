package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/doorward/doorward/authority"
)

// authorizationCodes: the id is the hash of the code. A code lives for a minute and its row for an hour, so that the second
// use of a code, which ends the family (RFC 6749 section 4.1.2), is still seen as one.
func authorizationCodes() table[authority.Code] {
	return table[authority.Code]{
		columns: "id, request, address, agent, machine, approval, expires, redeemed, family_id",
		fields: func(c *authority.Code) []any {
			r := &c.Request
			return []any{
				&c.ID,
				asked{r},
				&r.Origin.Address, &r.Origin.Agent, &r.Origin.Machine, approval(&c.Approval),
				moment{&c.Expires},
				moment{&c.Redeemed},
				&c.FamilyID,
			}
		},
	}
}

// asked is the request as JSON, without its origin: what a browser calls itself may end in half a rune, which JSON
// would mend.
type asked struct {
	request *authority.AuthorizationRequest
}

// text also cuts the request's time, as a moment does.
func (a asked) text() (any, error) {
	a.request.At = cut(a.request.At)
	bare := *a.request
	bare.Origin = authority.Origin{}
	return compound{&bare, func() bool { return false }}.text()
}

// ScanText leaves the origin alone, which other columns fill before or after.
func (a asked) ScanText(text pgtype.Text) error {
	origin := a.request.Origin
	err := compound{to: a.request}.ScanText(text)
	a.request.Origin = origin
	return err
}

// approval is a person's yes, or nothing yet: NULL, so that a request that begins carries no empty JSON. It cuts the times
// when it is saved, as a moment does.
func approval(a *authority.Approval) compound {
	return compound{a, func() bool {
		a.AuthTime, a.At = cut(a.AuthTime), cut(a.At)
		return a.PersonID == "" && a.Scope == nil && a.Methods == nil && a.AuthTime.IsZero() && a.At.IsZero() && a.Address == "" &&
			a.Binding == "" && a.ACR == ""
	}}
}

// AddCode implements authority.Codes; an id that is in use is ErrTaken.
func (s *Store) AddCode(ctx context.Context, code authority.Code, after authority.After) error {
	return addRow(ctx, s, &s.nouns.codes, code, after)
}

// ChangeCode implements authority.Codes. Of many who redeem one code at once, each sees what the one before it left, so one
// succeeds.
func (s *Store) ChangeCode(
	ctx context.Context, id string, change func(*authority.Code) (authority.After, error),
) (authority.Code, error) {
	return changeRow(ctx, s, &s.nouns.codes, id, change)
}
