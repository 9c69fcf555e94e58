package usercode

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUserCodeTyped_SEC072(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"WDJB-MJHT": "WDJBMJHT", "wdjb-mjht": "WDJBMJHT", "WdJbMjHt": "WDJBMJHT", " wdjb mjht\n": "WDJBMJHT",
		"W D J B M J H T": "WDJBMJHT", "wdjb–mjht": "WDJBMJHT", "wdjb—mjht": "WDJBMJHT", "wdjb‑mjht": "WDJBMJHT",
		"wdjb−mjht": "WDJBMJHT", "wdjb\u00admjht": "WDJBMJHT", "wdjb\u200bmjht\ufeff": "WDJBMJHT", "wdjb_mjht.": "WDJBMJHT",
		"ＷＤＪＢ－ＭＪＨＴ": "WDJBMJHT", "ｗｄｊｂ　ｍｊｈｔ": "WDJBMJHT", "wdjbーmjht": "WDJBMJHT",
		"WDJВ-МJНТ": "WDJBMJHT", // В, М, Н, Т of a Cyrillic keyboard
		"кррх-ссмм": "KPPXCCMM", "ΒΗΚΜ-ΝΡΤΧ": "BHKMNPTX", "wdj8-mjht": "WDJBMJHT", "5256-bbbb": "SZSGBBBB", "８８８８-８８８８": "BBBBBBBB",
		"y347-7y4з": "Y3477Y43", "Y3-47-WD-2G": "Y347WDZG", // with digits: 2, 5 and 6 are Z, S and G in those too
		"\u212aKKK-KKKK": "KKKKKKKK", "BCDFGHJKL": "BCDFGHJKL", "BCDFG-HJKLM": "BCDFGHJKLM",
		// Not a code: a vowel, an ambiguous digit, other characters, another length, no text at all.
		"WDJA-MJHT": "", "WDJ0-MJHT": "", "WDJ1-MJHT": "", "WDJB/MJHT": "", "WDJB-MJH": "", "BCDFG-HJKLMN": "", "": "", "-": "",
		"WDJB-MJH\xff": "", "WDJB-MJHT" + strings.Repeat("-", maxTyped): "", "WDJB'MJHT": "", "ＷＤＪＡ－ＭＪＨＴ": "",
	} {
		if got := Normalize(typed); got != want {
			t.Errorf("%q means %q, want %q", typed, got, want)
		}
	}
}

func TestUserCodeMade(t *testing.T) {
	t.Parallel()
	for name, alphabet := range map[string]string{"letters": Alphabet, "PLX-20 digits": Alphabet + Digits} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spread(t, alphabet)
		})
	}
	for code, want := range map[string]string{"WDJBMJHT": "WDJB-MJHT", "WDJBMJHTB": "WDJBM-JHTB", "WDJBMJHTBB": "WDJBM-JHTBB"} {
		if got := Format(code); got != want {
			t.Errorf("%s is written %s", code, got)
		}
	}
}

// spread makes many codes: every one comes back from what a person types, and no letter is likelier than another.
func spread(t *testing.T, alphabet string) {
	t.Helper()
	var letters [256]int
	const many = 100_000
	for range many {
		code := New(alphabet, MinLength)
		if len(code) != 8 || Normalize(Format(code)) != code || Normalize(strings.ToLower(code)) != code {
			t.Fatalf("the code %q does not come back", code)
		}
		for i := range len(code) {
			letters[code[i]]++
		}
	}
	expected := many * MinLength / len(alphabet)
	for _, letter := range alphabet {
		// 40,000 of each of 20 are expected, with a deviation of 195; bytes taken modulo 20 would make four letters 37,500.
		if n := letters[letter]; n < expected-1_500 || n > expected+1_500 {
			t.Errorf("%c occurs %d times of %d", letter, n, expected)
		}
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", letter) {
			t.Errorf("%c is not in base32", letter)
		}
	}
}

// TestGuessArithmetic is section 5 of the catalogue: n live codes and g guesses hit with a probability of n·g / 20^8.
func TestGuessArithmetic(t *testing.T) {
	t.Parallel()
	space := math.Pow(float64(len(Alphabet)), MinLength)
	if space != 2.56e10 {
		t.Errorf("%g codes", space)
	}
	if one := Limit / space; one > math.Pow(2, -32) {
		t.Errorf("one person hits one code with %g", one)
	}
	// The longest code that length gives still holds the risk that guessRisk allows to the shortest.
	if risk := guessRisk / space; risk > 1e-4 {
		t.Errorf("a window hits with %g before codes become longer", risk)
	}
}

func TestUserCodeLengthens(t *testing.T) {
	t.Parallel()
	g := &Source{}
	for range 1000 {
		if got := g.Length(7); got != 8 {
			t.Fatalf("%d letters without a guess", got)
		}
	}
	for range 2000 {
		g.Miss(7)
	}
	if got := g.Length(7); got != 8 {
		t.Errorf("%d letters after 2,000 guesses at 1,000 codes", got)
	}
	for range 1000 {
		g.Miss(7)
	}
	if got := g.Length(7); got != 9 {
		t.Errorf("%d letters after 3,000 guesses at 1,000 codes", got)
	}
	if got := g.Length(8); got != 9 {
		t.Errorf("%d letters in the window after it", got)
	}
	for range 60_000 {
		g.Miss(8)
	}
	for range 10_000_000 / 60_000 * 10 {
		g.Length(8)
	}
	if got := g.Length(8); got != 10 {
		t.Errorf("%d letters under a flood", got)
	}
	if got := g.Length(10); got != 8 {
		t.Errorf("%d letters two windows later", got)
	}
}

func FuzzNormalizeUserCode(f *testing.F) {
	for _, seed := range []string{"WDJB-MJHT", "ｗｄｊｂ　ｍｊｈｔ", "8888 8888", "\xff", "ＷＤＪＡ", "Y347 з256"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code := Normalize(typed)
		if code == "" {
			return
		}
		if len(code) < MinLength || len(code) > maxLength || strings.Trim(code, Alphabet+Digits) != "" {
			t.Errorf("%q means %q", typed, code)
		}
		if Normalize(code) != code || Normalize(Format(code)) != code {
			t.Errorf("%q does not stay what it is", code)
		}
		if !utf8.ValidString(typed) {
			t.Errorf("%q is no text", typed)
		}
	})
}
