package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	room "github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/sqlite"
	"github.com/doorward/doorward/visitor"
)

// inside is a whole server in the test's own process, so that its store's statements can be counted. It can be ended and
// opened again: a new authority over the same file.
type inside struct {
	t      *testing.T
	path   string
	master *keys.Master
	clock  standing

	store  *sqlite.Store
	server *room.Server
	end    func()
}

// standing is a clock that moves only when it is told to.
type standing struct{ nanos atomic.Int64 }

// Now tells the time.
func (c *standing) Now() time.Time { return time.Unix(0, c.nanos.Load()) }

// Advance moves the clock.
func (c *standing) Advance(by time.Duration) { c.nanos.Add(int64(by)) }

const insideIssuer = "http://localhost:3667" // nobody listens there: requests go to the handler

func newInside(t *testing.T) *inside {
	t.Helper()
	in := &inside{t: t, path: filepath.Join(t.TempDir(), "doorward.db"), master: keys.NewMaster()}
	in.clock.Advance(time.Duration(time.Now().UnixNano()))
	in.open()
	t.Cleanup(func() { in.end() })
	return in
}

func (in *inside) open() {
	in.t.Helper()
	store, err := sqlite.Open(in.t.Context(), sqlite.Config{Path: in.path, Now: in.clock.Now})
	if err != nil {
		in.t.Fatal(err)
	}
	running, err := room.New(in.t.Context(), room.Config{
		Issuer: insideIssuer, Listen: "127.0.0.1:0", Store: store, Master: in.master, Seed: seed.Dev(insideIssuer), Now: in.clock.Now,
	})
	if err != nil {
		in.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	<-running.Ready()
	in.store, in.server = store, running
	in.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			in.t.Errorf("the server ends with %v", err)
		}
	})
}

func (in *inside) reopen() {
	in.t.Helper()
	in.end()
	in.open()
}

// RoundTrip hands the request to the handler, as if it came from the address in its context.
func (in *inside) RoundTrip(r *http.Request) (*http.Response, error) {
	got := r.Clone(r.Context())
	got.RequestURI, got.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:5000"
	if from, ok := r.Context().Value(fromKey{}).(string); ok {
		got.RemoteAddr = from
	}
	recorder := httptest.NewRecorder()
	in.server.Handler().ServeHTTP(recorder, got)
	return recorder.Result(), nil
}

type fromKey struct{}

// from gives a machine an address of its own.
func from(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, fromKey{}, fmt.Sprintf("10.0.%d.%d:5000", n/250, n%250+1))
}

func (in *inside) wire() *wire {
	return &wire{insideIssuer, "doorward", http.Client{Transport: in}}
}

func (in *inside) john() *visitor.Visitor {
	return &visitor.Visitor{
		Base: insideIssuer, HTTP: &http.Client{Transport: in}, Name: "johndoe", Password: secret.New("MySecretPassword"),
	}
}

// costs runs do and returns how many statements the store ran for it, those of the catch-up aside.
func (in *inside) costs(do func()) uint64 {
	before, _ := in.store.Statements()
	do()
	after, _ := in.store.Statements()
	return after - before
}

// says polls once and checks the word that comes back; "" stands for tokens.
func (in *inside) says(b begun, want string) {
	in.t.Helper()
	got := must(in.wire().poll(in.t.Context(), b))(in.t)
	if got.text("error") != want || want == "" && got.Status != 200 {
		in.t.Errorf("the poll is answered %s, want %q", got.said(), want)
	}
}

// TestPendingPollsCostNothing_SEC074 polls ten thousand times, a hundred terminals at the pace that they were told, and then
// once more from a server that was started anew. What a server reads every now and then is the registration of the client,
// whose cache is 0.8 seconds old at most: once for all that poll in the meantime.
func TestPendingPollsCostNothing_SEC074(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	terminals := together(t, 100, 10, func(int) (begun, error) { return in.wire().begin(t.Context()) })
	other := begun{Code: "of nobody", verifier: oauth.NewVerifier()}
	round := func() (polls uint64) {
		in.clock.Advance(5 * time.Second)
		if n := in.costs(func() { in.says(other, "invalid_grant") }); n > 1 {
			t.Errorf("the first request of a round ran %d statements, want 1 for the client at most", n)
		}
		return in.costs(func() {
			for _, b := range terminals {
				in.says(b, "authorization_pending")
			}
		})
	}
	var ran uint64
	for range 100 {
		ran += round()
	}
	if ran != 0 {
		t.Errorf("10,000 pending polls ran %d statements, want 0", ran)
	}
	if n := in.costs(func() { in.says(terminals[0], "slow_down") }); n != 0 {
		t.Errorf("a poll that came too early ran %d statements, want 0", n)
	}
	in.reopen()
	if n := round(); n != 0 {
		t.Errorf("after the restart, 100 pending polls ran %d statements, want 0", n)
	}
}

