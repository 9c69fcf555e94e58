package authcmd

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/doorward/doorward/authcmd/output"
	"github.com/doorward/doorward/terminal"
)

// Output is the form of results and errors, and a flag value; the zero value is Text.
type Output = output.Format

// The forms of output.
const (
	Text = output.Text
	JSON = output.JSON
	YAML = output.YAML
)

// Print writes a result on standard output: text, or the object in the form that was asked for. Scripts get it as it is; on
// a terminal, what could harm it is shown escaped.
func (p *Program) Print(text string, object any) error {
	if p.Output.Structured() {
		data, err := p.Output.Encode(object)
		if err != nil {
			return err
		}
		text = string(data)
	}
	// A pipe gets the bytes as they are, since a script must not lose any; a person's terminal would obey them (SEC-268).
	if p.Terminal.OutIsTerminal() {
		text = terminal.CleanText(text)
	}
	return p.Terminal.Result(text)
}

// PrintAs is Print in a form of its own, where errors stay in the program's.
func (p *Program) PrintAs(form Output, text string, object any) error {
	// A copy: what fails afterwards is still told in the form that was asked for.
	as := *p
	as.Output = form
	return as.Print(text, object)
}

// No prints a result that is a no. The exit code says it too (ExitFailed), and nobody says more.
func (p *Program) No(text string) error {
	return errors.Join(p.Terminal.Result(text), &Failure{Exit: ExitFailed})
}

// printFailure writes an error on standard error, as an object where the output is one.
func (p *Program) printFailure(w io.Writer, f Failure) {
	if p.Output.Structured() {
		if data, err := p.Output.Encode(f); err == nil {
			_, _ = w.Write(data)
			return
		}
	}
	text := strings.TrimRight(p.words().Failure(f), "\n")
	if text != "" {
		fmt.Fprintln(w, text)
	}
}
