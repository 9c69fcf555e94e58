package main

import (
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// repository is a git server that takes tokens of the authority, in the place of a password or as Bearer.
type repository struct {
	issuer func() string
	git    http.Handler // nil: a foreign server, which has nothing and takes down what it is sent

	mu      sync.Mutex
	refused string   // a token that is not taken any more
	last    string   // the token that was taken last
	sent    []string // every Authorization
}

// ServeHTTP serves git to those with a token.
func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	_, token, ok := request.BasicAuth()
	if !ok {
		token = strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	}
	if !r.takes(request, token) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.git.ServeHTTP(w, request)
}

// takes reports whether the authority knows whose token it is.
func (r *repository) takes(request *http.Request, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sent := request.Header.Get("Authorization"); sent != "" {
		r.sent = append(r.sent, sent)
	}
	if r.git == nil || token == "" || token == r.refused {
		return false
	}
	r.last = token
	ask, err := http.NewRequestWithContext(request.Context(), http.MethodGet, r.issuer()+"/userinfo", nil)
	if err != nil {
		return false
	}
	ask.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// repositories are the commands `repository`, which starts a git server with one commit, and another server that is nobody's
// business; `refuse`, after which the first one takes the token that it saw last no more; and `untold`, which fails where the
// other one was sent anything.
func (s *script) repositories(commands map[string]func(*testscript.TestScript, bool, []string)) {
	var own, foreign *repository
	commands["repository"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		git, err := exec.LookPath("git")
		ts.Check(err)
		root := ts.MkAbs("served")
		for _, args := range []string{
			"init -q --bare served/a.git", "init -q work", "-C work -c user.name=Ada -c user.email=ada@example.com commit -q --allow-empty -m first",
			"-C work push -q ../served/a.git HEAD:refs/heads/main", "-C served/a.git symbolic-ref HEAD refs/heads/main",
		} {
			ts.Check(ts.Exec(git, strings.Fields(args)...))
		}
		issuer := func() string { return s.authority.Issuer }
		own = &repository{issuer: issuer, git: &cgi.Handler{
			Path: git, Args: []string{"http-backend"}, Stderr: os.Stderr,
			Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + ts.MkAbs("home"), "PATH=" + filepath.Dir(git)},
		}}
		foreign = &repository{issuer: issuer}
		for name, server := range map[string]*repository{"GIT": own, "FOREIGN": foreign} {
			listening := httptest.NewServer(server)
			s.t.Cleanup(listening.Close)
			ts.Setenv(name, strings.TrimPrefix(listening.URL, "http://"))
		}
		ts.Setenv("GIT_TERMINAL_PROMPT", "0")
		ts.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	}
	commands["refuse"] = func(*testscript.TestScript, bool, []string) {
		own.mu.Lock()
		defer own.mu.Unlock()
		own.refused = own.last
	}
	commands["untold"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		foreign.mu.Lock()
		defer foreign.mu.Unlock()
		if len(foreign.sent) > 0 {
			ts.Fatalf("the foreign server was sent %d credentials", len(foreign.sent))
		}
	}
}

// sts is the command `sts`, which starts one that gives credentials for a token of the authority.
func (s *script) sts(commands map[string]func(*testscript.TestScript, bool, []string)) {
	commands["sts"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		r := &repository{issuer: func() string { return s.authority.Issuer }, git: http.NotFoundHandler()}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			w.Header().Set("Content-Type", "text/xml")
			if request.PostFormValue("RoleArn") != "arn:aws:iam::123456789012:role/deploy" || !r.takes(request, request.PostFormValue("WebIdentityToken")) {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`)
				return
			}
			_, _ = io.WriteString(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA`+
				request.PostFormValue("RoleSessionName")+`</AccessKeyId><SecretAccessKey>key</SecretAccessKey><SessionToken>session</SessionToken>`+
				`<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
		}))
		s.t.Cleanup(server.Close)
		ts.Setenv("STS", server.URL)
	}
}
