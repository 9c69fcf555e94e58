// Package factor is the pages of second factors: what somebody has enrolled, adding an authenticator app, removing one, and the
// recovery codes for whoever loses it.
package factor

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rsc.io/qr"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/identity/recovery"
	"github.com/doorward/doorward/secret"
)

// Path is the page of somebody's second factors.
const Path = "/settings/security/factors"

const (
	pathAdd     = Path + "/new"
	pathConfirm = Path + "/confirm"
	pathRemove  = Path + "/remove"
	pathCodes   = Path + "/codes"

	pathOneTime   = "/sign-in/code"
	pathRecovered = Path + "/recovered" // with ?return=

	purposeEnrolment = "authenticator enrolment"
)

//go:embed pages/*.html
var files embed.FS

// Room is the pages. It is the console's Second too. Every field is needed.
type Room struct {
	Console  *console.Console // with Seal and Open
	TOTP     *identity.TOTP
	Recovery *recovery.Codes

	onetime, list, app, remove, askCodes, codes, recovered *template.Template
}

// listView is what somebody has.
type listView struct {
	Factors []identity.Factor
	Left    int // recovery codes
	Token   string
}

// appView is an app that is being added.
type appView struct {
	ID      string // of the factor
	Sealed  string // the URL with its secret, so that a mistyped code does not cost a new one
	Secret  string // in groups of four
	Size    int    // of the QR code, in modules, with its quiet zone
	Modules string // the dark ones, as an SVG path
	Token   string
}

// Routes returns the handlers by their pattern. What changes how somebody signs in wants a new sign-in (SEC-178).
func (f *Room) Routes() map[string]http.Handler {
	page := func(name string) *template.Template {
		text, err := files.ReadFile("pages/" + name + ".html")
		if err != nil {
			panic(err) // a fault of the build
		}
		return f.Console.Template(string(text))
	}
	f.onetime, f.list, f.app, f.remove = page("onetime"), page("list"), page("app"), page("remove")
	f.askCodes, f.codes, f.recovered = page("ask-codes"), page("codes"), page("recovered")
	c := f.Console
	return map[string]http.Handler{
		"GET " + Path:         c.SignedIn(f.show),
		"GET " + pathAdd:      c.Recently(f.askAdd),
		"POST " + pathAdd:     c.Posted(c.Recently(f.add)),
		"GET " + pathConfirm:  http.RedirectHandler(Path, http.StatusSeeOther),
		"POST " + pathConfirm: c.Posted(c.Recently(f.confirm)),
		"GET " + pathRemove:   c.Recently(f.askRemove),
		"POST " + pathRemove:  c.Posted(c.Recently(f.end)),
		"GET " + pathCodes:    c.Recently(f.askMake),
		"POST " + pathCodes:   c.Posted(c.Recently(f.makeCodes)),

		"POST " + pathOneTime:  c.Posted(f.oneTime),
		"GET " + pathRecovered: c.SignedIn(f.showRecovered),
	}
}

// confirmed are those that count: an app that never showed a right code is none.
func (f *Room) confirmed(r *http.Request, v console.Visit) ([]identity.Factor, error) {
	found, err := f.TOTP.Factors.Factors(r.Context(), v.Person.ID)
	return slices.DeleteFunc(found, func(factor identity.Factor) bool { return !factor.Confirmed() }), err
}

func (f *Room) show(w http.ResponseWriter, r *http.Request, v console.Visit) {
	found, err := f.confirmed(r, v)
	left, bad := f.Recovery.Left(r.Context(), v.Person.ID)
	if err = errors.Join(err, bad); err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	page := console.Page{Title: "Second factors", Wide: true, Person: &v, Body: listView{found, left, v.Token(pathAdd)}}
	switch { // nothing of the address is repeated
	case r.FormValue("added") != "":
		page.Status = saidAdded
	case r.FormValue("removed") != "":
		page.Status = "It was removed. Its codes are worth nothing any more."
	}
	f.Console.Show(w, r, http.StatusOK, f.list, page)
}

// saidAdded is what happened where an app was added.
const saidAdded = "The app was added. From now on its codes are asked for at every sign-in; your other browsers have to sign in again."

// askAdd is where somebody comes back to who had to sign in once more.
func (f *Room) askAdd(w http.ResponseWriter, r *http.Request, v console.Visit) {
	f.Console.See(w, Path)
}

// add makes a secret and shows it. It counts for nothing until a code of it comes back.
func (f *Room) add(w http.ResponseWriter, r *http.Request, v console.Visit) {
	if !v.Genuine(r, pathAdd) {
		f.Console.Forged(w, r)
		return
	}
	factor, address, err := f.TOTP.Enrol(r.Context(), v.Person.ID, "", secret.String{})
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.ask(w, r, v, factor.ID, address, "", http.StatusOK)
}

