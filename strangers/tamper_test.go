package strangers

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// elsewhere is an issuer that nobody asked.
const elsewhere = "https://evil.example"

// lie is what a tampered authority tells, and by which word each program's refusal is known; "" where it is believed.
type lie struct {
	name     string
	tamper   tamper
	openid   string // openid-client
	goOIDC   string // x/oauth2 and go-oidc
	doorward string // our program
}

// TestLies puts a proxy between the authority and the programs that changes one thing. Each program must refuse the login,
// and for that reason.
//
// Our program does not look at the ID token's signature: the token comes straight from the token endpoint over TLS, which
// stands for it (OpenID Connect Core 1.0 section 3.1.3.7, item 6). What a foreign key is to the others, a foreign
// certificate is to it: TestForeignCertificate_SEC059.
func TestLies_SEC059_SEC256(t *testing.T) {
	t.Parallel()
	for _, test := range lies(newForger(t)) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			house := beginBehind(t, trusted, test.tamper)
			t.Run("openid-client", func(t *testing.T) {
				run := script(t, "openid-client.mjs", job{Issuer: house.Issuer, Client: "doorward", Flow: "code"})
				end := run.event("open", "failed")
				if end.Event == "open" {
					house.approve(t, end.URL)
					end = run.event("done", "failed")
				}
				judge(t, test.openid, end.Error, end.Event == "done")
			})
			t.Run("go-oidc", func(t *testing.T) {
				ctx := oidc.ClientContext(t.Context(), house.HTTP)
				l, err := newLibrary(ctx, house.Issuer, "doorward")
				if err == nil {
					_, _, err = l.browser(ctx, func(address string) { house.approve(t, address) })
				}
				judge(t, test.goOIDC, text(err), err == nil)
			})
			t.Run("doorward", func(t *testing.T) {
				program := newOurs(t, house.Issuer, trusted.CA)
				run := program.begin("login", "--browser", "--scope", "openid,email")
				if address, ok := run.link("/authorize"); ok {
					house.approve(t, address)
				}
				got := run.result()
				judge(t, test.doorward, got.message(), got.Code == 0)
				if status := program.run("status"); (status.Code == 0) != (test.doorward == "") {
					t.Errorf("afterwards, status ends with %d: %s", status.Code, status.Text)
				}
			})
		})
	}
}

// lies are all that is tried.
func lies(f *forger) []lie {
	set := func(name string, value any) tamper { return f.inClaims(func(c claims) { c[name] = value }) }
	return []lie{
		{name: "control: another key, published", tamper: f.inClaims(func(claims) {})},
		{
			"control: a request and an answer with more in them", tamper{
				request:  inRequest(func(q url.Values) { q.Set("x_strange", "1") }).request,
				response: inAnswer(func(q url.Values) { q.Set("x_strange", "1") }).response,
			}, "", "", "",
		},

		{"SEC-256 the answer is from another issuer", inAnswer(func(q url.Values) { q.Set("iss", elsewhere) }), "iss", "iss", "issuer"},
		{"SEC-256 the answer has no iss although promised", inAnswer(func(q url.Values) { q.Del("iss") }), "iss", "iss", "issuer"},

		{"the nonce of another request", inRequest(func(q url.Values) { q.Set("nonce", "another-request") }), "nonce", "nonce", "nonce"},
		{"no nonce", inRequest(func(q url.Values) { q.Del("nonce") }), "nonce", "nonce", "nonce"},

		{"SEC-059 iss", set("iss", elsewhere), "iss", "different provider", "iss"},
		{"SEC-059 aud", set("aud", "octopipe"), "aud", "expected audience", "aud"},
		{"SEC-059 exp", set("exp", time.Now().Add(-time.Hour).Unix()), "exp", "expired", "exp"},
		{"SEC-059 azp", f.inClaims(func(c claims) { c["aud"], c["azp"] = []string{"doorward", "octopipe"}, "octopipe" }), "azp", "", "azp"},
		{"SEC-059 at_hash", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "", "hash", ""},

		{"SEC-059 a foreign key", inIDToken(func(token string) (string, error) {
			return f.resign(token, false, func(claims) {})
		}), "signature", "signature", ""},
		{"SEC-059 a key that is not published", inIDToken(func(token string) (string, error) {
			_, body, err := open(token)
			if err != nil {
				return "", err
			}
			return f.resign(token, true, func(c claims) { c["sub"] = body["sub"] })
		}), "key", "signature", ""},
		{"SEC-059 alg none", inIDToken(func(token string) (string, error) { return unsigned(token), nil }), "alg", "algorithm", "alg"},
		{"SEC-059 alg HS256", inIDToken(func(token string) (string, error) { return symmetric(token), nil }), "alg", "algorithm", "alg"},

		{"the metadata of another issuer", inMetadata(func(c claims) { c["issuer"] = elsewhere }), "issuer", "did not match", "issuer"},
	}
}

