package main

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/secret"
	authserver "github.com/doorward/doorward/server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rio": main})
}

// TestScreens runs the scripts, each against an authority of its own that is what `doorward serve --dev` is.
func TestScreens(t *testing.T) {
	t.Parallel()
	script.Run(t, func(t *testing.T) *script.Stage { return &start(t).Stage })
}

// link is the address on the screen with the code that stands below it.
func link(printed string) string {
	address := regexp.MustCompile(`https?://\S+/device`).FindString(printed)
	if code := regexp.MustCompile(script.UserCode).FindString(printed); address != "" && code != "" {
		return address + "?code=" + code
	}
	return ""
}

// house is what a script has beside its files.
type house struct {
	script.Stage
	rooms authserver.Rooms
}

func start(t *testing.T) *house {
	h := &house{}
	h.Stage = script.Stage{
		Wire: script.NewWire(), Person: authtest.Person{Username: seed.John, Password: seed.JohnPassword},
		Commands: map[string]script.Command{"requests": h.requests, "long": h.long, "good": h.good},
		Link:     link,
		Differs:  []script.Difference{{Pattern: script.UserCode, Instead: "WDJB-MJHT"}, {Pattern: `(dwt|sat)_[0-9A-Za-z]+`, Instead: "TOKEN"}},
		Heading:  "[stderr]\n",
	}
	h.Env = map[string]string{"XDG_CONFIG_HOME": "$WORK/config", "RIO_SERVER": h.Wire.URL, "RIO_CONFIG": ""}
	more := *seed.Dev("")
	more.Factors = append(more.Factors, authserver.SeedFactor{PersonID: "usr_grace", Secret: secret.New("JBSWY3DPEHPK3PXP")})
	h.Authority = h.Wire.Lead(t, authtest.Options{
		People: []authtest.Person{{Username: "grace", ID: "usr_grace", Name: "Grace"}, {Username: "linus"}}, More: more,
		Contracts: append(contracts.All(), script.Look(&h.rooms)),
	})
	return h
}

// requests writes what the server was asked since the last time to a file.
func (h *house) requests(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(append(h.Wire.Asked(), ""), "\n")), 0o600))
}

// good asks the server itself about a token in a file: `good FILE LEVEL`, or `! good FILE` for one that is good no more. In a
// config.json it is the stored one.
func (h *house) good(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	if found := regexp.MustCompile(`"auth_token": "([^"]+)"`).FindStringSubmatch(text); found != nil {
		text = found[1]
	}
	standing, err := h.rooms.Authority.Tokens.Check(context.Background(), text)
	if (err != nil) != neg {
		ts.Fatalf("the server says %v of the token", err)
	}
	if !neg && strconv.Itoa(int(standing.Level)) != args[1] {
		ts.Fatalf("the token has level %d, want %s", standing.Level, args[1])
	}
}

// long runs a program with a value of so many bytes in the place of LONG, and wants exit code 2.
func (h *house) long(ts *testscript.TestScript, _ bool, args []string) {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "LONG", strings.Repeat("x", 100_000)) // Linux takes 128 KiB for one
	}
	if text, code := h.Run(ts, args, nil); code != "2" || len(text) > 1000 {
		ts.Fatalf("%s: %.1000s", code, text)
	}
}
