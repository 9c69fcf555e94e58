package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/doorward/doorward/bench/load"
	"github.com/doorward/doorward/bench/process"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// tree is the program as it was just built, with a store of its own.
type tree struct {
	program string
	store   string
}

// people is how many sign in. A server bounds what one person does at once (guesses of user codes), and that bound is not
// what is measured.
const people = 8

const password = "a-password-for-the-bench"

// serve starts the server. This machine is its proxy, so that it sees many clients: the limits for one address are
// not measured either.
func (t *tree) serve(ctx context.Context) (*process.Server, error) {
	return process.Start(ctx, t.environment(), t.program, "serve", "--dev", "--listen", "127.0.0.1:0", "--store", t.store,
		"--log-level", "error", "--trusted-proxy", "127.0.0.0/8")
}

// environment is ours without the settings of somebody's own Doorward.
func (t *tree) environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "DOORWARD_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// open makes the people and signs each in, in a browser of their own.
func (t *tree) open(ctx context.Context, server *process.Server, pending int) (*load.Bench, error) {
	target := &load.Server{
		Issuer: server.URL, ClientID: "doorward", Scope: oauth.Scope{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail},
		ServiceID: "dev-service", ServiceSecret: secret.New(seed.ServiceSecret),
		Address: load.ManyAddresses(),
	}
	if err := target.Open(ctx, 128); err != nil {
		return nil, err
	}
	bench := &load.Bench{Server: target, Pending: pending}
	for i := range people {
		name := "bench-" + strconv.Itoa(i)
		add := exec.CommandContext(ctx, t.program, "admin", "user", "add", name, "--email", name+"@example.com", "--name", "Bench",
			"--password-stdin", "--store", t.store)
		add.Env, add.Stdin = t.environment(), strings.NewReader(password+"\n")
		if text, err := add.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("add a person: %w: %s", err, text)
		}
		browser, err := target.SignIn(ctx, name, secret.New(password))
		if err != nil {
			return nil, err
		}
		bench.Browsers = append(bench.Browsers, browser)
	}
	return bench, nil
}
