package strangers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds the wait for a process that has died or hangs; nothing is measured by it.
const patience = 2 * time.Minute

// process is a program that runs beside the test. Its lines can be waited for.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser // it ends with it
	lines chan line      // closed when both streams have ended

	mu   sync.Mutex
	said strings.Builder // everything, for the message of a test that fails
	out  strings.Builder // standard output
}

type line struct {
	text string
	out  bool // on standard output
}

// start starts a program; at the end of the test it is killed if it still runs.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &process{t: t, cmd: exec.CommandContext(ctx, name, args...), lines: make(chan line, 1024)}
	p.cmd.Env = env
	// Pipes of our own: Wait must not close them before the last line was read.
	stdin, err := p.cmd.StdinPipe()
	must(t, err)
	p.stdin = stdin
	stdout, writeOut, err := os.Pipe()
	must(t, err)
	stderr, writeErr, err := os.Pipe()
	must(t, err)
	p.cmd.Stdout, p.cmd.Stderr = writeOut, writeErr
	must(t, p.cmd.Start())
	_, _ = writeOut.Close(), writeErr.Close()
	var reading sync.WaitGroup
	reading.Go(func() { p.read(stdout, true) })
	reading.Go(func() { p.read(stderr, false) })
	go func() {
		reading.Wait()
		close(p.lines)
	}()
	t.Cleanup(func() {
		cancel()
		for range p.lines { // nobody reads them any more
		}
		_ = p.cmd.Wait()
	})
	return p
}

func (p *process) read(stream *os.File, out bool) {
	defer func() { _ = stream.Close() }()
	scanner := bufio.NewScanner(stream)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.mu.Lock()
		p.said.WriteString(scanner.Text() + "\n")
		if out {
			p.out.WriteString(scanner.Text() + "\n")
		}
		p.mu.Unlock()
		p.lines <- line{scanner.Text(), out}
	}
}

func (p *process) everything() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// await reads lines until one is taken.
func (p *process) await(what string, take func(line) bool) {
	p.t.Helper()
	for l := range p.lines {
		if take(l) {
			return
		}
	}
	p.t.Fatalf("the program ended without %s; it said:\n%s", what, p.everything())
}

// link waits for an address that contains part, on either stream. There is none where the program ended without it.
func (p *process) link(part string) (address string, ok bool) {
	for l := range p.lines {
		for word := range strings.FieldsSeq(l.text) {
			if strings.HasPrefix(word, "http") && strings.Contains(word, part) {
				return word, true
			}
		}
	}
	return "", false
}

// end waits for the program to end by itself.
func (p *process) end() (code int) {
	p.t.Helper()
	for range p.lines { // read keeps the rest
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// event is what a script says in one line of JSON.
type event struct {
	Event string `json:"event"`

	// What the person has to do.
	URL      string `json:"url"`
	UserCode string `json:"user_code"`

	// How it went.
	Error string          `json:"error"` // the library's code and message, with those of its causes
	Facts json.RawMessage `json:"facts"`
}

// script starts one of the scripts of this folder; job is its argument.
func script(t *testing.T, name string, job any) *process {
	t.Helper()
	node := needsNode(t)
	text, err := json.Marshal(job)
	must(t, err)
	return start(t, []string{"PATH=" + os.Getenv("PATH"), "NODE_EXTRA_CA_CERTS=" + trusted.CA}, node, name, string(text))
}

// event waits for the next event of these names; a failure that is not among them ends the test.
func (p *process) event(names ...string) (found event) {
	p.t.Helper()
	p.await("the event "+strings.Join(names, " or "), func(l line) bool {
		if !l.out || !strings.HasPrefix(l.text, "{") {
			return false // libraries give advice there too
		}
		found = event{}
		if err := json.Unmarshal([]byte(l.text), &found); err != nil {
			p.t.Fatalf("the script says %q, which is no event: %v", l.text, err)
		}
		if found.Event == "failed" && !slices.Contains(names, "failed") {
			p.t.Fatalf("the script failed: %s\n%s", found.Error, p.everything())
		}
		return slices.Contains(names, found.Event)
	})
	return found
}

// facts reads what the event tells.
func facts[T any](t *testing.T, e event) (found T) {
	t.Helper()
	if err := json.Unmarshal(e.Facts, &found); err != nil {
		t.Fatal(fmt.Errorf("the facts of %s: %w", e.Event, err))
	}
	return found
}
