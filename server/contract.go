package server

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/identity"
)

// Contract is a wire that programs in the field speak, made over the rooms of a server. It returns handlers by the
// patterns of net/http's ServeMux: machines for programs, and entries for what a browser is sent to by another
// site or program. A pattern that is taken ends the program at its start. It decides nothing: what it translates into goes
// through the granter and the endpoints in Rooms, with all of their checks.
type Contract func(Rooms) (machines, entries map[string]http.Handler)

// Rooms are what a contract may build on. All fields are set. The store is not among them: a contract reads people and
// their places, and changes nothing.
type Rooms struct {
	Issuer        string
	Authority     *law.Authority
	Granter       *grant.Granter
	People        identity.People
	Organisations identity.Organisations
	Projects      identity.Projects
	Domains       identity.Domains
	Endpoints     map[string]http.Handler // of OAuth, by their paths: a contract may serve one at a second address
	Address       func(*http.Request) string
	Now           func() time.Time
	Log           *slog.Logger
}
