package e2e

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
	_, app, _ := strings.Cut(b.text(), "Secret: ")
	app, _, _ = strings.Cut(app, "\n")
	code, err := codeOf(strings.ReplaceAll(strings.TrimSpace(app), " ", ""), 0)
	if err != nil {
		t.Fatal(err)
	}
	b.fill("One-time code", code).presses("Continue").sees("Keep these recovery codes").says("The app was added")
	s.take(b, "recovery-codes")
	b.follows("I have kept them; show my second factors").sees("Second factors").says("10 recovery codes are left")
	s.take(b, "factors")
	b.presses("Make new codes").sees("Make new recovery codes?")
	s.take(b, "recovery-codes-ask")
	b.presses("Make new codes").sees("Keep these recovery codes").says("New codes were made")
	codes := regexp.MustCompile(`[A-Z2-7]{4}(?:-[A-Z2-7]{4}){5}`).FindAllString(b.text(), -1)
	if len(codes) != 10 {
		t.Fatal(b.text())
	}
	b.open("/settings/security/password").sees("Password")
	s.take(b, "password")
	const chosen = "seven grey herons wade"
	b.fill("Your password now", "not this one").fill("New password", chosen).fill("New password once more", chosen).presses("Change the password")
	b.says("That is not your password now")
	s.take(b, "password-wrong")
	b.fill("Your password now", johnsPassword).fill("New password", chosen).fill("New password once more", chosen).presses("Change the password")
	b.says("Your password was changed").says("was kept")
	s.take(b, "password-changed")
	b.presses("Sign out").open("/settings/security/password").signIn(johnsName, chosen).sees("One-time code")
	b.fill("Recovery code", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF").presses("Use a recovery code").says("That recovery code is wrong")
	s.take(b, "recovery-code-wrong")
	b.fill("Recovery code", codes[0]).presses("Use a recovery code").sees("You signed in with a recovery code").says("9 recovery codes are left")
	s.take(b, "recovered")
	b.presses("Continue").sees("Password")
}
