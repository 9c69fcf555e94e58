package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/authtest/script"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"octopipe": main})
}

func TestScreens(t *testing.T) {
	t.Parallel()
	script.Run(t, func(t *testing.T) *script.Stage {
		auth := authtest.With(t, authtest.Options{
			People: []authtest.Person{{Username: "somebody"}}, More: *seed.Dev(""), Contracts: contracts.All(),
		})
		other := &stranger{}
		return &script.Stage{
			Authority: auth, Person: authtest.Person{Username: seed.John, Password: seed.JohnPassword},
			Env: map[string]string{
				"OCTOPIPE_SERVER": auth.Issuer, "BROWSER": "true", "AUTH": "$HOME/.octopipe/auth.json", "FREE": freePort(t), "OUT": "", "HTTP_PROXY": "",
			},
			Acts:     map[string]script.Act{"forge": forge},
			Commands: map[string]script.Command{"take": take, "stranger": other.start, "kept": other.kept},
		}
	})
}

// freePort returns a port that nobody has at this moment.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// forge approves, and sends the program somebody else's answer first, which must not count.
func forge(ctx context.Context, v *script.Visit) error {
	callback, err := v.Authorize(ctx, v.Link)
	if err != nil {
		return err
	}
	answer, err := http.Get(strings.Replace(callback, "state=", "state=x", 1))
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("a forged callback is answered with %s", answer.Status)
	}
	return v.Saw(v.Arrive(ctx, callback))
}

// take listens on a port of 127.0.0.1 until the script ends, if nobody else does.
func take(ts *testscript.TestScript, _ bool, args []string) {
	if l, err := net.Listen("tcp4", "127.0.0.1:"+args[0]); err == nil {
		ts.Defer(func() { l.Close() })
	}
}
