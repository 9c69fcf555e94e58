// Package strangers proves that other people's software works with ours: programs written with openid-client and with
// golang.org/x/oauth2 and go-oidc log in at our authority, and our program logs in at oidc-provider. Each of them then has
// to notice when its authority is not who it says it is.
//
// The authority is served over TLS with a certificate of the tests' own, which each program is told to trust in the way its
// makers meant (NODE_EXTRA_CA_CERTS, SSL_CERT_FILE), so that none of them needs an option that switches a check off;
// TestNoCheckIsSwitchedOff_SEC059 reads the sources for them.
package strangers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What the whole run shares.
var (
	program string // our program, built from this tree
	trusted vouched
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "doorward-strangers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if trusted, err = vouch(filepath.Join(dir, "trusted")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "doorward")
	build := exec.Command("go", "build", "-o", program, "../cmd/doorward")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "our program does not build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// needsNode skips the test where node or the packages are not there, and fails it in CI.
func needsNode(t *testing.T) string {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") == "true" {
		missing = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed; it is needed for openid-client and oidc-provider")
	}
	for _, name := range []string{"openid-client", "oidc-provider"} {
		if _, err := os.Stat(filepath.Join("node_modules", name, "package.json")); err != nil {
			missing("%s is not installed; run: npm --prefix strangers ci", name)
		}
	}
	return node
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
