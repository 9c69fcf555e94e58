package authcmd

import "github.com/doorward/doorward/authcmd/failure"

// The exit codes of doorward. Products have others: they say so in Words.Explain. The numbers live in room failure; they
// are named here too, because products wire them.
const (
	ExitDone          = failure.ExitDone
	ExitFailed        = failure.ExitFailed
	ExitUsage         = failure.ExitUsage
	ExitLoginRequired = failure.ExitLoginRequired
	ExitNotAllowed    = failure.ExitNotAllowed
	ExitTryAgain      = failure.ExitTryAgain
	ExitStoreDamaged  = failure.ExitStoreDamaged
	ExitInterrupted   = failure.ExitInterrupted
)

// Failure is an error as people, scripts and shells see it. In JSON and YAML it is the error object.
type Failure = failure.Failure

// UsageError says that the command line is wrong: an unknown flag, an empty value, a missing argument. Nothing was done.
type UsageError = failure.UsageError

// Fail is a failure of the program's own, exit 1, whose words stand under its code in Words.Messages.
func Fail(code string) error {
	return &Failure{Exit: ExitFailed, Code: code, Message: code}
}

// Usagef makes a UsageError. Values from the command line are not repeated in it: they may be secrets.
func Usagef(format string, args ...any) error { return failure.Usagef(format, args...) }

// Explain turns an error into what is shown, by Words.Explain where it knows the error, else as doorward does.
func (p *Program) Explain(err error) Failure {
	if explain := p.Words.Explain; explain != nil {
		if failure, known := explain(err); known {
			return failure
		}
	}
	// The product's own sentence replaces ours and never the code, by which scripts tell failures apart.
	words := p.words()
	found := failure.Words{Name: words.Name, Login: words.Login}.Of(err)
	if own, ok := p.Words.Messages[found.Code]; ok {
		found.Message, found.Hint = own.Message, own.Hint
	}
	if p.Words.SimpleExits && found.Exit != ExitUsage && found.Exit != ExitInterrupted {
		found.Exit = ExitFailed
	}
	return found
}
