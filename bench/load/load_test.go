package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/bench/load"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const serviceSecret = "a-secret-of-the-test"

// open is a whole authority with a person who has signed in and a service.
func open(t *testing.T) *load.Bench {
	t.Helper()
	a := authtest.With(t, authtest.Options{Clients: []authority.Client{authtest.Client(), {
		ID: "service", Name: "Service", SecretHash: authority.HashClientSecret(secret.New(serviceSecret)), Introspects: true,
		Grants: []oauth.GrantType{oauth.GrantClientCredentials}, Scope: oauth.Scope{"read"}, Default: oauth.Scope{"read"},
	}}})
	server := &load.Server{Issuer: a.Issuer, ClientID: a.ClientID, ServiceID: "service", ServiceSecret: secret.New(serviceSecret)}
	if err := server.Open(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	browser, err := server.SignIn(t.Context(), a.Person.Username, secret.New(a.Person.Password))
	if err != nil {
		t.Fatal(err)
	}
	return &load.Bench{Server: server, Browsers: []*load.Browser{browser}, Pending: 6}
}

// TestWorkloads runs every workload against the real thing: what it counts is what it says.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, name := range load.Names() {
		t.Run(name, func(t *testing.T) {
			step, err := b.Prepare(t.Context(), name, 2)
			if err != nil {
				t.Fatal(err)
			}
			got, err := load.Times(t.Context(), 2, 12, step)
			if err != nil || got.Done != 12 || len(got.Took) != 12 {
				t.Errorf("%d of 12 steps were done: %v", got.Done, err)
			}
		})
	}
}

func TestApproveToToken(t *testing.T) {
	t.Parallel()
	got, err := open(t).ApproveToToken(t.Context(), 2)
	if err != nil || got.Done != 2 {
		t.Fatalf("%d of 2 logins were approved: %v", got.Done, err)
	}
	if got.Mean() <= 0 {
		t.Errorf("a token came %v after the approval", got.Mean())
	}
}

func TestAtOnce(t *testing.T) {
	t.Parallel()
	got, err := open(t).AtOnce(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	if want := (load.Crowd{Answered: 20, Successors: 1, Alive: true, Caught: true}); got != want {
		t.Errorf("20 at once: %+v, want %+v", got, want)
	}
}

// TestGivenTokens measures a server whose pages cannot be walked.
func TestGivenTokens(t *testing.T) {
	t.Parallel()
	b := open(t)
	if _, err := (&load.Bench{Server: b.Server}).Prepare(t.Context(), "userinfo", 1); !errors.Is(err, load.ErrNeeds) {
		t.Errorf("without a login: %v, want ErrNeeds", err)
	}
	first, err := b.Browsers[0].Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Browsers, b.Refresh = nil, []secret.String{first.Refresh}
	if _, err := b.Prepare(t.Context(), "refresh", 2); !errors.Is(err, load.ErrNeeds) {
		t.Errorf("one token for two connections: %v, want ErrNeeds", err)
	}
	step, err := b.Prepare(t.Context(), "refresh", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := load.Times(t.Context(), 1, 3, step); err != nil || got.Done != 3 {
		t.Errorf("%d of 3 refreshes were done: %v", got.Done, err)
	}
}

// lying is a server that answers everything with 200 (or status) and body.
func lying(t *testing.T, status int, body string) *load.Bench {
	t.Helper()
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(oauth.Metadata{
			Issuer: site.URL, TokenEndpoint: site.URL + "/token", DeviceAuthorizationEndpoint: site.URL + "/device",
			IntrospectionEndpoint: site.URL + "/lie", UserinfoEndpoint: site.URL + "/lie",
		})
	})
	var begun atomic.Bool
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		// The first refresh is the login that the workload begins with.
		if r.FormValue("grant_type") == "refresh_token" && begun.CompareAndSwap(false, true) {
			_, _ = w.Write([]byte(`{"access_token":"a","token_type":"Bearer","refresh_token":"r"}`))
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	mux.HandleFunc("/device", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"device_code":"d","user_code":"u","verification_uri":"v"}`))
	})
	mux.HandleFunc("/lie", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	server := &load.Server{Issuer: site.URL, ClientID: "c", ServiceID: "s", ServiceSecret: secret.New("x")}
	if err := server.Open(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return &load.Bench{Server: server, Refresh: []secret.String{secret.New("given")}, Pending: 1}
}

// TestLies: what is fast because it is wrong must never be counted.
func TestLies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		workload string
		status   int
		body     string
	}{
		"no token":              {"client_credentials", 200, `{}`},
		"no bearer token":       {"client_credentials", 200, `{"access_token":"a","token_type":"mac"}`},
		"no JSON":               {"client_credentials", 200, `<html>`},
		"busy":                  {"client_credentials", 503, `{"error":"temporarily_unavailable"}`},
		"not rotated":           {"refresh", 200, `{"access_token":"b","token_type":"Bearer","refresh_token":"r"}`},
		"no refresh token":      {"refresh", 200, `{"access_token":"b","token_type":"Bearer"}`},
		"inactive":              {"introspect", 200, `{"active":false}`},
		"active without sub":    {"introspect", 200, `{"active":true}`},
		"nobody":                {"userinfo", 200, `{}`},
		"refused":               {"userinfo", 401, `{"error":"invalid_token"}`},
		"denied, not pending":   {"pending", 400, `{"error":"access_denied"}`},
		"pending with a 200":    {"pending", 200, `{"error":"authorization_pending"}`},
		"tokens to nobody knew": {"pending", 200, `{"access_token":"b","token_type":"Bearer"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := lying(t, test.status, test.body)
			step, err := b.Prepare(t.Context(), test.workload, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := load.Times(t.Context(), 1, 2, step); !errors.Is(err, load.ErrUnexpected) || got.Done != 0 {
				t.Errorf("%d steps were counted: %v, want ErrUnexpected", got.Done, err)
			}
		})
	}
}

