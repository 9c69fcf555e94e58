package brand

import (
	"strings"
	"testing"
)

func TestAccent(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"red", "#fff", "#ffffff;}body{display:none", ""} {
		if Accent(bad) != "" {
			t.Error(bad)
		}
	}
	if !strings.Contains(Accent("#102030"), "--on-accent:#ffffff") || !strings.Contains(Accent("#ffcc00"), "--accent:#ffcc00;--on-accent:#000000") {
		t.Error("a dark colour takes white, a light one black")
	}
}

func TestPicture(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "GIF89a": "", "<!doctype html><script>": "", "<svg xmlns=''>": "image/svg+xml", "\x89PNG\r\n\x1a\n": "image/png",
	} {
		if got := Picture([]byte(text)); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}
