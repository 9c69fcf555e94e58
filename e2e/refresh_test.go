package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowly lets requests pass after 300 ms, as a server far away does.
func slowly(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	select {
	case <-time.After(300 * time.Millisecond):
		forward.ServeHTTP(w, r)
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// answered is how many requests to a route the server itself has counted.
func answered(t *testing.T, address, route string) int {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	got := must(readAnswer(response))(t)
	total := 0
	lines := regexp.MustCompile(`(?m)^doorward_http_requests_total\{route="([^"]+)",.*\} (\d+)$`)
	for _, line := range lines.FindAllStringSubmatch(got.Raw, -1) {
		if line[1] == route {
			n, _ := strconv.Atoi(line[2]) // the pattern lets digits through
			total += n
		}
	}
	return total
}

func TestFiftyProcessesAtExpiry_SEC311(t *testing.T) {
	t.Parallel()
	metrics := freeAddress(t)
	s, p := through(t, "/token", "--metrics", metrics)
	m := newMachine(t, s)
	m.login()
	before := m.stored()
	counted := answered(t, metrics, "/token")
	m.expire()
	p.between(slowly)

	ended := together(t, 50, 50, func(int) (result, error) {
		return m.finish("doorward", "auth", "token")
	})

	wire, tokens := newWire(t, s, "doorward"), make(map[string]bool)
	for i, got := range ended {
		if got.Code != 0 {
			t.Fatalf("process %d ends with %d: %s", i, got.Code, got.Stderr)
		}
		tokens[strings.TrimSpace(got.Stdout)] = true
	}
	for access := range tokens {
		if access == before.Access.Reveal() {
			t.Error("a process printed the token that had ended")
		}
		if err := wire.works(t.Context(), access); err != nil {
			t.Errorf("a printed token does not work: %v", err)
		}
	}
	if n := answered(t, metrics, "/token") - counted; n != 1 {
		t.Errorf("the server counted %d requests at the token endpoint, want 1 refresh", n)
	}
	after := m.stored().Refresh.Reveal()
	if n := generation(t, after) - generation(t, before.Refresh.Reveal()); n != 1 {
		t.Errorf("the session was rotated %d times, want once", n)
	}
}

func TestFiftyPipeopsProcessesAtExpiry_PIP07_SEC311(t *testing.T) {
	t.Parallel()
	metrics := freeAddress(t)
	s, p := through(t, "/token", "--metrics", metrics)
	h := newHome(t, "PIPEOPS_API_URL="+s.Issue, "PIPEOPS_DASHBOARD_URL="+s.Issue)
	running := h.start(t, "pipeops", "auth", "login", "--no-browser")
	if _, err := john(s).ApproveDevice(t.Context(), running.link("/cli-auth?code=")); err != nil {
		t.Fatal(err)
	}
	if got := running.wait(); got.Code != 0 {
		t.Fatalf("the login ends with %d: %s", got.Code, got.Stderr)
	}
	var before string
	edit(t, filepath.Join(h.Dir, ".pipeops.json"), func(file map[string]any) {
		before, _ = file["refresh_token"].(string)
		file["expires_at"] = time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	})
	counted := answered(t, metrics, "/token")
	p.between(slowly)

	for i, got := range together(t, 50, 50, func(int) (result, error) { return h.finish("pipeops", "auth", "me", "--json") }) {
		if got.Code != 0 || !strings.Contains(got.Stdout, "user@example.com") {
			t.Fatalf("process %d ends with %d: %s%s", i, got.Code, got.Stdout, got.Stderr)
		}
	}

	if n := answered(t, metrics, "/token") - counted; n != 1 {
		t.Errorf("the server counted %d requests at the token endpoint, want 1 refresh", n)
	}
	edit(t, filepath.Join(h.Dir, ".pipeops.json"), func(file map[string]any) {
		after, _ := file["refresh_token"].(string)
		if n := generation(t, after) - generation(t, before); n != 1 {
			t.Errorf("the session was rotated %d times, want once", n)
		}
	})
}

// TestHolderKilled_SEC312_SEC110 kills the process that refreshes while everybody else waits for its lock: once before the
// server has heard of it, and once when the server has rotated and the answer is lost with the process.
func TestHolderKilled_SEC312_SEC110(t *testing.T) {
	t.Parallel()
	for name, rotate := range map[string]bool{"before the server heard": false, "after the server rotated": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := through(t, "/token")
			m := newMachine(t, s)
			m.login()
			before := m.stored().Refresh.Reveal()
			m.expire()
			hanging := make(chan struct{})
			p.between(func(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
				p.between(nil)
				if rotate {
					forward.ServeHTTP(httptest.NewRecorder(), r)
				}
				close(hanging)
				<-r.Context().Done()
			})
			holder := m.start(t, "doorward", "auth", "token")
			<-hanging
			waiting := make([]*started, 10)
			for i := range waiting {
				waiting[i] = m.start(t, "doorward", "auth", "token")
			}
			if err := holder.Cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = holder.wait()
			for i, other := range waiting {
				if got := other.wait(); got.Code != 0 {
					t.Errorf("process %d ends with %d: %s", i, got.Code, got.Stderr)
				}
			}
			m.token()
			after := m.stored().Refresh.Reveal()
			if n := generation(t, after) - generation(t, before); n != 1 || familyOf(after) != familyOf(before) {
				t.Errorf("rotated %d times from %s to %s, want once in one session", n, familyOf(before), familyOf(after))
			}
			if living := sessions(t, s, "johndoe"); !holds(living, familyOf(after)) || len(living) != 2 {
				t.Errorf("the sessions are %+v, want the seeded token's and %s", living, familyOf(after))
			}
			if n := len(audit(t, s, "refresh_token.replayed")); n != 0 {
				t.Errorf("%d replays were recorded, want none", n)
			}
		})
	}
}

