package federated

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/federation"
	"github.com/doorward/doorward/identity"
)

// callback takes the provider's answer and leads to the device page.
func (f *Room) callback(w http.ResponseWriter, r *http.Request) {
	binding, err := f.binding(r)
	if err != nil {
		f.fail(w, r, binding, err)
		return
	}
	so, err := f.began(r, binding)
	if err != nil {
		f.fail(w, r, binding, err)
		return
	}
	who, err := f.complete(r, binding, so)
	if errors.Is(err, federation.ErrRefused) {
		f.refused(r, binding, so)
	}
	var person identity.Person
	if err == nil {
		person, err = f.person(r, binding, who)
	}
	if err != nil {
		f.fail(w, r, binding, err)
		return
	}
	address := console.PathDevice + "/" + url.PathEscape(binding.ID)
	if so.Code != "" {
		via := f.seal(purposeBack, f.Console.OldBrowserKey(r), back{Code: so.Code, Binding: binding.ID, At: f.Console.Now()})
		address += "?" + url.Values{"user_code": {so.Code}, "via": {via}}.Encode()
	}
	// A second factor that the person has here is asked for too: the provider may know of none (SEC-175).
	f.Console.Admit(w, r, identity.SignIn{PersonID: person.ID, Methods: who.AMR, Binding: binding.ID, ACR: who.ACR}, address)
}

// began opens the state. It opens in the browser that began alone (SEC-186, SEC-187), at the callback of its own binding
// (SEC-185), and once: it is counted in the store before anything is done with it, so that of two at the same moment, on
// whatever replica, one goes on (SEC-190).
func (f *Room) began(r *http.Request, binding identity.Binding) (state, error) {
	var so state
	sealed, key := r.URL.Query().Get("state"), f.Console.OldBrowserKey(r)
	if key.IsZero() || !f.open(purposeState, sealed, key, &so) || so.Binding != binding.ID {
		return so, errForeign
	}
	sum := sha256.Sum256([]byte(sealed))
	uses, err := f.Attempts.CountAttempt(r.Context(), "federation:"+base64.RawURLEncoding.EncodeToString(sum[:]), f.Console.Now(), time.Hour)
	if err == nil && uses > 1 {
		err = errAgain
	}
	return so, err
}

func (f *Room) complete(r *http.Request, binding identity.Binding, so state) (federation.Identity, error) {
	provider, err := f.provider(binding)
	if err != nil {
		return federation.Identity{}, err
	}
	return provider.Complete(r.Context(), federation.Return{Trip: so.Trip, Values: r.URL.Query()})
}

// refused ends the device login whose link led to the provider that refused. The code counts as a guess like any other, so
// that nobody ends logins by trying codes.
func (f *Room) refused(r *http.Request, binding identity.Binding, so state) {
	ctx, address := r.Context(), f.Console.Address(r)
	f.record(ctx, r, authority.Event{Kind: authority.EventSignInFailed, Detail: "refused by the provider of binding " + binding.ID})
	if so.Code == "" {
		return
	}
	devices := f.Console.Authority.Devices
	request, err := devices.Lookup(ctx, so.Code, login.Guesser{PersonID: "refused " + address, Address: address})
	if err == nil {
		_, err = devices.Refuse(ctx, request.ID, binding.ID, address)
	}
	if err != nil && !errors.Is(err, authority.ErrUnknown) && !errors.Is(err, authority.ErrUsed) {
		f.log(r, err)
	}
}

// person is who the identity stands for: issuer and subject, and nothing else (SEC-188, SEC-189).
func (f *Room) person(r *http.Request, binding identity.Binding, who federation.Identity) (identity.Person, error) {
	ctx := r.Context()
	person, err := f.Links.PersonByLink(ctx, who.Issuer, who.Subject)
	switch {
	case errors.Is(err, identity.ErrUnknown) && binding.Creates:
		return f.create(r, binding, who)
	case errors.Is(err, identity.ErrUnknown):
		f.record(ctx, r, authority.Event{Kind: authority.EventSignInFailed, Detail: "no account for somebody of binding " + binding.ID})
		return person, errStranger
	case err == nil && person.Disabled: // whatever the provider says (SEC-192)
		f.record(ctx, r, authority.Event{Kind: authority.EventSignInFailed, PersonID: person.ID, Detail: "disabled"})
		return person, errLocked
	}
	return person, err
}

