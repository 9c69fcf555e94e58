package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/console/brand"
	"github.com/doorward/doorward/console/facts"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets/console.css
var styleSheet string

//go:embed assets/icon.svg
var icon []byte

// pages are the templates and files that a console serves. Everything is in the program: a page asks for nothing elsewhere
// (SEC-215) and no folder of the machine is ever read.
type pages struct {
	layout    *template.Template
	templates map[string]*template.Template
	assets    map[string]asset // by name
	brand     brandView
}

type asset struct {
	kind string
	body []byte
}

// brandView is the operator's part of a page.
type brandView struct{ Name, Logo, Icon, Style string }

type view = Page

// Page is what every page shows. Body is the page's own.
type Page struct {
	Title  string
	Alert  string // why what was asked was not done
	Status string // what was done
	Wide   bool
	Person *visit // who is signed in, where the page is to say so
	Forget bool   // nobody is signed in any more, and the browser is to forget what it showed
	Return string // where to come back to after a change of person
	Brand  brandView
	Body   any

	leadsTo string // a redirect URI that the page's form may end at
}

// parsePages makes the pages for an operator; a fault in a template is a fault of the build and panics.
func parsePages(operator Brand) pages {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{"moment": facts.Moment, "day": facts.Day}).
		ParseFS(pageFiles, "pages/layout.html"))
	p := pages{layout: layout, templates: make(map[string]*template.Template), assets: make(map[string]asset)}
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".html")
		p.templates[name] = template.Must(template.Must(layout.Clone()).ParseFS(pageFiles, "pages/"+file.Name()))
	}
	p.brand = brandView{
		Name:  operator.Name,
		Icon:  p.add("icon", ".svg", "image/svg+xml", icon),
		Style: p.add("console", ".css", "text/css; charset=utf-8", []byte(styleSheet+brand.Accent(operator.Accent))),
	}
	if kind := brand.Picture(operator.Logo); kind != "" {
		p.brand.Logo = p.add("logo", "", kind, operator.Logo)
	}
	return p
}

// add keeps a file under a name that changes with its content, so that browsers may keep it for good.
func (p *pages) add(name, extension, kind string, body []byte) string {
	sum := sha256.Sum256(body)
	name += "-" + hex.EncodeToString(sum[:8]) + extension
	p.assets[name] = asset{kind, body}
	return "/assets/" + name
}

// render writes a page. It is made in full before the first byte leaves, so that a fault cannot cut it short.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	c.Show(w, r, status, c.pages.templates[name], v)
}

// Show is render for a room below, with a page of its own (see Template).
func (c *Console) Show(w http.ResponseWriter, r *http.Request, status int, page *template.Template, v Page) {
	v.Brand = c.pages.brand
	var body bytes.Buffer
	if err := page.Execute(&body, v); err != nil {
		c.Log.ErrorContext(r.Context(), "a page could not be made", "page", v.Title, "error", err)
		http.Error(w, "This page could not be made. Nothing was changed; try again.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	// HSTS is the server's: it knows how it is reached. These hold for every page, errors too (SEC-205, SEC-207, SEC-212).
	header.Set("Content-Security-Policy", policy(v.leadsTo))
	header.Set("Cache-Control", "no-store")
	// Under no-referrer a form is sent with "Origin: null", and browsers from before Sec-Fetch-Site would be refused.
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a browser that has gone needs no answer
}

// policy is the content security policy of a page. Browsers hold the redirect after a form to form-action too, so that
// the page of a login names the program that it leads back to (SEC-206).
func policy(leadsTo string) string {
	form := "'self'"
	if source := originOf(leadsTo); source != "" {
		form += " " + source
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; " +
		"frame-ancestors 'none'; form-action " + form
}

// originOf is the source expression of CSP 3 for a redirect URI. It knows no IPv6 literals (section 2.3.1), so for those,
// and for schemes without hosts, the scheme has to do.
func originOf(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Scheme == "" {
		return ""
	}
	unfit := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".:-", c)
	}
	if web := parsed.Scheme == "http" || parsed.Scheme == "https"; !web || parsed.Host == "" || strings.ContainsFunc(parsed.Host, unfit) {
		return parsed.Scheme + ":"
	}
	return parsed.Scheme + "://" + parsed.Host
}

// forget is an empty style sheet that the pages for nobody load. Chromium keeps the page before for the way back although
// it says no-store; what comes with this file makes it forget (SEC-212). The answer to the sign-out itself comes too early
// for that: the page is put away only afterwards. It is for print, so that no page waits for it.
const forget = "forget.css"

// asset serves the style sheet and the operator's logo. Their names change with their content.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	name, header := r.PathValue("name"), w.Header()
	file, found := c.pages.assets[name]
	switch {
	case name == forget:
		file = asset{kind: "text/css; charset=utf-8"}
		header.Set("Clear-Site-Data", `"cache"`)
		header.Set("Cache-Control", "no-store")
	case !found:
		c.fail(w, r, authority.ErrUnknown)
		return
	default:
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	header.Set("Content-Type", file.kind)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox") // a logo may be SVG
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.body))
}

// see sends the browser on with a GET, whatever it came with (SEC-023).
func see(w http.ResponseWriter, location string) {
	header := w.Header()
	header.Set("Location", location)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}
