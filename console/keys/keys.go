// Package keys is the pages of API keys: a person's own, and those that an administrator issues for somebody.
package keys

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/apikey"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/console/facts"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

// Path is the page of somebody's own keys, and PathPeople the one from which an administrator comes to those of others.
const (
	Path       = "/settings/security/keys"
	PathPeople = "/admin/people"
)

//go:embed pages/*.html
var files embed.FS

// Room is the pages. Console and People are needed.
type Room struct {
	Console *console.Console
	People  identity.People

	list, made, revoke, people *template.Template
}

// owner is whose keys a page is about.
type owner struct {
	identity.Person
	Path string // of the page
	Own  bool   // the visitor's
}

// line is one key of the list.
type line struct {
	authority.APIKey
	Name   string // fit to be shown
	Issuer string // who issued it for the person; "" : the person
	Used   string // how long ago; "" : never
	Over   bool   // it has expired
}

// listView is the list with the form below it.
type listView struct {
	Owner owner
	Keys  []line
	Name  string // as it was typed, where it was refused
	Token string
}

// Routes returns the handlers by their pattern.
func (k *Room) Routes() map[string]http.Handler {
	page := func(name string) *template.Template {
		text, err := files.ReadFile("pages/" + name + ".html")
		if err != nil {
			panic(err) // a fault of the build
		}
		return k.Console.Template(string(text))
	}
	k.list, k.made, k.revoke, k.people = page("list"), page("made"), page("revoke"), page("people")
	routes := map[string]http.Handler{"GET " + PathPeople: k.Console.SignedIn(k.showPeople)}
	for path, whose := range map[string]func(*http.Request, console.Visit) (owner, error){
		Path: own, PathPeople + "/{id}/keys": k.theirs,
	} {
		// Whoever is not allowed to know whose page it is sees none (SEC-148).
		about := func(next func(http.ResponseWriter, *http.Request, console.Visit, owner)) http.HandlerFunc {
			return k.Console.SignedIn(func(w http.ResponseWriter, r *http.Request, v console.Visit) {
				o, err := whose(r, v)
				if err != nil {
					k.Console.Fail(w, r, err)
					return
				}
				next(w, r, v, o)
			})
		}
		routes["GET "+path] = about(k.show)
		routes["POST "+path] = k.Console.Posted(about(k.issue))
		routes["GET "+path+"/revoke"] = about(k.askRevoke)
		routes["POST "+path+"/revoke"] = k.Console.Posted(about(k.end))
	}
	return routes
}

func own(_ *http.Request, v console.Visit) (owner, error) {
	return owner{Person: v.Person, Path: Path, Own: true}, nil
}

// theirs is somebody of whom an administrator looks at the keys; for everybody else the page is not there.
func (k *Room) theirs(r *http.Request, v console.Visit) (owner, error) {
	if !v.Administrator {
		return owner{}, authority.ErrUnknown
	}
	person, err := k.People.Person(r.Context(), r.PathValue("id"))
	return owner{Person: person, Path: PathPeople + "/" + url.PathEscape(person.ID) + "/keys"}, err
}

func (k *Room) show(w http.ResponseWriter, r *http.Request, v console.Visit, o owner) {
	page := console.Page{}
	if r.FormValue("revoked") != "" {
		page.Status = "It was revoked. Whatever was signed in with it is signed out."
	}
	k.showList(w, r, v, o, page, "", http.StatusOK)
}

func (k *Room) showList(w http.ResponseWriter, r *http.Request, v console.Visit, o owner, page console.Page, name string, status int) {
	found, err := k.Console.Authority.Keys.Of(r.Context(), o.ID)
	if err != nil {
		k.Console.Fail(w, r, err)
		return
	}
	body := listView{Owner: o, Name: name, Token: v.Token(o.Path)}
	for _, key := range found {
		body.Keys = append(body.Keys, k.line(r, key))
	}
	page.Title, page.Wide, page.Person, page.Body = "API keys", true, &v, body
	k.Console.Show(w, r, status, k.list, page)
}

func (k *Room) line(r *http.Request, key authority.APIKey) line {
	now := k.Console.Now()
	l := line{APIKey: key, Name: facts.Shown(key.Name), Over: !key.Expires.IsZero() && !now.Before(key.Expires)}
	if !key.LastUsed.IsZero() {
		l.Used = facts.Ago(now.Sub(key.LastUsed))
	}
	if key.IssuedBy != "" && key.IssuedBy != key.PersonID {
		l.Issuer = "an administrator"
		if person, err := k.People.Person(r.Context(), key.IssuedBy); err == nil {
			l.Issuer = facts.Shown(person.Name)
		}
	}
	return l
}

