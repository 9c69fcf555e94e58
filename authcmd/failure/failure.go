// Package failure is the mapping from errors to what people, scripts and shells get: a sentence, a hint, a code and an exit
// code.
//
// What comes in is any error of the rooms below; what goes out is a Failure. The law it keeps: each one says what happened,
// what was kept and what to do next; nothing temporary ever reads like "not logged in", or a script would log in over a
// login that lives (SEC-317); and nothing of a server's text reaches a terminal uncleaned (SEC-268).
package failure

import "fmt"

// The exit codes of doorward. Products have others: they say so in Words.Explain.
const (
	ExitDone          = 0
	ExitFailed        = 1
	ExitUsage         = 2
	ExitLoginRequired = 4
	ExitNotAllowed    = 5
	ExitTryAgain      = 75 // EX_TEMPFAIL of sysexits: the network, a busy server, a lock held by another process
	ExitStoreDamaged  = 78 // EX_CONFIG of sysexits
	ExitInterrupted   = 130
)

// Failure is an error as people, scripts and shells see it. In JSON and YAML it is the error object.
type Failure struct {
	Exit    int    `json:"-"`
	Code    string `json:"code"`           // a fixed word for scripts: "login_required"
	Message string `json:"message"`        // what happened, and what was kept
	Hint    string `json:"hint,omitempty"` // what to do next
}

// Error makes a Failure an error, for commands that know better than the mapping.
func (f *Failure) Error() string { return f.Message }

// UsageError says that the command line is wrong: an unknown flag, an empty value, a missing argument. Nothing was done.
type UsageError struct{ Err error }

// Usagef makes a UsageError. Values from the command line are not repeated in it: they may be secrets. A value is left out
// even where it would help: a password typed behind the wrong flag would be in a log of the terminal for good.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Error says what is wrong.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what was found.
func (e *UsageError) Unwrap() error { return e.Err }
