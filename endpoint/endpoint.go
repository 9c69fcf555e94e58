// Package endpoint is OAuth and OpenID Connect for machines: metadata, keys, the authorization, token, device
// authorization, revocation, introspection and userinfo endpoints. It reads requests, asks the authority and the one
// pipeline of grants, and writes answers; it decides nothing itself.
//
// The rules of reading are the same everywhere: a parameter that is there twice, bytes that are no text and a body of
// another type are refused before anything is looked up (RFC 6749 sections 3.1 and 3.2).
//
// What comes in is a request of a program, or of a browser that a program sent; what goes out is JSON, a page or a
// redirect. The law it keeps: the order of the checks is that of the harm. Form before client, client before what it
// presents, redirect URI before anything that would be sent there. A failure of the store is 503 with Retry-After and never
// a refusal (SEC-118).
package endpoint

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/endpoint/profile"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
)

// The paths, as the metadata names them behind the issuer.
const (
	PathOpenID       = "/.well-known/openid-configuration"
	PathMetadata     = "/.well-known/oauth-authorization-server"
	PathAuthorize    = "/authorize"
	PathToken        = "/token"
	PathDevice       = "/device_authorization"
	PathRevoke       = "/revoke"
	PathIntrospect   = "/introspect"
	PathUserinfo     = "/userinfo"
	PathKeys         = "/jwks"
	pathVerification = "/device" // the console's page for user codes
	pathApprove      = "/approve"
)

// Endpoint holds what the endpoints need. Authority, Granter, People, Organisations and Issuer are needed. It is made by
// room server and holds no state of a request; its handlers may run at once.
type Endpoint struct {
	Authority     *law.Authority
	Granter       *grant.Granter
	People        identity.People
	Organisations identity.Organisations
	Issuer        string // https://id.example, without a slash at the end

	// ApprovePath is the page that a checked authorization request is handed to, sealed, as its parameter `request`;
	// "": /approve. The page belongs to another room, which this one must not import; a path is all that they share.
	ApprovePath string
	// Address tells the client's address by the rules for trusted proxies; nil: the peer's. Limits, the audit and what an
	// approving person sees go by it: the peer of a proxy would be everybody (SEC-100).
	Address func(*http.Request) string
	// Page shows an error to a person at the authorization endpoint; nil: a plain page.
	Page func(w http.ResponseWriter, r *http.Request, status int, message string)
	// Now is the clock of the answers; nil: time.Now.
	Now func() time.Time
	// Log takes what went wrong inside; nil: discards.
	Log *slog.Logger
}

// Routes returns the handlers by path pattern. They answer 405 themselves, as JSON, to a method that is not theirs.
// The values are made anew by each call; call it once.
func (e *Endpoint) Routes() map[string]http.Handler {
	metadata := newDocument(e.metadata())
	faces := &profile.Cache{People: e.People, Organisations: e.Organisations, Now: e.now}
	return map[string]http.Handler{
		PathOpenID:     e.machine("GET, HEAD", metadata.serve),
		PathMetadata:   e.machine("GET, HEAD", metadata.serve),
		PathKeys:       e.machine("GET, HEAD", e.keys),
		PathAuthorize:  http.HandlerFunc(e.authorize),
		PathToken:      e.machine("POST", e.token),
		PathDevice:     e.machine("POST", e.device),
		PathRevoke:     e.machine("POST", e.revoke),
		PathIntrospect: e.machine("POST", (&introspection{e, faces}).serve),
		PathUserinfo:   e.machine("GET, HEAD, POST", (&userinfo{e, faces}).serve),
	}
}

// machine is a handler whose errors go through the one map in errors.go. A method that is not allowed is refused before the
// body is looked at (SEC-033).
func (e *Endpoint) machine(allow string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	methods := strings.Split(allow, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range methods {
			if r.Method == method {
				if err := serve(w, r); err != nil {
					e.fail(w, r, err)
				}
				return
			}
		}
		w.Header().Set("Allow", allow)
		e.fail(w, r, refuse(http.StatusMethodNotAllowed, "use "+allow+" here"))
	})
}

// origin is what is known of the machine that asks; label is what it calls itself. It is shown to people and never trusted:
// what a machine calls itself is a claim (SEC-083).
func (e *Endpoint) origin(r *http.Request, label string) authority.Origin {
	return authority.Origin{Address: e.address(r), Agent: clean(r.UserAgent(), maxAgent), Machine: clean(label, maxLabel)}
}

// It is without a port, so that the attempts of one machine are counted as one.
func (e *Endpoint) address(r *http.Request) string {
	if e.Address != nil {
		return e.Address(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // a socket without ports
	}
	return host
}

func (e *Endpoint) now() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}

func (e *Endpoint) log() *slog.Logger {
	if e.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return e.Log
}
