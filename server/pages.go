package server

import (
	"context"
	"html"
	"io"
	"net/http"
)

// pages are the routes for people.
func (s *Server) pages() map[string]http.Handler { return nil }

// page shows an error to a person.
func (s *Server) page(w http.ResponseWriter, _ *http.Request, status int, message string) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>This cannot go on</title>`+
		`<h1>This cannot go on</h1><p>`+html.EscapeString(message)+`</p></html>`)
}

// invite makes the link by which the first administrator comes, where there are no people.
func (s *Server) invite(ctx context.Context) error {
	return nil
}
