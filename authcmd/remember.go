package authcmd

import (
	"context"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
)

// Remember is a way to log in with something to be remembered beside the login, such as the server that it is of.
type Remember struct {
	flow.Flow
	Extra map[string]string // stands in the place of the credential's own
}

// Login logs in.
func (r Remember) Login(ctx context.Context, ui flow.UI) (cred.Credential, error) {
	made, err := r.Flow.Login(ctx, ui)
	made.Extra = r.Extra
	return made, err
}
