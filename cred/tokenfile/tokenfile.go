// Package tokenfile reads a token that somebody brought along, in a file or in a variable.
package tokenfile

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// maxSize is how much of a file is read, in bytes: a token fits, a file by mistake does not.
const maxSize = 16 << 10

// Parse returns the token that text is, without white space around it; ok is false for what cannot be sent as one: anything
// but visible ASCII (RFC 6750 section 2.1).
func Parse(text string) (token secret.String, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) >= maxSize || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.String{}, false
	}
	return secret.New(text), true
}

// Read reads the file at path. One that others can read, that is no file or holds no token is a *cred.RefusedError; one that
// cannot be read is a *fs.PathError.
func Read(path string) (secret.String, error) {
	info, err := os.Stat(path) // before it is opened: a pipe would wait for its writer
	if err != nil {
		return secret.String{}, err
	}
	if !info.Mode().IsRegular() {
		return secret.String{}, &cred.RefusedError{Path: path, Reason: "it is not a regular file", Mend: "name a file that holds the token"}
	}
	file, err := os.Open(path)
	if err != nil {
		return secret.String{}, err
	}
	defer func() { _ = file.Close() }()
	if info, err = file.Stat(); err != nil { // of what was opened, which is what counts
		return secret.String{}, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" { // where the mode says nothing
		return secret.String{}, &cred.RefusedError{Path: path, Reason: fmt.Sprintf("others can read it (mode %04o)", mode), Mend: "chmod 600 " + path}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSize))
	if err != nil {
		return secret.String{}, err
	}
	token, ok := Parse(string(text))
	if !ok {
		return secret.String{}, &cred.RefusedError{Path: path, Reason: "it holds no token", Mend: "write the token into it, and nothing else"}
	}
	return token, nil
}
