package factor

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"
)

const address = "otpauth://totp/Acme:ada?algorithm=SHA1&digits=6&issuer=Acme&period=30&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// picture draws the path of the page as a browser would, scale pixels a module.
func picture(t *testing.T, size int, path string, scale int) *image.Gray {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	drawn := 0
	for _, step := range run.FindAllStringSubmatch(path, -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(step[i+1])
		}
		if n[2] != n[3] {
			t.Fatal("a run that does not come back:", step[0])
		}
		for y := n[1] * scale; y < (n[1]+1)*scale; y++ {
			for x := n[0] * scale; x < (n[0]+n[2])*scale; x++ {
				img.Set(x, y, color.Black)
			}
		}
		drawn += len(step[0])
	}
	if drawn != len(path) {
		t.Fatal("the path holds something else than runs")
	}
	return img
}

// TestQRIsTheCode holds the drawing against the code, module by module, with its border.
func TestQRIsTheCode(t *testing.T) {
	t.Parallel()
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	size, path := drawn(code)
	img := picture(t, size, path, 1)
	for y := range size {
		for x := range size {
			if black := img.GrayAt(x, y).Y == 0; black != code.Black(x-quiet, y-quiet) {
				t.Fatalf("the module at %d, %d", x, y)
			}
		}
	}
}

// TestQRIsRead has a reader of its own read it, as a telephone would.
func TestQRIsRead(t *testing.T) {
	t.Parallel()
	zbar, err := exec.LookPath("zbarimg")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg is missing: install zbar-tools")
		}
		t.Skip("zbarimg is missing")
	}
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	size, path := drawn(code)
	file, err := os.Create(filepath.Join(t.TempDir(), "code.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(file, picture(t, size, path, 6)); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	out, err := exec.Command(zbar, "--quiet", "--raw", file.Name()).Output()
	if got := strings.TrimSpace(string(out)); got != address {
		t.Errorf("read %q, %v", got, err)
	}
}
