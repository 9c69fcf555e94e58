package client

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// elsewhere sends whatever is sent to the test's own server, whatever its address says, and remembers the address.
type elsewhere struct {
	host string
	sent *[]string
}

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	*e.sent = append(*e.sent, r.URL.String())
	r.URL.Scheme, r.URL.Host = "http", e.host
	return http.DefaultTransport.RoundTrip(r)
}

func TestAllowHTTP_OCT12(t *testing.T) {
	t.Parallel()
	var sent []string
	here := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			say(200, `{"issuer":"http://id.example","token_endpoint":"http://id.example/token"}`)(w, r)
			return
		}
		say(200, `{"access_token":"a","token_type":"Bearer"}`)(w, r)
	})
	away := func(allow bool, metadata oauth.Metadata) *Client {
		host := strings.TrimPrefix(here.Metadata.Issuer, "http://")
		return &Client{
			Issuer: "http://id.example", ID: "cli", AllowHTTP: allow, Metadata: metadata, HTTP: &http.Client{Transport: elsewhere{host, &sent}},
		}
	}
	var refused *oauth.AddressError
	if _, err := away(false, oauth.Metadata{}).APIKey(t.Context(), secret.New("key"), nil); !errors.As(err, &refused) || len(sent) > 0 {
		t.Errorf("without it: %v, sent %q", err, sent)
	}
	if _, err := away(true, oauth.Metadata{}).APIKey(t.Context(), secret.New("key"), nil); err != nil || len(sent) != 2 {
		t.Errorf("with it: %v, sent %q", err, sent)
	}
	sent = nil
	down := oauth.Metadata{Issuer: "https://id.example", TokenEndpoint: "http://id.example/token"}
	if _, err := away(true, down).APIKey(t.Context(), secret.New("key"), nil); !errors.As(err, &refused) || len(sent) > 0 {
		t.Errorf("an issuer on https: %v, sent %q", err, sent)
	}
	for _, address := range []string{"ftp://id.example", "http://user@id.example", "http:///x", "http://id.example/#f"} {
		if err := (&Client{AllowHTTP: true}).checkAddress(address); !errors.As(err, &refused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRequestID_OCT13(t *testing.T) {
	t.Parallel()
	const id = "0123abcd"
	for name, test := range map[string]struct {
		status int
		body   string
		id     string
		want   string
	}{
		"a decision":       {400, `{"error":"invalid_grant"}`, id, id},
		"a busy server":    {503, `{"error":"temporarily_unavailable"}`, id, id},
		"a broken one":     {500, `oops`, id, id},
		"a page":           {200, `<html>`, id, id},
		"none":             {500, `oops`, "", ""},
		"one to be feared": {500, `oops`, "a\u202e" + strings.Repeat("x", 300), oauth.Inert("a\u202e" + strings.Repeat("x", 300))[:maxRequestID]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if test.id != "" {
					w.Header()["X-Request-Id"] = []string{test.id}
				}
				say(test.status, test.body)(w, r)
			})
			_, err := c.Refresh(t.Context(), secret.New("r"))
			got := ""
			var wire *oauth.Error
			var strange *AnswerError
			switch {
			case errors.As(err, &wire):
				got = wire.RequestID
				if wire.Status != test.status {
					t.Errorf("status %d", wire.Status)
				}
			case errors.As(err, &strange):
				got = strange.RequestID
				if strange.Status != test.status {
					t.Errorf("status %d", strange.Status)
				}
			default:
				t.Fatalf("%v", err)
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "":
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		case r.URL.Path == "/keys/right":
			say(200, `{"access_token":"a","refresh_token":"r","expires_in":600}`)(w, r)
		default:
			say(404, `{"error":"invalid_grant"}`)(w, r)
		}
	})
	token, err := c.Collect(t.Context(), secret.New(c.Metadata.Issuer+"/keys/right"))
	if err != nil || token.Access.Reveal() != "a" || token.Refresh.Reveal() != "r" || token.ExpiresIn != 600 {
		t.Errorf("%v %v", token, err)
	}
	for _, address := range []string{c.Metadata.Issuer + "/keys/canary5f1e", "http://id.example/canary5f1e", "http://127.0.0.1:1/canary5f1e", "http://[::1/canary5f1e", "ftp:canary5f1e"} {
		_, err := c.Collect(t.Context(), secret.New(address))
		if err == nil || strings.Contains(err.Error(), "canary5f1e") {
			t.Errorf("%s: %v", address, err)
		}
		if strings.HasSuffix(address, c.Metadata.Issuer+"/keys/canary5f1e") && !errors.Is(err, oauth.InvalidGrant) {
			t.Errorf("%v", err)
		}
	}
}
