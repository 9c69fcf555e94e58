// Package brand makes of what an operator gives for every page, a logo and a colour, what a page can bear.
package brand

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Picture tells what kind of picture it is by its content; "" where it is none. An SVG may carry a script: it runs in no
// <img>, and has to be served sandboxed for whoever opens it by itself.
func Picture(body []byte) string {
	switch kind := http.DetectContentType(body); {
	case kind == "image/png", kind == "image/jpeg", kind == "image/webp":
		return kind
	case bytes.Contains(body[:min(len(body), 512)], []byte("<svg")):
		return "image/svg+xml"
	}
	return ""
}

// Accent is the operator's colour as a rule, with black or white on it, whichever can be read better (WCAG 2.2, 1.4.3).
func Accent(value string) string {
	digits, hash := strings.CutPrefix(value, "#")
	number, err := strconv.ParseUint(digits, 16, 24)
	if !hash || len(digits) != 6 || err != nil { // a name, or a rule that would go on behind it
		return ""
	}
	on := "#ffffff"
	if luminance(uint32(number)) > 0.179 {
		on = "#000000"
	}
	return fmt.Sprintf("\n:root{--accent:%s;--on-accent:%s}\n", value, on)
}

// luminance is the relative luminance of an sRGB colour; the square stands for the curve, near enough to choose by.
func luminance(rgb uint32) float64 {
	channel := func(shift uint) float64 {
		c := float64(rgb>>shift&0xff) / 255
		return c * c
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}
