// Package usercode is what people read on one screen and type on another (RFC 8628 section 6.1): its letters, how it is read
// back from what somebody typed, and how long it must be while others guess.
package usercode

import (
	"crypto/rand"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// A user code is 8 letters of the 20 of RFC 8628 section 6.1: no vowels, so no words, and no digits. That is 34.5 bits;
// where many codes are guessed at, new ones have up to 10 letters (see guesses).
//
// Wires whose clients expect base32 (RFC 4648 section 6) get digits too. Of base32 the vowels are left out here as well, and
// with them 2, 5 and 6: people take those for Z, S and G, and what is typed must mean one code, of whichever kind it is.
const (
	Alphabet  = "BCDFGHJKLMNPQRSTVWXZ"
	Digits    = "Y347" // beside the letters, in codes with digits
	MinLength = 8      // letters
	maxLength = 10
	// maxTyped is how many bytes of what somebody typed are looked at.
	maxTyped = 128
)

// New makes a code of length letters out of the alphabet, normalised.
func New(alphabet string, length int) string {
	// Bytes from fair on are thrown away: 256 is no multiple of 20 or 24, and every letter must be as likely as any other.
	fair := 256 / len(alphabet) * len(alphabet)
	code := make([]byte, 0, maxLength)
	var raw [16]byte
	for len(code) < length {
		_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
		for _, b := range raw {
			if int(b) < fair && len(code) < length {
				code = append(code, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(code)
}

// Format writes a normalised user code for people: WDJB-MJHT.
func Format(code string) string {
	half := (len(code) + 1) / 2
	return code[:half] + "-" + code[half:]
}

// Normalize returns the user code, with digits or without, that somebody means who typed text: in any case, with spaces, dashes and full
// stops of any kind, in full-width letters, with a letter of another script or a digit that looks like one of ours and
// like no other. "" stands for what cannot be a user code.
func Normalize(text string) string {
	if len(text) > maxTyped || !utf8.ValidString(text) {
		return ""
	}
	var code [maxLength]byte
	length := 0
	for _, r := range text {
		if skipped(r) {
			continue
		}
		letter := letterOf(r)
		if letter == 0 || length == maxLength {
			return ""
		}
		code[length] = letter
		length++
	}
	if length < MinLength {
		return ""
	}
	return string(code[:length])
}

// skipped reports whether people write r between letters: spaces, dashes, full stops, and what cannot be seen.
func skipped(r rune) bool {
	switch r {
	case '.', '_', '·', '−' /* minus */, 'ー', '、', '。':
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf, unicode.Zs)
}

// userCodeLetter returns the letter that r means, or 0.
func letterOf(r rune) byte {
	switch {
	case 'ａ' <= r && r <= 'ｚ':
		r -= 'ａ' - 'a'
	case 'Ａ' <= r && r <= 'Ｚ', '０' <= r && r <= '９':
		r -= 'Ａ' - 'A'
	}
	r = lookAlike(unicode.ToUpper(r))
	const alphabet = Alphabet + Digits
	for i := range len(alphabet) {
		if rune(alphabet[i]) == r {
			return alphabet[i]
		}
	}
	return 0
}

// lookAlike returns the one letter of the alphabet that r can be taken for: digits, and the capitals of a Cyrillic or Greek
// keyboard. 0 (D, Q), 1 (J, L, T) and the vowels stand for none; what looks like nothing else is itself.
func lookAlike(r rune) rune {
	switch r {
	case '2', 'Ζ':
		return 'Z'
	case '5', 'Ѕ':
		return 'S'
	case '6':
		return 'G'
	case '8', 'В', 'Β':
		return 'B'
	case '\u212a', 'К', 'Κ':
		return 'K'
	case 'С':
		return 'C'
	case 'Н', 'Η':
		return 'H'
	case 'М', 'Μ':
		return 'M'
	case 'Р', 'Ρ':
		return 'P'
	case 'Т', 'Τ':
		return 'T'
	case 'Х', 'Χ':
		return 'X'
	case 'Ј':
		return 'J'
	case 'У', 'Υ':
		return 'Y'
	case 'З':
		return '3'
	case 'Ν':
		return 'N'
	}
	return r
}

const (
	// Window is the time over which guesses are counted; a code lives as long.
	Window = 10 * time.Minute
	// Limit is how many wrong codes a person may type in a window (RFC 8628 section 5.1: five guesses at one code succeed with
	// a probability of 2^-32).
	Limit = 5
	// HostLimit is how many all together may who share an address.
	HostLimit = 20
	// guessRisk is the number of pairs (live code, wrong guess) in a window that codes of 8 letters may meet: one in
	// 10,000 windows as busy as that sees a hit. Each further letter carries 20 times as many.
	guessRisk = 2_560_000
)

// Source makes user codes, the longer the more is guessed. It keeps what this replica knows of the current window: the wrong
// look-ups and the new codes. Windows are the same for all replicas, because they follow the clock. The zero value is ready.
type Source struct {
	// New makes one code; nil: the package's New.
	New func(alphabet string, length int) string

	mu       sync.Mutex
	window   int64
	wrong    int
	begun    int
	lastOnes [2]int // wrong and begun of the window before
}

// WindowOf numbers the window that now is in.
func WindowOf(now time.Time) int64 { return now.UnixNano() / int64(Window) }

// turn forgets what belongs to an older window; the lock is held.
func (s *Source) turn(window int64) {
	if window == s.window {
		return
	}
	s.lastOnes = [2]int{}
	if window == s.window+1 {
		s.lastOnes = [2]int{s.wrong, s.begun}
	}
	s.window, s.wrong, s.begun = window, 0, 0
}

// Miss counts a wrong look-up.
func (s *Source) Miss(window int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(window)
	s.wrong++
}

// Make makes a code.
func (s *Source) Make(alphabet string, length int) string {
	if s.New != nil {
		return s.New(alphabet, length)
	}
	return New(alphabet, length)
}

// Length counts a new code and returns how long it must be: the more codes live and the more is guessed, the longer.
// Nobody is ever refused for what others guess.
func (s *Source) Length(window int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(window)
	s.begun++
	risk := (s.wrong + s.lastOnes[0]) * (s.begun + s.lastOnes[1])
	length := MinLength
	for limit := guessRisk; risk > limit && length < maxLength; limit *= len(Alphabet) {
		length++
	}
	return length
}
