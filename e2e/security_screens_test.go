package e2e

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
)

// TestSecurityScreens takes and judges the pages of API keys and second factors in a browser.
func TestSecurityScreens(t *testing.T) {
	t.Parallel()
	launch(t)
	s := &screens{t: t, dir: cmp.Or(os.Getenv("DOORWARD_SHOTS"), filepath.Join("..", ".shots"))}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	at := serve(t)
	b := newBrowser(t, at.Issue).open("/settings/security/keys").asJohn().sees("API keys").says("Development key")
	s.take(b, "keys")
	b.fill("Name of a new key", longName).presses("Issue a key").sees("The key “" + longName + "” was issued").says("dwk_")
	s.take(b, "key-made")
	b.follows("I have copied it; show all keys").sees("API keys").pressesIn(longName, "Revoke")
	s.take(b, "key-revoke")
	b.presses("Revoke").sees("API keys").says("It was revoked")
	b.open("/admin/people").sees("People").says("Ada Lovelace")
	s.take(b, "people")
	b.follows("API keys of ada").sees("API keys of Ada Lovelace").says("by John Doe")
	s.take(b, "keys-of-ada")
	b.open("/settings/security/factors").sees("Second factors").says("There is no second factor")
	s.take(b, "factors-none")
	b.presses("Add an authenticator app").sees("Add an authenticator app").says("Secret:")
	s.take(b, "factor-add")
	b.fill("One-time code", "000000").presses("Continue").says("The app was not added")
	s.take(b, "factor-add-wrong")
}
