package factor

import (
	"net/http"
	"strconv"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

// shownOnce lets the one page that shows recovery codes say them.
type shownOnce struct{ value secret.String }

// Text is the code itself.
func (s shownOnce) Text() string { return s.value.Reveal() }

// askMake asks once, in words, where there are codes that would end.
func (f *Room) askMake(w http.ResponseWriter, r *http.Request, v console.Visit) {
	found, err := f.confirmed(r, v)
	if err == nil && len(found) == 0 {
		err = identity.ErrUnknown // there is nothing that the codes could stand in for
	}
	var left int
	if err == nil {
		left, err = f.Recovery.Left(r.Context(), v.Person.ID)
	}
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.Console.Show(w, r, http.StatusOK, f.askCodes, console.Page{
		Title: "Make new recovery codes", Person: &v, Body: struct {
			Left  int
			Token string
		}{left, v.Token(pathCodes)},
	})
}

// makeCodes makes new codes and ends those of before.
func (f *Room) makeCodes(w http.ResponseWriter, r *http.Request, v console.Visit) {
	if !v.Genuine(r, pathCodes) {
		f.Console.Forged(w, r)
		return
	}
	found, err := f.confirmed(r, v)
	if err == nil && len(found) == 0 {
		err = identity.ErrUnknown
	}
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.showCodes(w, r, v, "New codes were made. Those from before are worth nothing any more.")
}

// showCodes makes codes and shows them, this once. The page is the answer to a form, and has no address under which a history
// could keep them.
func (f *Room) showCodes(w http.ResponseWriter, r *http.Request, v console.Visit, status string) {
	made, err := f.Recovery.Make(r.Context(), v.Person.ID)
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.Console.Authority.Recorder.Record(r.Context(), authority.Event{
		Kind: authority.EventRecoveryMade, PersonID: v.Person.ID, Address: f.Console.Address(r), Detail: strconv.Itoa(len(made)) + " codes",
	})
	codes := make([]shownOnce, len(made))
	for i, code := range made {
		codes[i] = shownOnce{code}
	}
	f.Console.Show(w, r, http.StatusCreated, f.codes, console.Page{
		Title: "Keep these recovery codes", Status: status, Person: &v, Body: codes,
	})
}

// endCodes ends the recovery codes of somebody whose last app is gone: they stand in for it, and alone they are nothing.
func (f *Room) endCodes(r *http.Request, v console.Visit) error {
	found, err := f.confirmed(r, v)
	if err != nil || len(found) > 0 {
		return err
	}
	return f.Recovery.End(r.Context(), v.Person.ID)
}

// showRecovered is where somebody arrives who signed in with a recovery code: how many are left, what to do about the app, and
// the way on to where they wanted to go. The sign-in page forwards whoever is signed in, and only to pages of this house.
func (f *Room) showRecovered(w http.ResponseWriter, r *http.Request, v console.Visit) {
	left, err := f.Recovery.Left(r.Context(), v.Person.ID)
	if err != nil {
		f.Console.Fail(w, r, err)
		return
	}
	f.Console.Show(w, r, http.StatusOK, f.recovered, console.Page{
		Title: "Recovery codes", Person: &v, Body: struct {
			Left   int
			Return string
		}{left, r.FormValue("return")},
	})
}
