package console

import (
	"context"
	"net/http"
	"slices"

	"github.com/doorward/doorward/identity"
)

// MethodOneTime is the amr value of a one-time code (RFC 8176 section 2).
const MethodOneTime = "otp"

// SecondFactor is the room that asks for second factors.
type SecondFactor interface {
	// Has reports whether the person is to be asked; where the store cannot say, it is true.
	Has(ctx context.Context, personID string) bool
	// Ask shows the page that asks somebody who proved what signIn says. It ends at Console.Enter, with MethodOneTime among the
	// methods, which leads to back.
	Ask(w http.ResponseWriter, r *http.Request, signIn identity.SignIn, back string)
}

// weak reports whether the person has a second factor that this sign-in did not use: it may be older than the factor. Such a
// sign-in is none (SEC-173, SEC-175), and neither is one of which the store cannot say.
func (c *Console) weak(ctx context.Context, v visit) bool {
	return c.Second != nil && !slices.Contains(v.Methods, MethodOneTime) && c.Second.Has(ctx, v.Person.ID)
}

// Admit signs somebody in who proved what signIn says (PersonID, Methods, Binding, ACR) and leads back; whoever has a second
// factor is asked for that first, whatever the proof was and whether any policy wants it (SEC-173).
func (c *Console) Admit(w http.ResponseWriter, r *http.Request, signIn identity.SignIn, back string) {
	if c.Second != nil && c.Second.Has(r.Context(), signIn.PersonID) {
		c.Second.Ask(w, r, signIn, ownPath(back))
		return
	}
	c.Enter(w, r, signIn, back)
}

// Enter signs in, with a new cookie, who has proved all that is to be proved, and leads back.
func (c *Console) Enter(w http.ResponseWriter, r *http.Request, signIn identity.SignIn, back string) {
	if _, err := c.Begin(w, r, signIn); err != nil {
		c.fail(w, r, err)
		return
	}
	see(w, ownPath(back))
}
