package flow

import (
	"context"

	"github.com/doorward/doorward/cred"
)

// Func is a function as a Flow, for a front end's own way to log in.
type Func func(ctx context.Context, ui UI) (cred.Credential, error)

// Login calls it.
func (f Func) Login(ctx context.Context, ui UI) (cred.Credential, error) { return f(ctx, ui) }
