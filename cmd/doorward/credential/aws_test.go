package credential_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authcmd"
)

const (
	role   = "arn:aws:iam::123456789012:role/deploy"
	stsYes = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Provider>id.example</Provider><Credentials><SessionToken>session==</SessionToken><SecretAccessKey>secret/+</SecretAccessKey>
<Expiration>2026-05-04T13:00:00Z</Expiration><AccessKeyId>ASIAEXAMPLE</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`
	awsYes = `{"Version":1,"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"secret/+","SessionToken":"session==","Expiration":"2026-05-04T13:00:00Z"}` + "\n"
)

// transport answers in the place of the network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// aws calls the command while STS answers as said, and returns what STS was asked.
func (m *machine) aws(status int, body string, args ...string) (got result, address, form string) {
	m.Helper()
	m.http = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		address = r.Method + " " + r.URL.String()
		sent, _ := io.ReadAll(r.Body)
		form = string(sent)
		for _, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), "token-0") {
				m.Errorf("the token stands in a header: %v", r.Header)
			}
		}
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://evil.example/"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})}
	return m.call(strings.NewReader("nobody reads this"), append([]string{"aws"}, args...)...), address, form
}

func TestAWS(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	const base = "Action=AssumeRoleWithWebIdentity"
	for _, c := range []struct{ args, address, form string }{
		{"--role-arn " + role, "https://sts.amazonaws.com/", base + "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeploy&RoleSessionName=ada%40example.com&Version=2011-06-15&WebIdentityToken=token-0"},
		{"--role-arn " + role + " --region eu-central-1", "https://sts.eu-central-1.amazonaws.com/", "RoleSessionName=ada%40example.com"},
		{"--role-arn arn:aws-cn:iam::123456789012:role/a/b --region cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/", "role%2Fa%2Fb"},
		{"--role-arn arn:aws-us-gov:iam::123456789012:role/a --region us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/", base},
		{"--role-arn arn:aws-iso:iam::123456789012:role/a --endpoint https://sts.private.example/", "https://sts.private.example/", base},
		{"--role-arn " + role + " --session-name build-7 --duration 15m", "https://sts.amazonaws.com/", base + "&DurationSeconds=900&"},
		{"--role-arn " + role + " --session-name build-7", "https://sts.amazonaws.com/", "RoleSessionName=build-7"},
	} {
		got, address, form := m.aws(200, stsYes, strings.Fields(c.args)...)
		m.want(got, result{out: awsYes})
		if address != "POST "+c.address || !strings.Contains(form, c.form) {
			t.Errorf("%s: asked %s for %s", c.args, address, form)
		}
	}
}

