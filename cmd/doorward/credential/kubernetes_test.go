package credential_test

import (
	"strings"
	"testing"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

func TestKubernetes(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	answer := func(version string) string {
		return `{"apiVersion":"client.authentication.k8s.io/` + version + `","kind":"ExecCredential",` +
			`"status":{"expirationTimestamp":"2026-05-04T13:00:00Z","token":"token-0"}}` + "\n"
	}
	for info, version := range map[string]string{
		"": "v1",
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":true}}`:                                               "v1",
		`{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{"interactive":false}}`:                                         "v1beta1",
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"server":"https://k.example:6443"},"x":1}}`:              "v1",
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"server":"http://127.0.0.1:8001"},"interactive":false}}`: "v1",
	} {
		m.env["KUBERNETES_EXEC_INFO"] = info
		m.want(m.call(strings.NewReader("nobody reads this"), "kubernetes"), result{out: answer(version)})
	}
	t.Run("a token without an end", func(t *testing.T) {
		m := newMachine(t)
		m.store(cred.Credential{Kind: cred.KindStatic, Access: secret.New("token-0")})
		m.want(m.call(strings.NewReader(""), "kubernetes"),
			result{out: `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-0"}}` + "\n"})
	})
}

func TestKubernetesRefuses(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for info, want := range map[string]string{
		`{`:  "not the JSON object",
		`[]`: "not the JSON object",
		`{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential"}`:                                            "v1 or v1beta1",
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"Pod"}`:                                                             "no ExecCredential",
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"server":"http://k.example"}}}`: "nothing was sent",
		`{"apiVersion":"` + strings.Repeat("x", 1<<20) + `"}`:                                                                       "longer than 1 MiB",
	} {
		m.env["KUBERNETES_EXEC_INFO"] = info
		m.want(m.call(strings.NewReader(""), "kubernetes"), result{authcmd.ExitFailed, "", want})
	}
	if n := m.opened.Load(); n != 0 {
		t.Errorf("the login was opened %d times", n)
	}
}
