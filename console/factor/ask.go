package factor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/identity/recovery"
	"github.com/doorward/doorward/secret"
)

const (
	// methodRecovery is what the audit calls a recovery code; its amr value is that of a one-time code, which it is.
	methodRecovery = "recovery code"

	purposeProof = "sign-in so far"
	// proofLife is how long somebody may look for their telephone.
	proofLife = 10 * time.Minute
	// maxProof bounds what is opened, in bytes.
	maxProof = 8 << 10
)

// Words of the page that asks for a code.
const (
	saidCodeWrong     = "That code is wrong, or was used before. Nothing was changed; wait for the next one in your app and enter that."
	saidRecoveryWrong = "That recovery code is wrong, or was used before. Nothing was changed; enter another one of those that were made last."
	saidLocked        = "There were too many wrong attempts. Nothing was changed. Wait 15 minutes, then try again."
	saidTooLate       = "That took longer than ten minutes. Nothing was changed; sign in again."
	saidForeign       = "It was opened before you signed in or out, or in another browser. Nothing was changed. Sign in again."
)

// proof is what somebody has proved before the second factor. It signs nobody in: it travels sealed in the page's form, and
// only the browser it was made for can go on with it.
type proof struct {
	SignIn identity.SignIn
	At     time.Time
	Return string
}

// oneTimeView is the page that asks for a one-time code.
type oneTimeView struct{ Proof string }

// Has implements console.SecondFactor.
func (f *Room) Has(ctx context.Context, personID string) bool { return f.TOTP.Has(ctx, personID) }

// Ask implements console.SecondFactor.
func (f *Room) Ask(w http.ResponseWriter, r *http.Request, signIn identity.SignIn, back string) {
	text, err := json.Marshal(proof{SignIn: signIn, At: f.Console.Now(), Return: back})
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.askCode(w, r, f.Console.Seal(purposeProof, text, []byte(f.Console.BrowserKey(w, r).Reveal())), "", http.StatusOK)
}

func (f *Room) askCode(w http.ResponseWriter, r *http.Request, sealed, alert string, status int) {
	f.Console.Show(w, r, status, f.onetime, console.Page{Title: "One-time code", Alert: alert, Body: oneTimeView{sealed}})
}

// oneTime takes the code of the person's app, or a recovery code, and signs them in. The sign-in is a new one, so that nothing
// that was there before the second factor is worth anything after it.
func (f *Room) oneTime(w http.ResponseWriter, r *http.Request) {
	ctx, sealed := r.Context(), r.PostForm.Get("proof")
	so, said := f.proved(r, sealed)
	if said != "" {
		f.Console.Again(w, r, so.Return, said)
		return
	}
	used, err := f.useCode(r, so.SignIn.PersonID)
	event := authority.Event{PersonID: so.SignIn.PersonID, Address: f.Console.Address(r), Detail: used.method}
	switch {
	case errors.Is(err, identity.ErrLocked):
		event.Kind = authority.EventSignInLocked
		f.Console.Authority.Recorder.Record(ctx, event)
		w.Header().Set("Retry-After", strconv.Itoa(15*60))
		f.askCode(w, r, sealed, saidLocked, http.StatusTooManyRequests)
		return
	case errors.Is(err, identity.ErrWrong):
		event.Kind = authority.EventSignInFailed
		f.Console.Authority.Recorder.Record(ctx, event)
		f.askCode(w, r, sealed, used.wrong, http.StatusUnauthorized)
		return
	case err != nil:
		f.Console.Fail(w, r, err)
		return
	}
	if used.method == methodRecovery {
		event.Kind, event.Detail = authority.EventRecoveryUsed, strconv.Itoa(used.left)+" left"
		f.Console.Authority.Recorder.Record(ctx, event)
		so.Return = pathRecovered + "?" + url.Values{"return": {so.Return}}.Encode()
	}
	so.SignIn.Methods = append(so.SignIn.Methods, console.MethodOneTime)
	f.Console.Enter(w, r, so.SignIn, so.Return)
}

// usedCode is what kind of code was shown, what to say where it is none, and how many of the kind are left.
type usedCode struct {
	method, wrong string
	left          int
}

// useCode uses up the code of the form. Both kinds are taken in either field: the form of a code says which it is.
func (f *Room) useCode(r *http.Request, personID string) (usedCode, error) {
	code := secret.New(r.PostForm.Get("code"))
	if recovery.Is(code) {
		left, err := f.Recovery.Use(r.Context(), personID, code, f.Console.Address(r))
		return usedCode{methodRecovery, saidRecoveryWrong, left}, err
	}
	return usedCode{method: console.MethodOneTime, wrong: saidCodeWrong}, f.TOTP.Check(r.Context(), personID, code, f.Console.Address(r))
}

// proved opens what was proved so far; otherwise it says why not, for the page. A password that was changed, or an account
// that was switched off, in the meantime is as good as nothing proved.
func (f *Room) proved(r *http.Request, sealed string) (proof, string) {
	var so proof
	browser := f.Console.OldBrowserKey(r)
	if browser.IsZero() || len(sealed) > maxProof {
		return so, saidForeign
	}
	text, err := f.Console.Open(purposeProof, sealed, []byte(browser.Reveal()))
	if err != nil || json.Unmarshal(text, &so) != nil {
		return so, saidForeign
	}
	person, err := f.Console.People.Person(r.Context(), so.SignIn.PersonID)
	switch {
	case f.Console.Now().Sub(so.At) > proofLife:
		return so, saidTooLate
	case err != nil || person.Disabled || person.PasswordChanged.After(so.At):
		return so, saidForeign
	}
	return so, ""
}
