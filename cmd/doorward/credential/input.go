package credential

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/doorward/doorward/authcmd"
)

// maxInput is the longest question that is read, in bytes. Git's lines end at 64 KiB, docker's at less.
const maxInput = 1 << 20

// What may be wrong with a question. Nothing of it is repeated: it may hold a password.
var (
	errLong    = errors.New("it is longer than 1 MiB")
	errText    = errors.New("it is not UTF-8")
	errControl = errors.New("it holds a carriage return, a NUL or another control character")
	errBroken  = errors.New("it breaks off in the middle of a line")
	errLine    = errors.New("it has a line that is not KEY=VALUE")
	errTwice   = errors.New("it says the same thing twice")
	errJSON    = errors.New("it is not the JSON object that it should be")
)

// refuse is the failure for a question that cannot be answered, without a word of it.
func refuse(what string, why error) error {
	return &authcmd.Failure{
		Exit: authcmd.ExitFailed, Code: "bad_input",
		Message: "The " + what + " was refused: " + why.Error() + ". No token was given, and nothing was changed.",
	}
}

// readAll reads a whole question of bounded length. The byte above the limit tells a full one from one that is too long.
func readAll(from io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxInput {
		return "", errLong
	}
	return string(data), nil
}

// readBlock reads lines up to the first empty one or the end of the stream, and leaves unread what follows at once: a caller
// may keep the stream open.
func readBlock(from io.Reader) (string, error) {
	var block []byte
	// Not a bufio.Scanner: it drops the end of a last line, and with it the news that the line broke off.
	piece := make([]byte, 4<<10)
	for {
		n, err := from.Read(piece)
		// The empty line may begin in the piece before.
		look := max(0, len(block)-1)
		block = append(block, piece[:n]...)
		if bytes.HasPrefix(block, []byte("\n")) {
			return "", nil
		}
		if at := bytes.Index(block[look:], []byte("\n\n")); at >= 0 {
			block, err = block[:look+at+1], io.EOF
		}
		switch {
		case len(block) > maxInput:
			return "", errLong
		case errors.Is(err, io.EOF):
			return string(block), nil
		case err != nil:
			return "", err
		}
	}
}

// checkText refuses what no question of an honest caller holds: control characters that end lines elsewhere (SEC-270:
// CVE-2020-5260, CVE-2024-50338, CVE-2025-23040), and bytes that are no text.
func checkText(text string) error {
	if !utf8.ValidString(text) {
		return errText
	}
	if strings.ContainsFunc(text, control) {
		return errControl
	}
	return nil
}

// control reports whether a character is of C0, DEL or C1; a tab is a space like another.
func control(r rune) bool { return r < ' ' && r != '\t' || 0x7f <= r && r < 0xa0 }
