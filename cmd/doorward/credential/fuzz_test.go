package credential

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// FuzzGit_SEC270 reads any description as git's own reader does, line by line, and never gives the token where that reader
// sees another host; what is answered is lines of KEY=VALUE.
func FuzzGit_SEC270(f *testing.F) {
	for _, seed := range []string{
		"protocol=https\nhost=git.example\n\n", "capability[]=authtype\nprotocol=https\nhost=git.example\nwwwauth[]=Bearer\n",
		"protocol=https\r\nhost=git.example\r\n", "protocol=https\nhost=git.example", "host=a\nhost=git.example\nprotocol=https\n", "\n\n", "=\n", "x[]=\n",
		"protocol=http\nhost=[::1]:80\n",
	} {
		f.Add(seed)
	}
	allowed := hosts{{name: "git.example"}, {name: "::1"}}
	f.Fuzz(func(t *testing.T, input string) {
		block, err := readBlock(strings.NewReader(input))
		if err != nil {
			return
		}
		asked, err := parseGit(block)
		if err != nil {
			return
		}
		last := make(map[string]string)
		for lines := bufio.NewScanner(strings.NewReader(input)); lines.Scan() && lines.Text() != ""; {
			key, value, _ := strings.Cut(lines.Text(), "=")
			last[key] = value
		}
		if asked.host != last["host"] || asked.protocol != last["protocol"] || asked.username != last["username"] {
			t.Fatalf("%q is read as %+v; a reader of lines has %q", input, asked, last)
		}
		if allowed.allow(asked.protocol, asked.host) {
			switch strings.ToLower(asked.host) {
			case "git.example", "git.example:443", "[::1]", "[::1]:80", "[::1]:443":
			default:
				t.Fatalf("%q would be given the token", asked.host)
			}
		}
		answer, err := asked.answer("oauth2", cred.Credential{Access: secret.New("token"), Expires: time.Unix(1, 0)})
		if err != nil || strings.ContainsAny(answer, "\r\x00") || asked.bearer() != (strings.Count(answer, "\n") == 7) {
			t.Fatalf("answers %q, %v", answer, err)
		}
	})
}

// FuzzDocker_SEC270 reads any question of docker; the token goes to the one registry alone.
func FuzzDocker_SEC270(f *testing.F) {
	for _, seed := range []string{
		"https://registry.example/v1/", "registry.example\n", "registry.example@evil", `{"ServerURL":"registry.example","Username":"a","Secret":"b"}`,
		`{"ServerURL":"a","serverurl":"b"}`, "registry.example:443/a", "{}", "[", "\x00",
	} {
		f.Add(seed)
	}
	allowed := hosts{{name: "registry.example"}}
	f.Fuzz(func(t *testing.T, input string) {
		addresses := []string{}
		if address, err := parseAddress(input); err == nil {
			addresses = append(addresses, address)
		}
		if stored, err := parseDocker(input); err == nil {
			addresses = append(addresses, stored.ServerURL)
		}
		for _, address := range addresses {
			if strings.ContainsAny(address, "\r\n\x00") {
				t.Fatalf("%q holds the end of a line", address)
			}
			bare := strings.ToLower(strings.TrimPrefix(address, "https://"))
			name, _, _ := strings.Cut(bare, "/")
			if allowed.registry(address) && name != "registry.example" && name != "registry.example:443" {
				t.Fatalf("%q would be given the token", address)
			}
		}
	})
}

// FuzzKubernetes reads any question of kubectl; the answer has one of the two versions that there are.
func FuzzKubernetes(f *testing.F) {
	f.Add(`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":true,"cluster":{"server":"https://k.example"}}}`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, input string) {
		version, err := parseExec(input)
		if err == nil && version != execGroup+"v1" && version != execGroup+"v1beta1" {
			t.Fatalf("%q asks for %q", input, version)
		}
	})
}
