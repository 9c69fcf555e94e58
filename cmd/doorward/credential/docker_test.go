package credential_test

import (
	"strings"
	"testing"

	"github.com/doorward/doorward/authcmd"
)

func (m *machine) docker(action, stdin string) result {
	m.Helper()
	return m.call(strings.NewReader(stdin), "docker", "--registry", "registry.example", "--registry", "localhost:5000", action)
}

const dockerNotFound = "credentials not found in native keychain\n"

func TestDockerGet(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for _, address := range []string{
		"registry.example", "https://registry.example", "https://registry.example/v1/", "Registry.Example:443", "http://localhost:5000", "localhost:5000",
	} {
		want := `{"ServerURL":"` + address + `","Username":"oauth2","Secret":"token-0"}` + "\n"
		m.want(m.docker("get", address), result{out: want})
		m.want(m.docker("get", address+"\n"), result{out: want})
	}
}

// TestDockerGivesNoTokenToAForeignRegistry: docker reads the words on standard output, and asks nobody else.
func TestDockerGivesNoTokenToAForeignRegistry(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for _, address := range []string{
		"evil.example", "https://index.docker.io/v1/", "http://registry.example", "registry.example.evil.example", "registry.example@evil.example",
		"https://registry.example@evil.example/", `https://evil.example\@registry.example`, "registry.example:5000", "https://evil.example/registry.example",
		"//registry.example", "https:///registry.example", "oci://registry.example", "registry.example?x", "localhost", "http://localhost:5001",
	} {
		m.want(m.docker("get", address), result{authcmd.ExitFailed, dockerNotFound, ""})
	}
	m.want(m.docker("get", ""), result{authcmd.ExitFailed, "no credentials server URL\n", ""})
	if n := m.opened.Load(); n != 0 {
		t.Errorf("the login was opened %d times", n)
	}
}

func TestDockerRefusesWhatItCannotRead_SEC270(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	for name, c := range map[string]struct{ action, stdin string }{
		"CR":                    {"get", "registry.example\r\n"},
		"two lines":             {"get", "registry.example\nevil.example"},
		"NUL":                   {"get", "registry.example\x00"},
		"not UTF-8":             {"get", "registry.example/\xff"},
		"more than 1 MiB":       {"get", strings.Repeat("x", 1<<20+1)},
		"erase of two lines":    {"erase", "registry.example\n\nx"},
		"store of no JSON":      {"store", `{"ServerURL":"registry.example","Secret":"hunter2`},
		"store of an array":     {"store", `["registry.example"]`},
		"store of two objects":  {"store", `{"ServerURL":"registry.example"}{}`},
		"store of a CR":         {"store", `{"ServerURL":"registry.example","Secret":"hunter2\r"}`},
		"store of a NUL":        {"store", `{"ServerURL":"registry.example\u0000"}`},
		"store of twice":        {"store", `{"ServerURL":"evil.example","serverurl":"registry.example"}`},
		"store of what is long": {"store", `{"ServerURL":"` + strings.Repeat("x", 1<<20) + `"}`},
		"store of not UTF-8":    {"store", "{\"ServerURL\":\"registry.example\xff\"}"},
	} {
		t.Run(name, func(t *testing.T) {
			got := m.docker(c.action, c.stdin)
			m.want(got, result{authcmd.ExitFailed, "", "No token was given, and nothing was changed."})
			if strings.Contains(got.err, "hunter2") {
				t.Error("a password was repeated:", got.err)
			}
		})
	}
}

func TestDockerStoreEraseList(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	m.want(m.docker("store", `{"ServerURL":"https://registry.example","Username":"ada","Secret":"hunter2","Label":1}`), result{})
	got := m.docker("store", `{"ServerURL":"https://evil.example","Username":"ada","Secret":"hunter2"}`)
	m.want(got, result{authcmd.ExitFailed, "", "The password was not kept"})
	if strings.Contains(got.err, "hunter2") {
		t.Error("a password was repeated:", got.err)
	}
	m.want(m.docker("erase", "registry.example"), result{})
	m.want(m.docker("list", ""), result{out: `{"https://localhost:5000":"oauth2","https://registry.example":"oauth2"}` + "\n"})
	if n := m.opened.Load(); n != 0 {
		t.Errorf("the login was opened %d times", n)
	}
	m.want(m.docker("get", "registry.example"), result{out: `{"ServerURL":"registry.example","Username":"oauth2","Secret":"token-0"}` + "\n"})
}

func TestDockerUsage(t *testing.T) {
	t.Parallel()
	m := loggedIn(t)
	get := func() result { return m.call(strings.NewReader("two.example"), "docker", "get") }
	m.want(get(), result{authcmd.ExitUsage, "", "--registry (or DOORWARD_REGISTRIES) is missing"})
	m.env["DOORWARD_REGISTRIES"] = "one.example, two.example"
	m.want(get(), result{out: `{"ServerURL":"two.example","Username":"oauth2","Secret":"token-0"}` + "\n"})
	m.env["DOORWARD_REGISTRIES"] = "https://two.example"
	m.want(get(), result{authcmd.ExitUsage, "", "DOORWARD_REGISTRIES) takes a host"})
	m.want(m.docker("login", ""), result{authcmd.ExitUsage, "", "get, store, erase and list"})
	// A flag is all that counts where there is one.
	m.env["DOORWARD_REGISTRIES"] = "evil.example"
	m.want(m.docker("get", "evil.example"), result{authcmd.ExitFailed, dockerNotFound, ""})
}
