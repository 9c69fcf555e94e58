package authority

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
	userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeDigits   = "Y347" // beside the letters, in codes with digits
	userCodeLength   = 8
	maxUserCode      = 10
	// maxTyped is how many bytes of what somebody typed are looked at.
	maxTyped = 128
)

// newUserCode makes a code of length letters out of the alphabet, normalised.
func newUserCode(alphabet string, length int) string {
	// Bytes from fair on are thrown away: 256 is no multiple of 20 or 24, and every letter must be as likely as any other.
	fair := 256 / len(alphabet) * len(alphabet)
	code := make([]byte, 0, maxUserCode)
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

// FormatUserCode writes a normalised user code for people: WDJB-MJHT.
func FormatUserCode(code string) string {
	half := (len(code) + 1) / 2
	return code[:half] + "-" + code[half:]
}

// NormalizeUserCode returns the user code, with digits or without, that somebody means who typed text: in any case, with spaces, dashes and full
// stops of any kind, in full-width letters, with a letter of another script or a digit that looks like one of ours and
// like no other. "" stands for what cannot be a user code.
func NormalizeUserCode(text string) string {
	if len(text) > maxTyped || !utf8.ValidString(text) {
		return ""
	}
	var code [maxUserCode]byte
	length := 0
	for _, r := range text {
		if skipped(r) {
			continue
		}
		letter := userCodeLetter(r)
		if letter == 0 || length == maxUserCode {
			return ""
		}
		code[length] = letter
		length++
	}
	if length < userCodeLength {
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
func userCodeLetter(r rune) byte {
	switch {
	case 'ａ' <= r && r <= 'ｚ':
		r -= 'ａ' - 'a'
	case 'Ａ' <= r && r <= 'Ｚ', '０' <= r && r <= '９':
		r -= 'Ａ' - 'A'
	}
	r = lookAlike(unicode.ToUpper(r))
	const alphabet = userCodeAlphabet + userCodeDigits
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
	// guessWindow is the time over which guesses are counted; a code lives as long.
	guessWindow = 10 * time.Minute
	// A person may type guessLimit wrong codes in a window (RFC 8628 section 5.1: five guesses at one code succeed with a
	// probability of 2^-32), and all who share an address guessLimitHost.
	guessLimit     = 5
	guessLimitHost = 20
	// guessRisk is the number of pairs (live code, wrong guess) in a window that codes of 8 letters may meet: one in
	// 10,000 windows as busy as that sees a hit. Each further letter carries 20 times as many.
	guessRisk = 2_560_000
)

// guesses keeps what this replica knows of the current window: the wrong look-ups and the new codes. Windows are the same for all replicas, because they follow the clock.
type guesses struct {
	mu       sync.Mutex
	window   int64
	wrong    int
	begun    int
	lastOnes [2]int // wrong and begun of the window before
}

func windowOf(now time.Time) int64 { return now.UnixNano() / int64(guessWindow) }

// turn forgets what belongs to an older window; the lock is held.
func (g *guesses) turn(window int64) {
	if window == g.window {
		return
	}
	g.lastOnes = [2]int{}
	if window == g.window+1 {
		g.lastOnes = [2]int{g.wrong, g.begun}
	}
	g.window, g.wrong, g.begun = window, 0, 0
}

func (g *guesses) miss(window int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn(window)
	g.wrong++
}

// length counts a new code and returns how long it must be: the more codes live and the more is guessed, the longer.
// Nobody is ever refused for what others guess.
func (g *guesses) length(window int64) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn(window)
	g.begun++
	risk := (g.wrong + g.lastOnes[0]) * (g.begun + g.lastOnes[1])
	length := userCodeLength
	for limit := guessRisk; risk > limit && length < maxUserCode; limit *= len(userCodeAlphabet) {
		length++
	}
	return length
}
