package authcmd_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/terminal"
)

func TestWhereAProgramLooks_RIO12(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	p := &authcmd.Program{Terminal: &terminal.Terminal{Env: func(name string) string { return env[name] }}}
	folder, err := os.UserConfigDir()
	if err != nil {
		t.Skipf("nobody is at home here: %v", err)
	}
	if got, err := p.ConfigFile("ACME_CONFIG", "acme", "config.json"); err != nil || got != filepath.Join(folder, "acme", "config.json") {
		t.Errorf("%q, %v", got, err)
	}
	env["ACME_CONFIG"] = "/elsewhere.json"
	if got, err := p.ConfigFile("ACME_CONFIG", "acme", "config.json"); err != nil || got != "/elsewhere.json" {
		t.Errorf("%q, %v", got, err)
	}
	for address, want := range map[string]string{
		"": "http://localhost:3667", "https://id.example/": "https://id.example", "http://127.0.0.1:1": "http://127.0.0.1:1", "http://id.example": "",
	} {
		env["ACME_SERVER"] = address
		got, err := p.Server("ACME_SERVER", "http://localhost:3667")
		var refused *oauth.AddressError
		if got != want || errors.As(err, &refused) != (want == "") {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
}
