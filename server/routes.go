package server

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/doorward/doorward/endpoint"
	"github.com/doorward/doorward/server/openapi"
)

// kind says for whom a route is, and by that which rules hold around it.
type kind int

const (
	machine kind = iota // programs: no cookies, so no protection against other origins is needed
	entry               // a browser that another site sent here: like a page, but the request comes from elsewhere
	page                // people: cookies, and so no request of another origin that changes something
	probe               // whoever watches the server: not logged
)

// route is one line of the list.
type route struct {
	pattern string // as net/http's ServeMux reads it; also its name in log and metrics
	kind    kind
	handler http.Handler
	counts  *counts
}

// list is the ONE list of routes: what is not on it does not exist. It is made once. Tests walk it (Patterns), and every
// route has to be in their matrices of who may do what (SEC-155, SEC-175).
func (s *Server) list() []route {
	var routes []route
	// Sorted, so that logs, metrics and tests have the same order at every start.
	add := func(kind kind, handlers map[string]http.Handler) {
		for _, pattern := range slices.Sorted(maps.Keys(handlers)) {
			routes = append(routes, route{pattern, kind, handlers[pattern], new(counts)})
		}
	}
	description, err := openapi.Handler(s.config.OpenAPI)
	if err != nil {
		panic("server: OpenAPI: " + err.Error())
	}
	machines := s.endpoint.Routes()
	rooms := s.rooms(maps.Clone(machines))
	// Taken out of the machines, since a browser gets there by another site's link, and must: a protection against other
	// origins would end every login. The endpoint changes nothing, whatever is sent to it.
	add(entry, map[string]http.Handler{endpoint.PathAuthorize: machines[endpoint.PathAuthorize]})
	delete(machines, endpoint.PathAuthorize)
	add(machine, machines)
	add(machine, map[string]http.Handler{"GET /openapi.json": description})
	for _, contract := range s.config.Contracts {
		machines, entries := contract(rooms)
		add(machine, machines)
		add(entry, entries)
	}
	add(page, s.console.Routes())
	for _, room := range s.below() {
		add(page, room.Routes())
	}
	add(probe, map[string]http.Handler{
		"GET /healthz": http.HandlerFunc(s.health),
		"GET /readyz":  http.HandlerFunc(s.readiness),
	})
	if s.config.Clock != nil { // a page, since a browser on this machine can be made to post to it by any site
		add(page, map[string]http.Handler{"GET /dev/clock": s.config.Clock, "POST /dev/clock": s.config.Clock})
	}
	return routes
}

// mux serves the list. The rules of a kind are put around its handlers here and nowhere else, so that no handler can leave
// them out (SEC-201).
func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	origins := http.NewCrossOriginProtection()
	if err := origins.AddTrustedOrigin(s.config.Issuer); err != nil { // a proxy may have changed the Host
		panic("server: the issuer was checked to be an origin: " + err.Error())
	}
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, http.StatusForbidden, "access_denied",
			"This request came from another site. Nothing was changed. Open the page again and use its own button.")
	}))
	for i := range s.routes {
		route := &s.routes[i]
		handler := route.handler
		switch route.kind {
		// The headers outside of the protection: its refusal is a page as well.
		case page:
			handler = pageHeaders(origins.Handler(handler))
		case entry:
			handler = pageHeaders(handler)
		}
		mux.Handle(route.pattern, s.enter(route, handler))
	}
	return mux
}

// enter notes which route it is: until then, an answer is that of no route.
func (s *Server) enter(route *route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := w.(*response); ok {
			answer.route = route
		}
		next.ServeHTTP(w, r)
	})
}

// pageHeaders are for whatever a browser shows (SEC-205, SEC-207); a page may say more.
func pageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		// The strictest policy; a page that needs a style sheet or leads back to a program says so itself.
		header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// It says that the process answers and asks nothing else: a store that is down must not make anybody kill the server.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, `{"status":"ok"}`)
}

// readiness is for load balancers: 503 while draining too.
func (s *Server) readiness(w http.ResponseWriter, r *http.Request) {
	if err := s.ready(r.Context()); err != nil {
		s.config.Log.WarnContext(r.Context(), "not ready", "error", err)
		answerJSON(w, http.StatusServiceUnavailable, `{"status":"unavailable"}`)
		return
	}
	answerJSON(w, http.StatusOK, `{"status":"ready"}`)
}

// canonical reports whether a request names its path in the one way there is: nothing encoded, no empty, "." or ".."
// segment, no slash at the end but where slashed says that it is the route's. A second spelling would be a way around
// every rule that goes by the path (SEC-332).
func canonical(r *http.Request, slashed map[string]bool) bool {
	return r.URL.RawPath == "" && strings.HasPrefix(r.URL.Path, "/") &&
		(path.Clean(r.URL.Path) == r.URL.Path || slashed[r.URL.Path]) &&
		!strings.ContainsFunc(r.URL.Path, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("%;\\?#\"<>^{|}`", c) })
}

// slashed are the paths that end in a slash because their contract writes them so: those of the patterns that end in /{$}.
func slashed(routes []route) map[string]bool {
	paths := make(map[string]bool)
	for _, route := range routes {
		if at, exact := strings.CutSuffix(route.pattern, "{$}"); exact {
			_, at, _ = strings.Cut(at, "/") // a method may stand before it
			paths["/"+at] = true
		}
	}
	return paths
}
