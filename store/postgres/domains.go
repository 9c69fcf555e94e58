package postgres

import (
	"context"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

// domains: few, and bound to nothing but their bindings.
func domains() table[identity.Domain] {
	return table[identity.Domain]{
		columns: "id, name, created",
		fields:  func(d *identity.Domain) []any { return []any{&d.ID, &d.Name, moment{&d.Created}} },
	}
}

// bindings: that an alias is one binding's, and that there is at most one primary one, are indexes of the Domain: no two
// administrators at once can make it otherwise.
func bindings() table[identity.Binding] {
	return table[identity.Binding]{
		columns: "id, domain_id, alias, name, issuer, client_id, secret, primary_, disabled, creates, acr, amr, created",
		fields: func(b *identity.Binding) []any {
			return []any{
				&b.ID, &b.DomainID, &b.Alias, &b.Name, &b.Issuer, &b.ClientID, &b.Secret, &b.Primary, &b.Disabled, &b.Creates,
				list(&b.ACR), list(&b.AMR),
				moment{&b.Created},
			}
		},
	}
}

// AddDomain implements identity.Domains.
func (s *Store) AddDomain(ctx context.Context, domain identity.Domain) error {
	return addRow(ctx, s, &s.nouns.domains, domain, authority.After{})
}

// Domain implements identity.Domains; ErrUnknown where there is none.
func (s *Store) Domain(ctx context.Context, id string) (identity.Domain, error) {
	return s.nouns.domains.find(ctx, s, " WHERE id = $1", id)
}

// AddBinding implements identity.Domains. A disabled primary one is still the primary one.
func (s *Store) AddBinding(ctx context.Context, binding identity.Binding) error {
	return addRow(ctx, s, &s.nouns.bindings, binding, authority.After{})
}

// Binding implements identity.Domains; ErrUnknown where there is none. A disabled one is found.
func (s *Store) Binding(ctx context.Context, id string) (identity.Binding, error) {
	return s.nouns.bindings.find(ctx, s, " WHERE id = $1", id)
}

// Bindings implements identity.Domains, in the order of the bytes of the alias; a Domain that is not there has none.
func (s *Store) Bindings(ctx context.Context, domainID string) ([]identity.Binding, error) {
	return s.nouns.bindings.list(ctx, s, " WHERE domain_id = $1 ORDER BY alias", domainID)
}

// ChangeBinding implements identity.Domains. What AddBinding refuses, it refuses too.
func (s *Store) ChangeBinding(ctx context.Context, id string, change func(*identity.Binding) error) (identity.Binding, error) {
	return changeRow(ctx, s, &s.nouns.bindings, id, func(b *identity.Binding) (authority.After, error) {
		return authority.After{}, change(b)
	})
}
