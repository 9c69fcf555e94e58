package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
)

// clients: few and changed seldom, so nothing here is made for speed. A secret is its hash.
func clients() table[authority.Client] {
	return table[authority.Client]{
		columns: "id, name, secret_hash, redirects, grants, scope, default_, audience, resources, algorithm, refreshing, " +
			"introspects, access, idle, absolute, replay, token_prefix, ready_claim, disabled, created",
		fields: func(c *authority.Client) []any {
			return []any{
				&c.ID, &c.Name, &c.SecretHash, list(&c.Redirects), list(&c.Grants), list(&c.Scope), list(&c.Default), &c.Audience,
				list(&c.Resources), (*string)(&c.Algorithm), (*string)(&c.Refreshing), &c.Introspects, (*int64)(&c.Access),
				(*int64)(&c.Idle), (*int64)(&c.Absolute), (*int64)(&c.Replay), &c.TokenPrefix, &c.ReadyClaim, &c.Disabled,
				moment{&c.Created},
			}
		},
	}
}

// AddClient implements authority.Clients.
func (s *Store) AddClient(ctx context.Context, client authority.Client) error {
	return addRow(ctx, s, &s.nouns.clients, client, authority.After{})
}

// Client implements authority.Clients.
func (s *Store) Client(ctx context.Context, id string) (authority.Client, error) {
	return s.nouns.clients.find(ctx, s, " WHERE id = $1", id)
}

// ChangeClient implements authority.Clients.
func (s *Store) ChangeClient(
	ctx context.Context, id string, change func(*authority.Client) (authority.After, error),
) (authority.Client, error) {
	return changeRow(ctx, s, &s.nouns.clients, id, change)
}

// RemoveClient implements authority.Clients. Families of the client stay: what ends them is a mark, which after brings.
func (s *Store) RemoveClient(ctx context.Context, id string, after authority.After) error {
	return s.remove(ctx, "DELETE FROM clients WHERE id = $1", id, authority.ErrUnknown, after)
}

// ListClients implements authority.Clients; they come by id.
func (s *Store) ListClients(ctx context.Context) ([]authority.Client, error) {
	return s.nouns.clients.list(ctx, s, " ORDER BY id")
}
