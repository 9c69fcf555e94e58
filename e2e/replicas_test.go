package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/store/postgres/pgtest"
)

// cluster is several servers on one PostgreSQL, behind a front that has the name by which all of them are known.
type cluster struct {
	database *pgtest.Server
	replicas []*server
	// route chooses the replica that a request goes to.
	route atomic.Pointer[func(*http.Request) int]
}

// newCluster starts n replicas, one after the other.
func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	c := &cluster{database: &pgtest.Server{}}
	t.Cleanup(func() {
		if err := c.database.Stop(); err != nil {
			t.Error(err)
		}
	})
	store := c.database.Database(t)
	key := filepath.Join(t.TempDir(), "master.key")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &http.Server{Handler: c.front(), ReadHeaderTimeout: time.Minute}
	go func() { _ = front.Serve(listener) }()
	t.Cleanup(func() { _ = front.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for i := range n {
		s := newServer(t, "--store", store, "--master-key", key)
		s.Issue = "http://localhost:" + port
		c.replicas = append(c.replicas, s)
		c.to(i)
		s.Start()
	}
	return c
}

// front hands a request to the replica that route chooses. Where that is gone, the client gets no answer.
func (c *cluster) front() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: c.replicas[(*c.route.Load())(r.In)].Addr})
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// to sends every request to one replica.
func (c *cluster) to(replica int) { c.by(func(*http.Request) int { return replica }) }

// by sends each request to the replica that route says.
func (c *cluster) by(route func(*http.Request) int) { c.route.Store(&route) }

// TestReplicas_DeviceLogin: a login begun and waited for at one replica, approved at another, is there within the wait; its
// tokens are good at both, and what ends at one ends at the other.
func TestReplicas_DeviceLogin(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	s := c.replicas[0]
	w := newWire(t, s, "doorward")
	c.by(func(r *http.Request) int { // the terminal's requests to the one, the browser's to the other
		if r.URL.Path == "/token" || r.URL.Path == "/device_authorization" {
			return 0
		}
		return 1
	})
	b := must(w.begin(t.Context()))(t)
	answers := make(chan answer, 1)
	go func() {
		defer close(answers)
		got, err := w.poll(t.Context(), b, "Prefer", "wait=25")
		if err != nil {
			t.Error(err)
			return
		}
		answers <- got
	}()
	must(john(s).ApproveDevice(t.Context(), b.Link))(t)
	got := <-answers
	if got.Status != http.StatusOK {
		t.Fatalf("the terminal hears %s", got.said())
	}
	for replica := range 2 {
		c.to(replica)
		if err := w.works(t.Context(), got.text("access_token")); err != nil {
			t.Errorf("at replica %d: %v", replica, err)
		}
	}
	c.to(1)
	second := must(w.rotate(t.Context(), got.refresh()))(t)
	c.to(0)
	again := must(w.rotate(t.Context(), got.refresh()))(t)
	if second.Status != http.StatusOK || again.refresh() != second.refresh() {
		t.Errorf("one token presented at both yields %s and %s", second.said(), again.said())
	}
	if got := must(w.post(t.Context(), "/revoke", url.Values{"client_id": {"doorward"}, "token": {second.refresh()}}))(t); got.Status != http.StatusOK {
		t.Errorf("revocation answers %s", got.said())
	}
	c.to(1)
	eventually(t, "the revocation at the other replica", func() error {
		if err := w.works(t.Context(), again.text("access_token")); err == nil {
			return errors.New("the access token still works")
		}
		return nil
	})
	if got := must(w.rotate(t.Context(), second.refresh()))(t); got.text("error") != "invalid_grant" {
		t.Errorf("the revoked session is refreshed: %s", got.said())
	}
}

// chain is a session that is refreshed again and again. A client that gets no answer, or is told to come again, repeats itself.
func chain(t *testing.T, w *wire, refresh string, times int, tired func() bool) string {
	for range times {
		if tired() {
			return refresh
		}
		eventually(t, "an answer", func() error {
			got, err := w.rotate(t.Context(), refresh)
			switch {
			case err != nil:
				return err
			case got.Status == http.StatusOK:
				refresh = got.refresh()
				return nil
			case got.text("error") == "invalid_grant":
				t.Errorf("a session was lost: %s", got.said())
				return nil
			}
			return errors.New(got.said())
		})
	}
	return refresh
}

