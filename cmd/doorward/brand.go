package main

import (
	"io"
	"os"
	"strings"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/settings"
	"github.com/doorward/doorward/console"
)

// maxLogo is the largest picture that is put on every page, in bytes.
const maxLogo = 256 << 10

// brandFlags are the settings of what the operator puts on every page.
type brandFlags struct{ name, logo, accent string }

// add adds the flags to the settings.
func (f *brandFlags) add(s *settings.Set) {
	s.Flags.StringVar(&f.name, "brand-name", "", "name on every page (default Doorward)")
	s.Flags.StringVar(&f.logo, "brand-logo", "", "picture on every page: a PNG, JPEG, WebP or SVG file of up to 256 KiB")
	s.Flags.StringVar(&f.accent, "brand-accent", "", "colour of buttons, such as #0a5cad")
}

// brand checks and reads what was set. The picture is read once, at the start.
func (f *brandFlags) brand() (brand console.Brand, err error) {
	brand = console.Brand{Name: f.name, Accent: f.accent}
	digits := strings.Trim(strings.TrimPrefix(f.accent, "#"), "0123456789abcdefABCDEF")
	if f.accent != "" && (f.accent[0] != '#' || len(f.accent) != 7 || digits != "") {
		return brand, authcmd.Usagef("--brand-accent must be # and six hexadecimal digits")
	}
	if f.logo == "" {
		return brand, nil
	}
	file, err := os.Open(f.logo)
	if err != nil {
		return brand, &authcmd.UsageError{Err: err}
	}
	defer file.Close()
	brand.Logo, err = io.ReadAll(io.LimitReader(file, maxLogo+1))
	if err != nil {
		return brand, &authcmd.UsageError{Err: err}
	}
	if len(brand.Logo) > maxLogo {
		return brand, authcmd.Usagef("--brand-logo is longer than %d bytes", maxLogo)
	}
	return brand, nil
}
