// Package federated is the pages of sign-ins through a binding: the person is sent to the provider that the binding names,
// comes back to an address of that binding alone, and is then at the device page. Only Approve there approves.
package federated

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/federation"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
)

const (
	purposeState = "federation state"
	purposeBack  = "federation return"
	// backLife is how long a link's code may be looked at after the sign-in that it asked for.
	backLife = 15 * time.Minute
	// maxSealed bounds what is opened, in bytes.
	maxSealed = 4 << 10
)

// Errors of this room.
var (
	errDisabled = errors.New("federated: the binding is switched off")
	errStranger = errors.New("federated: the provider vouches for somebody who has no account here")
	errLocked   = errors.New("federated: the account is switched off")
	errForeign  = errors.New("federated: the sign-in was begun in another browser, or not here")
	errAgain    = errors.New("federated: the answer was used before")
)

// Room is the pages and what they stand on; all fields are needed but Unseal, where no binding has a secret.
type Room struct {
	Console   *console.Console
	Upstreams *federation.Upstreams
	Domains   identity.Domains
	Links     identity.Links
	Attempts  identity.Attempts
	// Unseal opens the secret of a binding; ad is its id.
	Unseal func(sealed, ad []byte) ([]byte, error)
}

// state travels through the provider: sealed, and open to the browser that began alone.
type state struct {
	Trip    []byte `json:"t"`
	Binding string `json:"b"`
	Code    string `json:"c,omitempty"` // the user code of the link that led here
}

// back says, sealed, that a person signed in for the code of a link.
type back struct {
	Code    string    `json:"c"`
	Binding string    `json:"b"`
	At      time.Time `json:"t"`
}

// Routes returns the handlers by their pattern.
func (f *Room) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + console.PathDevice + "/{binding}": http.HandlerFunc(f.device),
		"GET /federation/{binding}/callback":       http.HandlerFunc(f.callback),
	}
}

// device is the device page of a binding. Whoever has not come through it is sent to its provider first, and so is whoever
// followed a link with a code in it: the provider is asked to sign them in anew, so that nobody approves by opening a link
// in a browser that happens to be signed in (RFC 10027).
func (f *Room) device(w http.ResponseWriter, r *http.Request) {
	binding, err := f.binding(r)
	if err != nil {
		f.fail(w, r, binding, err)
		return
	}
	v, err := f.Console.Visitor(r)
	if err != nil && !errors.Is(err, identity.ErrUnknown) && !errors.Is(err, authority.ErrUnknown) {
		f.fail(w, r, binding, err)
		return
	}
	var code string
	var typed bool
	if err == nil && v.Binding == binding.ID {
		if code, typed = v.Typed(r); code == "" || typed || f.cameFor(r, binding, code) {
			f.Console.Device(w, r, v, binding.ID)
			return
		}
	}
	f.begin(w, r, binding, r.FormValue("user_code"))
}

// binding is the one that the address names.
func (f *Room) binding(r *http.Request) (identity.Binding, error) {
	binding, err := f.Domains.Binding(r.Context(), r.PathValue("binding"))
	if err == nil && binding.Disabled {
		err = errDisabled
	}
	return binding, err
}

// cameFor reports whether this browser signed in through the binding for this very code.
func (f *Room) cameFor(r *http.Request, binding identity.Binding, code string) bool {
	var so back
	key := f.Console.OldBrowserKey(r)
	return !key.IsZero() && f.open(purposeBack, r.FormValue("via"), key, &so) &&
		so.Code == code && so.Binding == binding.ID && f.Console.Now().Sub(so.At) < backLife
}

// begin sends the browser to the provider.
func (f *Room) begin(w http.ResponseWriter, r *http.Request, binding identity.Binding, code string) {
	provider, err := f.provider(binding)
	if err != nil {
		f.fail(w, r, binding, err)
		return
	}
	key := f.Console.BrowserKey(w, r)
	address, err := provider.Begin(r.Context(), federation.Ask{
		Callback: f.callbackOf(binding), Anew: code != "",
		Seal: func(trip []byte) string {
			return f.seal(purposeState, key, state{Trip: trip, Binding: binding.ID, Code: cut(code)})
		},
	})
	if err != nil {
		f.fail(w, r, binding, err)
		return
	}
	f.Console.See(w, address)
}

// callbackOf is an address of this binding alone: an answer that was meant for another one is not taken here (SEC-185).
func (f *Room) callbackOf(binding identity.Binding) string {
	return f.Console.Issuer + "/federation/" + url.PathEscape(binding.ID) + "/callback"
}

func (f *Room) provider(binding identity.Binding) (federation.Provider, error) {
	provider := &federation.OIDC{
		Upstreams: f.Upstreams, Issuer: binding.Issuer, ClientID: binding.ClientID, ACR: binding.ACR, AMR: binding.AMR,
	}
	if binding.Secret != nil {
		clear, err := f.Unseal(binding.Secret, []byte(binding.ID))
		if err != nil {
			return nil, err
		}
		provider.Secret = secret.New(string(clear))
	}
	return provider, nil
}

// seal writes something that only this browser brings back.
func (f *Room) seal(purpose string, key secret.String, what any) string {
	text, err := json.Marshal(what)
	if err != nil {
		panic("federated: what is sealed is always JSON: " + err.Error())
	}
	return f.Console.Seal(purpose, text, []byte(key.Reveal()))
}

func (f *Room) open(purpose, sealed string, key secret.String, into any) bool {
	if len(sealed) > maxSealed {
		return false
	}
	text, err := f.Console.Open(purpose, sealed, []byte(key.Reveal()))
	return err == nil && json.Unmarshal(text, into) == nil
}

// cut keeps what somebody wrote into a link short.
func cut(code string) string { return code[:min(len(code), 32)] }

// record leaves a line in the audit.
func (f *Room) record(ctx context.Context, r *http.Request, event authority.Event) {
	event.Address = f.Console.Address(r)
	f.Console.Authority.Recorder.Record(ctx, event)
}
