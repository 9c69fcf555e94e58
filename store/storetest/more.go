package storetest

import (
	"testing"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

// More is Store with the nouns that came after it. It stands beside Store, so that a clause says by its type which of the
// nouns it needs.
type More interface {
	Store

	identity.Projects
	identity.Domains
	identity.Links
	identity.Factors
	identity.OrganisationRegister
	identity.DomainRegister

	authority.APIKeys
}

// clause is one clause of the contract of More.
type clause struct {
	name string
	run  func(*testing.T, More)
}

// RunMore holds every store that open makes against the contract of the nouns that came after Run's, and of the fields that
// they brought to those. As in Run, each clause gets an empty store of its own whose clock is Now.
func RunMore(t *testing.T, open func(t *testing.T) More) {
	t.Helper()
	var clauses []clause
	clauses = append(clauses, keyClauses...)
	clauses = append(clauses, federatedClauses...)
	clauses = append(clauses, factorClauses...)
	clauses = append(clauses, registerClauses...)
	clauses = append(clauses, clause{"fields/those that came later are kept and changed", fieldsKept})
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			t.Parallel()
			clause.run(t, open(t))
		})
	}
}

// fieldsKept: through which provider somebody was vouched for travels from the sign-in over the approval into the family, on
// both ways to it; where one of them lost it, a binding that was disabled would go on being good.
func fieldsKept(t *testing.T, s More) {
	ctx := t.Context()
	good(t, s.AddPerson(ctx, person("usr_1", "ada", "ada@example.org")))
	in := signIn("s1", "usr_1")
	in.Binding, in.ACR = "binding", rough
	good(t, s.AddSignIn(ctx, in))
	found(t, in)(s.SignIn(ctx, "s1"))
	// A renewal writes a new row: the later fields have to be in that statement as well.
	in.ID, in.Binding = "s2", "another"
	good(t, s.RenewSignIn(ctx, "s1", in))
	found(t, in)(s.SignIn(ctx, "s2"))

	c := client("c")
	c.ReadyClaim = rough
	good(t, s.AddClient(ctx, c))
	found(t, c)(s.Client(ctx, "c"))
	c.ReadyClaim = ""
	found(t, c)(s.ChangeClient(ctx, "c", func(c *authority.Client) (authority.After, error) {
		c.ReadyClaim = ""
		return authority.After{}, nil
	}))
	found(t, c)(s.Client(ctx, "c"))

	vouched := approval()
	vouched.Binding, vouched.ACR = "binding", rough
	full, bare := code("full"), authority.Code{ID: "bare", Expires: Now(), Approval: authority.Approval{Binding: "binding"}}
	full.Approval = vouched
	// Each alone too: a store that keeps the two in one column may lose one where the other is empty.
	for _, c := range []authority.Code{full, bare, {ID: "acr", Expires: Now(), Approval: authority.Approval{ACR: "2"}}} {
		good(t, s.AddCode(ctx, c, authority.After{}))
		found(t, c)(readCode(t, s, c.ID))
	}
	deviceFields(t, s, vouched)
}

// deviceFields does it for a device login and the family that it ends in.
func deviceFields(t *testing.T, s More, vouched authority.Approval) {
	t.Helper()
	ctx := t.Context()
	d := device("d1", "CODE")
	d.Binding = rough
	good(t, s.AddDeviceRequest(ctx, d))
	found(t, d)(s.DeviceRequest(ctx, "d1"))
	begun := family("f1")
	begun.Binding, begun.ACR, begun.APIKeyID = "binding", rough, "k1"
	d.State, d.Approval, d.Decided, d.FamilyID = authority.DeviceRedeemed, vouched, Now(), "f1"
	found(t, d)(s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Approval, d.Decided, d.FamilyID = authority.DeviceRedeemed, vouched, Now(), "f1"
		return authority.After{Family: &begun}, nil
	}))
	// By the second way to it, which is another statement.
	found(t, d)(s.DeviceRequestByUserCode(ctx, "CODE", Now()))
	d.Binding = ""
	found(t, d)(s.ChangeDeviceRequest(ctx, "d1", func(d *authority.DeviceRequest) (authority.After, error) {
		d.Binding = ""
		return authority.After{}, nil
	}))
	found(t, d)(s.DeviceRequest(ctx, "d1"))
	found(t, begun)(s.Family(ctx, "f1"))
	begun.Binding, begun.ACR, begun.APIKeyID, begun.Generation = "", "2", "k2", begun.Generation+1
	found(t, begun)(s.ChangeFamily(ctx, "f1", func(f *authority.Family) (authority.After, error) {
		*f = begun
		return authority.After{}, nil
	}))
	found(t, begun)(s.Family(ctx, "f1"))
}
