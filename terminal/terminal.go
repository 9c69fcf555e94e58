// Package terminal is everything a command says to a person: prompts, colour, waiting lines, QR codes, opening a browser,
// and the cleaning of text that came from elsewhere.
//
// Which stream gets what is decided here once. Results that a script wants go to Out; everything for the person goes to
// Screen, which is standard error unless a product's page says otherwise. Nothing asks without a terminal, and nothing
// moves, colours or redraws where the screen is not one, or where the person asked for plain sentences.
package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Terminal is where one command talks to one person. The zero value is the process's own streams and environment.
type Terminal struct {
	In     io.Reader // answers and secrets; nil: standard input
	Out    io.Writer // results; nil: standard output
	Err    io.Writer // errors and warnings; nil: standard error
	Screen io.Writer // links, codes, questions, waiting; nil: the same as Err

	// Env looks up a variable of the environment; nil: os.Getenv. NO_COLOR, TERM, BROWSER and the variables that tell of
	// SSH, a display and WSL are read.
	Env func(name string) string
	// Plain asks for short sentences, without colour, pictures and redrawing: for screen readers and for logs.
	Plain bool
	// Private names variables of the environment that programs started from here do not inherit (tokens, passwords).
	Private []string

	// Now is the clock of countdowns; nil: time.Now.
	Now func() time.Time
	// Size answers the screen's width and height in characters; nil: the terminal is asked, and 80 × 24 is assumed where
	// it does not say.
	Size func() (width, height int)

	reads sync.WaitGroup // reads from a terminal that have not returned yet
}

// The size that is assumed where a terminal does not tell its own.
const (
	assumedWidth  = 80
	assumedHeight = 24
)

// New returns the process's own terminal.
func New() *Terminal {
	return &Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
}

// Interactive reports whether a person can be asked: standard input is a terminal.
func (t *Terminal) Interactive() bool { return isTerminal(t.in()) }

// Redraws reports whether the screen is a terminal on which lines may be drawn again: not with Plain, not with TERM=dumb.
func (t *Terminal) Redraws() bool {
	return !t.Plain && t.env("TERM") != "dumb" && isTerminal(t.screen()) && prepare(t.screen())
}

// Coloured reports whether the screen may have colour: it redraws, and NO_COLOR is not set (https://no-color.org).
func (t *Terminal) Coloured() bool { return t.env("NO_COLOR") == "" && t.Redraws() }

// Style is a way to make text stand out on a screen that has colour.
type Style string

// The styles, as the parameters of ECMA-48's SGR sequence.
const (
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Paint returns text in the style where the screen has colour, and text as it is elsewhere. text is to be clean already.
func (t *Terminal) Paint(style Style, text string) string {
	if text == "" || !t.Coloured() {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Say prints a line for the person on the screen. The arguments are trusted: what came from elsewhere goes through Clean.
func (t *Terminal) Say(format string, args ...any) {
	fmt.Fprintf(t.screen(), format+"\n", args...)
}

// Warn prints a line for the person on Err, also where the screen is another stream.
func (t *Terminal) Warn(format string, args ...any) {
	fmt.Fprintf(t.errw(), format+"\n", args...)
}

// Result prints on Out what a script wants, as it is.
func (t *Terminal) Result(text string) error {
	_, err := io.WriteString(t.out(), text)
	return err
}

// OutIsTerminal reports whether results are read by a person and so must be cleaned.
func (t *Terminal) OutIsTerminal() bool { return isTerminal(t.out()) }

// Dimensions returns the screen's width and height in characters.
func (t *Terminal) Dimensions() (width, height int) {
	if t.Size != nil {
		return t.Size()
	}
	if file, ok := t.screen().(*os.File); ok {
		if w, h, err := term.GetSize(int(file.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return assumedWidth, assumedHeight
}

// Input returns the stream that answers come from, for commands that read it themselves.
func (t *Terminal) Input() io.Reader { return t.in() }

// Output returns the stream of results.
func (t *Terminal) Output() io.Writer { return t.out() }

// Errors returns the stream of errors and warnings.
func (t *Terminal) Errors() io.Writer { return t.errw() }

// The zero value of each stream is the process's own.
func (t *Terminal) in() io.Reader {
	if t.In == nil {
		return os.Stdin
	}
	return t.In
}

func (t *Terminal) out() io.Writer {
	if t.Out == nil {
		return os.Stdout
	}
	return t.Out
}

func (t *Terminal) errw() io.Writer {
	if t.Err == nil {
		return os.Stderr
	}
	return t.Err
}

func (t *Terminal) screen() io.Writer {
	if t.Screen == nil {
		return t.errw()
	}
	return t.Screen
}

func (t *Terminal) env(name string) string {
	if t.Env == nil {
		return os.Getenv(name)
	}
	return t.Env(name)
}

func (t *Terminal) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// isTerminal reports whether stream is an open terminal of this process; buffers and pipes never are.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && file != nil && term.IsTerminal(int(file.Fd()))
}