// create makes the person of a first sign-in. Somebody who has the name or the e-mail address already is somebody else: the
// new account gets another name, and no address.
func (f *Room) create(r *http.Request, binding identity.Binding, who federation.Identity) (identity.Person, error) {
	ctx, now := r.Context(), f.Console.Now()
	person := identity.Person{
		ID: identity.NewPersonID(), Username: username(who), Name: name(who), Created: now,
	}
	if who.EmailVerified {
		person.Email, person.EmailVerified = who.Email, true
	}
	link := identity.Link{Issuer: who.Issuer, Subject: who.Subject, PersonID: person.ID, BindingID: binding.ID, Created: now}
	for _, change := range []func(){
		func() {},
		func() { person.Username += "-" + strings.ToLower(rand.Text()[:6]) },
		func() { person.Email, person.EmailVerified = "", false },
	} {
		change()
		err := f.Links.AddPersonWithLink(ctx, person, link)
		if err == nil {
			f.record(ctx, r, authority.Event{
				Kind: authority.EventPersonAdded, PersonID: person.ID, Detail: "first sign-in through binding " + binding.ID,
			})
			return person, nil
		}
		if !errors.Is(err, identity.ErrTaken) {
			return identity.Person{}, err
		}
		// The same person may have come a moment ago, in another tab.
		if there, err := f.Links.PersonByLink(ctx, who.Issuer, who.Subject); err == nil {
			return there, nil
		}
	}
	return identity.Person{}, identity.ErrTaken
}

// username makes a name of what the provider says: plain letters and digits, since it is read aloud and typed.
func username(who federation.Identity) string {
	said := who.Username
	if said == "" {
		said, _, _ = strings.Cut(who.Email, "@")
	}
	said = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, said), ".-_")
	if said == "" {
		return "operator-" + strings.ToLower(rand.Text()[:8])
	}
	return said[:min(len(said), 48)]
}

// name is what the person is called on pages.
func name(who federation.Identity) string {
	for _, said := range []string{who.Name, who.Username} {
		if runes := []rune(said); len(runes) > 0 {
			return strings.TrimSpace(string(runes[:min(len(runes), 100)]))
		}
	}
	return "Operator"
}

// fail is the map from this room's errors to what a person reads. Everything else is the console's.
func (f *Room) fail(w http.ResponseWriter, r *http.Request, binding identity.Binding, err error) {
	provider := binding.Name
	if provider == "" {
		provider = binding.Alias
	}
	for _, row := range []struct {
		err    error
		status int
		said   string
	}{
		{federation.ErrRefused, 403, provider + " did not let you through, or not in the way that is needed here. Nothing was signed in, and a " +
			"terminal that waited for this link has been told. Start again in your terminal."},
		{federation.ErrUnavailable, 503, provider + " cannot be reached just now. Nothing is lost, and whatever is signed in stays so; try again in a minute."},
		{federation.ErrAnswer, 400, "What came back from " + provider + " could not be used. Nothing was changed; open the link of your terminal again."},
		{errForeign, 403, "This sign-in was begun in another browser, or took too long. Nothing was changed. If somebody sent you a link, do not go on; " +
			"otherwise open the link of your terminal again."},
		{errAgain, 409, "This answer was used before. Nothing more was changed; open the link of your terminal again if you still need it."},
		{errDisabled, 403, "Signing in through " + provider + " is switched off here. Nothing was changed. Ask whoever runs this service."},
		{errStranger, 403, provider + " knows you, but there is no account for you here. Nothing was changed. Ask whoever runs this service for one."},
		{errLocked, 403, "Your account here is switched off. Nothing was changed. Ask whoever runs this service."},
	} {
		if errors.Is(err, row.err) {
			f.log(r, err)
			f.Console.Problem(w, r, row.status, row.said)
			return
		}
	}
	f.Console.Fail(w, r, err)
}

func (f *Room) log(r *http.Request, err error) {
	f.Console.Log.LogAttrs(context.WithoutCancel(r.Context()), slog.LevelInfo, "a sign-in through a binding did not succeed", slog.Any("error", err))
}
