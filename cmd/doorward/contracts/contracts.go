// Package contracts lists the wires of other products that `doorward serve` speaks beside OAuth, so that their clients in
// the field log in without a new release.
package contracts

import (
	_ "embed"
	"net/http"

	"github.com/doorward/doorward/compat/pilot"
	"github.com/doorward/doorward/compat/pipeops"
	"github.com/doorward/doorward/compat/plexsphere"
	"github.com/doorward/doorward/compat/rio"
	"github.com/doorward/doorward/endpoint"
	"github.com/doorward/doorward/server"
)

// The descriptions of the contracts, for /openapi.json.
var (
	//go:embed openapi/pipeops.json
	openAPIOfPipeops []byte
	//go:embed openapi/rio.json
	openAPIOfRio []byte
	//go:embed openapi/plexsphere.json
	openAPIOfPlexsphere []byte
	//go:embed openapi/pilot.json
	openAPIOfPilot []byte
)

// OpenAPI returns what describes every contract.
func OpenAPI() [][]byte {
	return [][]byte{openAPIOfPipeops, openAPIOfRio, openAPIOfPlexsphere, openAPIOfPilot}
}

// All returns every contract.
func All() []server.Contract { return []server.Contract{ofPipeops, ofRio, ofPlexsphere, ofPilot} }

func ofPipeops(rooms server.Rooms) (machines, entries map[string]http.Handler) {
	contract := &pipeops.Contract{
		Authority: rooms.Authority, Granter: rooms.Granter, People: rooms.People, Authorize: rooms.Endpoints[endpoint.PathAuthorize],
		Address: rooms.Address, Log: rooms.Log,
	}
	return contract.Routes(), contract.Entries()
}

func ofRio(rooms server.Rooms) (machines, entries map[string]http.Handler) {
	contract := &rio.Contract{
		Authority: rooms.Authority, Granter: rooms.Granter, People: rooms.People, Organisations: rooms.Organisations, Projects: rooms.Projects, Address: rooms.Address, Log: rooms.Log,
	}
	return contract.Routes(), nil
}

func ofPlexsphere(rooms server.Rooms) (machines, entries map[string]http.Handler) {
	contract := &plexsphere.Contract{
		Issuer: rooms.Issuer, Authority: rooms.Authority, Granter: rooms.Granter, People: rooms.People, Domains: rooms.Domains,
		Address: rooms.Address, Now: rooms.Now, Log: rooms.Log,
	}
	return contract.Routes(), nil
}

func ofPilot(rooms server.Rooms) (machines, entries map[string]http.Handler) {
	contract := &pilot.Contract{
		Authority: rooms.Authority, Granter: rooms.Granter, Device: rooms.Endpoints[endpoint.PathDevice],
		Revoke: rooms.Endpoints[endpoint.PathRevoke], Address: rooms.Address, Log: rooms.Log,
	}
	return contract.Routes(), nil
}
