package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/plexctl/auth"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/session"
)

func TestExitCode_PLX10_PLX15(t *testing.T) {
	t.Parallel()
	forbidden := oauth.Errorf(oauth.AccessDenied, "no")
	forbidden.Status = 403
	denied := oauth.Errorf(oauth.AccessDenied, "no")
	denied.Status = 400
	path := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}
	for name, test := range map[string]struct {
		err  error
		code int
	}{
		"nothing":              {nil, 0},
		"transport":            {&oauth.TemporaryError{Err: errors.New("refused")}, 1},
		"malformed":            {oauth.ErrMalformed, 1},
		"expired_token":        {oauth.Errorf(oauth.ExpiredToken, "x"), 1},
		"access_denied":        {denied, 1},
		"invalid_grant":        {oauth.Errorf(oauth.InvalidGrant, "x"), 1},
		"deadline":             {auth.ErrSessionExpired, 1},
		"deadline of somebody": {context.DeadlineExceeded, 1},
		"interrupted":          {context.Canceled, 1},
		"no token":             {session.ErrLoginRequired, 1},
		"401":                  {&oauth.Error{Code: oauth.InvalidToken, Status: 401}, 1},
		"no room on the disk":  {&cred.WriteError{Path: "x", Err: path}, 1},
		"flags":                {authcmd.Usagef("x"), 2},
		"an address":           {oauth.CheckAddress("x"), 2},
		"an open file":         {&cred.RefusedError{Path: "x"}, 2},
		"an unreadable file":   {path, 2},
		"a damaged file":       {&cred.DamagedError{Path: "x", Err: errors.New("x")}, 2},
		"no server":            {errNoServer, 3},
		"403":                  {forbidden, 4},
		"403, wrapped":         {fmt.Errorf("x: %w", forbidden), 4},
	} {
		if got := exitCode(test.err); got != test.code {
			t.Errorf("%s: %d, want %d", name, got, test.code)
		}
		if test.err == nil {
			continue
		}
		program := authcmd.Program{Words: words()}
		failure := program.Explain(test.err)
		if failure.Exit != test.code {
			t.Errorf("%s: the program ends with %d", name, failure.Exit)
		}
		for line := range strings.Lines(program.Words.Failure(failure)) {
			if !strings.HasPrefix(line, "plexctl: ") {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}
