package main

import (
	"strings"
	"time"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// ask is what the command line asks for. The zero values are those of flags that were not given; flags sets the defaults.
type ask struct {
	key, username, password, token string
	server                         string
	port, timeout                  int
	fixed                          bool // the port was named: no other will do
	insecure                       bool
}

// direct reports whether the person brought what the server is to judge.
func (a *ask) direct() bool { return a.key != "" || a.username != "" }

// check refuses what cannot be meant, before anything is sent. asks tells whether there is a terminal to ask on.
func (a *ask) check(asks bool) error {
	ways := 0
	for _, way := range []string{a.key, a.username + a.password, a.token} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways > 1:
		return authcmd.Usagef("--api-key, --username and --token are three ways to log in: give one of them")
	case a.password != "" && a.username == "":
		return authcmd.Usagef("--password needs --username")
	case a.username != "" && a.password == "" && !asks:
		return authcmd.Usagef("--username needs --password where there is no terminal to ask on")
	case a.port < 1 || a.port > 65535:
		return authcmd.Usagef("--port must be a number from 1 to 65535")
	case a.timeout < 1 || a.timeout > 24*60*60:
		return authcmd.Usagef("--timeout must be a number of seconds, from 1 to a day")
	}
	return nil
}

// obtain picks the way to log in.
func (c *cli) obtain() (flow.Flow, error) {
	if err := c.ask.check(c.Terminal.Interactive()); err != nil {
		return nil, err
	}
	extra, err := c.target()
	if err != nil {
		return nil, err
	}
	// The command line is readable to everybody on the machine while the program runs; with - it does not hold the secret
	// (SEC-262).
	given := secret.New(c.ask.key + c.ask.password + c.ask.token) // at most one of them is there
	if given.Equal(secret.New("-")) {
		if given, err = c.Terminal.ReadSecret("-"); err == nil && given.IsZero() {
			err = authcmd.Usagef("- reads standard input, which held nothing")
		}
	}
	speaker := c.at(cred.Credential{Extra: extra}).Client
	scope := oauth.Scope{oauth.ScopeOpenID, oauth.ScopeProfile}
	var way flow.Flow
	switch {
	case c.ask.key != "": // which is not kept: the file has no place for it, and its session lasts
		way = flow.APIKey{Client: speaker, Key: given, Scope: scope}
	case c.ask.username != "":
		way = flow.Password{Client: speaker, Username: c.ask.username, Password: given, Scope: scope}
	case c.ask.token != "":
		way = flow.Static{Token: given}
	default:
		way = flow.Browser{
			Client: speaker, Scope: scope, Name: "Octopipe", Port: c.ask.port, Fallback: !c.ask.fixed, Timeout: time.Duration(c.ask.timeout) * time.Second,
		}
	}
	return authcmd.Remember{Flow: way, Extra: extra}, err
}

// target judges the server's address, and says what is kept of it beside the login. http to another machine takes the flag
// at every login, and is noted beside the login, so that a refresh need not ask again.
func (c *cli) target() (map[string]string, error) {
	extra := map[string]string{serverKey: c.address()}
	err := oauth.CheckAddress(c.address())
	rest, plain := strings.CutPrefix(c.address(), "http://")
	if err == nil || !plain || !c.ask.insecure || oauth.CheckAddress("https://"+rest) != nil {
		return extra, err
	}
	c.Terminal.Warn("Warning: the connection to %s is not encrypted. Everybody on the way can read this login.", c.address())
	extra[insecure] = "yes"
	return extra, nil
}
