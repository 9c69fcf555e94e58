package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority/usercode"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// elsewhere claims another address with every request.
type elsewhere struct {
	base http.RoundTripper
	n    int
}

// RoundTrip adds what proxies add.
func (e *elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	e.n++
	r = r.Clone(r.Context())
	claimed := fmt.Sprintf("203.0.113.%d", e.n)
	r.Header.Set("X-Forwarded-For", claimed)
	r.Header.Set("Forwarded", "for="+claimed)
	r.Header.Set("X-Real-IP", claimed)
	r.Header["X_Forwarded_For"] = []string{claimed}
	return e.base.RoundTrip(r)
}

// TestGuessingCodes_SEC098_SEC100_SEC108: the sixth wrong code of a person is not looked at, whatever address is claimed and
// whether the server was killed in between; the right one is then refused to them too, and still there for its own person.
func TestGuessingCodes_SEC098_SEC100_SEC108(t *testing.T) {
	t.Parallel()
	s := serve(t)
	// Wrong codes are counted in windows of the clock, and the clock of a server that is killed starts anew with it: so the test
	// has to lie inside of one window. Three times in a hundred it waits for the next.
	for usercode.WindowOf(time.Now()) != usercode.WindowOf(time.Now().Add(20*time.Second)) {
		<-time.After(time.Second)
	}
	w := newWire(t, s, "doorward")
	waiting := must(w.begin(t.Context()))(t)
	ada := &visitor.Visitor{
		Base: s.Issue, HTTP: &http.Client{Transport: &elsewhere{base: w.http.Transport}},
		Name: "ada", Password: secret.New("lovelace-1815-engine"), OneTime: adasCode,
	}
	if err := ada.SignIn(t.Context(), ada.Name, ada.Password); err != nil {
		t.Fatal(err)
	}
	for i, guess := range []string{"BCDF-GHJK", "BCDF-GHJL", "BCDF-GHJM", "BCDF-GHJN", "BCDF-GHJP"} {
		if status := guessed(t, ada, guess); status != http.StatusNotFound {
			t.Fatalf("guess %d answers %d, want 404", i+1, status)
		}
		if i == 2 {
			s.Kill()
			s.Start() // what was counted is in the store
		}
	}
	for _, code := range []string{"BCDF-GHJQ", waiting.UserCode} {
		if status := guessed(t, ada, code); status != http.StatusTooManyRequests {
			t.Errorf("after five wrong codes, %s answers %d, want 429", code, status)
		}
	}
	must(john(s).ApproveCode(t.Context(), waiting.UserCode))(t)
	if got := must(w.poll(t.Context(), waiting))(t); got.Status != 200 {
		t.Errorf("the login that was guessed at answers %s", got.said())
	}
	if n := len(audit(t, s, "user_code.wrong")); n != 5 {
		t.Errorf("the audit has %d wrong codes, want the 5 that were looked at", n)
	}
}

// guessed is how the code page answers.
func guessed(t *testing.T, person *visitor.Visitor, code string) int {
	t.Helper()
	var refused *visitor.PageError
	if _, err := person.ApproveCode(t.Context(), code); !errors.As(err, &refused) {
		t.Fatalf("the guess %s was not refused: %v", code, err)
	}
	return refused.Status
}

// TestGuessingPasswords_SEC152: of two hundred wrong passwords at once, for one person under both of her names, five are
// looked at. Then the right one is refused as well, on every way that takes one.
func TestGuessingPasswords_SEC152(t *testing.T) {
	t.Parallel()
	s := serve(t)
	w := newWire(t, s, "doorward")
	names := []string{"ada", "ADA@example.com", "Ada"}
	statuses := make(map[int]int)
	for _, page := range together(t, 200, 50, func(i int) (*visitor.Page, error) {
		return signInPage(t, s, w.http.Transport, names[i%len(names)], fmt.Sprintf("wrong-password-%d", i))
	}) {
		statuses[page.Status]++
	}
	if statuses[http.StatusUnauthorized] > 5 {
		t.Errorf("the pages answer %v: more than 5 wrong passwords were looked at", statuses)
	}
	if statuses[http.StatusUnauthorized]+statuses[http.StatusTooManyRequests]+statuses[http.StatusServiceUnavailable] != 200 {
		t.Errorf("the pages answer %v, want 401, 429 and 503 alone", statuses)
	}
	for range 6 - min(5, statuses[http.StatusUnauthorized]) { // where a flood was kept out before the count
		_, _ = signInPage(t, s, w.http.Transport, "ada", "wrong once more")
	}
	page, err := signInPage(t, s, w.http.Transport, "ada", "lovelace-1815-engine")
	if err != nil || page.Status != http.StatusTooManyRequests || !strings.Contains(page.Text(), "too many wrong attempts") {
		t.Errorf("the right password answers %d (%v), want 429 and the reason", page.Status, err)
	}
	if err := john(s).SignIn(t.Context(), "johndoe", secret.New("MySecretPassword")); err != nil {
		t.Errorf("another person is kept out too: %v", err)
	}
}

// signInPage is the page after a sign-in that is to be refused, in a browser of its own.
func signInPage(t *testing.T, s *server, transport http.RoundTripper, name, password string) (*visitor.Page, error) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &visitor.Visitor{Base: s.Issue, HTTP: &http.Client{Transport: transport, Jar: jar}}
	page, err := browser.Open(t.Context(), visitor.PathApplications)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(page.Fill(visitor.FieldName, name), page.Fill(visitor.FieldPassword, password)); err != nil {
		return nil, err
	}
	page, err = page.Press(t.Context(), visitor.ButtonSignIn)
	if errors.Is(err, visitor.ErrRefused) {
		err = nil
	}
	return page, err
}