// ask shows the app's QR code and asks for the first code. The page is the answer to a form, and has no address under which
// a history could keep the secret.
func (f *Room) ask(w http.ResponseWriter, r *http.Request, v console.Visit, id string, address secret.String, alert string, status int) {
	code, err := qr.Encode(address.Reveal(), qr.M)
	parsed, bad := url.Parse(address.Reveal())
	if err = errors.Join(err, bad); err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	size, modules := drawn(code)
	f.Console.Show(w, r, status, f.app, console.Page{
		Title: "Add an authenticator app", Alert: alert, Person: &v, Body: appView{
			ID: id, Sealed: f.Console.Seal(purposeEnrolment, []byte(address.Reveal()), []byte(v.Person.ID+id)),
			Secret: grouped(parsed.Query().Get("secret")), Size: size, Modules: modules, Token: v.Token(pathConfirm + id),
		},
	})
}

// quiet is the width of the white border that readers need (ISO/IEC 18004), in modules.
const quiet = 4

// drawn is a QR code as an SVG path: one run of dark modules a step.
func drawn(code *qr.Code) (size int, path string) {
	var out strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			start := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			fmt.Fprintf(&out, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
		}
	}
	return code.Size + 2*quiet, out.String()
}

// grouped writes a secret as people copy it.
func grouped(text string) string {
	var out []string
	for part := range slices.Chunk([]byte(text), 4) {
		out = append(out, string(part))
	}
	return strings.Join(out, " ")
}

// confirm takes the first code. From then on the factor counts: every other browser has to sign in again with it, and this
// one goes on with a new sign-in that has it.
func (f *Room) confirm(w http.ResponseWriter, r *http.Request, v console.Visit) {
	id := r.PostForm.Get("factor")
	address, err := f.Console.Open(purposeEnrolment, r.PostForm.Get("enrolment"), []byte(v.Person.ID+id))
	if err != nil || !v.Genuine(r, pathConfirm+id) {
		f.Console.Forged(w, r)
		return
	}
	err = f.TOTP.Check(r.Context(), v.Person.ID, secret.New(r.PostForm.Get("code")), f.Console.Address(r))
	only := false
	if err == nil {
		only, err = f.counts(r, v, id)
	}
	switch again := secret.New(string(address)); {
	case errors.Is(err, identity.ErrLocked):
		f.ask(w, r, v, id, again, "There were too many wrong codes. The app was not added. Wait 15 minutes, then try again.", http.StatusTooManyRequests)
		return
	case errors.Is(err, identity.ErrWrong):
		f.ask(w, r, v, id, again, "That is not the code that this app shows now. The app was not added; enter its newest code.", http.StatusBadRequest)
		return
	case err == nil:
		err = f.Console.Presence.EndAll(r.Context(), v.Person.ID)
	}
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.Console.Authority.Recorder.Record(r.Context(), authority.Event{
		Kind: authority.EventFactorAdded, PersonID: v.Person.ID, Address: f.Console.Address(r), Detail: id,
	})
	renewed := identity.SignIn{
		PersonID: v.Person.ID, Methods: with(v.Methods, console.MethodOneTime), Binding: v.Binding, ACR: v.ACR,
	}
	if !only {
		f.Console.Enter(w, r, renewed, Path+"?added=1")
		return
	}
	if v, err = f.Console.Begin(w, r, renewed); err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.showCodes(w, r, v, saidAdded)
}

// counts reports whether the app is the person's only one. It fails with ErrWrong where the code that was right was that of
// another app.
func (f *Room) counts(r *http.Request, v console.Visit, id string) (only bool, err error) {
	found, err := f.confirmed(r, v)
	if err == nil && !slices.ContainsFunc(found, func(factor identity.Factor) bool { return factor.ID == id }) {
		err = identity.ErrWrong
	}
	return len(found) == 1, err
}

func with(methods []string, method string) []string {
	if slices.Contains(methods, method) {
		return methods
	}
	return append(slices.Clone(methods), method)
}

// find returns a factor of the person; of somebody else's it says what it says of none.
func (f *Room) find(r *http.Request, v console.Visit, id string) (identity.Factor, error) {
	found, err := f.confirmed(r, v)
	for _, factor := range found {
		if factor.ID == id {
			return factor, nil
		}
	}
	if err == nil {
		err = identity.ErrUnknown
	}
	return identity.Factor{}, err
}

func (f *Room) askRemove(w http.ResponseWriter, r *http.Request, v console.Visit) {
	factor, err := f.find(r, v, r.FormValue("id"))
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.Console.Show(w, r, http.StatusOK, f.remove, console.Page{
		Title: "Remove this app", Person: &v, Body: struct {
			Factor identity.Factor
			Token  string
		}{factor, v.Token(pathRemove + factor.ID)},
	})
}

func (f *Room) end(w http.ResponseWriter, r *http.Request, v console.Visit) {
	id := r.PostForm.Get("id")
	if !v.Genuine(r, pathRemove+id) {
		f.Console.Forged(w, r)
		return
	}
	if _, err := f.find(r, v, id); err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	if err := f.TOTP.Factors.RemoveFactor(r.Context(), id); err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	if err := f.endCodes(r, v); err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.Console.Authority.Recorder.Record(r.Context(), authority.Event{
		Kind: authority.EventFactorRemoved, PersonID: v.Person.ID, Address: f.Console.Address(r), Detail: id,
	})
	f.Console.See(w, Path+"?removed=1")
}