// TestLiesToADevice tells lies at the end of a device login.
func TestLiesToADevice_SEC059(t *testing.T) {
	t.Parallel()
	for _, test := range lies(newForger(t)) {
		switch test.name {
		case "control: another key, published", "SEC-059 iss", "SEC-059 a foreign key":
		default:
			continue // it is in the browser, or would be refused by the same lines as one of these
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			house := beginBehind(t, trusted, test.tamper)
			approve := func(t *testing.T, address string) {
				t.Helper()
				_, err := house.john(t).ApproveDevice(t.Context(), address)
				must(t, err)
			}
			// The libraries wait for five seconds before they ask for the first time; they do so together.
			run := script(t, "openid-client.mjs", job{Issuer: house.Issuer, Client: "doorward", Flow: "device"})
			approve(t, run.event("open").URL)
			t.Run("doorward", func(t *testing.T) {
				run := newOurs(t, house.Issuer, trusted.CA).begin("login", "--device", "--scope", "openid,email")
				address, _ := run.link("/device")
				approve(t, address)
				got := run.result()
				judge(t, test.doorward, got.message(), got.Code == 0)
			})
			t.Run("go-oidc", func(t *testing.T) {
				ctx := oidc.ClientContext(t.Context(), house.HTTP)
				l, err := newLibrary(ctx, house.Issuer, "doorward")
				must(t, err)
				_, _, err = l.device(ctx, func(begun *oauth2.DeviceAuthResponse) { approve(t, begun.VerificationURIComplete) })
				judge(t, test.goOIDC, text(err), err == nil)
			})
			end := run.event("done", "failed")
			judge(t, test.openid, end.Error, end.Event == "done")
		})
	}
}

// TestForeignCertificate is the foreign key for our program: an authority whose certificate nobody vouches for is sent
// nothing, and the login fails.
func TestForeignCertificate_SEC059(t *testing.T) {
	t.Parallel()
	foreign, err := vouch(filepath.Join(t.TempDir(), "foreign"))
	must(t, err)
	house := beginBehind(t, foreign, tamper{request: func(request *http.Request) {
		t.Errorf("%s %s was sent", request.Method, request.URL.Path)
	}})
	for _, way := range []string{"--browser", "--device"} {
		got := newOurs(t, house.Issuer, trusted.CA).run("login", way)
		judge(t, "certificate", got.message(), got.Code == 0)
	}
}

// TestNoCheckIsSwitchedOff reads the programs for the options by which their libraries check less.
func TestNoCheckIsSwitchedOff_SEC059(t *testing.T) {
	t.Parallel()
	options := []string{
		"allowInsecureRequests", "skipStateCheck", "skipSubjectCheck", "skipJWTSignatureCheck", "expectNoNonce", "expectNoState",
		"nopkce", "customFetch", "clockTolerance", "clockSkew", "REJECT_UNAUTHORIZED", "rejectUnauthorized",
		"InsecureSkipVerify", "SkipClientIDCheck", "SkipExpiryCheck", "SkipIssuerCheck", "InsecureSkipSignatureCheck",
		"InsecureIssuerURLContext", "ParseUnverified", "UnsafeClaimsWithoutVerification",
	}
	sources := []string{"openid-client.mjs", "oidc-provider.mjs", "library_test.go", "ours_test.go", "process_test.go", "vouch_test.go", "authority_test.go"}
	for _, source := range sources {
		program, err := os.ReadFile(source)
		must(t, err)
		for _, option := range options {
			if strings.Contains(string(program), option) {
				t.Errorf("%s has %s in it", source, option)
			}
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// judge compares a program's end with what is expected of it.
func judge(t *testing.T, refusal, said string, accepted bool) {
	t.Helper()
	switch {
	case accepted && refusal != "":
		t.Errorf("it was believed; it had to be refused because of %q", refusal)
	case !accepted && refusal == "":
		t.Errorf("it was refused: %s", said)
	case !accepted && !regexp.MustCompile(`(?i)\b`+regexp.QuoteMeta(refusal)+`\b`).MatchString(said):
		t.Errorf("it was refused, but not because of %q: %s", refusal, said)
	}
}
