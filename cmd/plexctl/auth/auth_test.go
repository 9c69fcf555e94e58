package auth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cmd/plexctl/auth"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
)

// wire answers device-code, and each poll as the next of polls says; the last one goes on.
type wire struct {
	code  string
	polls []string
	began time.Time
	at    []time.Duration // of the polls
	sent  []string        // bodies
}

const usual = `{"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://api.example/device/b","expires_in":600,"interval":5}`

func problem(code string) string {
	return "400 " + `{"type":"about:blank","title":"Bad Request","status":400,"detail":"x","instance":"/","code":"` + code + `"}`
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	w.sent = append(w.sent, r.URL.Path+" "+string(body))
	text := w.code
	if r.URL.Path == "/v1/auth/device-token" {
		w.at = append(w.at, time.Since(w.began))
		text = w.polls[min(len(w.at), len(w.polls))-1]
	}
	if text == "gone" {
		return nil, errors.New("connection refused")
	}
	status := 200
	for prefix, code := range map[string]int{"400 ": 400, "403 ": 403, "503 ": 503} {
		if rest, found := strings.CutPrefix(text, prefix); found {
			text, status = rest, code
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

type screen struct{ shown []flow.Prompt }

func (s *screen) ShowCode(_ context.Context, prompt flow.Prompt) error {
	s.shown = append(s.shown, prompt)
	return nil
}
func (s *screen) OpenPage(context.Context, string) error { return errors.New("no page is opened") }
func (s *screen) AskSecret(context.Context, string) (secret.String, error) {
	return secret.String{}, errors.New("nothing is asked")
}

// run logs in, and says how long it took.
func run(t *testing.T, w *wire) (took time.Duration, err error) {
	t.Helper()
	w.began = time.Now()
	login := auth.New(contract.Server{Base: "https://api.example", HTTP: &http.Client{Transport: w}}, "the-domain", "the-binding")
	made, err := login.Login(t.Context(), &screen{})
	if err == nil && (made.Access.Reveal() != "t0ken" || made.TokenType != "Bearer" || login.ExpiresIn() != 3600 ||
		!made.Expires.Equal(time.Now().Add(time.Hour).Truncate(time.Second)) || made.Extra["server"] != "https://api.example") {
		t.Errorf("%+v", made)
	}
	return time.Since(w.began), err
}

const granted = `{"access_token":"t0ken","token_type":"Bearer","expires_in":3600}`

func TestPace_PLX12(t *testing.T) {
	t.Parallel()
	pending, slow := problem("authorization_pending"), problem("slow_down")
	for name, test := range map[string]struct {
		polls []string
		at    []int // seconds
	}{
		"pending waits":                          {[]string{pending, pending, granted}, []int{0, 5, 10}},
		"slow_down adds five seconds for good":   {[]string{pending, slow, pending, slow, pending, granted}, []int{0, 5, 15, 25, 40, 55}},
		"connection errors back off and go on":   {[]string{"gone", "gone", "gone", granted}, []int{0, 10, 30, 60}},
		"5xx backs off, and pending resets that": {[]string{"503 <html>", "503 " + pending[4:], pending, granted}, []int{0, 10, 30, 35}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{code: usual, polls: test.polls}
				if _, err := run(t, w); err != nil {
					t.Error(err)
				}
				at := make([]int, len(w.at))
				for i := range w.at {
					at[i] = int(w.at[i] / time.Second)
				}
				if diff := cmp.Diff(test.at, at); diff != "" {
					t.Errorf("polls at (-want +got)\n%s", diff)
				}
			})
		})
	}
}

func TestSessionExpired_PLX11(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		polls []string
		took  time.Duration
	}{
		"by the local clock":          {[]string{problem("authorization_pending")}, 600 * time.Second},
		"while nobody answers":        {[]string{"gone"}, 600 * time.Second},
		"by the server's word":        {[]string{problem("authorization_pending"), problem("expired_token")}, 5 * time.Second},
		"by the server's word, later": {[]string{"503 ", problem("expired_token")}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took, err := run(t, &wire{code: usual, polls: test.polls})
				if !errors.Is(err, auth.ErrSessionExpired) || took != test.took {
					t.Errorf("after %s: %v", took, err)
				}
				const sentence = "device-code session expired before approval; restart with `plexctl login`"
				if err.Error() != sentence {
					t.Errorf("%q", err)
				}
			})
		})
	}
}

// TestEnds_PLX10_PLX21: what ends a login at once, and as what.
func TestEnds_PLX10_PLX21(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code, poll string
		want       error
		status     int
	}{
		"denied":                     {usual, problem("access_denied"), oauth.AccessDenied, 400},
		"refused by the provider":    {usual, "403 " + problem("access_denied")[4:], oauth.AccessDenied, 403},
		"invalid_grant":              {usual, problem("invalid_grant"), oauth.InvalidGrant, 400},
		"a token with control bytes": {usual, `{"access_token":"a\nb","token_type":"Bearer","expires_in":1}`, oauth.ErrMalformed, 0},
		"no token":                   {usual, `{"token_type":"Bearer","expires_in":1}`, oauth.ErrMalformed, 0},
		"no device code":             {strings.Replace(usual, `"d"`, `""`, 1), granted, oauth.ErrMalformed, 0},
		"no user code":               {strings.Replace(usual, "user_code", "x", 1), granted, oauth.ErrMalformed, 0},
		"no address":                 {strings.Replace(usual, "verification_uri", "x", 1), granted, oauth.ErrMalformed, 0},
		"no life":                    {strings.Replace(usual, "600", "0", 1), granted, oauth.ErrMalformed, 0},
		"a binding elsewhere":        {problem("invalid_request"), granted, oauth.InvalidRequest, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took, err := run(t, &wire{code: test.code, polls: []string{test.poll}})
				var wire *oauth.Error
				errors.As(err, &wire)
				if !errors.Is(err, test.want) || took != 0 || (wire != nil) != (test.status != 0) || wire != nil && wire.Status != test.status {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
	t.Run("PLX-12 the first request failing", func(t *testing.T) {
		t.Parallel()
		for _, code := range []string{"gone", "503 "} {
			w := &wire{code: code, polls: []string{granted}}
			var temporary *oauth.TemporaryError
			if _, err := run(t, w); !errors.As(err, &temporary) || len(w.sent) != 1 {
				t.Errorf("%s: %v, %v", code, err, w.sent)
			}
		}
	})
}

func TestRequests_PLX20_PLX21(t *testing.T) {
	t.Parallel()
	w := &wire{code: usual, polls: []string{granted}}
	if _, err := run(t, w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		`/v1/auth/device-code {"client_id":"plexctl","domain_id":"the-domain","idp_binding_id":"the-binding"}`,
		`/v1/auth/device-token {"client_id":"plexctl","device_code":"d"}`,
	}, w.sent); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
