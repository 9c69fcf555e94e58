package desk

import (
	"context"
	"net/http"
	"time"
)

// Domain is a realm of operators with identity providers of its own.
type Domain struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created_at"`
}

// NewDomain asks for a Domain to be made.
type NewDomain struct {
	ID   string `json:"id"` // a UUID; "" : a new one
	Name string `json:"name"`
}

// AddDomain makes a Domain; neither its id nor its name may be another one's.
func (d *Desk) AddDomain(ctx context.Context, ask NewDomain) (made Domain, err error) {
	return made, d.do(ctx, http.MethodPost, "/domains", ask, &made)
}

// Domains lists them by name.
func (d *Desk) Domains(ctx context.Context) (all []Domain, err error) {
	return all, d.do(ctx, http.MethodGet, "/domains", nil, &all)
}

// RemoveDomain removes the Domain of that id or name with its bindings, and ends what came through those.
func (d *Desk) RemoveDomain(ctx context.Context, domain string) (removed RemovedDomain, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/domains", "domain", domain), nil, &removed)
}

// RemovedDomain is a Domain that is gone, with how many sessions went with it.
type RemovedDomain struct {
	Domain
	Ended int `json:"sessions_ended"`
}
