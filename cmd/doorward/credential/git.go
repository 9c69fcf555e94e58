package credential

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/session"
)

// gitFlags are those of one call by git. They stand in git's configuration; the action is what git adds to them.
type gitFlags struct {
	hosts    []string // as typed
	username string   // servers that take a token for a password ask for any name; some ask for a certain one
}

// git is `doorward credential git`. The action is an argument and no command: git's rule is that an unknown one is ignored.
func (c *Commands) git() *cobra.Command {
	var flags gitFlags
	cmd := &cobra.Command{
		Use: "git get|store|erase", Short: "Answer git, as a credential helper",
		Long: "Answer git, as a credential helper. The token is given to the named hosts alone, over https (over http where they are\n" +
			"this machine); for any other host nothing is answered, and git asks the next helper. To set it up:\n\n" +
			"  git config --global credential.https://git.example.helper ''\n" +
			"  git config --global --add credential.https://git.example.helper '!doorward credential git --host git.example'\n\n" +
			"The first line takes other helpers out of the list for this host: they would answer first with what they have kept, and\n" +
			"keep a copy of each token.",
		Args: actions("get, store or erase"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.answerGit(cmd.Context(), flags, args[0]) },
	}
	cmd.Flags().StringArrayVar(&flags.hosts, "host", nil, "host that is given the token, as HOST or HOST:PORT (repeat; required)")
	cmd.Flags().StringVar(&flags.username, "username", "oauth2", "user name that goes with the token; a URL with another one is not answered")
	return cmd
}

// answerGit does one action. What is not about one of the hosts is left alone without opening anything.
func (c *Commands) answerGit(ctx context.Context, flags gitFlags, action string) error {
	allowed, err := checkHosts("--host", flags.hosts)
	if err != nil {
		return err
	}
	block, err := readBlock(c.Program.Terminal.Input())
	if err != nil {
		return refuse("question of git", err)
	}
	asked, err := parseGit(block)
	if err != nil {
		return refuse("question of git", err)
	}
	if !allowed.allow(asked.protocol, asked.host) {
		return nil
	}
	switch action {
	case "get":
		return c.getGit(ctx, flags, asked)
	case "erase":
		return c.eraseGit(ctx, asked)
	}
	return nil // store: the session keeps the token already. Whatever else there will be is ignored (gitcredentials(7))
}

// getGit answers with the token.
func (c *Commands) getGit(ctx context.Context, flags gitFlags, asked gitQuestion) error {
	if asked.username != "" && asked.username != flags.username {
		return nil // somebody else's password is wanted
	}
	got, err := c.token(ctx)
	if err != nil {
		return err
	}
	answer, err := asked.answer(flags.username, got)
	if err != nil {
		return refuse("answer to git", err)
	}
	return c.Program.Terminal.Result(answer)
}

// errSame leaves the store as it is.
var errSame = errors.New("credential: the stored token is another one")

