package terminal

import (
	"errors"
	"strings"

	"rsc.io/qr/coding"
)

// ErrQRTooLong says that the text does not fit the QR codes that a terminal can show.
var ErrQRTooLong = errors.New("terminal: too long for a QR code")

// QR is a QR code of ISO/IEC 18004 at error correction level L: a screen has no dirt, and the smaller code is the one
// that fits.
type QR struct{ code *coding.Code }

// maxQR is the largest version that is made: 57 modules, already more than most terminals have.
const maxQR = 10

// Quiet zones, in modules. The standard asks for four; readers are content with two, which is taken only where a screen
// of 80 × 24 would otherwise have no room.
const (
	quietFull  = 4
	quietTight = 2
)

// NewQR encodes text. Stretches of capitals, digits and $%*+-./: are packed more densely than other characters, so that
// an address in capitals (CompactURL) gives a smaller code.
func NewQR(text string) (QR, error) {
	segments := segment(text)
	for v := coding.Version(coding.MinVersion); v <= maxQR; v++ {
		bits := 0
		for _, s := range segments {
			bits += s.Bits(v)
		}
		if bits > v.DataBytes(coding.L)*8 {
			continue
		}
		plan, err := coding.NewPlan(v, coding.L, 0)
		if err != nil {
			return QR{}, err
		}
		code, err := plan.Encode(segments...)
		return QR{code}, err
	}
	return QR{}, ErrQRTooLong
}

// CompactURL returns the address in capitals, for servers that take their device page's path and parameters in any case:
// its QR code is about a fifth smaller. The choice is the caller's, who knows the server.
func CompactURL(url string) string { return strings.ToUpper(url) }

// segment splits text into stretches for the alphanumeric mode and for the byte mode. A change of mode costs about a
// dozen bits at each end, which a stretch earns back from six characters at an edge and from twelve inside.
func segment(text string) []coding.Encoding {
	var segments []coding.Encoding
	start := 0 // of the bytes that are not yet in a segment
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && alphanumeric(text[end]) {
			end++
		}
		worth := 12
		if i == 0 || end == len(text) {
			worth = 6
		}
		if end-i >= worth {
			if start < i {
				segments = append(segments, coding.String(text[start:i]))
			}
			segments = append(segments, coding.Alpha(text[i:end]))
			start = end
		}
		i = end + 1
	}
	if start < len(text) || text == "" {
		segments = append(segments, coding.String(text[start:]))
	}
	return segments
}

// alphanumeric reports whether c is of the 45 characters of the alphanumeric mode. The question mark and the equals sign of
// a query are not.
func alphanumeric(c byte) bool {
	return 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(" $%*+-./:", c) >= 0
}

// Modules returns the number of modules on a side, without the quiet zone.
func (q QR) Modules() int { return q.code.Size }

// Black reports whether the module at x, y is black; outside the code, the quiet zone, it is not.
func (q QR) Black(x, y int) bool { return q.code.Black(x, y) }

// Lines draws the code with half blocks, two modules to a character, with a quiet zone of so many modules around it.
// Coloured, it is black on white whatever the terminal's theme is; without colour it is drawn for a dark background,
// white modules in the colour of the text.
func (q QR) Lines(quiet int, coloured bool) []string {
	var lines []string
	size := q.Modules()
	for y := -quiet; y < size+quiet; y += 2 {
		var b strings.Builder
		if coloured {
			b.WriteString("\x1b[38;5;231;48;5;16m") // fixed colours of the 256: themes change only the first sixteen
		}
		for x := -quiet; x < size+quiet; x++ {
			// Rows are odd in number: without colour the half line below the last stays in the background's colour.
			top, below := q.Black(x, y), q.Black(x, y+1)
			b.WriteString(half(!top, !below && (y+1 < size+quiet || coloured)))
		}
		if coloured {
			b.WriteString("\x1b[0m")
		}
		lines = append(lines, b.String())
	}
	return lines
}

// half is the character with these halves in the colour of the text, which stands for white.
func half(top, below bool) string {
	switch {
	case top && below:
		return "█"
	case top:
		return "▀"
	case below:
		return "▄"
	}
	return " "
}

// QR draws the code of text for this screen, leaving rows lines for the text around it. It returns nil where the screen
// is not a terminal, is to stay plain, or is too small.
func (t *Terminal) QR(text string, rows int) []string {
	if !t.Redraws() {
		return nil
	}
	code, err := NewQR(text)
	if err != nil {
		return nil
	}
	width, height := t.Dimensions()
	for _, quiet := range []int{quietFull, quietTight} {
		side := code.Modules() + 2*quiet
		if side <= width && (side+1)/2+rows <= height {
			return code.Lines(quiet, t.Coloured())
		}
	}
	return nil
}