func holds(living []session, id string) bool {
	for _, one := range living {
		if one.ID == id {
			return true
		}
	}
	return false
}

// TestAnswerLostWithTheServer_SEC110_SEC116_SEC109: what was promised before a power cut holds after it.
func TestAnswerLostWithTheServer_SEC110_SEC116_SEC109(t *testing.T) {
	t.Parallel()
	s := serve(t)
	w := newWire(t, s, "doorward")
	first := families(t, s, w, 1)[0].refresh()

	second := must(w.rotate(t.Context(), first))(t)
	s.Kill()
	s.Start()
	again := must(w.rotate(t.Context(), first))(t)
	if second.Status != 200 || again.Status != 200 || again.refresh() != second.refresh() {
		t.Fatalf("the same token answers %s, and after the restart %s; want the same successor", second.said(), again.said())
	}
	third := must(w.rotate(t.Context(), second.refresh()))(t)
	if third.Status != 200 {
		t.Fatalf("the successor answers %s", third.said())
	}
	s.Kill()
	s.Start()
	replayed := must(w.rotate(t.Context(), first))(t)
	if replayed.Status != 400 || replayed.text("error") != "invalid_grant" {
		t.Errorf("the replay answers %s", replayed.said())
	}
	for name, dead := range map[string]string{"the newest": third.refresh(), "the first again": first} {
		if got := must(w.rotate(t.Context(), dead))(t); got.text("error") != "invalid_grant" {
			t.Errorf("after the replay, %s answers %s", name, got.said())
		}
	}
	if err := w.works(t.Context(), third.text("access_token")); err == nil {
		t.Error("the access token outlives its session")
	}
	if events := audit(t, s, "refresh_token.replayed"); len(events) != 1 || events[0].Session != familyOf(first) {
		t.Errorf("the audit has %+v, want exactly one replay of %s", events, familyOf(first))
	}
	s.Kill()
	s.Start()
	if got := must(w.rotate(t.Context(), third.refresh()))(t); got.text("error") != "invalid_grant" {
		t.Errorf("the session came back with a restart: %s", got.said())
	}
}

// TestHundredAtOnce_SEC038_SEC075_SEC114: what a hundred present at once becomes one family that lives.
func TestHundredAtOnce_SEC038_SEC075_SEC114(t *testing.T) {
	t.Parallel()
	s := serve(t)
	w := newWire(t, s, "doorward")
	for name, prepare := range map[string]func(*testing.T) func() (answer, error){
		"SEC-075 device code":   func(t *testing.T) func() (answer, error) { return approvedDevice(t, s, w) },
		"SEC-038 code":          func(t *testing.T) func() (answer, error) { return approvedCode(t, s, w) },
		"SEC-114 refresh token": func(t *testing.T) func() (answer, error) { return heldToken(t, s, w) },
	} {
		t.Run(name, func(t *testing.T) {
			present := prepare(t)
			known := make(map[string]bool)
			for _, one := range sessions(t, s, "johndoe") {
				known[one.ID] = true
			}
			var refresh string
			for i, got := range together(t, 100, 100, func(int) (answer, error) { return present() }) {
				switch {
				case got.Status != 200:
					t.Fatalf("number %d of 100 answers %s", i, got.said())
				case refresh == "":
					refresh = got.refresh()
				case got.refresh() != refresh:
					t.Fatalf("two of 100 have different refresh tokens: %s and %s", familyOf(refresh), familyOf(got.refresh()))
				}
			}
			for _, one := range sessions(t, s, "johndoe") {
				if !known[one.ID] && one.ID != familyOf(refresh) {
					t.Errorf("the session %s was made beside %s", one.ID, familyOf(refresh))
				}
			}
			next := must(w.rotate(t.Context(), refresh))(t)
			if next.Status != 200 {
				t.Fatalf("the one refresh token answers %s", next.said())
			}
			if err := w.works(t.Context(), next.text("access_token")); err != nil {
				t.Error(err)
			}
		})
	}
	if n := len(audit(t, s, "refresh_token.replayed")) + len(audit(t, s, "code.replayed")); n != 0 {
		t.Errorf("%d replays were recorded, want none", n)
	}
}

func approvedDevice(t *testing.T, s *server, w *wire) func() (answer, error) {
	t.Helper()
	b := must(w.begin(t.Context()))(t)
	must(john(s).ApproveDevice(t.Context(), b.Link))(t)
	return func() (answer, error) { return w.poll(t.Context(), b) }
}

func approvedCode(t *testing.T, s *server, w *wire) func() (answer, error) {
	t.Helper()
	form := must(approvedInBrowser(t.Context(), s, w.client))(t)
	return func() (answer, error) { return w.token(t.Context(), "authorization_code", form) }
}

func heldToken(t *testing.T, s *server, w *wire) func() (answer, error) {
	t.Helper()
	held := must(w.login(t.Context(), john(s)))(t).refresh()
	return func() (answer, error) { return w.rotate(t.Context(), held) }
}

// finish is run for other goroutines than the test's.
func (h home) finish(name string, args ...string) (result, error) {
	var stdout, stderr strings.Builder
	cmd := h.command(context.Background(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		return result{}, fmt.Errorf("%s did not run: %w", name, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, nil
}