// eraseGit takes note that a server has refused the token that git was given: the stored one counts as expired from now on,
// so that the next get renews it. Another token, renewed meanwhile, stays as it is, and so does one that cannot be renewed:
// it is the whole login, and a server may refuse it for what it asked and not for what it is.
func (c *Commands) eraseGit(ctx context.Context, asked gitQuestion) error {
	refused := asked.token()
	if refused.IsZero() {
		return nil
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	s := c.Program.Session
	// Another process may have renewed the token since: its successor has done nothing wrong.
	is := func(stored cred.Credential) bool {
		return stored.Access.Equal(refused) && s.Refresher != nil && (!stored.Refresh.IsZero() || !stored.APIKey.IsZero())
	}
	stored, err := s.Store.Get(ctx, s.Key)
	if errors.Is(err, cred.ErrNotFound) || err == nil && !is(stored) {
		return nil
	}
	if err != nil {
		return err
	}
	// Looked at once more under the lock. Nothing is asked here: git waits for its helpers, also where there is no network.
	_, err = s.Store.Update(ctx, s.Key, func(old cred.Credential, found bool) (cred.Credential, error) {
		if !found || !is(old) {
			return cred.Credential{}, errSame
		}
		old.Expires = now(s).Add(-time.Second).Round(0)
		return old, nil
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// now is the session's clock.
func now(s *session.Session) time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// gitQuestion is what is read of a credential description (git-credential(1), INPUT/OUTPUT FORMAT).
type gitQuestion struct {
	protocol, host, username string // host with its port, where the URL has one
	// What a server has refused or taken, in erase and store: as a password, or as what follows a scheme.
	password, credential secret.String
	authtype             bool     // git understands answers with a scheme (2.46 and later)
	challenges           []string // of the server: its WWW-Authenticate
}

// parseGit reads a description. Keys that are not known are ignored, as git asks; a key that is given twice is refused, since
// two readers may choose two values.
func parseGit(block string) (gitQuestion, error) {
	var asked gitQuestion
	single := map[string]func(string){
		"protocol":   func(v string) { asked.protocol = v },
		"host":       func(v string) { asked.host = v },
		"username":   func(v string) { asked.username = v },
		"password":   func(v string) { asked.password = secret.New(v) },
		"credential": func(v string) { asked.credential = secret.New(v) },
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(block) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			// host=git.example may be the beginning of host=git.example.attacker.example.
			return gitQuestion{}, errBroken
		}
		if err := checkText(line); err != nil {
			return gitQuestion{}, err
		}
		// Only the first "=" parts them: challenges and tokens are full of it.
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" {
			return gitQuestion{}, errLine
		}
		if strings.HasSuffix(key, "[]") {
			asked.many(key, value)
			continue
		}
		if seen[key] {
			return gitQuestion{}, errTwice
		}
		seen[key] = true
		if take := single[key]; take != nil {
			take(value)
		}
	}
	return asked, nil
}

// many takes a value of a key that may have several; an empty one takes back those before it.
func (q *gitQuestion) many(key, value string) {
	switch key {
	case "capability[]":
		q.authtype = value == "authtype" || q.authtype && value != ""
	case "wwwauth[]":
		q.challenges = append(q.challenges, value)
		if value == "" {
			q.challenges = nil
		}
	}
}

// token is what git presented to the server, in either form.
func (q *gitQuestion) token() secret.String {
	if !q.credential.IsZero() {
		return q.credential
	}
	return q.password
}

// bearer reports whether the token may be answered as a Bearer token (RFC 6750): git must understand it, and the server
// must not have asked for something else alone, as the many do that take a token only in the place of a password.
func (q *gitQuestion) bearer() bool {
	if !q.authtype {
		return false
	}
	for _, challenge := range q.challenges {
		scheme, _, _ := strings.Cut(strings.TrimSpace(challenge), " ")
		if strings.EqualFold(scheme, "Bearer") {
			return true
		}
	}
	return len(q.challenges) == 0
}

// answer is what git reads. Each value is looked at once more: what ends a line would begin an answer of its own.
func (q *gitQuestion) answer(username string, c cred.Credential) (string, error) {
	// With its end known, git asks again in time by itself, and other helpers forget their copy.
	lines := [][2]string{{"username", username}, {"password", c.Access.Reveal()}}
	if !c.Expires.IsZero() {
		lines = append(lines, [2]string{"password_expiry_utc", strconv.FormatInt(c.Expires.Unix(), 10)})
	}
	if q.bearer() {
		// The capability comes first: git ignores what needs it before it is announced. Ephemeral keeps other helpers from
		// storing a copy. The password stands below all the same, for what reads only that.
		lines = append([][2]string{{"capability[]", "authtype"}, {"authtype", "Bearer"}, {"credential", c.Access.Reveal()}, {"ephemeral", "1"}}, lines...)
	}
	var text strings.Builder
	for _, line := range lines {
		if err := checkText(line[1]); err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "%s=%s\n", line[0], line[1])
	}
	return text.String(), nil
}
