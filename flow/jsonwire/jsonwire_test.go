package jsonwire_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/flow/jsonwire"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
)

// serve answers every request with status and text, and notes what was sent.
func serve(t *testing.T, status int, text string) (wire *jsonwire.Wire, sent *[]string) {
	t.Helper()
	sent = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*sent = append(*sent, r.Method+" "+r.URL.Path+" "+r.Header.Get("Prefer")+" "+string(body))
		if r.Header.Get("Prefer") != "" {
			w.Header().Set("Preference-Applied", "wait=25")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return &jsonwire.Wire{
		Server: contract.Server{Base: server.URL}, Begins: "/code", Polls: "/token",
		Ask: map[string]string{"realm": "r"}, Client: map[string]string{"client_id": "c"},
	}, sent
}

func TestBegin(t *testing.T) {
	t.Parallel()
	wire, sent := serve(t, 200, `{"device_code":"d","user_code":"AB\u001b","verification_uri":"https://x/d","expires_in":600,"interval":7}`)
	got, err := wire.Begin(t.Context())
	if err != nil || got.DeviceCode.Reveal() != "d" || got.UserCode != "AB\ufffd" || got.VerificationURI != "https://x/d" || got.ExpiresIn != 600 || got.Interval != 7 {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{`POST /code  {"client_id":"c","realm":"r"}`}, *sent); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{
		`{}`, `{"device_code":"d","user_code":"A","verification_uri":"https://x/d"}`, `{"device_code":"d","user_code":"A","expires_in":1}`,
		`{"device_code":"d","user_code":"A","verification_uri":"https://x/d","expires_in":-1}`,
	} {
		wire, _ := serve(t, 200, text)
		if _, err := wire.Begin(t.Context()); !errors.Is(err, oauth.ErrMalformed) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	wire, sent := serve(t, 200, `{"access_token":"t0ken","token_type":"bearer","expires_in":60,"scope":"a b"}`)
	before := time.Now().Truncate(time.Second)
	made, waited, err := wire.Poll(t.Context(), secret.New("d"))
	if err != nil || !waited || made.Access.Reveal() != "t0ken" || made.TokenType != "Bearer" || len(made.Scope) != 2 || wire.ExpiresIn != 60 ||
		made.Expires.Before(before.Add(time.Minute)) || made.Expires.After(time.Now().Add(time.Minute)) {
		t.Errorf("%+v, %v, %v", made, waited, err)
	}
	if diff := cmp.Diff([]string{`POST /token wait=25 {"client_id":"c","device_code":"d"}`}, *sent); diff != "" {
		t.Error(diff)
	}
	wire.Client = nil
	if _, _, err := wire.Poll(t.Context(), secret.New("d")); err != nil || (*sent)[1] != `POST /token wait=25 {"device_code":"d"}` {
		t.Errorf("%v, %v", *sent, err)
	}
	wire, _ = serve(t, 400, `{"code":"authorization_pending","detail":"x"}`)
	if _, waited, err := wire.Poll(t.Context(), secret.New("d")); !waited || !errors.Is(err, oauth.AuthorizationPending) {
		t.Errorf("%v, %v", waited, err)
	}
	wire, _ = serve(t, 200, `{"access_token":""}`)
	if _, _, err := wire.Poll(t.Context(), secret.New("d")); !errors.Is(err, oauth.ErrMalformed) {
		t.Errorf("%v", err)
	}
}
