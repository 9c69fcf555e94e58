package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// answer is what a server said.
type answer struct {
	Status int
	Header http.Header
	Raw    string
	body   map[string]any
}

// text returns a member of the answer's object, or "".
func (a answer) text(name string) string {
	value, _ := a.body[name].(string)
	return value
}

// refresh is the refresh token of the answer.
func (a answer) refresh() string { return a.text("refresh_token") }

// said is the answer in short, for messages; tokens of a test are no secrets.
func (a answer) said() string {
	if a.Status == http.StatusOK {
		return "200 with tokens"
	}
	return fmt.Sprintf("%d %s", a.Status, strings.TrimSpace(a.Raw))
}

// wire speaks OAuth to a server as any program does, without the toolkit.
type wire struct {
	base   string
	client string
	http   http.Client
}

// newWire has connections of its own, which end with the test.
func newWire(t *testing.T, s *server, client string) *wire {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 200}
	t.Cleanup(transport.CloseIdleConnections)
	return &wire{s.Issue, client, http.Client{Transport: transport}}
}

// post sends a form; header holds pairs of name and value.
func (w *wire) post(ctx context.Context, path string, form url.Values, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return w.do(req)
}

func (w *wire) get(ctx context.Context, path string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return w.do(req)
}

func (w *wire) do(req *http.Request) (answer, error) {
	response, err := w.http.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return readAnswer(response)
}

// errNoAnswer: the server could not be reached, or has gone before it answered.
var errNoAnswer = errors.New("no answer")

func readAnswer(response *http.Response) (answer, error) {
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: response.StatusCode, Header: response.Header, Raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body) // a page has no members
	return a, nil
}

// token asks the token endpoint.
func (w *wire) token(ctx context.Context, grant oauth.GrantType, form url.Values, header ...string) (answer, error) {
	form = cloneForm(form)
	form.Set("grant_type", string(grant))
	form.Set("client_id", w.client)
	return w.post(ctx, "/token", form, header...)
}

// rotate presents a refresh token.
func (w *wire) rotate(ctx context.Context, refresh string) (answer, error) {
	return w.token(ctx, oauth.GrantRefreshToken, url.Values{"refresh_token": {refresh}})
}

// works reports whether the access token is good at the server.
func (w *wire) works(ctx context.Context, access string) error {
	got, err := w.get(ctx, "/userinfo", "Authorization", "Bearer "+access)
	if err == nil && got.Status != http.StatusOK {
		err = fmt.Errorf("userinfo answers %s", got.said())
	}
	return err
}

func cloneForm(form url.Values) url.Values {
	clone := make(url.Values, len(form))
	for name, values := range form {
		clone[name] = values
	}
	return clone
}

// begun is a device login that waits for its person.
type begun struct {
	Code, UserCode, Link string
	verifier             oauth.Verifier
}

func (b begun) form() url.Values {
	return url.Values{"device_code": {b.Code}, "code_verifier": {b.verifier.Reveal()}}
}

// begin begins a device login.
func (w *wire) begin(ctx context.Context) (begun, error) {
	verifier := oauth.NewVerifier()
	got, err := w.post(ctx, "/device_authorization", url.Values{
		"client_id": {w.client}, "machine": {"e2e"}, "code_challenge": {string(verifier.Challenge())}, "code_challenge_method": {"S256"},
	})
	if err == nil && got.Status != http.StatusOK {
		err = fmt.Errorf("device_authorization answers %s", got.said())
	}
	return begun{got.text("device_code"), got.text("user_code"), got.text("verification_uri_complete"), verifier}, err
}

// poll redeems a device login.
func (w *wire) poll(ctx context.Context, b begun, header ...string) (answer, error) {
	return w.token(ctx, oauth.GrantDeviceCode, b.form(), header...)
}

// login is a whole device login with the visitor as its person.
func (w *wire) login(ctx context.Context, person *visitor.Visitor) (answer, error) {
	b, err := w.begin(ctx)
	if err != nil {
		return answer{}, err
	}
	if _, err := person.ApproveDevice(ctx, b.Link); err != nil {
		return answer{}, err
	}
	got, err := w.poll(ctx, b)
	if err == nil && got.Status != http.StatusOK {
		err = fmt.Errorf("the token endpoint answers %s", got.said())
	}
	return got, err
}

