package oauth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/secret"
)

func TestExpiresIn_SEC307(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wire string
		want int64
	}{
		{`3600`, 3600},
		{`"3600"`, 3600},
		{`3600.5`, 3600},
		{`"3600.5"`, 3600},
		{`-1`, 0},
		{`0`, 0},
		{`1e12`, maxSeconds},
		{`1e999`, maxSeconds},
		{`"NaN"`, 0},
		{`"-Inf"`, 0},
		{`null`, 0},
		{`"soon"`, 0},
		{`{"in":3600}`, 0},
		{`[3600]`, 0},
		{`true`, 0},
	} {
		t.Run("SEC-307 "+test.wire, func(t *testing.T) {
			t.Parallel()
			token, err := ParseToken(fmt.Appendf(nil, `{"access_token":"a","expires_in":%s}`, test.wire))
			if err != nil || token.ExpiresIn != test.want {
				t.Errorf("ParseToken = %d, %v; want %d", token.ExpiresIn, err, test.want)
			}
			if time.Duration(token.ExpiresIn)*time.Second < 0 {
				t.Error("the lifetime overflows a time.Duration")
			}
		})
	}
	t.Run("SEC-307 missing", func(t *testing.T) {
		t.Parallel()
		token, err := ParseToken([]byte(`{"access_token":"a"}`))
		if err != nil || token.ExpiresIn != 0 {
			t.Errorf("ParseToken = %d, %v; want 0", token.ExpiresIn, err)
		}
	})
}

func TestParseToken(t *testing.T) {
	t.Parallel()
	got, err := ParseToken([]byte("\xef\xbb\xbf" + ` {"access_token":"at","refresh_token":"rt","id_token":"a.b.c","token_type":"bearer",
		"expires_in":600,"refresh_expires_in":"1209600","sid":"s-1","scope":["openid","email","openid"],"else":{"a":[1]}}`))
	want := Token{
		Access: secret.New("at"), Refresh: secret.New("rt"), ID: secret.New("a.b.c"), Type: "Bearer", ExpiresIn: 600,
		Scope: Scope{"openid", "email"}, SessionExpiresIn: 1209600, SessionID: "s-1",
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b secret.String) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, body := range []string{
		``, ` `, `null`, `[]`, `"x"`, `{`, `{}`, `{"access_token":""}`, `{"access_token":7}`, `{"access_token":"a"} trailing`,
		`<html><body>Welcome to the hotel</body></html>`,
		`{"access_token":"a","token_type":"mac"}`,
		`{"access_token":"a\r\nX-Evil: 1"}`, `{"access_token":"a","refresh_token":"r\u0000"}`, `{"access_token":"a b"}`,
	} {
		if token, err := ParseToken([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseToken(%q) = %v, %v; want ErrMalformed", body, token, err)
		}
	}
}

func TestDecodeBoundsDepth(t *testing.T) {
	t.Parallel()
	nest := func(n int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	}
	var into map[string]any
	if err := Decode(nest(maxDepth-1), &into); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if err := Decode(nest(maxDepth), &into); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d levels: %v, want ErrMalformed", maxDepth+1, err)
	}
	if err := Decode([]byte(`{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[[["}`), &into); err != nil {
		t.Errorf("brackets in a string counted: %v", err)
	}
}

