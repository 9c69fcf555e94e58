package server_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestRequestID_OCT13: what a person can quote is what the operator finds in the log.
func TestRequestID_OCT13(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	seen := make(map[string]bool)
	for _, path := range []string{"/token", "/nothing", "/device", "//", "/readyz", "/token"} {
		got := r.do(t, "GET", path, "", "X-Request-Id", "canary5f1e")
		id := got.header["X-Request-Id"]
		if len(id) != 1 || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(id[0]) || seen[id[0]] {
			t.Fatalf("%s: %d %v", path, got.status, got.header)
		}
		seen[id[0]] = true
		if text := r.log.String(); !strings.Contains(text, "id="+id[0]) || strings.Contains(text, "canary5f1e") {
			t.Errorf("%s: %s is not in the log:\n%s", path, id[0], text)
		}
	}
}