// TestAWSSaysWhatWasRefused tells the answers of STS apart by exit code; none of them repeats the token.
func TestAWSSaysWhatWasRefused(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	no := func(code, message string) string {
		return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code + `</Code><Message>` + message +
			`</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	}
	for _, c := range []struct {
		status int
		body   string
		code   int
		want   string
	}{
		{403, no("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), 5, "Error: AWS refused (AccessDenied). It says: Not authorized to perform sts:AssumeRoleWithWebIdentity. The login is kept.\nThe role's trust policy must name this issuer"},
		{400, no("InvalidIdentityToken", "No OpenIDConnect provider found."), 5, "IAM must have the issuer"},
		{400, no("ExpiredTokenException", "Token expired"), 4, "doorward auth refresh"},
		{400, no("IDPCommunicationError", "x"), 75, "AWS could not reach the issuer"},
		{400, no("Throttling", "Rate exceeded"), 75, "Try again in a moment."},
		{500, no("InternalFailure", "x"), 75, "Try again in a moment."},
		{400, no("ValidationError", "bad\n  role"), 1, "(ValidationError). It says: bad role. The login is kept."},
		{400, no("ValidationError", "the token token-0 is bad"), 1, "Error: AWS refused (ValidationError). The login is kept."},
		{400, no("token-0", "\x1b"), 75, "(HTTP 400) is not STS"},
		{400, no("token-0", "x"), 1, "AWS refused (token0)"},
		{200, no("AccessDenied", ""), 5, "AWS refused (AccessDenied)."},
		{503, "<html>busy<br></html>", 75, "what answered (HTTP 503) is not STS"},
		{200, "token-0", 75, "what answered (HTTP 200) is not STS"},
		{200, "<a/>", 75, "the answer of STS is not whole"},
		{200, strings.Replace(stsYes, "session==", "", 1), 75, "not whole"},
		{200, strings.Replace(stsYes, "secret/+", "a\nb", 1), 75, "not whole"},
		{200, strings.Replace(stsYes, "2026-05-04T13:00:00Z", "soon", 1), 75, "is not STS"},
		{302, stsYes, 75, "a redirect came back, which is not followed"},
		{307, "", 75, "a redirect came back, which is not followed"},
		{200, strings.Repeat(" ", 1<<20) + stsYes, 75, "longer than 1 MiB"},
	} {
		got, address, _ := m.aws(c.status, c.body, "--role-arn", role)
		m.want(got, result{c.code, "", c.want})
		if strings.Contains(got.err, "token-0") || strings.Contains(got.err, "secret/+") {
			t.Errorf("a secret stands in %q", got.err)
		}
		if address != "POST https://sts.amazonaws.com/" {
			t.Errorf("asked %s last", address)
		}
	}
	m.http = &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") })}
	m.want(m.call(nil, "aws", "--role-arn", role), result{authcmd.ExitTryAgain, "", "sts.amazonaws.com: no route to host. The login is kept."})
}

func TestAWSUsage(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for args, want := range map[string]string{
		"":                                  "--role-arn is missing",
		"--role-arn deploy":                 "--role-arn takes the ARN of a role",
		"--role-arn arn:aws:iam::12:role/x": "--role-arn takes the ARN of a role",
		"--role-arn arn:aws:iam::123456789012:user/x":                              "--role-arn takes the ARN of a role",
		"--role-arn arn:aws:iam::123456789012:role/":                               "--role-arn takes the ARN of a role",
		"--role-arn arn:aws:sts::123456789012:role/x":                              "--role-arn takes the ARN of a role",
		"--role-arn arn:aws-cn:iam::123456789012:role/x":                           "--region is needed",
		"--role-arn arn:aws-eusc:iam::123456789012:role/x --region eusc-de-east-1": "--endpoint is needed",
		"--role-arn " + role + " --region evil.example/":                           "--region takes the name of a region",
		"--role-arn " + role + " --region evil.example#":                           "--region takes the name of a region",
		"--role-arn " + role + " --endpoint http://sts.example":                    "nothing was sent",
		"--role-arn " + role + " --endpoint https://ada@sts.example":               "nothing was sent",
		"--role-arn " + role + " --duration 1s":                                    "--duration takes 15m to 12h",
		"--role-arn " + role + " --duration 13h":                                   "--duration takes 15m to 12h",
		"--role-arn " + role + " --session-name a/b":                               "--session-name takes",
		"--role-arn " + role + " x":                                                "no arguments",
	} {
		got, address, _ := m.aws(200, stsYes, strings.Fields(args)...)
		m.want(got, result{authcmd.ExitUsage, "", want})
		if address != "" {
			t.Errorf("%s: asked %s", args, address)
		}
	}
	if n := m.opened.Load(); n != 0 {
		t.Errorf("the login was opened %d times", n)
	}
}

// TestAWSFollowsNoRedirect has a real server whose redirect, if followed, would carry the token on.
func TestAWSFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	var elsewhere bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere = true }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	m.want(m.call(nil, "aws", "--role-arn", role, "--endpoint", server.URL), result{authcmd.ExitTryAgain, "", "which is not followed"})
	if elsewhere {
		t.Error("the redirect was followed")
	}
}

// TestAWSSessionName names the session by whoever is logged in, in the characters that AWS takes.
func TestAWSSessionName(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]string{
		"ada lovelace": "ada-lovelace", "": "usr_ada", "Ä": "usr_ada", strings.Repeat("a", 80): strings.Repeat("a", 64),
	} {
		m := newMachine(t)
		c := m.credential()
		c.Account, c.Subject, c.Expires = account, "usr_ada", m.now.Add(time.Hour)
		m.store(c)
		_, _, form := m.aws(200, stsYes, "--role-arn", role)
		if !strings.Contains(form, "&RoleSessionName="+want+"&") {
			t.Errorf("%q is named in %s", account, form)
		}
	}
}
