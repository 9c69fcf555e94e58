package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/store/sqlite"
)

// bench is a server whose handler is called without a network: what is measured is ours alone.
type bench struct {
	*server.Server
	store *sqlite.Store
}

func startBench(b *testing.B) *bench {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "store.db"), Log: log})
	if err != nil {
		b.Fatal(err)
	}
	s, err := server.New(b.Context(), server.Config{
		Listen: "127.0.0.1:0", Store: store, Master: keys.NewMaster(), Log: log, Seed: seed.Dev("http://localhost"), PendingPerAddress: 1 << 30,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	<-s.Ready()
	b.Cleanup(func() {
		stop()
		<-ran
	})
	b.ReportAllocs()
	return &bench{s, store}
}

// written is a ResponseWriter that keeps what it gets.
type written struct {
	header http.Header
	status int
	body   []byte
}

func (w *written) Header() http.Header { return w.header }

func (w *written) WriteHeader(status int) { w.status = status }

func (w *written) Write(body []byte) (int, error) {
	w.body = append(w.body, body...)
	return len(body), nil
}

// call asks the handler and fails the benchmark where the answer has another status.
func (s *bench) call(b *testing.B, want int, method, path string, form url.Values, header ...string) []byte {
	b.Helper()
	body := form.Encode()
	request := &http.Request{
		Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), RemoteAddr: "192.0.2.7:4711", Host: "localhost", ProtoMajor: 1, ProtoMinor: 1,
	}
	if method == http.MethodPost {
		request.Header["Content-Type"] = []string{formType}
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header[header[i]] = []string{header[i+1]}
	}
	w := &written{header: http.Header{}, status: http.StatusOK}
	s.Handler().ServeHTTP(w, request)
	if w.status != want {
		b.Fatalf("%s answered %d %s, want %d", path, w.status, w.body, want)
	}
	return w.body
}

func (s *bench) begin(b *testing.B) map[string]any {
	b.Helper()
	return object(b, s.call(b, http.StatusOK, "POST", "/device_authorization", url.Values{"client_id": {"doorward"}}))
}

// login makes a session of John's, approved at the store.
func (s *bench) login(b *testing.B) map[string]any {
	b.Helper()
	begun := s.begin(b)
	request, err := s.store.DeviceRequestByUserCode(b.Context(), strings.ReplaceAll(begun["user_code"].(string), "-", ""), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	_, err = s.store.ChangeDeviceRequest(b.Context(), request.ID, func(d *authority.DeviceRequest) (authority.After, error) {
		d.State, d.Decided = authority.DeviceApproved, time.Now()
		d.Approval = authority.Approval{PersonID: "usr_1234567890", Scope: d.Scope, At: time.Now(), AuthTime: time.Now()}
		return authority.After{}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return object(b, s.call(b, http.StatusOK, "POST", "/token", url.Values{ // held until the news has come
		"grant_type": {string(oauth.GrantDeviceCode)}, "client_id": {"doorward"}, "device_code": {begun["device_code"].(string)},
	}, "Prefer", "wait=10"))
}

func object(b *testing.B, body []byte) (o map[string]any) {
	b.Helper()
	if err := json.Unmarshal(body, &o); err != nil {
		b.Fatal(err)
	}
	return o
}

// BenchmarkRefresh rotates one session again and again: the caller waits for the disk each time.
func BenchmarkRefresh(b *testing.B) {
	s := startBench(b)
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"doorward"}}
	form.Set("refresh_token", s.login(b)["refresh_token"].(string))
	for b.Loop() {
		next := object(b, s.call(b, http.StatusOK, "POST", "/token", form))
		form.Set("refresh_token", next["refresh_token"].(string))
	}
}

// BenchmarkDeviceAuthorization begins logins, by 64 at once.
func BenchmarkDeviceAuthorization(b *testing.B) {
	s := startBench(b)
	b.SetParallelism(32) // times two processors
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.begin(b)
		}
	})
}

// BenchmarkPendingPoll polls each of a number of pending logins in turn.
func BenchmarkPendingPoll(b *testing.B) {
	s := startBench(b)
	forms := make([]url.Values, 1000)
	for i := range forms {
		forms[i] = url.Values{
			"grant_type": {string(oauth.GrantDeviceCode)}, "client_id": {"doorward"}, "device_code": {s.begin(b)["device_code"].(string)},
		}
	}
	var turn atomic.Int64
	for b.Loop() {
		s.call(b, http.StatusBadRequest, "POST", "/token", forms[int(turn.Add(1))%len(forms)])
	}
}

// BenchmarkIntrospect checks one access token.
func BenchmarkIntrospect(b *testing.B) {
	s := startBench(b)
	token := object(b, s.call(b, http.StatusOK, "POST", "/token", service("grant_type", "client_credentials")))["access_token"].(string)
	form := service("token", token)
	for b.Loop() {
		s.call(b, http.StatusOK, "POST", "/introspect", form)
	}
}

func service(name, value string) url.Values {
	return url.Values{"client_id": {"dev-service"}, "client_secret": {seed.ServiceSecret}, name: {value}}
}

// BenchmarkUserinfo asks whose one access token is.
func BenchmarkUserinfo(b *testing.B) {
	s := startBench(b)
	token := s.login(b)["access_token"].(string)
	for b.Loop() {
		s.call(b, http.StatusOK, "GET", "/userinfo", nil, "Authorization", "Bearer "+token)
	}
}

// BenchmarkClientCredentials makes tokens for a service.
func BenchmarkClientCredentials(b *testing.B) {
	s := startBench(b)
	form := service("grant_type", "client_credentials")
	for b.Loop() {
		s.call(b, http.StatusOK, "POST", "/token", form)
	}
}
