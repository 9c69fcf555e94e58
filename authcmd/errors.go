package authcmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

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

// Fail is a failure of the program's own, exit 1, whose words stand under its code in Words.Messages.
func Fail(code string) error {
	return &Failure{Exit: ExitFailed, Code: code, Message: code}
}

// UsageError says that the command line is wrong: an unknown flag, an empty value, a missing argument. Nothing was done.
type UsageError struct{ Err error }

// Usagef makes a UsageError. Values from the command line are not repeated in it: they may be secrets.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Error says what is wrong.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what was found.
func (e *UsageError) Unwrap() error { return e.Err }

// Explain turns an error into what is shown, by Words.Explain where it knows the error, else as doorward does.
func (p *Program) Explain(err error) Failure {
	if explain := p.Words.Explain; explain != nil {
		if failure, known := explain(err); known {
			return failure
		}
	}
	failure := p.standard(err)
	if own, ok := p.Words.Messages[failure.Code]; ok {
		failure.Message, failure.Hint = own.Message, own.Hint
	}
	if p.Words.SimpleExits && failure.Exit != ExitUsage && failure.Exit != ExitInterrupted {
		failure.Exit = ExitFailed
	}
	return failure
}

// standard is the one mapping from errors to exit codes and messages. The order counts: an answer that the person has to
// act upon wins over the error that carried it.
func (p *Program) standard(err error) Failure {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return *failure
	case errors.Is(err, context.Canceled), errors.Is(err, terminal.ErrInterrupted):
		return Failure{ExitInterrupted, "interrupted", "Interrupted. An earlier login is as it was.", ""}
	}
	for _, explain := range []func(error) (Failure, bool){p.usage, p.stored, p.login, p.refused, temporary} {
		if f, known := explain(err); known {
			return f
		}
	}
	return Failure{ExitFailed, "failed", sentence(err), ""}
}

// Error makes a Failure an error, for commands that know better than the mapping.
func (f *Failure) Error() string { return f.Message }

// usage is what the command line, or the lack of a terminal, is to blame for. A question that cannot be asked is a failure
// and not wrong usage: the same command is right on a terminal.
func (p *Program) usage(err error) (Failure, bool) {
	var wrong *UsageError
	var nobody *terminal.NotATerminalError
	switch {
	case errors.As(err, &wrong):
		return Failure{ExitUsage, "usage", sentence(wrong.Err), "See '" + p.words().Name + " --help'."}, true
	case errors.As(err, &nobody):
		return Failure{ExitFailed, "not_a_terminal", sentence(nobody), ""}, true
	}
	return Failure{}, false
}

// stored is what the credential file says. A damaged one is never taken for "not logged in": a script would log in again
// over what a person could still mend.
func (p *Program) stored(err error) (Failure, bool) {
	var damaged *cred.DamagedError
	var refused *cred.RefusedError
	var write *cred.WriteError
	switch {
	case errors.As(err, &damaged):
		hint := "Run '" + p.words().Login + "' to log in again"
		if damaged.Kept == "" {
			hint += "; a copy of the damaged file will be kept beside it"
		}
		return Failure{ExitStoreDamaged, "store_damaged", sentence(damaged) + " Nothing was changed.", hint + "."}, true
	case errors.Is(err, cred.ErrNewer):
		return Failure{ExitStoreDamaged, "store_newer", sentence(err), "Update this program; the file was not touched."}, true
	case errors.As(err, &refused):
		return Failure{ExitFailed, "store_refused", refused.Path + " is not used: " + refused.Reason + ".", "To mend it: " + refused.Mend}, true
	case errors.As(err, &write) && errors.Is(err, fs.ErrPermission):
		return Failure{ExitFailed, "store_not_permitted", sentence(write), "Check who owns the file and its folder."}, true
	case errors.As(err, &write):
		return Failure{ExitFailed, "store_not_written", sentence(write), "Check that the disk is writable and not full."}, true
	case errors.Is(err, cred.ErrBusy):
		return Failure{ExitTryAgain, "store_busy", sentence(err), "Try again in a moment."}, true
	}
	return Failure{}, false
}

