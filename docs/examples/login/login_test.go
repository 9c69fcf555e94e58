package login

import (
	"path/filepath"
	"testing"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
)

func TestToken(t *testing.T) {
	t.Parallel()
	mine := authtest.Client()
	mine.ID = "my-cli"
	auth := authtest.With(t, authtest.Options{Clients: []authority.Client{mine}})
	token, err := Token(t.Context(), auth.Issuer, filepath.Join(t.TempDir(), "login.json"), auth.UI())
	if err != nil || token.IsZero() {
		t.Fatalf("no token: %v", err)
	}
}
