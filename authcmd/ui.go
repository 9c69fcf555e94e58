package authcmd

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/authcmd/failure"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

// screen is flow.UI on a terminal, for one login. A login that waits draws from several goroutines; what they share is
// behind mu.
type screen struct {
	terminal *terminal.Terminal
	words    Words
	service  string // what is signed in to, cleaned: "Acme (id.acme.example)"
	browse   bool   // whether OpenPage opens, or only shows

	coded    bool           // ShowCode has shown the address already
	browsers sync.WaitGroup // opened beside a device login
	mu       sync.Mutex
	stops    []func()
}

// UI returns the screen of one login, and a function that clears what moves on it; call it before printing on. A product's
// own commands hand it to a flow when they do not go through Login.
func (p *Program) UI() (ui flow.UI, done func()) {
	s := &screen{terminal: p.Terminal, words: p.words(), service: p.service(), browse: !p.NoBrowser}
	return s, func() {
		s.still()
		s.browsers.Wait()
	}
}

// service is what people sign in to, with the host always in it: a name can be anybody's.
func (p *Program) service() string {
	host := ""
	if p.Session != nil {
		if u, err := url.Parse(p.Session.Key.Issuer); err == nil {
			host = terminal.Shorten(u.Host, 80)
		}
	}
	switch {
	case p.Words.Service == "":
		return host
	case host == "":
		return terminal.Clean(p.Words.Service)
	}
	return terminal.Clean(p.Words.Service) + " (" + host + ")"
}

// still clears the lines that move.
func (s *screen) still() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stop := range s.stops {
		stop()
	}
	s.stops = nil
}

// ShowCode prints where to go and the code, with a QR code where there is room, and starts the waiting line.
func (s *screen) ShowCode(ctx context.Context, prompt flow.Prompt) error {
	// The code and the addresses are a server's text, and so bounded and cleaned before they are printed (SEC-268).
	prompt.UserCode = terminal.Shorten(prompt.UserCode, 40)
	address := prompt.URI
	if prompt.URIComplete != "" {
		address = prompt.URIComplete
	}
	if s.words.Code != nil {
		s.print(s.words.Code(clean(prompt)))
	} else {
		s.print(s.standardCode(prompt, address))
	}
	// The flow found something wrong with the address (another host, another scheme): it is shown, and neither drawn nor
	// opened (SEC-269).
	if prompt.Warning != "" {
		s.terminal.Warn("%s", s.terminal.Paint(terminal.Yellow, "  Warning: "+terminal.Clean(prompt.Warning)))
	} else {
		s.picture(address)
	}
	s.coded = true
	s.wait(ctx, "Waiting for your approval", prompt.Expires)
	return nil
}

// clean makes a prompt safe to print for a product's own Code.
func clean(prompt flow.Prompt) flow.Prompt {
	prompt.URI, prompt.URIComplete = terminal.Clean(prompt.URI), terminal.Clean(prompt.URIComplete)
	prompt.Warning = terminal.Clean(prompt.Warning)
	return prompt
}

// standardCode is the screen of a device login: a table on a terminal, sentences where it is read aloud or logged. The code
// goes to the clipboard only where the address is the server's own, and it says so.
func (s *screen) standardCode(prompt flow.Prompt, address string) string {
	address = terminal.Clean(address)
	t := s.terminal
	if !t.Redraws() {
		return s.signIn() + ".\nOpen this address in a browser: " + address + "\nThe code is " + prompt.UserCode + "\n"
	}
	sent := ""
	if prompt.Warning == "" && t.Copy(prompt.UserCode) {
		sent = t.Paint(terminal.Faint, "   (sent to the clipboard)")
	}
	return "  " + s.signIn() + "\n\n" +
		"    Open   " + t.Paint(terminal.Bold, address) + "\n" +
		"    Code   " + t.Paint(terminal.Bold, prompt.UserCode) + sent + "\n"
}

// signIn says who signs in where: "Sign in to Acme (id.acme.example) for doorward on build-7".
func (s *screen) signIn() string {
	text := "Sign in"
	if s.service != "" {
		text += " to " + s.service
	}
	text += " for " + terminal.Clean(s.words.Name)
	if s.words.Machine != "" {
		text += " on " + terminal.Shorten(s.words.Machine, 60)
	}
	return text
}

// textRows are the lines that share the screen with a QR code: the sign-in line, one empty, address, code, waiting.
const textRows = 5

// picture draws the QR code. An address that could not be opened is not drawn either: a phone would open it.
func (s *screen) picture(address string) {
	text := s.words.QR(address)
	if text == "" || terminal.CheckAddress(text) != nil {
		return
	}
	for _, line := range s.terminal.QR(text, textRows) {
		s.terminal.Say("%s", line)
	}
}

// OpenPage prints the address and opens the browser. It returns when the browser was opened or ctx has ended. After
// ShowCode the address is on the screen already and the login is being waited for: the browser opens beside it.
func (s *screen) OpenPage(ctx context.Context, address string) error {
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // the login has ended; there is nothing to open and nothing to tell
	case s.coded:
		if s.browse {
			s.browsers.Go(func() { _ = s.terminal.Browse(ctx, address) })
		}
		return nil
	}
	safe := terminal.Clean(address)
	switch {
	case s.words.Page != nil:
		s.print(s.words.Page(safe))
	case s.browse:
		s.print("Your browser opens to sign in. If it does not, open this address:\n\n    " + safe + "\n\n")
	default:
		s.print("Open this address in a browser on this machine to sign in:\n\n    " + safe + "\n\n")
	}
	deadline, _ := ctx.Deadline()
	s.wait(ctx, "Waiting for the browser", deadline)
	if !s.browse {
		return nil
	}
	if err := s.terminal.Browse(ctx, address); err != nil && ctx.Err() == nil {
		s.still() // the waiting line would be drawn over
		s.terminal.Say("The browser did not open (%s). Please open the address above by hand.", failure.PlainText(err))
		s.wait(ctx, "Waiting for the browser", deadline)
	}
	return nil
}

// AskSecret asks without echo.
func (s *screen) AskSecret(ctx context.Context, question string) (secret.String, error) {
	text := strings.TrimRight(terminal.Clean(question), ": ") + ": "
	return s.terminal.AskSecret(ctx, terminal.Question{Text: text, Flag: s.words.SecretFlag})
}

// print writes a text of a product's Words, whether it ends with a line feed or not.
func (s *screen) print(text string) {
	if text = strings.TrimSuffix(text, "\n"); text != "" {
		s.terminal.Say("%s", text)
	}
}

// wait starts the line that moves until ctx ends. Waiting longer than a day has no countdown. A terminal that does not
// redraw gets one sentence instead of a line that moves: it may be a log or be read aloud.
func (s *screen) wait(ctx context.Context, what string, until time.Time) {
	if s.words.NoWaiting || ctx.Err() != nil {
		return
	}
	still := what + ". Press Ctrl-C to stop."
	if left := s.terminal.Left(until); left > 0 {
		still = what + ", for at most " + terminal.Words(left) + ". Press Ctrl-C to stop."
	}
	stop := s.terminal.Wait(ctx, terminal.Waiting{
		Line: func(left time.Duration) string {
			if left < 0 {
				return what + ".  Ctrl-C stops."
			}
			return what + ", " + terminal.Clock(left) + " left.  Ctrl-C stops."
		},
		Still: still, Until: until,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops = append(s.stops, stop)
}
