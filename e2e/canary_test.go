package e2e

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// TestCanaries_SEC274_SEC276_SEC125 puts a secret of every kind through the product at the debug level, each also in all the
// places where it does not belong, and looks for it wherever something is written.
func TestCanaries_SEC274_SEC276_SEC125(t *testing.T) {
	t.Parallel()
	metrics := freeAddress(t)
	s, p := through(t, "/token", "--log-level", "debug", "--log", "json", "--metrics", metrics)
	var secrets loot
	p.between(secrets.tap)
	const password = "canary-Kanarienvogel-7193"
	addCanary(t, s, password)
	secrets.add("password", password)
	client := admin[struct {
		Secret string `json:"client_secret"`
	}](t, s, "client", "add", "canary-service", "--name", "Canary", "--confidential", "--grant", "client-credentials", "--scope", "read")
	secrets.add("client secret", client.Secret)
	secrets.add("master key", masterKey(t, s))

	w := newWire(t, s, "doorward")
	jar := must(cookiejar.New(nil))(t)
	person := &visitor.Visitor{Base: s.Issue, HTTP: &http.Client{Jar: jar}, Name: "canary", Password: secret.New(password)}
	flying := must(w.begin(t.Context()))(t)
	secrets.add("device_code", flying.Code)
	secrets.add("user code", flying.UserCode)
	must(person.ApproveDevice(t.Context(), flying.Link))(t)
	held := must(w.poll(t.Context(), flying))(t)
	form := must(approvedInBrowser(t.Context(), s, "doorward"))(t)
	must(w.token(t.Context(), "authorization_code", form))(t)
	service := must(w.post(t.Context(), "/token", url.Values{"grant_type": {"client_credentials"}},
		"Authorization", basic("canary-service", client.Secret)))(t)
	next := must(w.rotate(t.Context(), held.refresh()))(t)
	if service.Status != 200 || next.Status != 200 {
		t.Fatalf("the service is answered %s, the refresh %s", service.said(), next.said())
	}
	home := must(url.Parse(s.Issue))(t)
	for _, cookie := range jar.Cookies(home) {
		secrets.add("cookie", cookie.Value)
	}
	for _, kind := range []string{
		"password", "client secret", "master key", "device_code", "user code", "code", "code_verifier", "access_token",
		"refresh_token", "id_token", "cookie",
	} {
		if secrets.kinds()[kind] == 0 {
			t.Fatalf("there is no %s to look for", kind)
		}
	}
	p.between(nil) // what comes now is no secret of anybody
	for value, kind := range secrets.found {
		for where, said := range misplaced(t, s, w, value) {
			if strings.Contains(said, value) {
				t.Errorf("%s: the answer repeats the %s", where, kind)
			}
		}
	}
	must(w.rotate(t.Context(), held.refresh()))(t) // a replay, since its successor was presented as well
	sweep(t, s, &secrets, metrics)
}

// sweep looks into everything that the server has written.
func sweep(t *testing.T, s *server, secrets *loot, metrics string) {
	t.Helper()
	response, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	audited := newHome(t).run(t, "doorward", "admin", "audit", "--store", "sqlite:"+s.Store, "--output", "json", "--limit", "1000")
	_, log, banner := strings.Cut(s.Log(), "Log in with:") // what is seeded is printed before
	if !banner || !strings.Contains(log, `"route":"/token"`) || !strings.Contains(audited.Stdout, "refresh_token.replayed") {
		t.Fatal("the log or the audit is not what was to be looked into")
	}
	for name, text := range map[string]string{
		"the log": log, "the audit": audited.Stdout, "the metrics": must(readAnswer(response))(t).Raw,
	} {
		if kinds := secrets.in(text); len(kinds) > 0 {
			t.Errorf("%s has %v", name, kinds)
		}
	}
	delete(secrets.found, userCodeOf(secrets)) // it is a row's key while it lives, without the dash
	kept := ""
	for _, file := range []string{s.Store, s.Store + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil || len(data) == 0 {
			t.Fatalf("%s cannot be looked into: %v", filepath.Base(file), err)
		}
		if kinds := secrets.in(string(data)); len(kinds) > 0 {
			t.Errorf("%s has %v", filepath.Base(file), kinds)
		}
		kept += string(data)
	}
	if !strings.Contains(kept, "canary@example.com") {
		t.Error("the files that were looked into do not even hold the address")
	}
}

func userCodeOf(secrets *loot) string {
	for value, kind := range secrets.found {
		if kind == "user code" {
			return value
		}
	}
	return ""
}

// misplaced sends a secret to where it does not belong and returns what is answered. The sign-in page is not among
// them where it carries the address that was asked for, to go on there.
func misplaced(t *testing.T, s *server, w *wire, value string) map[string]string {
	t.Helper()
	answers := make(map[string]string)
	note := func(where string, got answer, err error) {
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		answers[where] = fmt.Sprint(got.Header) + got.Raw
	}
	ctx, escaped := t.Context(), url.QueryEscape(value)
	for _, path := range []string{
		"/userinfo?access_token=", "/token?refresh_token=", "/introspect?token=", "/nothing?key=", "/nothing/", "/welcome/",
		"/authorize?client_id=doorward&redirect_uri=", "/authorize?response_type=code&client_id=",
		"/assets/", "/.well-known/openid-configuration?x=", "/dev/clock?advance=",
	} {
		got, err := w.get(ctx, path+escaped, "Accept", "text/html")
		note("GET "+path, got, err)
		got, err = w.get(ctx, path+escaped)
		note("GET "+path+" as a program", got, err)
	}
	for _, name := range []string{
		"grant_type", "client_id", "code", "refresh_token", "device_code", "code_verifier", "redirect_uri", "resource", "scope",
		"username", "password", "client_secret",
	} {
		form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"doorward"}, "refresh_token": {"x"}}
		form.Set(name, value)
		got, err := w.post(ctx, "/token", form)
		note("POST /token "+name, got, err)
	}
	for _, path := range []string{"/introspect", "/userinfo", "/device_authorization", "/revoke", "/token", "/dev/clock"} {
		for _, header := range []string{"Bearer " + value, basic("canary-service", value), basic(value, "x"), value} {
			got, err := w.post(ctx, path, url.Values{"token": {"x"}}, "Authorization", header)
			note("POST "+path+" with a header", got, err)
		}
	}
	_, err := signInPage(t, s, w.http.Transport, value, value) // the name stays in its field, for the person
	if err != nil {
		t.Fatalf("sign-in: %v", err)
	}
	got, err := w.post(ctx, "/sign-in", url.Values{"name": {"x"}, "password": {value}, "return": {"/device"}})
	note("POST /sign-in", got, err)
	return answers
}

func basic(id, key string) string {
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(key))
	return req.Header.Get("Authorization")
}

// addCanary adds a person whose password is nobody else's.
func addCanary(t *testing.T, s *server, password string) {
	t.Helper()
	cmd := newHome(t).command(t.Context(), "doorward", "admin", "--store", "sqlite:"+s.Store,
		"user", "add", "canary", "--email", "canary@example.com", "--name", "Canary", "--password-stdin")
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the canary was not added: %v\n%s", err, out)
	}
}

// masterKey is the longest word of the key file.
func masterKey(t *testing.T, s *server) (key string) {
	t.Helper()
	text, err := os.ReadFile(s.Store + ".key")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(" \n\t:=\"", r) }) {
		if len(word) > len(key) {
			key = word
		}
	}
	return key
}
