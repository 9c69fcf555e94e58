package sts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/cmd/doorward/credential/sts"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering is a client to which everybody answers the same.
func answering(status int, body string) *http.Client {
	return &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})}
}

var request = sts.Request{Endpoint: "https://sts.example/", Role: "arn:aws:iam::123456789012:role/a", Session: "ada", Token: secret.New("the-token")}

const yes = `<R><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey>` +
	`<SessionToken>C</SessionToken><Expiration>2026-05-04T13:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></R>`

func TestExchange(t *testing.T) {
	t.Parallel()
	got, err := sts.Exchange(t.Context(), answering(200, yes), request)
	want := sts.Keys{ID: "A", Secret: secret.New("B"), Session: secret.New("C"), Expires: time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC)}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if printed := fmt.Sprintf("%+v", got); strings.Count(printed, secret.Mask) != 2 {
		t.Errorf("keys print as %s", printed)
	}
}

func TestExchangeSendsNothingInTheClear(t *testing.T) {
	t.Parallel()
	r := request
	r.Endpoint = "http://sts.example/"
	asked := &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, io.EOF
	})}
	var address *oauth.AddressError
	if _, err := sts.Exchange(t.Context(), asked, r); !errors.As(err, &address) {
		t.Errorf("fails with %v", err)
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	hc := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		cancel()
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
	if _, err := sts.Exchange(ctx, hc, request); !errors.Is(err, context.Canceled) {
		t.Errorf("fails with %v", err)
	}
}

// FuzzExchange has any answer: there are whole keys or an error, and no error holds the token or a control character.
func FuzzExchange(f *testing.F) {
	f.Add(200, yes)
	f.Add(403, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>the-token `+"\u009b"+`</Message></Error></ErrorResponse>`)
	f.Add(200, strings.Replace(yes, "B", "B\n", 1))
	f.Add(200, `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`)
	f.Add(302, yes)
	f.Fuzz(func(t *testing.T, status int, body string) {
		got, err := sts.Exchange(t.Context(), answering(status, body), request)
		if err == nil {
			for _, text := range []string{got.ID, got.Secret.Reveal(), got.Session.Reveal()} {
				if text == "" || strings.ContainsAny(text, "\r\n\x00 ") {
					t.Fatalf("keys %q", text)
				}
			}
			if status != 200 || got.Expires.IsZero() {
				t.Fatalf("keys of HTTP %d, good until %v", status, got.Expires)
			}
			return
		}
		if text := err.Error(); strings.Contains(text, "the-token") || text != oauth.Inert(text) && len(text) < 500 {
			t.Fatalf("the error is %q", text)
		}
	})
}
