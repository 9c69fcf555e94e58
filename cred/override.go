package cred

import (
	"context"
	"errors"

	"github.com/doorward/doorward/secret"
)

// Override is a store below a token that somebody brought along, in a variable of the environment say: while there is one
// it is the login, and nothing is written for it. Delete still removes the login below.
type Override struct {
	Store
	Token secret.String // empty: the store alone counts
}

// Get returns the token, else what the store holds.
func (o *Override) Get(ctx context.Context, key Key) (Credential, error) {
	if o.Token.IsZero() {
		return o.Store.Get(ctx, key)
	}
	return Credential{Kind: KindStatic, Access: o.Token}, nil
}

// Update changes the store; with a token, change runs and nothing is kept of it.
func (o *Override) Update(ctx context.Context, key Key, change func(Credential, bool) (Credential, error)) (Credential, error) {
	if o.Token.IsZero() {
		return o.Store.Update(ctx, key, change)
	}
	return change(Credential{Kind: KindStatic, Access: o.Token}, true)
}

// Delete removes what the store holds. With a token, there is no error where it held nothing.
func (o *Override) Delete(ctx context.Context, key Key) error {
	err := o.Store.Delete(ctx, key)
	if !o.Token.IsZero() && errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
