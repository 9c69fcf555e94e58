package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// response remembers what was answered. Where no route was entered, it swallows the mux's own plain text, so that
// the server can answer in words of its own. It is made for each request and belongs to its goroutine.
type response struct {
	http.ResponseWriter
	route  *route
	status int
	id     string // of the request, in its answer and in the log
}

// Unwrap lets http.ResponseController reach the connection.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader notes the status.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK { // the 1xx are no answers yet
		r.status = status
	}
	if r.route != nil {
		r.ResponseWriter.WriteHeader(status)
	}
}

// Write writes, once a route was entered.
func (r *response) Write(body []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.route == nil {
		return len(body), nil
	}
	return r.ResponseWriter.Write(body)
}

// shell is what surrounds every request: refusals that need no route, the log, the counts, and the net under a panic. It is
// the outermost handler: what it does is done for every request, whoever answers it.
type shell struct {
	*Server
	mux  *http.ServeMux
	hsts bool
	// slashed are the paths that end in a slash and are right all the same.
	slashed map[string]bool
	none    route // stands for "no route" in the counts
}

func (s *shell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now() // the real clock: a moved one would make nonsense of what took how long
	answer := &response{ResponseWriter: w, id: requestID()}
	// Deferred before anything can fail, so that there is no request without its line and its count.
	defer s.finish(answer, r, started)
	header := w.Header()
	header["X-Request-Id"] = []string{answer.id}
	header["X-Content-Type-Options"] = nosniff
	if s.hsts {
		header["Strict-Transport-Security"] = oneYear
	}
	switch {
	// Refused before the mux, which would redirect some spellings to the right one: a client that is used to being
	// corrected sends its secrets twice.
	case !canonical(r, s.slashed):
		s.refuse(answer, r, http.StatusNotFound)
	// Refused and not redirected: whatever the request carried has travelled readable (SEC-218).
	case s.hsts && s.proxies.insecure(r):
		s.refuse(answer, r, http.StatusForbidden)
	default:
		s.mux.ServeHTTP(answer, r)
		if answer.route == nil {
			s.refuse(answer, r, answer.status)
		}
	}
}

// requestID names a request, so that a person can say which one failed. It is ours alone: what a client sends under the
// header's name is its own business and could be anything.
func requestID() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(raw[:])
}

// Shared header values; nobody changes them in place.
var (
	nosniff = []string{"nosniff"}
	oneYear = []string{"max-age=31536000"}
)

// refuse answers where no route does. What the mux said in its header stays (Allow). The answer says nothing of what
// exists: a method that is not allowed is the one exception, since its Allow says so anyway.
func (s *shell) refuse(answer *response, r *http.Request, status int) {
	answer.route, answer.status = &s.none, 0 // from here on, what is written is sent
	pageHeaders(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch status {
		case http.StatusMethodNotAllowed:
			s.problem(w, r, status, "invalid_request", "This address does not answer that method.")
		case http.StatusForbidden:
			s.problem(w, r, status, "invalid_request", "This needs https. Whatever was sent came in the clear: change it.")
		default:
			s.problem(w, r, http.StatusNotFound, "not_found", "There is nothing at this address. Check the link, or go back to where you came from.")
		}
	})).ServeHTTP(answer, r)
}

// finish catches a panic, counts and logs. The log has the route's pattern and never the address as it was asked for:
// paths and queries carry codes (SEC-276).
func (s *shell) finish(answer *response, r *http.Request, started time.Time) {
	if cause := recover(); cause != nil && !s.panicked(answer, r, cause) {
		defer panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	took := time.Since(started) // held polls too: their wait is part of what the client saw
	if answer.status == 0 {
		answer.status = http.StatusOK // net/http answers so where a handler wrote nothing
	}
	route := answer.route
	if route == nil {
		route = &s.none
	}
	route.counts.add(answer.status, took)
	// Programs ask thousands of times a day, and what they did is in the audit; people's pages are few.
	level := slog.LevelDebug
	switch {
	case r.Context().Err() != nil: // the client has gone: whatever the answer was, nobody got it
	case answer.status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	case route.kind == page || route.kind == entry:
		level = slog.LevelInfo
	}
	if log := s.config.Log; log.Enabled(r.Context(), level) {
		log.LogAttrs(r.Context(), level, "request",
			slog.String("method", r.Method), slog.String("route", route.pattern), slog.Int("status", answer.status),
			slog.Duration("took", took), slog.String("address", s.proxies.address(r)), slog.String("id", answer.id))
	}
}

// panicked answers 500 with the request's id, which the log has too, and reports whether it could. The value of a panic may quote what it choked on, so that only
// the runtime's own words are logged (SEC-274).
func (s *shell) panicked(answer *response, r *http.Request, cause any) (answered bool) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return false // a handler that ends the connection on purpose
	}
	what := fmt.Sprintf("%T", cause)
	if fault, ok := cause.(interface {
		error
		RuntimeError()
	}); ok {
		what = fault.Error()
	}
	s.config.Log.ErrorContext(r.Context(), "a handler panicked", "id", answer.id, "panic", what, "stack", string(debug.Stack()))
	if answer.status != 0 {
		return false
	}
	answer.route = &s.none
	s.problem(answer, r, http.StatusInternalServerError, "server_error",
		"Something went wrong here. Nothing more is known to have changed; try again. The log has it under "+answer.id+".")
	return true
}