// life reads the ends that the form offers, in days; none is 0.
func life(text string) (days time.Duration, known bool) {
	switch text {
	case "":
		return 0, true
	case "30":
		return 30, true
	case "90":
		return 90, true
	case "365":
		return 365, true
	}
	return 0, false
}

// issue makes a key and shows it, this once (SEC-141). The page is the answer to the form and not an address of its own: what
// has an address stands in histories and logs.
func (k *Room) issue(w http.ResponseWriter, r *http.Request, v console.Visit, o owner) {
	if !v.Genuine(r, o.Path) {
		k.Console.Forged(w, r)
		return
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	days, known := life(r.PostForm.Get("life"))
	if !known || !nameable(name) {
		k.showList(w, r, v, o, console.Page{Alert: "Give the key a name of up to 60 characters, by which you will know it again. Nothing was issued."},
			name, http.StatusBadRequest)
		return
	}
	ask := apikey.Ask{PersonID: o.ID, Name: name, Life: days * 24 * time.Hour, Address: k.Console.Address(r)}
	if !o.Own {
		ask.IssuedBy = v.Person.ID
	}
	value, key, err := k.Console.Authority.Keys.Issue(r.Context(), ask)
	if errors.Is(err, authority.ErrTooMany) {
		k.showList(w, r, v, o, console.Page{Alert: "There are fifty keys already. Nothing was issued; revoke one that is not used any more."},
			name, http.StatusConflict)
		return
	}
	if err != nil {
		k.Console.Fail(w, r, err)
		return
	}
	k.Console.Show(w, r, http.StatusCreated, k.made, console.Page{
		Title: "A new API key", Wide: true, Person: &v, Body: struct {
			Owner owner
			Key   line
			Value shownOnce
		}{o, k.line(r, key), shownOnce{value}},
	})
}

// shownOnce lets the one page that shows a key say its value.
type shownOnce struct{ value secret.String }

// Text is the key itself.
func (s shownOnce) Text() string { return s.value.Reveal() }

// nameable reports whether text can be a key's name.
func nameable(text string) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= 60 && len(text) <= 100 &&
		!strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

// find returns a key of the person; of somebody else's it says what it says of none (SEC-148).
func (k *Room) find(r *http.Request, o owner, id string) (authority.APIKey, error) {
	found, err := k.Console.Authority.Keys.Of(r.Context(), o.ID)
	for _, key := range found {
		if key.ID == id {
			return key, nil
		}
	}
	if err == nil {
		err = authority.ErrUnknown
	}
	return authority.APIKey{}, err
}

func (k *Room) askRevoke(w http.ResponseWriter, r *http.Request, v console.Visit, o owner) {
	key, err := k.find(r, o, r.FormValue("key"))
	if err != nil {
		k.Console.Fail(w, r, err)
		return
	}
	k.Console.Show(w, r, http.StatusOK, k.revoke, console.Page{
		Title: "Revoke this API key", Person: &v, Body: struct {
			Owner owner
			Key   line
			Token string
		}{o, k.line(r, key), v.Token(o.Path + "/revoke" + key.ID)},
	})
}

func (k *Room) end(w http.ResponseWriter, r *http.Request, v console.Visit, o owner) {
	id := r.PostForm.Get("key")
	if !v.Genuine(r, o.Path+"/revoke"+id) {
		k.Console.Forged(w, r)
		return
	}
	if err := k.Console.Authority.Keys.Revoke(r.Context(), o.ID, id, v.Person.ID, k.Console.Address(r)); err != nil {
		k.Console.Fail(w, r, err)
		return
	}
	k.Console.See(w, o.Path+"?revoked=1")
}

// perPage is how many people a page of the list has.
const perPage = 50

// showPeople lists people, by their user names, for an administrator.
func (k *Room) showPeople(w http.ResponseWriter, r *http.Request, v console.Visit) {
	if !v.Administrator {
		k.Console.Fail(w, r, authority.ErrUnknown)
		return
	}
	found, err := k.People.ListPeople(r.Context(), identity.Canonical(r.FormValue("after")), perPage+1)
	if err != nil {
		k.Console.Fail(w, r, err)
		return
	}
	body := struct {
		People []identity.Person
		Next   string
	}{People: found}
	if len(found) > perPage {
		body.People = found[:perPage]
		body.Next = PathPeople + "?" + url.Values{"after": {found[perPage-1].Username}}.Encode()
	}
	k.Console.Show(w, r, http.StatusOK, k.people, console.Page{
		Title: "People", Wide: true, Person: &v, Body: body, Status: strconv.Itoa(len(body.People)) + " people on this page",
	})
}
