package client

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

func TestFaultOf_OCT13(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		fault  Fault
		ok     bool
	}{
		"a decision":           {say(400, `{"error":"invalid_grant"}`), Fault{}, false},
		"one about an address": {say(404, `{"error":"invalid_grant"}`), Fault{}, false},
		"busy":                 {say(503, `{"error":"temporarily_unavailable"}`), Fault{503, "id", "temporarily_unavailable"}, true},
		"broken":               {say(500, `x`), Fault{500, "id", "it is busy or broken at the moment"}, true},
		"no such address":      {say(404, `{"error":"not_found"}`), Fault{404, "id", "not_found"}, true},
		"no OAuth there":       {say(404, `x`), Fault{404, "id", "not the JSON of an OAuth answer"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Request-Id", "id")
				test.answer(w, r)
			})
			_, err := c.Refresh(t.Context(), secret.New("r"))
			fault, ok := FaultOf(err)
			if diff := cmp.Diff(test.fault, fault); diff != "" || ok != test.ok {
				t.Errorf("%v: %v %s", err, ok, diff)
			}
		})
	}
	_, err := (&Client{ID: "cli", Metadata: describe("http://127.0.0.1:1")}).Refresh(t.Context(), secret.New("r"))
	if fault, ok := FaultOf(err); !ok || fault.Status != 0 || !strings.Contains(fault.Reason, "127.0.0.1:1") {
		t.Errorf("nobody there: %+v %v", fault, ok)
	}
	for _, err := range []error{nil, errors.New("x"), context.Canceled, &oauth.AddressError{}} {
		if fault, ok := FaultOf(err); ok {
			t.Errorf("%v: %+v", err, fault)
		}
	}
}

func TestTrace_OCT11(t *testing.T) {
	t.Parallel()
	c := serve(t, say(200, `{"access_token":"canary-answer","refresh_token":"canary-answer"}`))
	var log bytes.Buffer
	host := strings.TrimPrefix(c.Metadata.Issuer, "http://")
	c.HTTP = &http.Client{Transport: Trace{To: &log}}
	_, _ = c.Password(t.Context(), "canary-user", secret.New("canary-password"), oauth.Scope{"openid"})
	_, _ = c.Refresh(t.Context(), secret.New("canary-refresh"))
	_, _ = c.Userinfo(t.Context(), secret.New("canary-access"), "")
	_, _ = c.Collect(t.Context(), secret.New(c.Metadata.Issuer+"/x?canary-query=1"))
	c.Metadata.TokenEndpoint = "http://127.0.0.1:1/token"
	c.Secret = secret.New("canary-client")
	_, _ = c.ClientCredentials(t.Context(), nil)
	want := strings.ReplaceAll(`debug: POST HOST/token client_id=doorward grant_type=password password=*** scope=openid username=***: 200 OK
debug: POST HOST/token client_id=doorward grant_type=refresh_token refresh_token=***: 200 OK
debug: GET HOST/userinfo authorization=Bearer ***: 200 OK
debug: GET HOST/x: 200 OK
debug: POST 127.0.0.1:1/token grant_type=client_credentials authorization=Basic ***: no answer
`, "HOST", host)
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Error(diff)
	}
}