// TestErrorsKeepSecrets: an answer that was not expected may hold a token.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	b := lying(t, 201, `{"access_token":"hidden-token","error":"odd"}`)
	step, err := b.Prepare(t.Context(), "client_credentials", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := step(t.Context(), 0); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error is %v", err)
	}
}

func TestUnknownWorkload(t *testing.T) {
	t.Parallel()
	if _, err := new(load.Bench).Prepare(t.Context(), "magic", 1); err == nil || !strings.Contains(err.Error(), "client_credentials") {
		t.Errorf("error %v, want one that names the workloads", err)
	}
}

func TestRunEndsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var steps atomic.Int64
	_, err := load.Run(t.Context(), 4, time.Hour, func(ctx context.Context, _ int) error {
		if steps.Add(1) == 10 {
			return broken
		}
		return ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("the run ended with %v, want the step's error", err)
	}
}

// TestRunIsOneStepAtATimeEach: a connection's state needs no lock.
func TestRunIsOneStepAtATimeEach(t *testing.T) {
	t.Parallel()
	counts := make([]int, 3) // the race detector looks at this
	got, err := load.Times(t.Context(), len(counts), 300, func(_ context.Context, connection int) error {
		counts[connection]++
		return nil
	})
	if err != nil || got.Done != 300 || counts[0]+counts[1]+counts[2] != 300 {
		t.Errorf("%d steps, %v by connection: %v", got.Done, counts, err)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	var r load.Result
	if r.Rate() != 0 || r.Mean() != 0 || r.Quantile(0.5) != 0 {
		t.Error("an empty result is not 0")
	}
	r.Add(load.Result{Done: 3, Elapsed: time.Second, Took: []time.Duration{3, 1, 2}})
	r.Add(load.Result{Done: 1, Elapsed: time.Second, Took: []time.Duration{10}})
	got := []any{r.Done, r.Rate(), r.Mean(), r.Quantile(0), r.Quantile(0.5), r.Quantile(0.99), r.Quantile(1)}
	want := []any{4, 2.0, time.Duration(4), time.Duration(1), time.Duration(3), time.Duration(10), time.Duration(10)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the result differs (-want +got):\n%s", diff)
	}
}

func TestManyAddresses(t *testing.T) {
	t.Parallel()
	seen, next := map[string]bool{}, load.ManyAddresses()
	for range 1000 {
		seen[next()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different addresses, want 1,000", len(seen))
	}
}
