package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/doorward/doorward/secret"
)

// MinPassword is the length of the shortest new password, in characters (ASVS 5.0 6.2.1).
const MinPassword = 8

// product is what nobody's password may be made of.
const product = "doorward"

// CheckNew refuses a new password that is too short, too long, or among the first that anybody would try, with a
// *FieldError that is ErrWeak. There are no rules of composition: any text of 8 characters to 1,024 bytes will do that is
// not
//
//   - a common password: a list of several hundred that lead the published ones, each with up to eight
//     digits and signs around it and with the usual replacements of letters (p4ssw0rd), which covers the published lists
//     of some thousands;
//   - a pattern: one short piece repeated, a run along the alphabet, the digits or a row of the keyboard, digits alone
//     up to ten;
//   - the product's name, or a name or e-mail address of the person's own, with fewer than six characters beside it.
//
// Lists of breached passwords are not consulted: the authority asks no other service.
func CheckNew(password secret.String, person Person) error {
	text := password.Reveal()
	weak := func(reason string) error { return &FieldError{"password", reason} }
	folded := strings.ToLower(text)
	switch {
	case utf8.RuneCountInString(text) < MinPassword:
		return weak("Choose a password of at least 8 characters.")
	case len(text) > MaxPassword:
		return weak("Choose a password of at most 1,024 bytes.")
	case common(folded):
		return weak("This password is among the first that anybody would try. Choose another one.")
	case pattern(folded):
		return weak("This password follows a simple pattern. Choose another one.")
	case own(folded, person):
		return weak("This password is mostly a name: yours or the product's. Choose another one.")
	}
	return nil
}

// common reports whether text is a common password, decorated or not.
func common(text string) bool {
	// p4ssw0rd2024: the decoration goes before the replacements, or its digits would turn into letters.
	bare := undecorated(text)
	for _, root := range []string{text, leet(text), bare, leet(bare), undecorated(leet(text))} {
		if isCommon(root) {
			return true
		}
	}
	return false
}

// undecorated returns text without the digits and signs around it. More than eight of them are no decoration but worth
// something by themselves.
func undecorated(text string) string {
	bare := strings.TrimFunc(text, notLetter)
	if len(text)-len(bare) > 8 {
		return text
	}
	return bare
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// leet undoes the replacements that everybody thinks of.
func leet(text string) string {
	return strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i").Replace(text)
}

// rows are what fingers and people run along, in both directions.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop",
	"1qaz2wsx3edc4rfv5tgb6yhn", "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhn", "147258369", "!@#$%^&*()",
}

// pattern reports whether text is a short piece repeated, one or two runs, or up to ten digits.
func pattern(text string) bool {
	if len(text) <= 10 && strings.Trim(text, "0123456789") == "" {
		return true
	}
	for size := 1; size <= len(text)/2 && size <= 6; size++ {
		if strings.Repeat(text[:size], len(text)/size)+text[:len(text)%size] == text {
			return true
		}
	}
	for cut := 3; cut <= len(text)-3; cut++ {
		if run(text[:cut]) && run(text[cut:]) {
			return true
		}
	}
	return run(text)
}

// run reports whether text is a piece of a row, forwards or backwards. The digits are there twice, so that 7890123 runs on.
func run(text string) bool {
	for _, row := range rows {
		if strings.Contains(row, text) || strings.Contains(row, reversed(text)) {
			return true
		}
	}
	return false
}

func reversed(text string) string {
	runes := []rune(text)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// own reports whether little is left of text without the product's and the person's names.
func own(text string, person Person) bool {
	local, domain, _ := strings.Cut(strings.ToLower(person.Email), "@")
	site, _, _ := strings.Cut(domain, ".")
	names := append([]string{product, local, site, Canonical(person.Username)}, strings.Fields(strings.ToLower(person.Name))...)
	left := text
	for _, name := range names {
		if utf8.RuneCountInString(name) >= 3 {
			left = strings.ReplaceAll(left, name, "")
		}
	}
	return left != text && utf8.RuneCountInString(left) < 6
}
