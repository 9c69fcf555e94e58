package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/doorward/doorward/secret"
)

func TestWeakPasswords_SEC162(t *testing.T) {
	t.Parallel()
	person := Person{Name: "Grace Hopper", Username: "ghopper", Email: "admiral@cobol.example"}
	for _, weak := range []string{
		"", "short", "seven77", // too short
		"password", "Password1", "P@ssw0rd", "p4ssw0rd2024", "passw0rd!", "PASSWORD", "12345678", "123456789", "1234567890", "0987654321",
		"qwertyuiop", "Qwerty123!", "1qaz2wsx", "1q2w3e4r", "zxcvbnm123", "asdfghjkl", "letmein123", "Welcome2026!", "iloveyou", "sunshine1",
		"trustno1", "football99", "superman1", "monkey123", "dragon2023", "Summer2024!", "administrator", "changeme", "admin123456", "starwars",
		"aaaaaaaa", "abababab", "abcabcabcabc", "abcdefgh", "11111111", "qwerty12345", "abcd1234", "1234qwer", "20240101", "zyxwvuts",
		"doorward", "Doorward1", "doorward-2026", "DOORWARD!!", // the product
		"gracehopper", "ghopper1906", "Hopper-Grace", "admiral1", "Cobol-1959", // the person
		strings.Repeat("long", 257),
	} {
		err := CheckNew(secret.New(weak), person)
		var refused *FieldError
		if !errors.Is(err, ErrWeak) || !errors.As(err, &refused) || refused.Field != "password" {
			t.Errorf("%q: %v", weak, err)
		}
		if len(weak) > 8 && err != nil && strings.Contains(err.Error(), weak) {
			t.Errorf("the reason repeats the password %q", weak)
		}
	}
	for _, good := range []string{
		"lovelace-1815-engine", "nanosecond of wire", "tr0mb0ne quartet", "x7#Lq9!v", "correct-doorward-battery", "日本語のパスワード",
		"grace murray hopper rocks the boat", "    spaces around    ", "red-4827394857261", "пароль не из списка", "48151623421337",
	} {
		if err := CheckNew(secret.New(good), person); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if err := CheckNew(secret.New("a perfectly good one"), Person{}); err != nil {
		t.Error("a person without names:", err)
	}
}

func FuzzCheckNew(f *testing.F) {
	f.Add("Welcome2026!", "Ada Lovelace", "ada@example.com")
	f.Add("\xff\x00aaaaaaaa", "", "@")
	f.Fuzz(func(t *testing.T, password, name, email string) {
		err := CheckNew(secret.New(password), Person{Name: name, Username: name, Email: email})
		if err == nil && (len(password) < 8 || len(password) > MaxPassword) {
			t.Errorf("%q was accepted", password)
		}
	})
}
