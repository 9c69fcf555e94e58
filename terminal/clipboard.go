package terminal

import (
	"encoding/base64"
	"io"
)

// Copy offers text to the clipboard of the person's own terminal by OSC 52, which also works over SSH, and reports
// whether it was sent. Whether the terminal took it cannot be known: some do not, some ask. Never for secrets: a
// clipboard is read by every program.
func (t *Terminal) Copy(text string) bool {
	if text == "" || !t.Redraws() {
		return false
	}
	sequence := "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text)) + "\x07"
	_, err := io.WriteString(t.screen(), sequence)
	return err == nil
}