// approvedInBrowser has John approve a login in the browser and returns what redeems its code.
func approvedInBrowser(ctx context.Context, s *server, client string) (url.Values, error) {
	const callback = "http://127.0.0.1:9/callback" // nobody has to be there: the visitor stops before it
	verifier := oauth.NewVerifier()
	back, err := john(s).Authorize(ctx, s.Issue+"/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {callback}, "state": {"state-of-the-test"},
		"code_challenge": {string(verifier.Challenge())}, "code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		return nil, err
	}
	arrived, err := url.Parse(back)
	if err != nil {
		return nil, err
	}
	return url.Values{
		"code": {arrived.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier.Reveal()},
	}, nil
}

// must ends the test on an error. It must not be called by other goroutines than the test's.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// john is the seeded person before a browser.
func john(s *server) *visitor.Visitor {
	return &visitor.Visitor{Base: s.Issue, Name: "johndoe", Password: secret.New("MySecretPassword")}
}

// families logs n machines in and returns the answers. A visitor who has signed in approves all of them, one by one: each
// look-up of a code counts as a wrong one until it is over, so that more than five at once are refused.
func families(t *testing.T, s *server, w *wire, n int) []answer {
	t.Helper()
	person := john(s)
	if err := person.SignIn(t.Context(), person.Name, person.Password); err != nil {
		t.Fatal(err)
	}
	return together(t, n, 1, func(int) (answer, error) { return w.login(t.Context(), person) })
}

// together does something n times, at most width at the same moment, and ends the test on the first error. All of a round
// stand ready before any begins.
func together[T any](t *testing.T, n, width int, do func(i int) (T, error)) []T {
	t.Helper()
	results, errs := make([]T, n), make([]error, n)
	var group sync.WaitGroup
	gate, free := make(chan struct{}), make(chan struct{}, width)
	for i := range n {
		group.Go(func() {
			<-gate
			free <- struct{}{}
			defer func() { <-free }()
			results[i], errs[i] = do(i)
		})
	}
	close(gate)
	group.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%d of %d: %v", i, n, err)
		}
	}
	return results
}

// generation is how often a family was rotated: its refresh tokens say so.
func generation(t *testing.T, refresh string) int {
	t.Helper()
	parts := strings.Split(refresh, ".")
	if len(parts) != 3 {
		t.Fatalf("a refresh token has three parts, this one has %d", len(parts))
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// familyOf is the session that a refresh token belongs to.
func familyOf(refresh string) string {
	id, _, _ := strings.Cut(refresh, ".")
	return id
}

// admin runs `doorward admin` at the server's store and reads its answer.
func admin[T any](t *testing.T, s *server, args ...string) T {
	t.Helper()
	got := newHome(t).run(t, "doorward", append([]string{"admin", "--store", "sqlite:" + s.Store, "--output", "json"}, args...)...)
	if got.Code != 0 {
		t.Fatalf("doorward admin %s ends with %d: %s", strings.Join(args, " "), got.Code, got.Stderr)
	}
	var read T
	if err := json.Unmarshal([]byte(got.Stdout), &read); err != nil {
		t.Fatalf("doorward admin %s: %v\n%s", strings.Join(args, " "), err, got.Stdout)
	}
	return read
}

// session is one line of `doorward admin session list`.
type session struct {
	ID       string    `json:"id"`
	ClientID string    `json:"client_id"`
	Machine  string    `json:"machine"`
	LastUsed time.Time `json:"last_used_at"`
}

func sessions(t *testing.T, s *server, person string) []session {
	t.Helper()
	return admin[[]session](t, s, "session", "list", person)
}

// event is one line of `doorward admin audit`.
type event struct {
	Kind    string `json:"kind"`
	Session string `json:"session_id"`
	Detail  string `json:"detail"`
}

func audit(t *testing.T, s *server, kind string) []event {
	t.Helper()
	return admin[[]event](t, s, "audit", "--kind", kind)
}
