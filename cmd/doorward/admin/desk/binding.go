package desk

import (
	"context"
	"net/http"
	"time"

	"github.com/doorward/doorward/secret"
)

// Binding says which OpenID provider may say who the operators of a Domain are. Our secret there is not shown.
type Binding struct {
	ID           string    `json:"id"`
	DomainID     string    `json:"domain_id"`
	Domain       string    `json:"domain"` // its name
	Alias        string    `json:"alias"`
	Name         string    `json:"name"`
	Issuer       string    `json:"issuer"`
	ClientID     string    `json:"client_id"`
	Confidential bool      `json:"confidential"` // we have a secret there
	Redirect     string    `json:"redirect_uri"` // which has to be registered there
	Primary      bool      `json:"primary"`
	Creates      bool      `json:"creates"`
	Disabled     bool      `json:"disabled"`
	ACR          []string  `json:"acr,omitempty"`
	AMR          []string  `json:"amr,omitempty"`
	Created      time.Time `json:"created_at"`
}

// NewBinding asks for a binding to be made.
type NewBinding struct {
	ID       string   `json:"id"` // a UUID; "" : a new one
	Domain   string   `json:"domain"`
	Alias    string   `json:"alias"`
	Name     string   `json:"name"` // "" : the alias
	Issuer   string   `json:"issuer"`
	ClientID string   `json:"client_id"`
	Primary  bool     `json:"primary"`
	Creates  bool     `json:"creates"`
	ACR      []string `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	// Secret is in the clear: the socket is this user's own, and it is sealed behind it. "" : we are a public client there.
	Secret string `json:"client_secret"`
}

// RemovedBinding is a binding that is gone, with how many sessions went with it.
type RemovedBinding struct {
	Binding
	Ended int `json:"sessions_ended"`
}

// AddBinding makes a binding. Nothing is asked of the provider: it may be set up afterwards, with the redirect URI of the
// answer.
func (d *Desk) AddBinding(ctx context.Context, ask NewBinding, clientSecret secret.String) (made Binding, err error) {
	ask.Secret = clientSecret.Reveal()
	return made, d.do(ctx, http.MethodPost, "/bindings", ask, &made)
}

// Bindings lists those of a Domain by alias; "" : those of all.
func (d *Desk) Bindings(ctx context.Context, domain string) (all []Binding, err error) {
	return all, d.do(ctx, http.MethodGet, query("/bindings", "domain", domain), nil, &all)
}

// RemoveBinding removes the binding of that alias or id, and ends what came through it.
func (d *Desk) RemoveBinding(ctx context.Context, domain, binding string) (removed RemovedBinding, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/bindings", "domain", domain, "binding", binding), nil, &removed)
}