// TestReplicas_Killed_SEC280_SEC293: replicas are killed one after the other and come back, while clients refresh over whichever the
// front names; requests are repeated at other replicas. No session is lost.
func TestReplicas_Killed_SEC280_SEC293(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	s := c.replicas[0]
	w := newWire(t, s, "doorward")
	begun := families(t, s, w, 4)
	var turn atomic.Int64
	c.by(func(*http.Request) int { return int(turn.Add(1) % 3) })
	var working sync.WaitGroup
	done := make(chan struct{})
	ends := make([]string, len(begun))
	for i, first := range begun {
		working.Go(func() {
			ends[i] = chain(t, w, first.refresh(), 1_000_000, func() bool {
				select {
				case <-done:
					return true
				default:
					return false
				}
			})
		})
	}
	for round := range 6 {
		victim := c.replicas[round%3]
		victim.Kill()
		victim.Start() // readyz goes round: it is ready when the front says so, and refreshes meanwhile go to all
	}
	close(done)
	working.Wait()
	for i := range ends {
		if last := chain(t, w, ends[i], 3, func() bool { return false }); last == begun[i].refresh() {
			t.Error("a session was never refreshed")
		}
	}
}

// TestReplicas_DatabaseGone_SEC118_SEC284: without its database a replica is not ready and answers 503 with Retry-After, never that
// a session is over; it recovers by itself, and the session goes on.
func TestReplicas_DatabaseGone_SEC118_SEC284(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	s := c.replicas[0]
	w := newWire(t, s, "doorward")
	c.to(0)
	first := families(t, s, w, 1)[0]
	for round := range 2 {
		c.database.Crash(t)
		for replica := range 2 {
			c.to(replica)
			for what, ask := range map[string]func() (answer, error){
				"a refresh": func() (answer, error) { return w.rotate(t.Context(), first.refresh()) },
				"a device login": func() (answer, error) {
					return w.post(t.Context(), "/device_authorization", url.Values{"client_id": {"doorward"}})
				},
			} {
				got := must(ask())(t)
				if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
					t.Errorf("round %d, replica %d: %s without a database: %s, Retry-After %q", round, replica, what, got.said(), got.Header.Get("Retry-After"))
				}
			}
			eventually(t, "the replica not to be ready", func() error {
				if got, err := w.get(t.Context(), "/readyz"); err != nil || got.Status != http.StatusServiceUnavailable {
					return fmt.Errorf("it answers %s (%v)", got.said(), err)
				}
				return nil
			})
			// A replica that does not hear of revocations does not say that a token is good.
			eventually(t, "token checks to be refused", func() error {
				if got, err := w.get(t.Context(), "/userinfo", "Authorization", "Bearer "+first.text("access_token")); err != nil || got.Status != http.StatusServiceUnavailable {
					return fmt.Errorf("userinfo answers %s (%v)", got.said(), err)
				}
				return nil
			})
		}
		c.database.Revive(t)
		for replica := range 2 {
			c.to(replica)
			eventually(t, "the replica to recover", func() error { return w.works(t.Context(), first.text("access_token")) })
			second := must(w.rotate(t.Context(), first.refresh()))(t)
			if second.Status != http.StatusOK {
				t.Fatalf("the session does not go on: %s", second.said())
			}
			first = second
		}
	}
}

// TestReplicas_OneToken_SEC115: a hundred at once present one refresh token to three replicas on one database. All get the
// same successor, nobody a 5xx, and the session lives.
func TestReplicas_OneToken_SEC115(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	s := c.replicas[0]
	w := newWire(t, s, "doorward")
	refresh := families(t, s, w, 1)[0].refresh()
	var turn atomic.Int64
	c.by(func(*http.Request) int { return int(turn.Add(1)) % 3 })
	answers := together(t, 100, 100, func(int) (answer, error) { return w.rotate(t.Context(), refresh) })
	for i, got := range answers {
		if got.Status != http.StatusOK || got.refresh() != answers[0].refresh() {
			t.Fatalf("answer %d: %s, want the successor of the others", i, got.said())
		}
	}
	if got := must(w.rotate(t.Context(), answers[0].refresh()))(t); got.Status != http.StatusOK || generation(t, got.refresh()) != 2 {
		t.Errorf("the successor is answered %s", got.said())
	}
}
