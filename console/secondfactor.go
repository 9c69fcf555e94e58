package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/identity/recovery"
	"github.com/doorward/doorward/secret"
)

const (
	// MethodOneTime is the amr value of a one-time code (RFC 8176 section 2).
	MethodOneTime = "otp"
	// methodRecovery is what the audit calls a recovery code; its amr value is that of a one-time code, which it is.
	methodRecovery = "recovery code"

	purposeProof = "sign-in so far"
	// proofLife is how long somebody may look for their telephone.
	proofLife = 10 * time.Minute
)

// Words of the page that asks for a code.
const (
	saidCodeWrong     = "That code is wrong, or was used before. Nothing was changed; wait for the next one in your app and enter that."
	saidRecoveryWrong = "That recovery code is wrong, or was used before. Nothing was changed; enter another one of those that were made last."
	saidTooLate       = "That took longer than ten minutes. Nothing was changed; sign in again."
)

// proof is what somebody has proved before the second factor. It signs nobody in: it travels sealed in the page's form, and
// only the browser it was made for can go on with it.
type proof struct {
	SignIn identity.SignIn
	At     time.Time
	Return string
}

// oneTimeView is the page that asks for a one-time code.
type oneTimeView struct {
	Proof    string
	Recovery bool // a recovery code is taken too
}

// weak reports whether the person has a second factor that this sign-in did not use: it may be older than the factor. Such a
// sign-in is none (SEC-173, SEC-175), and neither is one of which the store cannot say.
func (c *Console) weak(ctx context.Context, v visit) bool {
	return c.TOTP != nil && !slices.Contains(v.Methods, MethodOneTime) && c.TOTP.Has(ctx, v.Person.ID)
}

// Admit signs somebody in who proved what signIn says (PersonID, Methods, Binding, ACR) and leads back; whoever has a second
// factor is asked for that first, whatever the proof was and whether any policy wants it (SEC-173).
func (c *Console) Admit(w http.ResponseWriter, r *http.Request, signIn identity.SignIn, back string) {
	if c.TOTP != nil && c.TOTP.Has(r.Context(), signIn.PersonID) {
		text, err := json.Marshal(proof{SignIn: signIn, At: c.Now(), Return: ownPath(back)})
		if err != nil {
			c.fail(w, r, err)
			return
		}
		sealed := c.Seal(purposeProof, text, []byte(c.browserKey(w, r).Reveal()))
		c.askOneTime(w, r, sealed, "", http.StatusOK)
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

func (c *Console) askOneTime(w http.ResponseWriter, r *http.Request, sealed, alert string, status int) {
	c.render(w, r, status, "onetime", view{Title: "One-time code", Alert: alert, Body: oneTimeView{sealed, c.Recovery != nil}})
}

// oneTime takes the code of the person's app, or a recovery code, and signs them in. The sign-in is a new one, so that nothing
// that was there before the second factor is worth anything after it.
func (c *Console) oneTime(w http.ResponseWriter, r *http.Request) {
	ctx, sealed := r.Context(), r.PostForm.Get("proof")
	so, said := c.proved(r, sealed)
	if said != "" {
		c.askSignIn(w, r, signInView{Return: so.Return, Alert: said}, http.StatusForbidden)
		return
	}
	used, err := c.useCode(r, so.SignIn.PersonID)
	event := authority.Event{PersonID: so.SignIn.PersonID, Address: c.Address(r), Detail: used.method}
	switch {
	case errors.Is(err, identity.ErrLocked):
		event.Kind = authority.EventSignInLocked
		c.Authority.Recorder.Record(ctx, event)
		retryAfter(w, problemOf(err))
		c.askOneTime(w, r, sealed, saidLocked, http.StatusTooManyRequests)
		return
	case errors.Is(err, identity.ErrWrong):
		event.Kind = authority.EventSignInFailed
		c.Authority.Recorder.Record(ctx, event)
		c.askOneTime(w, r, sealed, used.wrong, http.StatusUnauthorized)
		return
	case err != nil:
		c.fail(w, r, err)
		return
	}
	if used.method == methodRecovery {
		event.Kind, event.Detail = authority.EventRecoveryUsed, strconv.Itoa(used.left)+" left"
		c.Authority.Recorder.Record(ctx, event)
		so.Return = PathRecovered + "?" + url.Values{"return": {so.Return}}.Encode()
	}
	so.SignIn.Methods = append(so.SignIn.Methods, MethodOneTime)
	c.Enter(w, r, so.SignIn, so.Return)
}

// usedCode is what kind of code was shown, what to say where it is none, and how many of the kind are left.
type usedCode struct {
	method, wrong string
	left          int
}

// useCode uses up the code of the form. Both kinds are taken in either field: the form of a code says which it is.
func (c *Console) useCode(r *http.Request, personID string) (usedCode, error) {
	code := secret.New(r.PostForm.Get("code"))
	if c.Recovery != nil && recovery.Is(code) {
		left, err := c.Recovery.Use(r.Context(), personID, code, c.Address(r))
		return usedCode{methodRecovery, saidRecoveryWrong, left}, err
	}
	return usedCode{method: MethodOneTime, wrong: saidCodeWrong}, c.TOTP.Check(r.Context(), personID, code, c.Address(r))
}

// proved opens what was proved so far; otherwise it says why not, for the page. A password that was changed, or an account
// that was switched off, in the meantime is as good as nothing proved.
func (c *Console) proved(r *http.Request, sealed string) (proof, string) {
	var so proof
	browser := cookie(r, c.cookies.browser)
	if browser.IsZero() || c.TOTP == nil || len(sealed) > maxForm/8 {
		return so, problemOf(errForged).Message
	}
	text, err := c.Open(purposeProof, sealed, []byte(browser.Reveal()))
	if err != nil || json.Unmarshal(text, &so) != nil {
		return so, problemOf(errForged).Message
	}
	person, err := c.People.Person(r.Context(), so.SignIn.PersonID)
	switch {
	case c.Now().Sub(so.At) > proofLife:
		return so, saidTooLate
	case err != nil || person.Disabled || person.PasswordChanged.After(so.At):
		return so, problemOf(errForged).Message
	}
	return so, ""
}
