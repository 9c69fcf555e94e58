package failure

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"strings"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/session"
	"github.com/doorward/doorward/terminal"
)

// Words are what the hints name.
type Words struct {
	Name  string // of the program
	Login string // what to type to log in
}

// Of is the one mapping from errors to exit codes and messages. The order counts: an answer that the person has to
// act upon wins over the error that carried it.
func (w Words) Of(err error) Failure {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return *failure
	case errors.Is(err, context.Canceled), errors.Is(err, terminal.ErrInterrupted):
		return Failure{ExitInterrupted, "interrupted", "Interrupted. An earlier login is as it was.", ""}
	}
	// Usage first, since nothing was done then. The file before the login: a damaged one also looks like nobody being
	// logged in (SEC-232). What the server decided comes before what is temporary, which may wrap it.
	for _, explain := range []func(error) (Failure, bool){w.usage, w.stored, w.login, w.refused, temporary} {
		if f, known := explain(err); known {
			return f
		}
	}
	return Failure{ExitFailed, "failed", Sentence(err), ""}
}

// usage is what the command line, or the lack of a terminal, is to blame for. A question that cannot be asked is a failure
// and not wrong usage: the same command is right on a terminal.
func (w Words) usage(err error) (Failure, bool) {
	var wrong *UsageError
	var nobody *terminal.NotATerminalError
	switch {
	case errors.As(err, &wrong):
		return Failure{ExitUsage, "usage", Sentence(wrong.Err), "See '" + w.Name + " --help'."}, true
	case errors.As(err, &nobody):
		return Failure{ExitFailed, "not_a_terminal", Sentence(nobody), ""}, true
	}
	return Failure{}, false
}

// stored is what the credential file says. A damaged one is never taken for "not logged in": a script would log in again
// over what a person could still mend.
func (w Words) stored(err error) (Failure, bool) {
	var damaged *cred.DamagedError
	var refused *cred.RefusedError
	var write *cred.WriteError
	switch {
	// The hint names the login, which repairs the file; without a copy (Kept), the next write makes one (SEC-232).
	case errors.As(err, &damaged):
		hint := "Run '" + w.Login + "' to log in again"
		if damaged.Kept == "" {
			hint += "; a copy of the damaged file will be kept beside it"
		}
		return Failure{ExitStoreDamaged, "store_damaged", Sentence(damaged) + " Nothing was changed.", hint + "."}, true
	// An older program cannot know what the newer schema means: it reads nothing and overwrites nothing (SEC-235).
	case errors.Is(err, cred.ErrNewer):
		return Failure{ExitStoreDamaged, "store_newer", Sentence(err), "Update this program; the file was not touched."}, true
	// The file was not read: whoever could write it could have put another server's login there (SEC-221).
	case errors.As(err, &refused):
		return Failure{ExitFailed, "store_refused", refused.Path + " is not used: " + refused.Reason + ".", "To mend it: " + refused.Mend}, true
	case errors.As(err, &write) && errors.Is(err, fs.ErrPermission):
		return Failure{ExitFailed, "store_not_permitted", Sentence(write), "Check who owns the file and its folder."}, true
	case errors.As(err, &write):
		return Failure{ExitFailed, "store_not_written", Sentence(write), "Check that the disk is writable and not full."}, true
	case errors.Is(err, cred.ErrBusy):
		return Failure{ExitTryAgain, "store_busy", Sentence(err), "Try again in a moment."}, true
	}
	return Failure{}, false
}

// login is what the state of the login says; what to type is in every hint.
func (w Words) login(err error) (Failure, bool) {
	again := "Run '" + w.Login + "' to log in again."
	switch {
	case errors.Is(err, session.ErrExpired):
		return Failure{ExitLoginRequired, "login_expired", "The login has expired or was ended.", again}, true
	case errors.Is(err, session.ErrLoginRequired), errors.Is(err, cred.ErrNotFound):
		return Failure{ExitLoginRequired, "login_required", "Not logged in.", "Run '" + w.Login + "' to log in."}, true
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
func (w Words) refused(err error) (Failure, bool) {
	// By the code and never by the text: the text is the server's, in whatever language it likes.
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
	// A temporarily_unavailable that came as an error of the wire is temporary, and is left to the last of the mappings
	// (SEC-317).
	if errors.As(err, &wire) && !errors.As(err, &busy) {
		message := "The server refused (" + terminal.Shorten(string(wire.Code), 40) + ")." + described(err) + " An earlier login is as it was."
		return Failure{ExitFailed, wireCode(wire), message, ""}, true
	}
	return Failure{}, false
}

// wireCode is the server's error code where it is a word, so that a hostile one does not become part of our answers.
// Scripts read the code from our JSON and may pass it on to a shell.
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
	// Nothing was said to a server that could not prove who it is; trying again would not help, and a hint to do so would
	// train people to look for a way around.
	if errors.As(err, &untrusted) {
		return Failure{
			ExitFailed, "certificate_not_trusted", "The server's certificate is not trusted: " + PlainText(untrusted.Err) +
				". Nothing was sent to it, and nothing was changed.",
			"Check the address; a private authority's certificate must be known to this machine.",
		}, true
	}
	hint := "Check the connection and try again."
	if busy.RetryAfter > 0 {
		hint = "Try again in " + terminal.Words(busy.RetryAfter) + "."
	}
	return Failure{ExitTryAgain, "try_again", "The server could not be asked just now: " + PlainText(err) + ". The login is kept.", hint}, true
}

// described gives the server's own words, as a sentence.
func described(err error) string {
	var wire *oauth.Error
	if !errors.As(err, &wire) || wire.Description == "" {
		return ""
	}
	// Quoted as the server's words, so that a hostile one cannot speak in our name (SEC-255).
	return " The server says: " + strings.TrimRight(terminal.Shorten(wire.Description, maxMessage), ".") + "."
}

// maxMessage is the longest message that is shown, in columns.
const maxMessage = 600

// Sentence makes a sentence of an error's text: without the name of the room it comes from, cleaned, with a capital and
// a full stop.
func Sentence(err error) string {
	text := PlainText(err)
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

// PlainText is an error as one clean line of bounded length: parts of it come from servers. Escapes and bidirectional
// overrides are taken out (SEC-268); the line is cut, because a server may send a megabyte.
func PlainText(err error) string {
	text := err.Error()
	for _, room := range []string{"cred: ", "flow: ", "oauth: ", "session: ", "terminal: "} {
		text = strings.TrimPrefix(text, room)
	}
	return strings.TrimSpace(terminal.Shorten(text, maxMessage))
}
