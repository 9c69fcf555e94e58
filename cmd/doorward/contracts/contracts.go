// Package contracts lists the wires of other products that `doorward serve` speaks beside OAuth, so that their clients in
// the field log in without a new release.
package contracts

import (
	"net/http"

	"github.com/doorward/doorward/compat/pipeops"
	"github.com/doorward/doorward/endpoint"
	"github.com/doorward/doorward/server"
)

// All returns every contract.
func All() []server.Contract { return []server.Contract{ofPipeops} }

func ofPipeops(rooms server.Rooms) (machines, entries map[string]http.Handler) {
	contract := &pipeops.Contract{
		Authority: rooms.Authority, Granter: rooms.Granter, People: rooms.People, Authorize: rooms.Endpoints[endpoint.PathAuthorize],
		Address: rooms.Address, Log: rooms.Log,
	}
	return contract.Routes(), contract.Entries()
}
