package contract_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
)

func serve(t *testing.T, handle http.HandlerFunc) contract.Server {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return contract.Server{Base: server.URL}
}

type answer struct{ Token string }

func TestCall(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.URL.String() != "/login?type=low" || string(body) != `{"email":"a"}` ||
			r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer t0ken" {
			t.Errorf("%s %s %v %s", r.Method, r.URL, r.Header, body)
		}
		_, _ = io.WriteString(w, `{"token":"x","more":[1]}`)
	})
	var got answer
	err := server.Call(t.Context(), contract.Request{
		Method: "POST", Path: "/login?type=low", Bearer: secret.New("t0ken"), Body: map[string]string{"email": "a"},
	}, &got)
	if err != nil || got.Token != "x" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	t.Parallel()
	deep := `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`
	for name, test := range map[string]struct {
		status    int
		body      string
		temporary bool
		code      oauth.ErrorCode
	}{
		"a bad token":      {401, `{"error":"no"}`, false, oauth.InvalidToken},
		"refused":          {403, `{"error":"no"}`, false, oauth.InvalidRequest},
		"busy":             {503, `{"error":"no"}`, true, ""},
		"too many":         {429, `{"error":"no"}`, true, ""},
		"a page":           {200, `<html>`, true, ""},
		"a page for a 401": {401, `<html>`, false, ""},
		"a list of errors": {400, `{"error":["no"]}`, false, ""},
		"deep":             {200, deep, true, ""},
		"long":             {200, `{"token":"` + strings.Repeat("x", 1<<20) + `"}`, true, ""},
		"a redirect":       {302, `{"token":"x"}`, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/here" {
					t.Errorf("SEC the redirect was followed to %s", r.URL)
				}
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			err := server.Call(t.Context(), contract.Request{Path: "/here"}, new(answer))
			var temporary *oauth.TemporaryError
			if err == nil || errors.As(err, &temporary) != test.temporary || test.code != "" && !errors.Is(err, test.code) {
				t.Errorf("%T %v", err, err)
			}
			var wire *oauth.Error
			if errors.As(err, &wire) != (test.code != "") || wire != nil && (wire.Description != "no" || wire.Status != test.status) {
				t.Errorf("%+v", wire)
			}
			if test.status >= 429 && (temporary == nil || temporary.RetryAfter != 7*time.Second) {
				t.Errorf("Retry-After: %+v", temporary)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	var temporary *oauth.TemporaryError
	var address *oauth.AddressError
	hold := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() })
	hold.Timeout = time.Millisecond
	err := hold.Call(t.Context(), contract.Request{}, new(answer))
	if !errors.As(err, &temporary) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 1ms") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hold.Call(ctx, contract.Request{}, new(answer)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := (contract.Server{Base: "http://api.example.com"}).Call(t.Context(), contract.Request{}, nil); !errors.As(err, &address) {
		t.Errorf("SEC in the clear: %v", err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	err = contract.Server{Base: gone.URL}.Call(t.Context(), contract.Request{Path: "/x"}, nil)
	if !errors.As(err, &temporary) || strings.Contains(err.Error(), "/x") {
		t.Errorf("%v", err)
	}
}

func TestProblemsAndHeldPolls(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") == "wait=2" {
			w.Header().Set("Preference-Applied", "wait=2")
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"type":"about:blank","status":400,"detail":"nobody\u001b yet","code":"authorization_pending"}`)
	})
	for wait, want := range map[time.Duration]bool{0: false, 2 * time.Second: true, 3 * time.Second: false} {
		waited, err := server.Poll(t.Context(), contract.Request{}, wait, new(answer))
		var wire *oauth.Error
		if waited != want || !errors.As(err, &wire) || wire.Code != oauth.AuthorizationPending || wire.Description != "nobody\ufffd yet" {
			t.Errorf("wait %s: %v, %v", wait, waited, err)
		}
	}
}