// TestThousandWaiting_SEC074: of a thousand terminals that wait nobody asks the database but the one catch-up of the replica.
func TestThousandWaiting_SEC074(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	const n = 1000
	terminals := together(t, n, 50, func(i int) (begun, error) { return in.wire().begin(from(t.Context(), i)) })
	answers := make([]chan answer, n)
	for i, b := range terminals {
		answers[i] = make(chan answer, 1)
		go func() {
			got, err := in.wire().poll(from(context.Background(), i), b, "Prefer", "wait=25")
			if err != nil {
				got.Raw = err.Error()
			}
			answers[i] <- got
		}()
	}
	eventually(t, "a thousand to wait", func() error {
		if waiting := goroutinesIn("(*Waiters).Wait"); waiting < n {
			return fmt.Errorf("%d wait", waiting)
		}
		return nil
	})
	all, caughtUp := in.store.Statements()
	eventually(t, "three catch-ups", func() error {
		if _, now := in.store.Statements(); now < caughtUp+3 {
			return fmt.Errorf("%d so far", now-caughtUp)
		}
		return nil
	})
	if now, _ := in.store.Statements(); now != all {
		t.Errorf("a thousand that wait ran %d statements beside the catch-up, want 0", now-all)
	}
	must(in.john().ApproveDevice(t.Context(), terminals[7].Link))(t)
	if got := <-answers[7]; got.Status != 200 || !strings.HasPrefix(got.Header.Get("Preference-Applied"), "wait") {
		t.Errorf("the one that was approved is answered %s, Preference-Applied %q", got.said(), got.Header.Get("Preference-Applied"))
	}
	in.end()
	for i, one := range answers {
		if i == 7 {
			continue
		}
		if got := <-one; got.text("error") != "authorization_pending" {
			t.Fatalf("at the end of the server, terminal %d is answered %s", i, got.said())
		}
	}
}

// goroutinesIn counts the goroutines that are in a function.
func goroutinesIn(function string) int {
	var text bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1) // a buffer takes all
	total := 0
	for _, group := range regexp.MustCompile(`(?m)^(\d+) @`).FindAllStringSubmatchIndex(text.String(), -1) {
		rest, _, _ := strings.Cut(text.String()[group[0]:], "\n\n")
		if strings.Contains(rest, function) {
			n, _ := strconv.Atoi(text.String()[group[2]:group[3]]) // the pattern lets digits through
			total += n
		}
	}
	return total
}

// TestEachItsOwnWord_SEC074: a server that was started anew says of each login what became of it.
func TestEachItsOwnWord_SEC074(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	w, person := in.wire(), in.john()
	begin := func() begun {
		t.Helper()
		return must(w.begin(t.Context()))(t)
	}
	expired, forgotten := begin(), begin()
	must(person.ApproveDevice(t.Context(), forgotten.Link))(t)
	in.clock.Advance(9 * time.Minute)
	pending, approved, denied, redeemed, used := begin(), begin(), begin(), begin(), begin()
	for _, b := range []begun{approved, redeemed, used} {
		must(person.ApproveDevice(t.Context(), b.Link))(t)
	}
	must(person.DenyDevice(t.Context(), denied.Link))(t)
	first := must(w.poll(t.Context(), redeemed))(t).refresh()
	held := must(w.poll(t.Context(), used))(t).refresh()
	must(w.rotate(t.Context(), held))(t)
	in.clock.Advance(2 * time.Minute)

	for _, start := range []string{"before the restart", "after the restart"} {
		for name, one := range map[string]struct {
			begun
			word string
		}{
			"pending":                   {pending, "authorization_pending"},
			"denied":                    {denied, "access_denied"},
			"redeemed and used":         {used, "invalid_grant"},
			"expired":                   {expired, "expired_token"},
			"approved and then expired": {forgotten, "expired_token"},
		} {
			if got := must(w.poll(t.Context(), one.begun))(t); got.text("error") != one.word {
				t.Errorf("%s, what is %s answers %s, want %s", start, name, got.said(), one.word)
			}
		}
		if got := must(w.poll(t.Context(), redeemed))(t); got.Status != 200 || got.refresh() != first {
			t.Errorf("%s, what is redeemed and unused answers %s, want the same token", start, got.said())
		}
		if start == "before the restart" {
			in.reopen()
			in.clock.Advance(5 * time.Second)
		}
	}
	if got := must(w.poll(t.Context(), approved))(t); got.Status != 200 {
		t.Errorf("after the restart, what is approved answers %s", got.said())
	}
	if got := must(w.rotate(t.Context(), first))(t); got.Status != 200 {
		t.Errorf("after the restart, the token of before answers %s", got.said())
	}
}