// storeHint tells the two usual reasons for a write that failed apart.
func (p *Program) login(err error) (Failure, bool) {
	again := "Run '" + p.words().Login + "' to log in again."
	switch {
	case errors.Is(err, session.ErrExpired):
		return Failure{ExitLoginRequired, "login_expired", "The login has expired or was ended.", again}, true
	case errors.Is(err, session.ErrLoginRequired), errors.Is(err, cred.ErrNotFound):
		return Failure{ExitLoginRequired, "login_required", "Not logged in.", "Run '" + p.words().Login + "' to log in."}, true
	case errors.Is(err, oauth.InvalidToken), errors.Is(err, oauth.LoginRequired):
		return Failure{ExitLoginRequired, "login_invalid", "The server does not accept this login any more.", again}, true
	case errors.Is(err, flow.ErrNotRenewable):
		return Failure{ExitLoginRequired, "not_renewable", "This login cannot be renewed; it is as it was.", again}, true
	case errors.Is(err, flow.ErrExpired):
		return Failure{ExitFailed, "code_expired", "The code expired before it was approved. An earlier login is as it was.", again}, true
	case errors.Is(err, flow.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return Failure{ExitFailed, "timed_out", "The login timed out: nobody completed it. An earlier login is as it was.", again}, true
	}
	return Failure{}, false
}

// refused is what the server decided. Its description is for people and is quoted as its words, not ours.
func (p *Program) refused(err error) (Failure, bool) {
	for _, code := range []oauth.ErrorCode{oauth.AccessDenied, oauth.InsufficientScope, oauth.UnauthorizedClient} {
		if !errors.Is(err, code) {
			continue
		}
		if code == oauth.AccessDenied {
			return Failure{ExitNotAllowed, string(code), "The login was denied." + described(err) + " An earlier login is as it was.", ""}, true
		}
		return Failure{ExitNotAllowed, string(code), "The server does not allow this." + described(err), "Ask the operator of the server."}, true
	}
	var wire *oauth.Error
	var busy *oauth.TemporaryError
	if errors.As(err, &wire) && !errors.As(err, &busy) {
		message := "The server refused (" + terminal.Shorten(string(wire.Code), 40) + ")." + described(err) + " An earlier login is as it was."
		return Failure{ExitFailed, wireCode(wire), message, ""}, true
	}
	return Failure{}, false
}

// wireCode is the server's error code where it is a word, so that a hostile one does not become part of our answers.
func wireCode(wire *oauth.Error) string {
	for _, r := range wire.Code {
		if r != '_' && (r < 'a' || r > 'z') || len(wire.Code) > 40 {
			return "refused"
		}
	}
	return string(wire.Code)
}

// temporary comes last: what it wraps may be one of the answers above.
func temporary(err error) (Failure, bool) {
	var busy *oauth.TemporaryError
	if !errors.As(err, &busy) {
		return Failure{}, false
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return Failure{
			ExitFailed, "certificate_not_trusted", "The server's certificate is not trusted: " + plainText(untrusted.Err) +
				". Nothing was sent to it, and nothing was changed.",
			"Check the address; a private authority's certificate must be known to this machine.",
		}, true
	}
	hint := "Check the connection and try again."
	if busy.RetryAfter > 0 {
		hint = "Try again in " + terminal.Words(busy.RetryAfter) + "."
	}
	return Failure{ExitTryAgain, "try_again", "The server could not be asked just now: " + plainText(err) + ". The login is kept.", hint}, true
}

// described gives the server's own words, as a sentence.
func described(err error) string {
	var wire *oauth.Error
	if !errors.As(err, &wire) || wire.Description == "" {
		return ""
	}
	return " The server says: " + strings.TrimRight(terminal.Shorten(wire.Description, maxMessage), ".") + "."
}

// maxMessage is the longest message that is shown, in columns.
const maxMessage = 600

// sentence makes a sentence of an error's text: without the name of the room it comes from, cleaned, with a capital and
// a full stop.
func sentence(err error) string {
	text := plainText(err)
	if text == "" {
		return "Something failed without saying why."
	}
	// Only a word gets a capital: id.example and --flag stay as they are.
	word, _, _ := strings.Cut(text, " ")
	if first := text[0]; 'a' <= first && first <= 'z' && !strings.ContainsAny(word, ".:/_-") {
		text = string(first-'a'+'A') + text[1:]
	}
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

// plainText is an error as one clean line of bounded length: parts of it come from servers.
func plainText(err error) string {
	text := err.Error()
	for _, room := range []string{"cred: ", "flow: ", "oauth: ", "session: ", "terminal: "} {
		text = strings.TrimPrefix(text, room)
	}
	return strings.TrimSpace(terminal.Shorten(text, maxMessage))
}
