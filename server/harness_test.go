package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest/stores"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/server"
)

const formType = "application/x-www-form-urlencoded"

// brittle is a store whose clients cannot be read where fault is set.
type brittle struct {
	server.Store
	fault  atomic.Pointer[func() error]
	failed chan struct{}
}

func (b *brittle) Client(ctx context.Context, id string) (authority.Client, error) {
	if fault := b.fault.Load(); fault != nil {
		return authority.Client{}, (*fault)()
	}
	return b.Store.Client(ctx, id)
}

func (b *brittle) Ready(ctx context.Context) error {
	if b.fault.Load() != nil {
		return authority.ErrUnavailable
	}
	return b.Store.Ready(ctx)
}

func (b *brittle) Failed() <-chan struct{} { return b.failed }

// lines is a log that tests read.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// running is a server that answers, with its store and its log.
type running struct {
	*server.Server
	store  *brittle
	log    *lines
	place  *stores.Place
	master *keys.Master
	url    string
	stop   context.CancelFunc
	done   chan error
}

// start runs a server; change may turn the configuration.
func start(t *testing.T, change func(*server.Config)) *running {
	t.Helper()
	return startAt(t, stores.New(t), keys.NewMaster(), change)
}

func startAt(t *testing.T, place *stores.Place, master *keys.Master, change func(*server.Config)) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{log: &lines{}, place: place, master: master, stop: stop, done: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := place.Open(ctx, time.Now, log)
	must(t, err)
	r.store = &brittle{Store: store, failed: make(chan struct{})}
	config := server.Config{Listen: "127.0.0.1:0", Store: r.store, Master: master, Log: log}
	config.Seed = &server.Seed{Clients: seed.Dev("").Clients} // without two password hashes
	if change != nil {
		change(&config)
	}
	r.Server, err = server.New(ctx, config)
	must(t, err)
	go func() { r.done <- r.Run(ctx) }()
	<-r.Ready()
	r.url = "http://" + r.Addr().String()
	t.Cleanup(func() {
		r.stop()
		<-r.done
	})
	return r
}

// end stops the server and returns what Run returned.
func (r *running) end() error {
	r.stop()
	err := <-r.done
	r.done <- nil // for the cleanup
	return err
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request without following redirects; header is name, value pairs.
func (r *running) do(t *testing.T, method, target, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequest(method, r.url+target, strings.NewReader(body))
	must(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		if request.Header.Add(header[i], header[i+1]); header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

func (r *running) post(t *testing.T, path string, pairs ...string) answer {
	t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return r.do(t, "POST", path, values.Encode(), "Content-Type", formType)
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		t.Fatalf("status %d, body %q is no JSON object: %v", a.status, a.body, err)
	}
	return object
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within fails a test that waits for what never comes.
func within(t *testing.T, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not end", what)
		return nil
	}
}

// refreshTokens begins sessions of John without pages: approved at the authority's own store and redeemed over HTTP.
func refreshTokens(t *testing.T, r *running, count int) []string {
	t.Helper()
	tokens := make([]string, count)
	for i := range tokens {
		begun := r.post(t, "/device_authorization", "client_id", "doorward").json(t)
		code := strings.ReplaceAll(begun["user_code"].(string), "-", "")
		request, err := r.store.DeviceRequestByUserCode(t.Context(), code, time.Now())
		must(t, err)
		_, err = r.store.ChangeDeviceRequest(t.Context(), request.ID, func(d *authority.DeviceRequest) (authority.After, error) {
			d.State, d.Decided = authority.DeviceApproved, time.Now()
			d.Approval = authority.Approval{PersonID: "usr_1234567890", Scope: d.Scope, At: time.Now(), AuthTime: time.Now()}
			return authority.After{}, nil
		})
		must(t, err)
		tokens[i] = begun["device_code"].(string)
	}
	for i, code := range tokens {
		body := url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"doorward"}, "device_code": {code},
		}.Encode()
		got := r.do(t, "POST", "/token", body, "Content-Type", formType, "Prefer", "wait=10") // until the news has come
		token, ok := got.json(t)["refresh_token"].(string)
		if !ok {
			t.Fatalf("session %d: %d %s", i, got.status, got.body)
		}
		tokens[i] = token
	}
	return tokens
}
