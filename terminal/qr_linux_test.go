package terminal

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"rsc.io/qr/coding"
)

const (
	acme    = "https://id.acme.example/device?code=WDJB-MJHT"
	compact = "HTTPS://ID.ACME.EXAMPLE/DEVICE?CODE=WDJB-MJHT"
)

func TestQRFitsBesideTheText_PIL01(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		acme, compact, "https://localhost:3667/cli-auth?code=WDJB-MJHT",
		"https://console.acme.example/cli-auth?code=WDJB-MJHT", "http://localhost:3667/realms/acme/device?user_code=WDJB-MJHT",
	} {
		term := &Terminal{Size: func() (int, int) { return 80, 24 }}
		lines := fit(t, term, text, 4)
		if len(lines) == 0 || len(lines)+4 > 24 {
			t.Errorf("%s takes %d lines", text, len(lines))
		}
	}
	if code, err := NewQR(CompactURL("https://id.acme.example/d/WDJB-MJHT")); err != nil || code.Modules() != 25 {
		t.Errorf("an upper-case short address: %d modules, %v", code.Modules(), err)
	}
	if CompactURL(acme) != compact {
		t.Error("CompactURL is not the address in capitals")
	}
}

// fit draws as QR does, on a real terminal.
func fit(t *testing.T, size *Terminal, text string, rows int) []string {
	t.Helper()
	term, _ := sit(t)
	term.Size = size.Size
	return term.QR(text, rows)
}

func TestQRIsLeftOutWhereItHasNoPlace_PIL01(t *testing.T) {
	t.Parallel()
	narrow := &Terminal{Size: func() (int, int) { return 30, 24 }}
	low := &Terminal{Size: func() (int, int) { return 80, 15 }}
	if fit(t, narrow, acme, 4) != nil || fit(t, low, acme, 4) != nil {
		t.Error("a code was drawn where there is no room for it")
	}
	if fit(t, &Terminal{}, acme, 4) == nil {
		t.Error("no code where there is room")
	}
	if (&Terminal{Err: &bytes.Buffer{}, Env: environ()}).QR(acme, 4) != nil {
		t.Error("a code was drawn into a buffer")
	}
	plain, _ := sit(t)
	plain.Plain = true
	if plain.QR(acme, 4) != nil {
		t.Error("--plain shows no pictures")
	}
}

func TestQRTooLong(t *testing.T) {
	t.Parallel()
	if _, err := NewQR(strings.Repeat("x", 1<<20)); !errors.Is(err, ErrQRTooLong) {
		t.Errorf("a megabyte: %v", err)
	}
	if _, err := NewQR(""); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// What a phone's camera sees is what zbarimg reads from the same picture: the terminal's characters, drawn as pixels.
func TestQRIsRead_PIL01(t *testing.T) {
	t.Parallel()
	zbar := zbarimg(t)
	for name, text := range map[string]string{
		"as it is": acme, "compact": compact, "short": "HTTPS://ID.ACME.EXAMPLE/D/WDJB-MJHT", "mixed": "aB12CDEFGHIJKLMNOPq?r=1234567",
	} {
		code, err := NewQR(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, quiet := range []int{quietFull, quietTight} {
			for _, coloured := range []bool{true, false} {
				if got := decode(t, zbar, code.Lines(quiet, coloured)); got != text {
					t.Errorf("%s, quiet %d, coloured %v: read %q", name, quiet, coloured, got)
				}
			}
		}
	}
}

func FuzzQR(f *testing.F) {
	f.Add(acme)
	f.Add(compact)
	f.Add("AAAAAAAAAAAA\xffAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := NewQR(text); err != nil && !errors.Is(err, ErrQRTooLong) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestSegmentsAreTheText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Z0-9:/.a-z?=]{0,60}`).Draw(t, "text")
		var whole strings.Builder
		for _, s := range segment(text) {
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			whole.WriteString(plainText(s))
		}
		if whole.String() != text {
			t.Fatalf("%q became %q", text, whole.String())
		}
	})
}

// zbarimg finds the reader; without it the test is skipped on a developer's machine, never in CI.
func zbarimg(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("zbarimg")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg is missing: install zbar-tools")
		}
		t.Skip("zbarimg is missing")
	}
	return path
}

// decode draws lines of half blocks, light where a block is, on a dark ground, and reads the picture.
func decode(t *testing.T, zbar string, lines []string) string {
	t.Helper()
	const scale = 6
	var rows [][]rune
	for _, line := range lines {
		line = strings.TrimSuffix(line, "\x1b[0m")
		line = line[strings.Index(line, "m")+1:] // past the colours, where there are any
		rows = append(rows, []rune(line))
	}
	img := image.NewGray(image.Rect(0, 0, len(rows[0])*scale, len(rows)*2*scale))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			r := rows[y/(2*scale)][x/scale]
			top := y%(2*scale) < scale
			if r == '█' || r == '▀' && top || r == '▄' && !top {
				img.Set(x, y, color.White)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "code.png")
	var data bytes.Buffer
	if err := png.Encode(&data, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(zbar, "--quiet", "--raw", file).Output()
	if err != nil {
		return "nothing: " + err.Error()
	}
	return strings.TrimSuffix(string(out), "\n")
}

func plainText(e coding.Encoding) string {
	if alpha, ok := e.(coding.Alpha); ok {
		return string(alpha)
	}
	return string(e.(coding.String))
}
