package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/doorward/doorward/secret"
)

// Errors of prompts.
var (
	// ErrNotATerminal: there is nobody to ask. The error that carries it is a *NotATerminalError.
	ErrNotATerminal = errors.New("terminal: standard input is not a terminal")
	// ErrInterrupted: the person pressed Ctrl-C instead of answering.
	ErrInterrupted = errors.New("terminal: interrupted")
	// ErrTooLong: the answer is longer than MaxAnswer.
	ErrTooLong = errors.New("terminal: the answer is too long")
	// ErrNoChoice: none of the listed answers was chosen.
	ErrNoChoice = errors.New("terminal: nothing was chosen")
)

// MaxAnswer is the longest answer that is read, in bytes.
const MaxAnswer = 64 << 10

// NotATerminalError says that a question could not be asked, and which flag answers it instead.
type NotATerminalError struct {
	Question string // what would have been asked
	Flag     string // what to give instead, "--yes"; "" where there is none
}

// Error names the flag.
func (e *NotATerminalError) Error() string {
	text := "cannot ask without a terminal"
	if question := strings.TrimRight(strings.TrimSpace(e.Question), ":"); question != "" {
		text = fmt.Sprintf("cannot ask %q without a terminal", question)
	}
	if e.Flag != "" {
		text += "; use " + e.Flag
	}
	return text
}

// Unwrap returns ErrNotATerminal.
func (e *NotATerminalError) Unwrap() error { return ErrNotATerminal }

// Question is something to ask, and what to give instead where nobody can be asked.
type Question struct {
	Text string // printed as it is, its closing space included
	Flag string // the flag that answers it, for the error without a terminal
}

// Ask asks for a line and returns it without its line ending. io.EOF says that the input ended instead.
func (t *Terminal) Ask(ctx context.Context, q Question) (string, error) {
	if err := t.pose(q); err != nil {
		return "", err
	}
	return t.answer(ctx, nil, func() (string, error) { return readLine(t.in()) })
}

// AskSecret asks for a secret without echo. However it ends, Ctrl-C and SIGTERM included, the echo is on again afterwards.
func (t *Terminal) AskSecret(ctx context.Context, q Question) (secret.String, error) {
	if err := t.pose(q); err != nil {
		return secret.String{}, err
	}
	fd := int(t.in().(*os.File).Fd()) // pose has made sure that it is a terminal
	before, err := term.GetState(fd)
	if err != nil {
		return secret.String{}, err
	}
	text, err := t.answer(ctx, func() { _ = term.Restore(fd, before) }, func() (string, error) {
		raw, err := term.ReadPassword(fd)
		return string(raw), err
	})
	t.Say("") // the line ending that was not echoed
	return secret.New(text), err
}

// Confirm asks a yes-or-no question: y and yes, in any case, confirm; everything else, the end of input too, is No.
func (t *Terminal) Confirm(ctx context.Context, q Question) (bool, error) {
	text, err := t.Ask(ctx, q)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	answer := strings.ToLower(strings.TrimSpace(text))
	return answer == "y" || answer == "yes", err
}

// Choose lists the options with numbers and returns the index of the one that is chosen, by its number or its exact
// text. After three answers that are neither it gives up with ErrNoChoice.
func (t *Terminal) Choose(ctx context.Context, q Question, options []string) (int, error) {
	if !t.Interactive() {
		return 0, &NotATerminalError{q.Text, q.Flag}
	}
	for i, option := range options {
		t.Say("%3d  %s", i+1, Clean(option))
	}
	for range 3 {
		text, err := t.Ask(ctx, q)
		if err != nil {
			return 0, err
		}
		text = strings.TrimSpace(text)
		if n, err := strconv.Atoi(text); err == nil && 1 <= n && n <= len(options) {
			return n - 1, nil
		}
		for i, option := range options {
			if text == option {
				return i, nil
			}
		}
		t.Say("Please answer with a number from 1 to %d.", len(options))
	}
	return 0, ErrNoChoice
}

// pose prints the question. Where the screen is not a terminal (a product's questions go to standard output, which may
// lead into a file) it is printed on Err too, where that is one: nobody waits for an answer to a question unseen.
func (t *Terminal) pose(q Question) error {
	if !t.Interactive() {
		return &NotATerminalError{q.Text, q.Flag}
	}
	if !isTerminal(t.screen()) && isTerminal(t.errw()) {
		_, _ = io.WriteString(t.errw(), q.Text)
	}
	_, err := io.WriteString(t.screen(), q.Text)
	return err
}

// answer is what a read brought.
type answer struct {
	text string
	err  error
}

// answer waits for read, the end of ctx or a signal, whichever comes first. A read from a terminal cannot be called
// back: after ctx or a signal its goroutine stays until the next line, which is why the caller ends the program then.
func (t *Terminal) answer(ctx context.Context, restore func(), read func() (string, error)) (string, error) {
	if restore != nil {
		defer restore()
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	answers := make(chan answer, 1)
	t.reads.Go(func() {
		text, err := read()
		answers <- answer{text, err}
	})
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-signals:
		return "", ErrInterrupted
	}
}

// readLine reads a byte at a time, so that what follows the line stays for the next question.
func readLine(in io.Reader) (string, error) {
	var line []byte
	for buf := make([]byte, 1); ; {
		n, err := in.Read(buf)
		switch {
		case n == 1 && buf[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1:
			if line = append(line, buf[0]); len(line) > MaxAnswer {
				return "", ErrTooLong
			}
		case err != nil && len(line) > 0 && errors.Is(err, io.EOF):
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}

// ReadSecret reads a secret that a program hands over on standard input (`--password -`): everything up to the end,
// without one line ending. A terminal is refused: it would show what is typed.
func (t *Terminal) ReadSecret(flag string) (secret.String, error) {
	if t.Interactive() {
		return secret.String{}, fmt.Errorf("%s reads standard input, which is a terminal: pipe the secret into it", flag)
	}
	raw, err := io.ReadAll(io.LimitReader(t.in(), MaxAnswer+1))
	if err != nil {
		return secret.String{}, err
	}
	if len(raw) > MaxAnswer {
		return secret.String{}, ErrTooLong
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	return secret.New(text), nil
}