func TestParseDeviceAuthorization(t *testing.T) {
	t.Parallel()
	got, err := ParseDeviceAuthorization([]byte(
		`{"device_code":"d","user_code":"WDJB-MJHT\u001b[2J","verification_url":"https://a.example/device","expires_in":"600"}`))
	want := DeviceAuthorization{
		DeviceCode: secret.New("d"), UserCode: "WDJB-MJHT\uFFFD[2J", VerificationURI: "https://a.example/device",
		ExpiresIn: 600, Interval: 5,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, body := range []string{
		`{}`, `{"device_code":"d","user_code":"u"}`, `{"device_code":"d","verification_uri":"https://a.example"}`,
		`{"user_code":"u","verification_uri":"https://a.example"}`,
	} {
		if _, err := ParseDeviceAuthorization([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", body, err)
		}
	}
}

func TestParseErrorIsInert_SEC255_SEC268(t *testing.T) {
	t.Parallel()
	got := ParseError([]byte(`{"error":"access_denied\u001b]0;x\u0007","error_description":"a\u009b31m\u202eb\r\nc"}`))
	want := &Error{Code: "access_denied\uFFFD]0;x\uFFFD", Description: "a\uFFFD31m\uFFFDb\uFFFD\uFFFDc"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := ParseError([]byte(`{"error":"invalid_grant","message":"Wrong password"}`)); got == nil || got.Description != "Wrong password" {
		t.Errorf("got %v, want the message as the description", got)
	}
	for _, body := range []string{``, `{}`, `{"error":{"code":1}}`, `<html>`, `null`} {
		if got := ParseError([]byte(body)); got != nil {
			t.Errorf("ParseError(%q) = %v, want nil", body, got)
		}
	}
}

func TestParseMetadataIssuer(t *testing.T) {
	t.Parallel()
	for got, ok := range map[string]bool{
		"https://a.example": true, "https://a.example/": false, "https://A.example": false, "https://evil.example": false, "": false,
	} {
		_, err := ParseMetadata(fmt.Appendf(nil, `{"issuer":%q}`, got), "https://a.example")
		var wrong *IssuerError
		if ok != (err == nil) || !ok && !errors.As(err, &wrong) {
			t.Errorf("issuer %q: %v", got, err)
		}
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"https://a.example":                 true,
		"https://a.example:8443/x?y=1":      true,
		"http://localhost:3667":             true,
		"http://127.0.0.1:3667/token":       true,
		"http://127.9.9.9":                  true,
		"http://[::1]:3667":                 true,
		"http://a.example":                  false,
		"http://localhost.evil.example":     false,
		"http://127.0.0.1.evil.example":     false,
		"http://127.0.0.1@evil.example":     false,
		"http://u@127.0.0.1":                false,
		"http://[::ffff:127.0.0.1]":         false,
		"http://2130706433":                 false,
		"http://127.1":                      false,
		"http://0.0.0.0":                    false,
		"https://a.example/#f":              false,
		"https://":                          false,
		"//a.example":                       false,
		"a.example":                         false,
		"file:///etc/passwd":                false,
		"javascript:alert(1)":               false,
		"ftp://a.example":                   false,
		"-x":                                false,
		"":                                  false,
		"http://\x1b[2Jlocalhost":           false,
		"https:a.example":                   false,
		"http://[fe80::1%25lo]:1/":          false,
		"http://localhost:3667\r\nX: y":     false,
		"https://user:password@a.example/x": false,
	} {
		err := CheckAddress(address)
		var bad *AddressError
		if ok != (err == nil) || !ok && !errors.As(err, &bad) {
			t.Errorf("CheckAddress(%q) = %v, want ok=%v", address, err, ok)
		}
	}
}

func TestTemporaryErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("refresh: %w", &TemporaryError{Err: Errorf(TemporarilyUnavailable, "later"), RetryAfter: time.Second})
	var temporary *TemporaryError
	if !errors.As(err, &temporary) || temporary.RetryAfter != time.Second || !errors.Is(err, TemporarilyUnavailable) {
		t.Errorf("%v is not recognised", err)
	}
	if got := (&TemporaryError{}).Error(); got == "" {
		t.Error("a TemporaryError without a cause says nothing")
	}
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	// The example of RFC 7636 appendix B.
	v, err := ParseVerifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	if err != nil || v.Challenge() != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" || !v.Challenge().Matches(v) {
		t.Errorf("challenge = %s, %v", v.Challenge(), err)
	}
	if Challenge("").Matches(Verifier{}) || v.Challenge().Matches(NewVerifier()) {
		t.Error("a foreign verifier matches")
	}
	if got := fmt.Sprintf("%v %#v %s", v, v, v); strings.Contains(got, "dBjf") {
		t.Errorf("the verifier prints as %s", got)
	}
	if _, err := ParseVerifier(strings.Repeat("a", 42)); !errors.Is(err, InvalidGrant) {
		t.Errorf("42 characters: %v", err)
	}
	for _, bad := range []string{strings.Repeat("A", 42), strings.Repeat("A", 129), strings.Repeat("A", 42) + "=", strings.Repeat("A", 42) + "\x00"} {
		if _, err := ParseChallenge(bad, ChallengeS256); !errors.Is(err, InvalidRequest) {
			t.Errorf("ParseChallenge(%q): %v", bad, err)
		}
	}
	if _, err := ParseChallenge(string(v.Challenge()), "plain"); !errors.Is(err, InvalidRequest) {
		t.Errorf("plain: %v", err)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	s := ParseScope("  openid email  openid\t")
	if s.String() != "openid email" || !s.Has("email") || s.Has("e") {
		t.Errorf("got %q", s)
	}
	if !s.Within(Scope{"email", "openid", "x"}) || s.Within(Scope{"openid"}) || !Scope(nil).Within(nil) {
		t.Error("Within is wrong")
	}
}

func TestInertCutsOnARune(t *testing.T) {
	t.Parallel()
	got := Inert(strings.Repeat("é", 400))
	if got != strings.Repeat("é", 250)+"…" {
		t.Errorf("got %d bytes ending in %q", len(got), got[len(got)-4:])
	}
	if got := Inert("plain, with spaces – and ünïcode"); got != "plain, with spaces – and ünïcode" {
		t.Errorf("changed a harmless text to %q", got)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":"3600","scope":["a"]}`))
	f.Add([]byte(`{"access_token":"a","expires_in":1e400}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := ParseToken(data)
		if err != nil {
			return
		}
		if token.Access.IsZero() || token.ExpiresIn < 0 || token.ExpiresIn > maxSeconds || token.Type == "" {
			t.Errorf("ParseToken(%q) = %+v", data, token)
		}
		if strings.ContainsAny(token.Access.Reveal()+token.Refresh.Reveal(), " \r\n\x00") {
			t.Errorf("a token of %q cannot travel in a header", data)
		}
	})
}

func FuzzParseDeviceAuthorization(f *testing.F) {
	f.Add([]byte(`{"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":-5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDeviceAuthorization(data)
		if err == nil && (d.Interval <= 0 || d.ExpiresIn < 0 || d.DeviceCode.IsZero()) {
			t.Errorf("ParseDeviceAuthorization(%q) = %+v", data, d)
		}
	})
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"error":"x","error_description":"\u001b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e := ParseError(data); e != nil && (e.Code == "" || strings.IndexFunc(e.Error(), unicode.IsControl) >= 0) {
			t.Errorf("ParseError(%q) = %q", data, e)
		}
	})
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://a.example","scopes_supported":["a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := ParseMetadata(data, "https://a.example"); err == nil && m.Issuer != "https://a.example" {
			t.Errorf("ParseMetadata(%q) took another issuer", data)
		}
	})
}

func FuzzCheckAddress(f *testing.F) {
	f.Add("http://127.0.0.1@evil.example")
	f.Add("https://a.example")
	f.Fuzz(func(t *testing.T, address string) {
		if CheckAddress(address) == nil && !strings.HasPrefix(strings.ToLower(address), "http") {
			t.Errorf("CheckAddress(%q) let it through", address)
		}
	})
}

func FuzzParsePKCE(f *testing.F) {
	f.Add("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseVerifier(text); err == nil && (v.Reveal() != text || !v.Challenge().Matches(v)) {
			t.Errorf("verifier %q does not match itself", text)
		}
		if c, err := ParseChallenge(text, ChallengeS256); err == nil && len(c) != 43 {
			t.Errorf("challenge %q has %d characters", text, len(c))
		}
	})
}

func FuzzParseScope(f *testing.F) {
	f.Add("openid  email")
	f.Fuzz(func(t *testing.T, text string) {
		s := ParseScope(text)
		if diff := cmp.Diff(s, ParseScope(s.String())); diff != "" {
			t.Errorf("ParseScope(%q) is not stable: %s", text, diff)
		}
	})
}
